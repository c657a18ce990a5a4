// Tested by virtqueue_test.cc, and through every case in corpus/.
#include "engine/virtqueue.h"

#include <algorithm>

#include "base/check.h"
#include "engine/features.h"

namespace va {
namespace {

// VIRTIO 1.2, 2.7.7.2: a call is due when the used index passes used_event; a batch may step over
// it
// ("new" is one past the last entry, "old" where the last decision left off).
bool steps_over(RingIndex used_event, RingIndex old_idx, RingIndex new_idx) {
  const uint16_t behind_event = static_cast<uint16_t>(new_idx.ahead_of(used_event) - 1);
  return behind_event < new_idx.ahead_of(old_idx);
}

}  // namespace

void Virtqueue::clear() {
  const uint32_t keep = index;
  *this = Virtqueue();
  index = keep;
}

bool Virtqueue::start(GuestMemory& memory, EngineHost& host) {
  // With EVENT_IDX the device MUST set flags to 0 (2.7.10.2), whatever was left behind.
  if (!store_flags(memory, host, event_idx() ? 0 : used_flags_)) return false;
  signalled_valid_ = false;
  return ring.load_used_idx(memory, last_used);
}

Virtqueue::Fetched Virtqueue::fetch(GuestMemory& memory, const MemTable& table, EngineHost& host,
                                    DescChain& chain) {
  VA_CHECK((used_flags_ & kUsedNoNotify) != 0);
  if (avail_idx == last_avail) {
    const Fetched more = read_avail_idx(memory, host);
    if (more != Fetched::kChain) return more;
  }
  uint16_t head = 0;
  if (!ring.load_avail_head(memory, last_avail, head) ||
      walk_chain(ring, memory, table, head, chain) < 0) {
    report_error(host);
    return Fetched::kError;
  }
  ++last_avail;
  return Fetched::kChain;
}

// Each time avail idx is read it is held against the ring: it never runs ahead by more than num
// (2.7.13.3). An index that does is not kept, so the queue stays stopped until the driver mends it.
Virtqueue::Fetched Virtqueue::read_avail_idx(const GuestMemory& memory, EngineHost& host) {
  RingIndex now;
  if (!ring.load_avail_idx(memory, now) || now.ahead_of(last_avail) > ring.num) {
    report_error(host);
    return Fetched::kError;
  }
  avail_idx = now;
  return avail_idx == last_avail ? Fetched::kEmpty : Fetched::kChain;
}

void Virtqueue::publish(GuestMemory& memory, EngineHost& host, std::span<const UsedElem> elems) {
  VA_CHECK(!elems.empty());
  const size_t before_wrap = std::min<size_t>(elems.size(), ring.num - last_used.slot(ring.num));
  const bool stored =
      store_run(memory, host, elems.first(before_wrap)) &&
      (before_wrap == elems.size() || store_run(memory, host, elems.subspan(before_wrap)));
  publish_idx(memory, host, stored);
}

void Virtqueue::publish_batch(GuestMemory& memory, EngineHost& host, const UsedElem& last,
                              uint32_t count) {
  VA_CHECK(count > 0 && count <= ring.num);
  const bool stored = ring.store_used_elem(memory, last_used, last);
  if (stored) {
    log.used_stored(host, Vring::used_elem_at(last_used.slot(ring.num)), sizeof last);
    advance_used(count);
  }
  publish_idx(memory, host, stored);
}

void Virtqueue::publish_idx(GuestMemory& memory, EngineHost& host, bool stored) {
  host.point(EnginePoint::kUsedWritten);
  if (!stored || !store_idx(memory, host)) report_error(host);
  host.point(EnginePoint::kUsedPublished);
  // Without a call eventfd there is no decision either: the driver polls.
  if (call_fd != 0 && call_owed(memory, host)) host.on_call(index, call_fd);
}

// Stores entries that do not pass the end of the ring. Where one cannot be stored none of them
// counts, and used idx stays behind them (Linux, __vhost_add_used_n).
bool Virtqueue::store_run(GuestMemory& memory, EngineHost& host, std::span<const UsedElem> elems) {
  RingIndex at = last_used;
  for (const UsedElem& elem : elems) {
    if (!ring.store_used_elem(memory, at, elem)) return false;
    ++at;
  }
  log.used_stored(host, Vring::used_elem_at(last_used.slot(ring.num)), elems.size_bytes());
  advance_used(static_cast<uint32_t>(elems.size()));
  return true;
}

void Virtqueue::advance_used(uint32_t count) {
  const RingIndex old_used = last_used;
  last_used = last_used + static_cast<uint16_t>(count);
  // A whole lap of used idx since the last decision makes that decision's index meaningless.
  if (last_used.ahead_of(signalled_used_) < last_used.ahead_of(old_used)) signalled_valid_ = false;
}

bool Virtqueue::call_owed(const GuestMemory& memory, EngineHost& host) {
  if ((features & kFeatureNotifyOnEmpty) != 0 && avail_idx == last_avail) return true;
  if (!event_idx()) {
    uint16_t flags = 0;
    if (ring.load_avail_flags(memory, flags)) return (flags & kAvailNoInterrupt) == 0;
    report_error(host);
    return true;
  }
  const RingIndex old_idx = signalled_used_;
  const bool old_valid = signalled_valid_;
  signalled_used_ = last_used;
  signalled_valid_ = true;
  if (!old_valid) return true;
  RingIndex used_event;
  if (ring.load_used_event(memory, used_event)) return steps_over(used_event, old_idx, last_used);
  report_error(host);
  return true;
}

void Virtqueue::disable_notify(GuestMemory& memory, EngineHost& host) {
  if ((used_flags_ & kUsedNoNotify) != 0) return;
  used_flags_ |= kUsedNoNotify;
  // With EVENT_IDX the flag stays 0 in memory (2.7.10.2): avail_event, left behind, does its work.
  if (!event_idx() && !store_flags(memory, host, used_flags_)) report_error(host);
}

bool Virtqueue::enable_notify(GuestMemory& memory, EngineHost& host) {
  if ((used_flags_ & kUsedNoNotify) == 0) return false;
  used_flags_ &= static_cast<uint16_t>(~kUsedNoNotify);
  const bool stored =
      event_idx() ? store_avail_event(memory, host) : store_flags(memory, host, used_flags_);
  if (!stored) {
    report_error(host);
    return false;
  }
  host.point(EnginePoint::kNotifyEnabled);
  // Chains that were fetched and given back, because there are too few, are nothing new.
  const RingIndex known = avail_idx;
  return read_avail_idx(memory, host) == Fetched::kChain && avail_idx != known;
}

// ---- stores into the used ring, each with its place in the dirty log ---------------------------

bool Virtqueue::store_flags(GuestMemory& memory, EngineHost& host, uint16_t flags) {
  if (!ring.store_used_flags(memory, flags)) return false;
  log.used_published(host, Vring::kUsedFlagsAt, sizeof flags);
  return true;
}

bool Virtqueue::store_avail_event(GuestMemory& memory, EngineHost& host) {
  if (!ring.store_avail_event(memory, avail_idx)) return false;
  log.used_published(host, ring.avail_event_at(), sizeof(uint16_t));
  return true;
}

bool Virtqueue::store_idx(GuestMemory& memory, EngineHost& host) {
  if (!ring.store_used_idx(memory, last_used)) return false;
  log.used_published(host, Vring::kUsedIdxAt, sizeof(uint16_t));
  return true;
}

void Virtqueue::report_error(EngineHost& host) {
  if (error_fd != 0) host.on_error(index, error_fd);
}

}  // namespace va
