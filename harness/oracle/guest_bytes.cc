#include "oracle/guest_bytes.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/hot.h"
#include "prog/layout.h"

namespace va::oracle {
namespace {

// The part of [gpa, gpa + len) that lies in the arena, as offsets from its first GPA.
struct Part {
  uint32_t from = 0;
  uint32_t to = 0;
  uint64_t skipped = 0;  // bytes before it
};
Part part_of(uint64_t gpa, uint64_t len) {
  constexpr uint64_t kEnd = kArenaGpa + kArenaSize;
  if (gpa >= kEnd || len == 0) return {};
  const uint64_t end = len > kEnd - gpa ? kEnd : gpa + len;
  if (end <= kArenaGpa) return {};
  const uint64_t from = std::max(gpa, kArenaGpa);
  return {static_cast<uint32_t>(from - kArenaGpa), static_cast<uint32_t>(end - kArenaGpa),
          from - gpa};
}

}  // namespace

void GuestBytes::begin() {
  if (clock_ > 0xf0000000u) {
    std::fill(stored_.begin(), stored_.end(), 0u);
    std::fill(payload_.begin(), payload_.end(), 0u);
    clock_ = 0;
  }
  start_ = clock_ + 1;
  clock_ = start_ + 1;  // so that `start_` is older than any frame
}

// The granule's bytes, zeroed if they are another Program's. A partial store leaves a granule that
// is payload what it is.
uint8_t* GuestBytes::fresh(uint32_t granule, bool whole) {
  uint8_t* at = bytes_.data() + size_t{granule} * kGranule;
  if (stored_[granule] < start_) std::memset(at, 0, kGranule);
  if (whole || granule_known(granule)) {
    stored_[granule] = clock_;
  } else {
    stored_[granule] = std::max(stored_[granule], start_);
  }
  return at;
}

void GuestBytes::store(uint64_t gpa, const void* bytes, uint64_t len) {
  const Part part = part_of(gpa, len);
  const auto* from = static_cast<const uint8_t*>(bytes) + part.skipped;
  for (uint32_t at = part.from; at < part.to;) {
    const uint32_t in = at % kGranule;
    const uint32_t n = std::min(kGranule - in, part.to - at);
    std::memcpy(fresh(at / kGranule, n == kGranule) + in, from, n);
    from += n;
    at += n;
  }
}

// The common case of the functions below is short and takes no local's address: each is called for
// every store of a trace, and a sanitizer's stack frame would cost more than the rest.
VA_COLD void GuestBytes::store_across(uint64_t gpa, Pair pair, uint32_t len) {
  uint8_t bytes[sizeof pair];
  store_le(bytes, pair.low);
  store_le(bytes + 8, pair.high);
  store(gpa, bytes, len);
}

VA_COLD GuestBytes::Pair GuestBytes::load_across(uint64_t gpa, uint32_t len) const {
  uint8_t bytes[sizeof(Pair)] = {};
  load(gpa, bytes, len);
  return {load_le<uint64_t>(bytes), load_le<uint64_t>(bytes + 8)};
}

void GuestBytes::store16(uint64_t gpa, uint16_t value) {
  if (gpa % 2 != 0 || !in_arena(gpa, 2)) {
    store_across(gpa, {value, 0}, 2);
    return;
  }
  const auto at = static_cast<uint32_t>(gpa - kArenaGpa);
  store_le(fresh(at / kGranule, false) + at % kGranule, value);
}

void GuestBytes::store_pair(uint64_t gpa, Pair pair) {
  if (gpa % kGranule != 0 || !in_arena(gpa, kGranule)) {
    store_across(gpa, pair, kGranule);
    return;
  }
  const auto at = static_cast<uint32_t>(gpa - kArenaGpa);
  stored_[at / kGranule] = clock_;
  store_le(bytes_.data() + at, pair.low);
  store_le(bytes_.data() + at + 8, pair.high);
}

GuestBytes::Pair GuestBytes::load_pair(uint64_t gpa) const {
  if (gpa % kGranule != 0 || !in_arena(gpa, kGranule)) return load_across(gpa, kGranule);
  const auto at = static_cast<uint32_t>(gpa - kArenaGpa);
  if (stored_[at / kGranule] < start_) return {};
  return {load_le<uint64_t>(bytes_.data() + at), load_le<uint64_t>(bytes_.data() + at + 8)};
}

void GuestBytes::zero(uint64_t gpa, uint64_t len) {
  const Part part = part_of(gpa, len);
  const uint32_t first = (part.from + kGranule - 1) / kGranule;  // whole granules
  const uint32_t end = part.to / kGranule;
  for (uint32_t at = part.from; at < part.to;) {
    if (at == first * kGranule && first < end) {
      std::memset(bytes_.data() + at, 0, size_t{end - first} * kGranule);
      std::fill(stored_.begin() + first, stored_.begin() + end, clock_);
      at = end * kGranule;
      continue;
    }
    const uint32_t in = at % kGranule;
    const uint32_t n = std::min(kGranule - in, part.to - at);
    std::memset(fresh(at / kGranule, false) + in, 0, n);
    at += n;
  }
}

// Metadata stored at the same moment counts as newer, so `avail` may name its buffers before or
// behind its table.
void GuestBytes::payload(uint64_t gpa, uint64_t len) {
  const Part part = part_of(gpa, len);
  if (part.from == part.to) return;
  const uint32_t last = (part.to - 1) / kBlock;
  const uint32_t now = clock_;  // by value, so that several blocks are stored at once
  for (uint32_t block = part.from / kBlock; block <= last; ++block) payload_[block] = now;
}

void GuestBytes::load(uint64_t gpa, void* bytes, uint32_t len) const {
  auto* to = static_cast<uint8_t*>(bytes);
  const Part part = part_of(gpa, len);
  if (part.to - part.from != len) std::memset(to, 0, len);
  to += part.skipped;
  for (uint32_t at = part.from; at < part.to;) {
    const uint32_t in = at % kGranule;
    const uint32_t n = std::min(kGranule - in, part.to - at);
    if (stored_[at / kGranule] < start_) {
      std::memset(to, 0, n);
    } else {
      std::memcpy(to, bytes_.data() + at, n);
    }
    to += n;
    at += n;
  }
}

uint16_t GuestBytes::load16(uint64_t gpa) const {
  if (gpa % 2 != 0 || !in_arena(gpa, 2)) return static_cast<uint16_t>(load_across(gpa, 2).low);
  const auto at = static_cast<uint32_t>(gpa - kArenaGpa);
  return stored_[at / kGranule] < start_ ? uint16_t{0} : load_le<uint16_t>(bytes_.data() + at);
}

}  // namespace va::oracle
