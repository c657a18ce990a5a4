#include "oracle/rules/features.h"

#include "base/hot.h"

namespace va::oracle {
namespace {

struct Requirement {
  uint8_t bit;
  uint64_t any_of;
  const char* name;
  const char* needs;
};

constexpr uint64_t bits(std::initializer_list<int> list) {
  uint64_t mask = 0;
  for (const int bit : list) mask |= uint64_t{1} << bit;
  return mask;
}

// 5.1.3.1. Versions differ on whose segments RSC_EXT needs: either side's will do.
constexpr Requirement kRequirements[] = {
    {7, bits({1}), "GUEST_TSO4", "GUEST_CSUM"},
    {8, bits({1}), "GUEST_TSO6", "GUEST_CSUM"},
    {9, bits({7, 8}), "GUEST_ECN", "GUEST_TSO4 or GUEST_TSO6"},
    {10, bits({1}), "GUEST_UFO", "GUEST_CSUM"},
    {11, bits({0}), "HOST_TSO4", "CSUM"},
    {12, bits({0}), "HOST_TSO6", "CSUM"},
    {13, bits({11, 12}), "HOST_ECN", "HOST_TSO4 or HOST_TSO6"},
    {14, bits({0}), "HOST_UFO", "CSUM"},
    {18, bits({17}), "CTRL_RX", "CTRL_VQ"},
    {19, bits({17}), "CTRL_VLAN", "CTRL_VQ"},
    {21, bits({17}), "GUEST_ANNOUNCE", "CTRL_VQ"},
    {22, bits({17}), "MQ", "CTRL_VQ"},
    {23, bits({17}), "CTRL_MAC_ADDR", "CTRL_VQ"},
    {56, bits({0}), "HOST_USO", "CSUM"},
    {60, bits({17}), "RSS", "CTRL_VQ"},
    {61, bits({7, 8, 11, 12}), "RSC_EXT", "TSO4 or TSO6"},
};

VA_COLD void say_alone(Context& context, const Requirement& each) {
  if (Finding* f = context.report.open(Rule::kFea01, VerdictKind::kFail, kTx, context.op)) {
    f->expected = std::string(each.name) + " is offered with " + each.needs + ", or not at all";
    f->actual = "it is offered alone";
  }
}

VA_COLD void say_legacy(Context& context, uint64_t offered) {
  if (Finding* f = context.report.open(Rule::kFea03, VerdictKind::kFail, kTx, context.op)) {
    f->expected = "VERSION_1 (bit 32) is offered";
    f->actual = "features " + hex16(offered);
  }
}

}  // namespace

void check_offer(Context& context, uint64_t offered) {
  for (const Requirement& each : kRequirements) {
    if ((offered >> each.bit & 1) != 0 && (offered & each.any_of) == 0) say_alone(context, each);
  }
  if ((offered & kBitVersion1) == 0) say_legacy(context, offered);
}

}  // namespace va::oracle
