// Walking a chain as the driver laid it out, to find which duties it breaks and what it is to send.
//
// The walk happens once, when the chain is exposed: a driver may not change it afterwards, and one
// that does has broken a duty anyway. It ends at the first fault that leaves no sensible next step,
// and past the length that no device follows.
#include "base/hot.h"
#include "oracle/model.h"
#include "oracle/ranges.h"

namespace va::oracle {
namespace {

constexpr uint32_t kDescSize = 16;
constexpr uint16_t kFlagNext = 1;
constexpr uint16_t kFlagWrite = 2;
constexpr uint16_t kFlagIndirect = 4;
constexpr uint32_t kMaxCommonChain = 1024;  // what vhost takes (UIO_MAXIOV)

}  // namespace

bool Model::overlaps_ring(uint64_t gpa, uint64_t len) const {
  for (const Queue queue : live_) {
    const QueueModel& q = queues_[queue];
    if (ranges_meet(gpa, len, q.ring.desc, q.ring_end - q.ring.desc)) return true;
  }
  return false;
}

VA_INLINE void Model::claim(Walk& walk, uint64_t gpa) {
  const uint32_t owner = bytes_.owner(gpa);
  if (owner != walk.serial && is_outstanding(owner)) walk.broken |= kNoRepublish;
  bytes_.claim(gpa, walk.serial);
}

// Takes the descriptor at `gpa` for this chain. False if the trace does not tell what it holds.
VA_INLINE bool Model::read_descriptor(Walk& walk, uint64_t gpa, Descriptor& out) {
  if (!bytes_.known(gpa, kDescSize)) {
    walk.broken |= kKnown;
    return false;
  }
  claim(walk, gpa);
  if (gpa % kDescSize != 0) claim(walk, gpa + kDescSize - 1);
  const GuestBytes::Pair words = bytes_.load_pair(gpa);
  out.addr = words.low;
  out.len = static_cast<uint32_t>(words.high);
  out.flags = static_cast<uint16_t>(words.high >> 32);
  out.next = static_cast<uint16_t>(words.high >> 48);
  ++walk.descriptors;
  return true;
}

VA_INLINE void Model::add_part(Walk& walk, const Descriptor& desc) {
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
  walk.writable += writable ? desc.len : 0;
  walk.readable += writable ? 0 : desc.len;
  Part& part = parts_.emplace_back();
  part.gpa = desc.addr;
  part.len = desc.len;
  part.writable = writable;
}

// Entries are followed by their next fields (2.7.5.3.2).
VA_INLINE void Model::walk_table(Walk& walk, uint64_t table, uint32_t table_len) {
  const uint32_t entries = table_len / kDescSize;
  if (table_len % kDescSize != 0 || entries == 0) {
    walk.broken |= kIndirectShape;
    return;
  }
  walk.table = table;
  walk.table_len = table_len;
  walk.broken |= mapped(table, table_len);
  if (checked_ && overlaps_ring(table, table_len)) walk.broken |= kApart;
  const uint32_t num = queues_[walk.queue].num;
  if (entries > num) walk.broken |= kChainFits;
  uint32_t entry = 0;
  for (uint32_t steps = 0;; ++steps) {
    if (steps == entries || steps == num || steps > kMaxCommonChain) {
      walk.broken |= steps == entries ? kNoLoop : steps == num ? kChainFits : kCommonLimits;
      return;
    }
    Descriptor desc;
    if (!read_descriptor(walk, table + uint64_t{kDescSize} * entry, desc)) return;
    if ((desc.flags & kFlagIndirect) != 0) {
      walk.broken |= kIndirectShape;
      return;
    }
    add_part(walk, desc);
    if ((desc.flags & kFlagNext) == 0) return;
    entry = desc.next;
    if (entry >= entries) {
      walk.broken |= kNextInRange;
      return;
    }
  }
}

// What only the whole chain tells.
VA_INLINE void Model::end_walk(Walk& walk, uint32_t first_part) {
  QueueModel& q = queues_[walk.queue];
  if (checked_) {
    for (size_t i = first_part; i < parts_.size(); ++i) {
      if (ranges_meet(parts_[i].gpa, parts_[i].len, walk.table, walk.table_len)) {
        walk.broken |= kApart;
      }
    }
  }
  // A table is as long as the queue at most; the descriptor that leads to it is not in it.
  const uint32_t leading = walk.table_len != 0 ? 1 : 0;
  if (walk.descriptors - leading > q.num || walk.readable + walk.writable > UINT32_MAX) {
    walk.broken |= kChainFits;
  }
  if (walk.descriptors > kMaxCommonChain) walk.broken |= kCommonLimits;
  const uint32_t header = header_length();
  const bool receives = (walk.queue & 1) != 0;
  if (!receives && walk.readable <= header) walk.broken |= kHasPayload;
  // With MRG_RXBUF payload may begin in the next buffer.
  const uint32_t least = (features_ & kBitMrgRxbuf) != 0 ? header : header + 1;
  if (receives && walk.writable < least) walk.broken |= kRoomForHeader;
  if (receives && walk.writable < header + kFrameHead) walk.broken |= kRoomForName;

  // Thousands of heads that lead into one long chain would be remembered a thousand parts each.
  if ((walk.broken & (kNoLoop | kCommonLimits | kNoRepublish)) != 0) {
    parts_.erase(parts_.begin() + first_part, parts_.end());
  }
  Request& made = request(walk.serial);
  made.first_part = first_part;
  made.parts = static_cast<uint32_t>(parts_.size()) - first_part;
  made.frame_len = walk.readable > header ? walk.readable - header : 0;
  made.room = walk.writable;
  if (walk.broken != 0) q.duty.breach(walk.broken, made.op);
}

void Model::walk_chain(Queue queue, uint32_t serial) {
  const QueueModel& q = queues_[queue];
  const uint64_t table = q.ring.desc;
  const uint32_t num = q.num;
  Walk walk;
  walk.queue = queue;
  walk.serial = serial;
  const auto first_part = static_cast<uint32_t>(parts_.size());
  uint32_t index = request(serial).head;
  for (uint32_t steps = 0;; ++steps) {
    if (steps == num || steps > kMaxCommonChain) {
      walk.broken |= steps == num ? kNoLoop : kCommonLimits;
      break;
    }
    Descriptor desc;
    if (!read_descriptor(walk, table + uint64_t{kDescSize} * index, desc)) break;
    if ((desc.flags & kFlagIndirect) != 0) {
      if ((features_ & kBitIndirectDesc) == 0) walk.broken |= kIndirectAcked;
      if ((desc.flags & kFlagNext) != 0) walk.broken |= kIndirectLast;
      walk_table(walk, desc.addr, desc.len);
      break;
    }
    add_part(walk, desc);
    if ((desc.flags & kFlagNext) == 0) break;
    index = desc.next;
    if (index >= num) {
      walk.broken |= kNextInRange;
      break;
    }
  }
  end_walk(walk, first_part);
}

}  // namespace va::oracle
