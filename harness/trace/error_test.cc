// What malformed cases are told.
#include <gtest/gtest.h>

#include "trace/case.h"

namespace va {
namespace {

struct Bad {
  const char* text;
  const char* message;  // as "PATH:LINE:COL: …" shows it
};

TEST(CaseErrors, NameLineColumnAndWhatWasExpected) {
  const Bad cases[] = {
      {"settle\n\nkik tx\n", "f.vq:3:1: expected an operation, found \"kik\""},
      {"> call tx\n", "f.vq:1:1: expected an operation before an expectation"},
      {"kick tx\n> cal tx\n", "f.vq:2:3: expected an event, found \"cal\""},
      {"kick tx\n>\n", "f.vq:2:2: expected an event, found the end of the line"},
      {"kick tx\n>call tx\n", "f.vq:2:1: expected an operation, found \">call\""},
      {"kick tx\n> call\n",
       "f.vq:2:7: expected a queue (tx, rx, tx1, rx1, …), found the end of the line"},
      {"kick tx\n> used tx id=x\n", "f.vq:2:11: expected id=, a number, found \"id=x\""},
      {"kick tx\n> used tx 3\n",
       "f.vq:2:11: expected slot=, id=, len= or the end of the line, found \"3\""},
      {"kick tx\n> submitted tx 3\n", "f.vq:2:16: expected a request (#n or raw), found \"3\""},
      {"kick tx\n> done EWHAT\n", "f.vq:2:8: expected ok or an errno, found \"EWHAT\""},
      {"kick tx\n> noop tx empty\n",
       "f.vq:2:11: expected full, not_held, not_reached, no_device or dropped, found \"empty\""},
      {"< call tx\n", "f.vq:1:3: expected @k, the operation's index, found \"call\""},
      {"nop\n< @x call tx\n", "f.vq:2:3: expected @k, the operation's index, found \"@x\""},
      {"nop\n< glow\n", "f.vq:2:3: expected an event, found \"glow\""},
      {"repeat 2\nrepeat 3\nend\n",
       "f.vq:2:1: expected an end for the repeat of line 1, found another repeat"},
      {"end\n", "f.vq:1:1: expected a repeat before this end"},
      {"nop\nrepeat 2\nnop\n", "f.vq:2:1: expected an end for this repeat"},
      {"# rule: nus\n", "f.vq:1:1: expected a rule such as NUS-04 behind # rule:"},
      {"# rule: A-1\n# rule: A-2\n", "f.vq:2:1: expected one rule only"},
      {"# needs: more\n", "f.vq:1:1: expected `held` behind # needs:"},
      {"nop\ntrace 1\n", "f.vq:2:1: expected one trace line, before the first operation"},
      {"trace 2\n", "f.vq:1:7: expected 1, the version of the trace format, found \"2\""},
      {"trace 1 device=\n",
       "f.vq:1:16: expected a word or a quoted text, found the end of the line"},
      {"trace 1 policy=fast\n",
       "f.vq:1:16: expected unknown, arrival, inorder or copy, found \"fast\""},
      {"nop\r\n", "f.vq:1:4: expected no carriage return"},
  };
  for (const Bad& bad : cases) {
    Case out;
    Trace trace;
    const Status status = parse_case(bad.text, Strictness::kStrict, out, &trace, nullptr);
    EXPECT_EQ(status.at("f.vq"), bad.message);
  }
}

TEST(CaseErrors, ObservationsHaveNoPlaceInACase) {
  Case out;
  const Status status = parse_case("nop\n< busy\n", Strictness::kStrict, out, nullptr, nullptr);
  EXPECT_EQ(status.at("f.vq"), "f.vq:2:1: expected no observations in a case");
}

TEST(CaseErrors, AnUnknownOperationOrExpectationIsNeverIgnored) {
  Case out;
  Trace trace;
  for (const char* text : {"glow tx\n", "nop\n> glow tx\n", "nop\n> idle heat=3\n"}) {
    EXPECT_FALSE(parse_case(text, Strictness::kLenient, out, &trace, nullptr).ok()) << text;
  }
}

}  // namespace
}  // namespace va
