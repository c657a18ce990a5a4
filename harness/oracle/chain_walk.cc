// Walking a chain as the driver laid it out, to find which duties it breaks and what it is to send.
//
// The walk happens once, when the chain is exposed: a driver may not change it afterwards, and one
// that does has broken a duty anyway. It ends at the first fault that leaves no sensible next step,
// and past the length that no device follows.
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

void Model::claim(uint64_t gpa) {
  const uint32_t owner = bytes_.owner(gpa);
  if (owner != walk_.serial && is_outstanding(owner)) walk_.broken |= kNoRepublish;
  bytes_.claim(gpa, walk_.serial);
}

// Takes the descriptor at `gpa` for this chain. nullptr if the trace does not tell what it holds;
// valid until the next call.
const Model::Descriptor* Model::read_descriptor(uint64_t gpa) {
  if (!bytes_.known(gpa, kDescSize)) {
    walk_.broken |= kKnown;
    return nullptr;
  }
  claim(gpa);
  if (gpa % kDescSize != 0) claim(gpa + kDescSize - 1);
  const GuestBytes::Pair words = bytes_.load_pair(gpa);
  descriptor_.addr = words.low;
  descriptor_.len = static_cast<uint32_t>(words.high);
  descriptor_.flags = static_cast<uint16_t>(words.high >> 32);
  descriptor_.next = static_cast<uint16_t>(words.high >> 48);
  ++walk_.descriptors;
  return &descriptor_;
}

void Model::add_part(const Descriptor& desc) {
  const bool writable = (desc.flags & kFlagWrite) != 0;
  const bool receives = (walk_.queue & 1) != 0;
  if (writable != receives) walk_.broken |= kRightDirection;
  if (!writable && walk_.writable != 0) walk_.broken |= kReadableFirst;
  if (desc.len == 0) {
    walk_.broken |= kNoEmptyPart;
    return;
  }
  walk_.broken |= mapped(desc.addr, desc.len);
  if (checked_ && overlaps_ring(desc.addr, desc.len)) walk_.broken |= kApart;
  (writable ? walk_.writable : walk_.readable) += desc.len;
  Part& part = parts_.emplace_back();
  part.gpa = desc.addr;
  part.len = desc.len;
  part.writable = writable;
}

// Entries are followed by their next fields (2.7.5.3.2).
void Model::walk_table(uint64_t table, uint32_t table_len) {
  const uint32_t entries = table_len / kDescSize;
  if (table_len % kDescSize != 0 || entries == 0) {
    walk_.broken |= kIndirectShape;
    return;
  }
  walk_.table = table;
  walk_.table_len = table_len;
  walk_.broken |= mapped(table, table_len);
  if (checked_ && overlaps_ring(table, table_len)) walk_.broken |= kApart;
  const uint32_t num = queues_[walk_.queue].num;
  if (entries > num) walk_.broken |= kChainFits;
  uint32_t entry = 0;
  for (uint32_t steps = 0;; ++steps) {
    if (steps == entries || steps == num || steps > kMaxCommonChain) {
      walk_.broken |= steps == entries ? kNoLoop : steps == num ? kChainFits : kCommonLimits;
      return;
    }
    const Descriptor* desc = read_descriptor(table + uint64_t{kDescSize} * entry);
    if (desc == nullptr) return;
    if ((desc->flags & kFlagIndirect) != 0) {
      walk_.broken |= kIndirectShape;
      return;
    }
    add_part(*desc);
    if ((desc->flags & kFlagNext) == 0) return;
    entry = desc->next;
    if (entry >= entries) {
      walk_.broken |= kNextInRange;
      return;
    }
  }
}

void Model::walk_chain(Queue queue, uint32_t serial) {
  QueueModel& q = queues_[queue];
  walk_ = Walk{};
  walk_.queue = queue;
  walk_.serial = serial;
  const auto first_part = static_cast<uint32_t>(parts_.size());
  uint32_t index = request(serial).head;
  for (uint32_t steps = 0;; ++steps) {
    if (steps == q.num || steps > kMaxCommonChain) {
      walk_.broken |= steps == q.num ? kNoLoop : kCommonLimits;
      break;
    }
    const Descriptor* desc = read_descriptor(q.ring.desc + uint64_t{kDescSize} * index);
    if (desc == nullptr) break;
    if ((desc->flags & kFlagIndirect) != 0) {
      if ((features_ & kBitIndirectDesc) == 0) walk_.broken |= kIndirectAcked;
      if ((desc->flags & kFlagNext) != 0) walk_.broken |= kIndirectLast;
      walk_table(desc->addr, desc->len);
      break;
    }
    add_part(*desc);
    if ((desc->flags & kFlagNext) == 0) break;
    index = desc->next;
    if (index >= q.num) {
      walk_.broken |= kNextInRange;
      break;
    }
  }
  end_walk(first_part);
}

// What only the whole chain tells.
void Model::end_walk(uint32_t first_part) {
  QueueModel& q = queues_[walk_.queue];
  if (checked_) {
    for (size_t i = first_part; i < parts_.size(); ++i) {
      if (ranges_meet(parts_[i].gpa, parts_[i].len, walk_.table, walk_.table_len)) {
        walk_.broken |= kApart;
      }
    }
  }
  if (walk_.descriptors > q.num || walk_.readable + walk_.writable > UINT32_MAX) {
    walk_.broken |= kChainFits;
  }
  if (walk_.descriptors > kMaxCommonChain) walk_.broken |= kCommonLimits;
  const uint32_t header = header_length();
  const bool receives = (walk_.queue & 1) != 0;
  if (!receives && walk_.readable <= header) walk_.broken |= kHasPayload;
  // With MRG_RXBUF payload may begin in the next buffer.
  const uint32_t least = (features_ & kBitMrgRxbuf) != 0 ? header : header + 1;
  if (receives && walk_.writable < least) walk_.broken |= kRoomForHeader;
  if (receives && walk_.writable < header + kFrameHead) walk_.broken |= kRoomForName;

  // Thousands of heads that lead into one long chain would be remembered a thousand parts each.
  if ((walk_.broken & (kNoLoop | kCommonLimits | kNoRepublish)) != 0) {
    parts_.erase(parts_.begin() + first_part, parts_.end());
  }
  Request& made = request(walk_.serial);
  made.first_part = first_part;
  made.parts = static_cast<uint32_t>(parts_.size()) - first_part;
  made.frame_len = walk_.readable > header ? walk_.readable - header : 0;
  made.room = walk_.writable;
  if (walk_.broken != 0) q.duty.breach(walk_.broken, made.op);
}

}  // namespace va::oracle
