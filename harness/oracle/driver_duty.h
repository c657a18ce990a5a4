// The duties of a driver, and the record of which it broke.
//
// A MUST for the device holds while the driver kept its own duties. The model (model.h) notes each
// breach on the queue where it happened, with the operation from which it counts; a rule names the
// duties that it presumes and is void on that queue afterwards, until the ring is set up anew. Only
// the rules that presume nothing go on: no crash, no foreign write, bounded work, nothing leaked.
// Other queues are judged as before.
#pragma once

#include <cstdint>
#include <string_view>

namespace va::oracle {

// One bit each. Clauses are of VIRTIO 1.2.
enum Duty : uint32_t {
  kHeadInRange = 1u << 0,     // 2.7.6: a head is a descriptor of the table
  kNextInRange = 1u << 1,     // 2.7.5: so is next, in an indirect table as well
  kNoLoop = 1u << 2,          // 2.7.5.2: a chain has no loop
  kChainFits = 1u << 3,       // 2.7.5.2, 2.7.5.3.1: no longer than the queue, 2^32 bytes at most
  kReadableFirst = 1u << 4,   // 2.7.4.2: readable descriptors come before writable ones
  kRightDirection = 1u << 5,  // 5.1.6.2: a transmit chain has no writable part, 5.1.6.3 the reverse
  kIndirectShape = 1u << 6,   // 2.7.5.3: a table of whole entries, at least one, none indirect
  kIndirectLast = 1u << 7,    // 2.7.5.3.1: not INDIRECT and NEXT
  kIndirectAcked = 1u << 8,   // 2.7.5.3.1: INDIRECT only if it was negotiated
  kNoRepublish = 1u << 9,     // 2.7.13: no descriptor is in two chains that the device has
  kBufferKept = 1u << 10,     // 2.7.13: a buffer is left alone while the device has it
  kDescriptorKept = 1u << 11,  // 2.7.13: so are its descriptors and its slot
  kIdxForward = 1u << 12,      // 2.7.13.3: avail idx moves forward, over at most the free part
  kApart = 1u << 13,           // 2.7: rings, tables and buffers do not share memory
  kMapped = 1u << 14,          // addresses lie in the memory table
  kOwnAreaOnly = 1u << 15,     // 2.7.8, 2.7.10: used ring and avail_event are the device's to write
  kHasPayload = 1u << 16,      // 5.1.6.2: a packet is longer than its header
  kNoEmptyPart = 1u << 17,     // 2.7.5: a descriptor has a length (refusing one is tolerated)
  kStableRing = 1u << 18,      // ring, features, memory stay while the device runs, and agree with
                               // what the driver uses
  kCommonLimits = 1u << 19,    // 2.7.4.1: limits that a device may have (1024 descriptors a chain)
  kKnown = 1u << 20,           // no duty: the trace does not tell what the device was given
  kNamed = 1u << 21,           // no duty: chains made by hand carry no ordinal, or another's
  kRoomForHeader = 1u << 22,  // 5.1.6.3.1: a receive buffer has room for header and (alone) payload
  kRoomForName = 1u << 23,    // no duty: a receive buffer too small to be told from another
};
inline constexpr uint32_t kNoDuties = 0;
inline constexpr uint32_t kAllDuties = (1u << 24) - 1;

struct DutyInfo {
  Duty duty;
  std::string_view name;  // as conformance/rules names it
  std::string_view text;  // what the driver did when it broke it
};

// The row of the lowest bit in `duties`, which is not 0.
const DutyInfo& duty_info(uint32_t duties);

// Breaches on one queue.
struct DutyRecord {
  uint32_t broken = 0;
  uint32_t since = 0;  // operation of the first breach

  void breach(uint32_t duties, uint32_t op) {
    if (broken == 0) since = op;
    broken |= duties;
  }
};

}  // namespace va::oracle
