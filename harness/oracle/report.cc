#include "oracle/report.h"

#include <algorithm>

namespace va::oracle {

// Traces of one device see the same, so this is done once and not for every question.
void Report::see(uint32_t bits) {
  sees_ = bits;
  for (size_t i = 0; i < kRules; ++i) {
    const RuleRow& row = rule_row(static_cast<Rule>(i));
    voids_[i] = sees(row.needs) ? row.duties : kUnseen;
  }
}

Finding* Report::open(Rule rule, VerdictKind kind, Queue queue, uint32_t op) {
  if (!may_judge(rule, queue)) return nullptr;
  const auto bit = static_cast<size_t>(rule);
  uint64_t& said = said_[queue % kQueues][bit / 64];
  if ((said >> (bit % 64) & 1) != 0) return nullptr;
  said |= uint64_t{1} << (bit % 64);
  return &add(rule_row(rule).id, kind, queue, op);
}

Finding& Report::add(std::string_view rule, VerdictKind kind, Queue queue, uint32_t op) {
  Finding& finding = out_->findings.emplace_back();
  finding.kind = kind;
  finding.rule = rule;
  finding.op = op;
  finding.queue = queue;
  return finding;
}

std::string describe(const Request& request) {
  std::string text = "head " + std::to_string(request.head);
  if (request.ordinal != kNoOrdinal) text += " (#" + std::to_string(request.ordinal) + ")";
  return text;
}

std::string hex16(uint64_t value) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  do {
    text += kDigits[value & 15];
    value >>= 4;
  } while (value != 0);
  while (text.size() < 4) text += '0';
  text += "x0";
  std::reverse(text.begin(), text.end());
  return text;
}

}  // namespace va::oracle
