#include "cli/report.h"

#include <gtest/gtest.h>

#include "cli/case_list.h"

namespace va {
namespace {

Shown failed() {
  Shown shown;
  shown.path = "a&b.vq";
  shown.devices = {"reference:arrival"};
  shown.verdict = VerdictKind::kFail;
  shown.findings.push_back({"FAIL", "NUS-04", "call", "2.7 (MUST)", "call", "none", "", 3, 4, "x"});
  shown.repeat = repeat_command("run", shown.devices, shown.path);
  shown.seconds = 1.5;
  return shown;
}

TEST(Report, CommandsAreQuotedForAShell) {
  EXPECT_EQ(repeat_command("run", {"reference"}, "a/b.vq"), "vassay run --device reference a/b.vq");
  EXPECT_EQ(repeat_command("judge", {}, quoted("it's")), "vassay judge 'it'\\''s'");
}

TEST(Report, JsonHasNoClockUnlessAsked) {
  EXPECT_EQ(to_json(failed(), false).find("seconds"), std::string::npos);
  EXPECT_NE(to_json(failed(), true).find("\"seconds\":1.5"), std::string::npos);
}

TEST(Report, JsonSurvivesBytesThatAreNotText) {
  Shown shown = failed();
  shown.path = "\xff\xfe";
  EXPECT_NE(to_json(shown, false).find("\"schema\":1"), std::string::npos);
}

TEST(Report, JunitEscapesAndFails) {
  const std::string text = to_junit({failed()}, false);
  EXPECT_NE(text.find("name=\"a&amp;b.vq\""), std::string::npos) << text;
  EXPECT_NE(text.find("<failure message=\"FAIL\""), std::string::npos) << text;
  EXPECT_EQ(text.find("time="), std::string::npos) << text;
}

}  // namespace
}  // namespace va
