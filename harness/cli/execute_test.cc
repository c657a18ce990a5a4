#include "cli/execute.h"

#include <gtest/gtest.h>

namespace va {
namespace {

// A case whose expectation is not met, and the trace of a run of it.
constexpr char kWrong[] =
    "# rule: USD-01\n"
    "avail tx\n"
    "kick tx\n"
    "complete tx #0\n"
    "settle\n"
    "> used_idx tx 0x0005\n";

class Execute : public ::testing::Test {
 protected:
  void SetUp() override {
    from_.path = "/elsewhere/wrong.vq";
    ASSERT_TRUE(parse_case(kWrong, Strictness::kStrict, from_.content, nullptr, nullptr).ok());
    std::string error;
    const std::unique_ptr<Bench> bench = Bench::make("reference:arrival", Options{}, error);
    ASSERT_NE(bench, nullptr) << error;
    std::string problem;
    ASSERT_EQ(bench->observe(from_.content.program, kCaseBudget, result_.trace, problem),
              RunResult::kRan);
    result_.trace.header.version = "6.1.10";
  }

  VerdictKind judge(const std::vector<Expected>& expected) {
    Judge judge;
    judge_trace(judge, from_, expected, result_);
    return result_.verdict;
  }

  CaseFile from_;
  CaseResult result_;
};

TEST_F(Execute, AFailureThatIsNotListedFails) {
  EXPECT_EQ(judge({}), VerdictKind::kFail);
  ASSERT_EQ(result_.findings.size(), 1u);
  EXPECT_EQ(result_.findings[0].listed, nullptr);
}

TEST_F(Execute, AListedFailurePasses) {
  const std::vector<Expected> expected = {
      {from_.path, "USD-01", VerdictKind::kFail, "why", "source", ""}};
  EXPECT_EQ(judge(expected), VerdictKind::kPass);
  EXPECT_EQ(result_.findings[0].listed, expected.data());
}

TEST_F(Execute, AListedFailureOfAnotherCaseIsNothingToThisOne) {
  EXPECT_EQ(judge({{"/elsewhere/other.vq", "USD-01", VerdictKind::kFail, "", "", ""}}),
            VerdictKind::kFail);
}

TEST_F(Execute, WhatIsListedForAnotherPolicyIsNothingToThisOne) {
  EXPECT_EQ(judge({{from_.path, "USD-01", VerdictKind::kFail, "", "", "", "another"}}),
            VerdictKind::kFail);
}

TEST_F(Execute, WhatIsListedAndDidNotHappenFails) {
  EXPECT_EQ(judge({{from_.path, "USD-01", VerdictKind::kFail, "", "", ""},
                   {from_.path, "NUS-01", VerdictKind::kFail, "", "", "6.1.10"}}),
            VerdictKind::kFail);
  EXPECT_NE(result_.reason.find("NUS-01"), std::string::npos) << result_.reason;
}

TEST_F(Execute, WhatIsGoneOnANewerDeviceIsANotice) {
  EXPECT_EQ(judge({{from_.path, "USD-01", VerdictKind::kFail, "", "", ""},
                   {from_.path, "NUS-01", VerdictKind::kFail, "", "", "6.1.9"}}),
            VerdictKind::kPass);
  EXPECT_EQ(result_.notices.size(), 1u);
}

}  // namespace
}  // namespace va
