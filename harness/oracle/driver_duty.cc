#include "oracle/driver_duty.h"

#include <array>
#include <bit>

namespace va::oracle {
namespace {

constexpr std::array<DutyInfo, 24> kDuties = {{
    {kHeadInRange, "head-in-range", "made a head available that is no descriptor"},
    {kNextInRange, "next-in-range", "linked to a descriptor that does not exist"},
    {kNoLoop, "no-loop", "made a loop of descriptors"},
    {kChainFits, "chain-fits", "made a chain longer than the queue or than 2^32 bytes"},
    {kReadableFirst, "readable-first", "put a readable descriptor behind a writable one"},
    {kRightDirection, "right-direction", "gave the queue a part of the other direction"},
    {kIndirectShape, "indirect-shape", "made an indirect table of a size or content not allowed"},
    {kIndirectLast, "indirect-last", "linked on behind an indirect table"},
    {kIndirectAcked, "indirect-acked", "used INDIRECT without having negotiated it"},
    {kNoRepublish, "no-republish", "made a descriptor available that the device has"},
    {kBufferKept, "buffer-kept", "changed a buffer that the device has"},
    {kDescriptorKept, "descriptor-kept", "changed a descriptor that the device has"},
    {kIdxForward, "idx-forward", "moved avail idx backwards or over more than is free"},
    {kApart, "apart", "let rings, tables or buffers share memory"},
    {kMapped, "mapped", "named an address outside the memory table"},
    {kOwnAreaOnly, "own-area-only", "wrote what is the device's to write"},
    {kHasPayload, "has-payload", "sent a packet that is no longer than its header"},
    {kNoEmptyPart, "no-empty-part", "used a descriptor of length 0"},
    {kStableRing, "stable-ring", "changed ring, memory or features of a device that runs"},
    {kCommonLimits, "common-limits", "went beyond what every device takes"},
    {kKnown, "known", "did something that the trace does not tell"},
    {kNamed, "named", "made a chain by hand, which carries no ordinal"},
    {kRoomForHeader, "room-for-header", "gave a receive buffer that takes no header"},
    {kRoomForName, "room-for-name", "gave a receive buffer that has no room for a name"},
}};

constexpr bool in_order() {
  for (size_t i = 0; i < kDuties.size(); ++i) {
    if (kDuties[i].duty != 1u << i) return false;
  }
  return true;
}
static_assert(in_order(), "a row stands where its bit says");

}  // namespace

const DutyInfo& duty_info(uint32_t duties) {
  return kDuties[static_cast<size_t>(std::countr_zero(duties)) % kDuties.size()];
}

}  // namespace va::oracle
