// THE table of rules that the judge knows.
//
// How to add a rule: give it a name here and its row in table.cc (id, what it must see, which
// duties of the driver it presumes), state it in one of the families beside this file, with a trace
// that keeps it and one that breaks it in the tests beside it, and give it its clause in
// conformance/rules/. Ids are never reused.
#pragma once

#include <cstdint>
#include <string_view>

namespace va::oracle {

enum class Rule : uint8_t {
  kSpl01,
  kSpl02,
  kSpl03,
  kSpl05,
  kSpl07,
  kSpl09,
  kSpl10,
  kSpl11,
  kSpl12,
  kSpl13,
  kSpl14,
  kSpl15,
  kSpl16,
  kSpl19,
  kUsd01,
  kUsd02,
  kUsd03,
  kUsd04,
  kUsd05,
  kUsd06,
  kUsd07,
  kUsd08,
  kUsd09,
  kUsd10,
  kUsd12,
  kNet01,
  kNet02,
  kNet03,
  kNet04,
  kNet05,
  kNet06,
  kNet07,
  kNet09,
  kNet23,
  kNus01,
  kNus02,
  kNus03,
  kNus04,
  kNus05,
  kNus06,
  kNus07,
  kNus08,
  kNus10,
  kNus11,
  kNus12,
  kNus13,
  kNus14,
  kNav01,
  kNav02,
  kNav03,
  kNav04,
  kNav05,
  kNav06,
  kNav07,
  kAsy01,
  kAsy02,
  kAsy03,
  kAsy06,
  kAsy07,
  kAsy08,
  kAsy10,
  kAsy11,
  kAsy12,
  kAsy13,
  kAsy14,
  kAsy15,
  kAsy16,
  kAsy20,
  kIor01,
  kIor02,
  kIor03,
  kPol01,
  kPol02,
  kPol03,
  kPol04,
  kLif02,
  kLif10,
  kLif18,
  kLif19,
  kLog01,
  kLog02,
  kLog04,
  kLog08,
  kLog09,
  kLog10,
  kLog12,
  kKrn09,
  kFea01,
  kFea03,
  kSaf01,
  kSaf02,
  kSaf03,
  kSaf04,
  kSaf05,
  kSaf06,
  kSaf07,
  kRun01,
  kRun02,
};
inline constexpr size_t kRules = static_cast<size_t>(Rule::kRun02) + 1;

struct RuleRow {
  Rule rule;
  std::string_view id;
  uint32_t needs;   // Sees bits
  uint32_t duties;  // that it presumes; 0: it belongs to the safety set
};

const RuleRow& rule_row(Rule rule);

// nullptr if the judge has no rule of that id.
const RuleRow* find_rule(std::string_view id);

}  // namespace va::oracle
