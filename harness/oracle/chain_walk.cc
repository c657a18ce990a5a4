// Walking a chain as the driver laid it out, to find which duties it breaks and what it is to send.
//
// The walk happens once, when the chain is exposed: a driver may not change it afterwards, and one
// that does has broken a duty anyway. It ends at the first fault that leaves no sensible next step,
// and past the length that no device follows.
#include "oracle/model.h"

namespace va::oracle {
namespace {

constexpr uint32_t kDescSize = 16;
constexpr uint16_t kFlagNext = 1;
constexpr uint16_t kFlagWrite = 2;
constexpr uint16_t kFlagIndirect = 4;
constexpr uint32_t kMaxCommonChain = 1024;  // what vhost takes (UIO_MAXIOV)

bool ranges_meet(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len) {
  return a_len != 0 && b_len != 0 && a < b + b_len && b < a + a_len;
}

}  // namespace

bool Model::overlaps_ring(uint64_t gpa, uint64_t len) const {
  for (const Queue queue : live_) {
    const QueueModel& q = queues_[queue];
    if (ranges_meet(gpa, len, q.ring.desc, q.ring_end - q.ring.desc)) return true;
  }
  return false;
}

// Takes the descriptor at `gpa` for this chain.
bool Model::read_descriptor(uint64_t gpa, Walk& walk, Descriptor& desc) {
  if (!bytes_.known(gpa, kDescSize)) {
    walk.broken |= kKnown;
    return false;
  }
  for (const uint64_t at : {gpa, gpa + kDescSize - 1}) {
    const uint32_t owner = bytes_.owner(at);
    if (owner != walk.serial && is_outstanding(owner)) walk.broken |= kNoRepublish;
    bytes_.claim(at, walk.serial);
  }
  uint64_t shape = 0;
  bytes_.load_pair(gpa, desc.addr, shape);
  desc.len = static_cast<uint32_t>(shape);
  desc.flags = static_cast<uint16_t>(shape >> 32);
  desc.next = static_cast<uint16_t>(shape >> 48);
  ++walk.descriptors;
  return true;
}

void Model::add_part(const Descriptor& desc, Walk& walk) {
  const bool writable = (desc.flags & kFlagWrite) != 0;
  const bool receives = (walk.queue & 1) != 0;
  if (writable != receives) walk.broken |= kRightDirection;
  if (!writable && walk.writable != 0) walk.broken |= kReadableFirst;
  if (desc.len == 0) {
    walk.broken |= kNoEmptyPart;
    return;
  }
  walk.broken |= mapped(desc.addr, desc.len);
  if (checked_ && overlaps_ring(desc.addr, desc.len)) walk.broken |= kApart;
  (writable ? walk.writable : walk.readable) += desc.len;
  parts_.emplace_back(desc.addr, desc.len, writable);
}

// Entries are followed by their next fields (2.7.5.3.2).
void Model::walk_table(const Descriptor& outer, Walk& walk) {
  const uint32_t entries = outer.len / kDescSize;
  if (outer.len % kDescSize != 0 || entries == 0) {
    walk.broken |= kIndirectShape;
    return;
  }
  walk.table = outer.addr;
  walk.table_len = outer.len;
  walk.broken |= mapped(outer.addr, outer.len);
  if (checked_ && overlaps_ring(outer.addr, outer.len)) walk.broken |= kApart;
  const uint32_t num = queues_[walk.queue].num;
  if (entries > num) walk.broken |= kChainFits;
  uint32_t entry = 0;
  for (uint32_t steps = 0;; ++steps) {
    if (steps == entries || steps == num || steps > kMaxCommonChain) {
      walk.broken |= steps == entries ? kNoLoop : steps == num ? kChainFits : kCommonLimits;
      return;
    }
    Descriptor desc;
    if (!read_descriptor(outer.addr + uint64_t{kDescSize} * entry, walk, desc)) return;
    if ((desc.flags & kFlagIndirect) != 0) {
      walk.broken |= kIndirectShape;
      return;
    }
    add_part(desc, walk);
    if ((desc.flags & kFlagNext) == 0) return;
    entry = desc.next;
    if (entry >= entries) {
      walk.broken |= kNextInRange;
      return;
    }
  }
}

void Model::walk_chain(Queue queue, uint32_t serial) {
  QueueModel& q = queues_[queue];
  Walk walk{queue, serial};
  const auto first_part = static_cast<uint32_t>(parts_.size());
  uint32_t index = request(serial).head;
  for (uint32_t steps = 0;; ++steps) {
    if (steps == q.num || steps > kMaxCommonChain) {
      walk.broken |= steps == q.num ? kNoLoop : kCommonLimits;
      break;
    }
    Descriptor desc;
    if (!read_descriptor(q.ring.desc + uint64_t{kDescSize} * index, walk, desc)) break;
    if ((desc.flags & kFlagIndirect) != 0) {
      if ((features_ & kBitIndirectDesc) == 0) walk.broken |= kIndirectAcked;
      if ((desc.flags & kFlagNext) != 0) walk.broken |= kIndirectLast;
      walk_table(desc, walk);
      break;
    }
    add_part(desc, walk);
    if ((desc.flags & kFlagNext) == 0) break;
    index = desc.next;
    if (index >= q.num) {
      walk.broken |= kNextInRange;
      break;
    }
  }
  if (checked_) {
    for (size_t i = first_part; i < parts_.size(); ++i) {
      if (ranges_meet(parts_[i].gpa, parts_[i].len, walk.table, walk.table_len)) {
        walk.broken |= kApart;
      }
    }
  }
  if (walk.descriptors > q.num || walk.readable + walk.writable > UINT32_MAX) {
    walk.broken |= kChainFits;
  }
  if (walk.descriptors > kMaxCommonChain) walk.broken |= kCommonLimits;
  const uint32_t header = header_length();
  const bool receives = (queue & 1) != 0;
  if (!receives && walk.readable <= header) walk.broken |= kHasPayload;
  // With MRG_RXBUF payload may begin in the next buffer.
  const uint32_t least = (features_ & kBitMrgRxbuf) != 0 ? header : header + 1;
  if (receives && walk.writable < least) walk.broken |= kRoomForHeader;
  if (receives && walk.writable < header + kFrameHead) walk.broken |= kRoomForName;

  // Thousands of heads that lead into one long chain would be remembered a thousand parts each.
  if ((walk.broken & (kNoLoop | kCommonLimits | kNoRepublish)) != 0) {
    parts_.erase(parts_.begin() + first_part, parts_.end());
  }
  Request& made = request(serial);
  made.first_part = first_part;
  made.parts = static_cast<uint32_t>(parts_.size()) - first_part;
  made.frame_len = walk.readable > header ? walk.readable - header : 0;
  made.room = walk.writable;
  if (walk.broken != 0) q.duty.breach(walk.broken, made.op);
}

}  // namespace va::oracle
