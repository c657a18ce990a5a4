#include "oracle/rules/table.h"

#include <array>

#include "oracle/driver_duty.h"
#include "oracle/judge.h"
#include "trace/trace.h"

namespace va::oracle {
namespace {

// What the accounts of a ring presume: everything but that payload is left alone and that chains
// are known by name.
constexpr uint32_t kRing = kAllDuties & ~(kBufferKept | kNamed | kRoomForName);
constexpr uint32_t kByName = kAllDuties & ~kBufferKept;
constexpr uint32_t kReceive = kByName & ~kRoomForName;  // buffers are told apart by where they lie
// The log is to be complete whatever the driver does, as long as it is known where it is.
constexpr uint32_t kLogged = kStableRing | kApart | kKnown | kOwnAreaOnly | kMapped;
constexpr uint32_t kSafety = kNoDuties;

constexpr std::array<RuleRow, kRules> kRows = {{
    {Rule::kSpl01, "SPL-01", 0, kRing},
    {Rule::kSpl02, "SPL-02", 0, kRing},
    {Rule::kSpl03, "SPL-03", 0, kRing},
    {Rule::kSpl05, "SPL-05", kErrors, kRing},
    {Rule::kSpl07, "SPL-07", kMemory, kSafety},
    {Rule::kSpl09, "SPL-09", kMemory, kSafety},
    {Rule::kSpl10, "SPL-10", kMemory, kSafety},
    {Rule::kSpl11, "SPL-11", 0, kStableRing | kApart | kKnown},
    {Rule::kSpl12, "SPL-12", 0, kSafety},
    {Rule::kSpl13, "SPL-13", 0, kSafety},
    {Rule::kSpl14, "SPL-14", 0, kSafety},
    {Rule::kSpl15, "SPL-15", 0, kSafety},
    {Rule::kSpl16, "SPL-16", 0, kSafety},
    {Rule::kSpl19, "SPL-19", kSubmits, kByName},
    {Rule::kUsd01, "USD-01", 0, kRing},
    {Rule::kUsd02, "USD-02", kEveryStore, kRing},
    {Rule::kUsd03, "USD-03", 0, kReceive},
    {Rule::kUsd04, "USD-04", kMemory | kEveryStore, kReceive},
    {Rule::kUsd05, "USD-05", 0, kRing},
    {Rule::kUsd06, "USD-06", 0, kRing},
    {Rule::kUsd07, "USD-07", 0, kRing},
    {Rule::kUsd08, "USD-08", 0, kRing},
    {Rule::kUsd09, "USD-09", kMemory, kSafety},
    {Rule::kUsd10, "USD-10", kWire, kByName},
    {Rule::kUsd12, "USD-12", kWire, kByName},
    {Rule::kNet01, "NET-01", 0, kReceive},
    {Rule::kNet02, "NET-02", 0, kReceive},
    {Rule::kNet03, "NET-03", 0, kReceive},
    {Rule::kNet04, "NET-04", kEveryStore, kReceive},
    {Rule::kNet05, "NET-05", kMemory | kEveryStore, kReceive},
    {Rule::kNet06, "NET-06", 0, kReceive},
    {Rule::kNet07, "NET-07", 0, kReceive},
    {Rule::kNet09, "NET-09", 0, kReceive},
    {Rule::kNet23, "NET-23", kWire, kReceive},
    {Rule::kNus01, "NUS-01", kCalls, kRing},
    {Rule::kNus02, "NUS-02", kCalls, kRing},
    {Rule::kNus03, "NUS-03", kCalls, kRing},
    {Rule::kNus04, "NUS-04", kCalls, kRing},
    {Rule::kNus05, "NUS-05", kCalls, kRing},
    {Rule::kNus06, "NUS-06", kCalls, kRing},
    {Rule::kNus07, "NUS-07", kCalls, kRing},
    {Rule::kNus08, "NUS-08", kCalls, kRing},
    {Rule::kNus10, "NUS-10", kCalls | kEveryStore, kRing},
    {Rule::kNus11, "NUS-11", kCalls, kRing},
    {Rule::kNus12, "NUS-12", kCalls, kRing},
    {Rule::kNus13, "NUS-13", kCalls, kRing},
    {Rule::kNus14, "NUS-14", kSubmits, kRing},
    {Rule::kNav01, "NAV-01", 0, kRing},
    {Rule::kNav02, "NAV-02", 0, kRing},
    {Rule::kNav03, "NAV-03", kSubmits, kRing},
    {Rule::kNav04, "NAV-04", kSubmits, kRing},
    {Rule::kNav05, "NAV-05", kEveryStore, kRing},
    {Rule::kNav06, "NAV-06", kErrors, kRing},
    {Rule::kNav07, "NAV-07", kSubmits, kRing},
    {Rule::kAsy01, "ASY-01", kSubmits | kEveryStore, kByName},
    {Rule::kAsy02, "ASY-02", kSubmits | kCalls | kEveryStore, kRing},
    {Rule::kAsy03, "ASY-03", kSubmits, kByName},
    {Rule::kAsy06, "ASY-06", kMemory | kEveryStore, kReceive},
    {Rule::kAsy07, "ASY-07", kSubmits, kStableRing},
    {Rule::kAsy08, "ASY-08", kSubmits | kEveryStore, kByName},
    {Rule::kAsy10, "ASY-10", kSubmits, kSafety},
    {Rule::kAsy11, "ASY-11", kSubmits, kSafety},
    {Rule::kAsy12, "ASY-12", kSubmits, kByName},
    {Rule::kAsy13, "ASY-13", kCalls | kSubmits, kRing},
    {Rule::kAsy14, "ASY-14", kCalls | kSubmits, kRing},
    {Rule::kAsy15, "ASY-15", kCalls | kSubmits, kRing},
    {Rule::kAsy16, "ASY-16", kWire, kByName},
    {Rule::kAsy20, "ASY-20", kSubmits, kByName},
    {Rule::kIor01, "IOR-01", 0, kRing},
    {Rule::kIor02, "IOR-02", 0, kRing},
    {Rule::kIor03, "IOR-03", kSubmits | kEveryStore, kByName},
    {Rule::kPol01, "POL-01", kSubmits | kEveryStore, kByName},
    {Rule::kPol02, "POL-02", kSubmits | kEveryStore, kByName},
    {Rule::kPol03, "POL-03", kWire, kReceive},
    {Rule::kPol04, "POL-04", kWire, kReceive},
    {Rule::kLif02, "LIF-02", 0, kSafety},
    {Rule::kLif10, "LIF-10", 0, kRing},
    {Rule::kLif18, "LIF-18", 0, kSafety},
    {Rule::kLif19, "LIF-19", 0, kSafety},
    {Rule::kLog01, "LOG-01", kDirtyPages | kMemory, kLogged},
    {Rule::kLog02, "LOG-02", kDirtyPages, kLogged},
    {Rule::kLog04, "LOG-04", kDirtyPages | kMemory, kLogged},
    {Rule::kLog08, "LOG-08", kDirtyPages | kMemory, kLogged},
    {Rule::kLog09, "LOG-09", kDirtyPages, kLogged},
    {Rule::kLog10, "LOG-10", kDirtyPages | kLogSignals, kLogged},
    {Rule::kLog12, "LOG-12", kDirtyPages | kMemory | kEveryStore, kAllDuties},
    {Rule::kKrn09, "KRN-09", 0, kRing},
    {Rule::kFea01, "FEA-01", 0, kSafety},
    {Rule::kFea03, "FEA-03", 0, kSafety},
    {Rule::kSaf01, "SAF-01", kAllocations, kSafety},
    {Rule::kSaf02, "SAF-02", 0, kSafety},
    {Rule::kSaf03, "SAF-03", 0, kSafety},
    {Rule::kSaf04, "SAF-04", kStepCounts, kSafety},
    {Rule::kSaf05, "SAF-05", kMemory, kSafety},
    {Rule::kSaf06, "SAF-06", 0, kSafety},
    {Rule::kSaf07, "SAF-07", 0, kSafety},
    {Rule::kRun01, "RUN-01", 0, kSafety},
    {Rule::kRun02, "RUN-02", 0, kSafety},
}};

constexpr bool in_order() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].rule != static_cast<Rule>(i)) return false;
  }
  return true;
}
static_assert(in_order(), "a row stands where its Rule says");

constexpr std::array<RuleInfo, kRules> make_infos() {
  std::array<RuleInfo, kRules> infos{};
  for (size_t i = 0; i < kRules; ++i) infos[i] = {kRows[i].id, kRows[i].needs, kRows[i].duties};
  return infos;
}
constexpr std::array<RuleInfo, kRules> kInfos = make_infos();

}  // namespace

const RuleRow& rule_row(Rule rule) {
  return kRows[static_cast<size_t>(rule)];
}

const RuleRow* find_rule(std::string_view id) {
  for (const RuleRow& row : kRows) {
    if (row.id == id) return &row;
  }
  return nullptr;
}

}  // namespace va::oracle

namespace va {

std::span<const RuleInfo> judged_rules() {
  return oracle::kInfos;
}

}  // namespace va
