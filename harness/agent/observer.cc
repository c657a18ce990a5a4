#include "agent/observer.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/bytes.h"
#include "prog/layout.h"

namespace va::agent {
namespace {

// Offsets of a used ring's fields (VIRTIO 1.2, 2.7.8).
constexpr uint64_t kUsedFlagsAt = 0;
constexpr uint64_t kUsedIdxAt = 2;
constexpr uint64_t kUsedRingAt = 4;
constexpr uint64_t kUsedElemSize = 8;

bool inside(uint64_t user, uint64_t len) {
  return user >= kArenaUser && len <= kArenaSize && user - kArenaUser <= kArenaSize - len;
}
uint32_t offset_of(uint64_t user) {
  return static_cast<uint32_t>(user - kArenaUser);
}
bool known(const RingView& ring) {
  return inside(ring.used, kUsedRingAt);
}

}  // namespace

Observer::Observer(std::span<uint8_t> arena, std::span<uint8_t> log)
    : arena_(arena), log_(log), shadow_(arena.size()), told_(log.size()) {}

// In pieces: what memset does with more than 2 KiB (rep stosb) is very slow under TCG.
void Observer::reset() {
  constexpr uint32_t kPiece = 1024;
  for (uint32_t at = 0; at < kArenaSize; at += kPiece) {
    if ((used_pages_ >> at / kPageSize & 1) == 0) continue;
    std::memset(&arena_[at], 0, kPiece);
    std::memset(&shadow_[at], 0, kPiece);
  }
  used_pages_ = 0;
  store_len_ = 0;
  log_base_ = kLogUser;
  std::memcpy(told_.data(), log_.data(), log_.size());
  clear_log();
}

void Observer::driver_store(uint32_t offset, uint32_t len) {
  take_driver_store();
  store_offset_ = offset;
  store_len_ = len;
}

void Observer::take_driver_store() {
  accept(store_offset_, store_len_);
  store_len_ = 0;
}

void Observer::accept(uint32_t offset, uint32_t len) {
  if (len == 0) return;
  std::memcpy(shadow_.data() + offset, arena_.data() + offset, len);
  for (uint32_t page = offset / kPageSize; page <= (offset + len - 1) / kPageSize; ++page) {
    used_pages_ |= uint64_t{1} << page;
  }
}

uint64_t Observer::sample(const Rings& rings) const {
  uint64_t sum = 0;
  for (const RingView& ring : rings) {
    if (!known(ring)) continue;
    const uint64_t event = ring.used + kUsedRingAt + kUsedElemSize * ring.num;
    sum = std::rotl(sum, 7) ^ load_le<uint32_t>(&arena_[offset_of(ring.used)]);
    if (inside(event, 2)) sum = std::rotl(sum, 7) ^ load_le<uint16_t>(&arena_[offset_of(event)]);
  }
  return sum;
}

void Observer::observe(const Rings& rings, uint32_t op, Trace& trace) {
  take_driver_store();
  observe_log(op, trace);
  if (std::memcmp(arena_.data(), shadow_.data(), arena_.size()) == 0) return;
  for (Queue queue = 0; queue < kQueues; ++queue) observe_ring(queue, rings[queue], op, trace);
  observe_rest(op, trace);
}

bool Observer::changed16(uint64_t user, uint16_t& value) {
  if (!inside(user, 2)) return false;
  const uint32_t offset = offset_of(user);
  value = load_le<uint16_t>(&arena_[offset]);
  if (value == load_le<uint16_t>(&shadow_[offset])) return false;
  accept(offset, 2);
  return true;
}

// Entries count as published by the step of used idx; a step of more than `num` leaves only the
// last `num` of them to be seen.
void Observer::observe_ring(Queue queue, const RingView& ring, uint32_t op, Trace& trace) {
  if (!known(ring)) return;
  const uint16_t before = load_le<uint16_t>(&shadow_[offset_of(ring.used + kUsedIdxAt)]);
  uint16_t value = 0;
  if (changed16(ring.used + kUsedIdxAt, value)) {
    const uint32_t published = static_cast<uint16_t>(value - before);
    const uint32_t seen = std::min(published, ring.num);
    for (uint32_t i = published - seen; i < published; ++i) {
      const uint32_t slot = static_cast<uint16_t>(before + i) % ring.num;
      const uint64_t entry = ring.used + kUsedRingAt + kUsedElemSize * slot;
      if (!inside(entry, kUsedElemSize)) continue;
      const uint32_t offset = offset_of(entry);
      trace.add(op, EventKind::kUsed, queue, slot, load_le<uint32_t>(&arena_[offset]),
                load_le<uint32_t>(&arena_[offset + 4]));
      accept(offset, kUsedElemSize);
    }
    trace.add(op, EventKind::kUsedIdx, queue, value);
  }
  if (changed16(ring.used + kUsedFlagsAt, value)) {
    trace.add(op, EventKind::kUsedFlags, queue, value);
  }
  if (changed16(ring.used + kUsedRingAt + kUsedElemSize * ring.num, value)) {
    trace.add(op, EventKind::kAvailEvent, queue, value);
  }
}

// One bit a page, from the log's base on.
void Observer::observe_log(uint32_t op, Trace& trace) {
  if (std::memcmp(log_.data(), told_.data(), log_.size()) == 0) return;
  for (uint32_t byte = 0; byte < kLogSize; ++byte) {
    const uint8_t set = log_[byte] & static_cast<uint8_t>(~told_[byte]);
    for (uint32_t bit = 0; bit < 8; ++bit) {
      const uint64_t first = (kLogUser + byte - log_base_) * 8;
      if ((set >> bit & 1) != 0) trace.add(op, EventKind::kDirty, 0, first + bit);
    }
    told_[byte] = log_[byte];
  }
}

void Observer::clear_log() {
  if (std::none_of(told_.begin(), told_.end(), [](uint8_t byte) { return byte != 0; })) return;
  std::fill(log_.begin(), log_.end(), uint8_t{0});
  std::fill(told_.begin(), told_.end(), uint8_t{0});
}

void Observer::observe_rest(uint32_t op, Trace& trace) {
  for (uint32_t page = 0; page < kPages; ++page) {
    const uint32_t at = page * kPageSize;
    if (std::memcmp(&arena_[at], &shadow_[at], kPageSize) != 0) observe_page(page, op, trace);
  }
}

// Runs of changed bytes, told by guest address. A run that crosses pages is told in parts.
void Observer::observe_page(uint32_t page, uint32_t op, Trace& trace) {
  const uint32_t limit = (page + 1) * kPageSize;
  for (uint32_t at = page * kPageSize; at < limit;) {
    uint32_t end = at;
    while (end < limit && arena_[end] != shadow_[end]) ++end;
    if (end > at) {
      trace.add(op, EventKind::kWrite, 0, arena_gpa(at), end - at);
      accept(at, end - at);
    }
    at = end + 1;
  }
}

}  // namespace va::agent
