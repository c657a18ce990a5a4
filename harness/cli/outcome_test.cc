#include "cli/outcome.h"

#include <gtest/gtest.h>

namespace va {
namespace {

int code_of(std::initializer_list<VerdictKind> verdicts, bool strict = false) {
  Outcome outcome(strict);
  for (VerdictKind verdict : verdicts) outcome.add(verdict);
  return outcome.exit_code();
}

TEST(Outcome, FirstThatApplies) {
  using enum VerdictKind;
  EXPECT_EQ(code_of({kPass, kInformational}), 0);
  EXPECT_EQ(code_of({kPass, kUnsupported}), 0);
  EXPECT_EQ(code_of({kUnsupported}), 77);
  EXPECT_EQ(code_of({kPass, kFail, kUnsupported}), 1);
  EXPECT_EQ(code_of({kRobustness}), 1);
  EXPECT_EQ(code_of({kInconclusive}), 1);
  EXPECT_EQ(code_of({kFail, kBroken}), 3);
}

TEST(Outcome, ZeroCasesAreBadUsage) {
  EXPECT_EQ(code_of({}), 2);
}

TEST(Outcome, NonStrictFailsOnlyUnderStrict) {
  EXPECT_EQ(code_of({VerdictKind::kNonStrict}), 0);
  EXPECT_EQ(code_of({VerdictKind::kNonStrict}, true), 1);
}

TEST(Outcome, BadInputComesBehindBrokenAndBeforeFindings) {
  Outcome outcome(false);
  outcome.add(VerdictKind::kFail);
  outcome.bad_input();
  EXPECT_EQ(outcome.exit_code(), 2);
  outcome.add(VerdictKind::kBroken);
  EXPECT_EQ(outcome.exit_code(), 3);
  outcome.interrupted();
  EXPECT_EQ(outcome.exit_code(), 130);
}

}  // namespace
}  // namespace va
