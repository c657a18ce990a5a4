#include "fuzz_run.h"

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>

#include "prog/decode.h"
#include "trace/case.h"

namespace va {

Policy policy_of(std::span<const uint8_t> input) {
  constexpr Policy kPolicies[] = {Policy::kArrival, Policy::kInorder, Policy::kArrival,
                                  Policy::kInorder, Policy::kCopy};
  return kPolicies[input.size() % std::size(kPolicies)];
}

FuzzRun::FuzzRun(std::string_view target)
    : target_(target),
      arrival_(Policy::kArrival, false),
      inorder_(Policy::kInorder, false),
      copy_(Policy::kCopy, false) {}

FuzzRun::~FuzzRun() {
  if (inputs_ == 0) return;
  std::fprintf(stderr, "ops_per_input: %.1f\n",
               static_cast<double>(operations_) / static_cast<double>(inputs_));
}

ReferenceDevice& FuzzRun::device_of(Policy policy) {
  if (policy == Policy::kCopy) return copy_;
  return policy == Policy::kInorder ? inorder_ : arrival_;
}

const Verdicts& FuzzRun::judge(std::span<const uint8_t> input, Fault fault) {
  decode(input, program_, kFuzzBudget);
  ReferenceDevice& device = device_of(policy_of(input));
  device.run(program_, kFuzzBudget, trace_);
  ++inputs_;
  operations_ += device.executed();
  if (fault != nullptr) fault(trace_);
  judge_.judge(program_, trace_, verdicts_);
  return verdicts_;
}

void FuzzRun::one(std::span<const uint8_t> input) {
  one_with(input, nullptr);
}

void FuzzRun::one_with(std::span<const uint8_t> input, Fault fault) {
  for (const Finding& finding : judge(input, fault).findings) {
    if (finding.kind == VerdictKind::kFail || finding.kind == VerdictKind::kRobustness) {
      report(finding);
    }
  }
}

void FuzzRun::report(const Finding& finding) const {
  Case found;
  found.program = program_;
  const std::string text = print_case(found, &trace_);
  std::fprintf(stderr,
               "vassay-finding: %.*s %.*s target=%.*s device=%s op=%u\n  expected: %s\n"
               "  actual:   %s\n%s\n",
               static_cast<int>(finding.rule.size()), finding.rule.data(),
               static_cast<int>(verdict_name(finding.kind).size()),
               verdict_name(finding.kind).data(), static_cast<int>(target_.size()), target_.data(),
               trace_.header.device.c_str(), finding.op, finding.expected.c_str(),
               finding.actual.c_str(), text.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace va
