// The Program beside its trace: repeats, deferred operations, the supplied set-up, waiting calls.
#include "oracle/testing/script.h"

namespace va::oracle {
namespace {

std::string judge_text(const std::string& text) {
  Case from;
  Trace trace;
  const Status status = parse_case(text, Strictness::kLenient, from, &trace, nullptr);
  if (!status.ok()) return status.at("text");
  Judge judge;
  Verdicts verdicts;
  judge.judge(from, trace, verdicts);
  return verdicts.findings.empty() ? "PASS" : std::string(verdicts.findings[0].rule);
}

const std::string kTraceHead =
    "trace 1 device=test version=1 features=0x139008000 policy=arrival sees=every-store|calls|"
    "submits|wire\n";

// The set-up happens before the operation that is there already: its store comes last.
TEST(Replay, SuppliedSetUpComesBeforeTheOperation) {
  const std::string text = kTraceHead +
                           "avail_flags tx 0x0001\n< setup tx\n< begin\n< done ok\n< begin\n"
                           "< used_flags tx 0x0000\n< done ok\n"
                           "avail tx [r 1412]\n"
                           "< desc tx addr=0x100000 buf=0x11c000 len=1412 flags_next=0x00000000\n"
                           "< exposed tx #0 head=0 slot=0 idx=0x0001\n"
                           "kick tx\n< frame tx #0 len=1400 fill=0x11\n< submitted tx #0\n"
                           "complete tx #0\n< completed tx #0 ok\n< used tx slot=0 id=0 len=0\n"
                           "< used_idx tx 0x0001\nsettle\n< idle inflight=0\n";
  EXPECT_EQ(judge_text(text), "PASS");
}

TEST(Replay, RepeatIsWalkedAsARunnerDoes) {
  Script s(2, 0xffff);
  s.line("repeat 3").line("avail tx [r 1412]").line("kick tx").line("settle").line("end");
  for (uint32_t i = 0; i < 3; ++i) {
    const std::string n = std::to_string(i);
    if (i != 0) s.line("< @3 reclaimed tx id=0");
    s.line("< @3 desc tx addr=0x100000 buf=0x11c000 len=1412 flags_next=0x00000000");
    s.line("< @3 exposed tx #" + n + " head=0 slot=" + std::to_string((0xffff + i) % 2) +
           " idx=" + hex((0x10000 + i) & 0xffff));
    s.line("< @4 frame tx #" + n + " len=1400 fill=" + hex((0x11 + i * 0x25) & 0xff, 2));
    s.line("< @4 submitted tx #" + n).line("< @4 completed tx #" + n + " ok");
    s.line("< @4 used tx slot=" + std::to_string((0xffff + i) % 2) + " id=0 len=0");
    s.line("< @4 used_idx tx " + hex((0x10000 + i) & 0xffff)).line("< @4 call tx");
    s.line("< @5 idle inflight=0");
  }
  EXPECT_EQ(s.verdict(), "PASS") << s.text();
}

// A store that missed its point happens at the settle, behind the store that stands between.
TEST(Replay, DeferredStoreThatMissedItsPoint) {
  for (const char* between : {"0x0000", "0x0001"}) {
    Script s(8);
    s.avail().kick().complete(0).used(0).call().idle();
    s.line("at used_written").line("avail_flags tx 0x0001");
    s.line(std::string("avail_flags tx ") + between).line("settle");
    s.line("< @9 noop tx not_reached").line("< idle inflight=0");
    s.avail().line("kick tx").submit(1).complete(1).used(1).idle();
    EXPECT_EQ(s.verdict(), "PASS");
  }
}

TEST(Replay, CallsThatWaitReturnInOrder) {
  Script s(8);
  s.avail().kick().line("backend tx none").line("< begin").line("backend tx async").line("< begin");
  s.complete(0).used(0).call().line("< done ok").line("< used_flags tx 0x0000").line("< done ok");
  s.avail().line("kick tx").submit(1).complete(1).used(1).call().idle();
  EXPECT_EQ(s.verdict(), "PASS");
}

TEST(Replay, ATraceOfAnotherProgramDoesNotHang) {
  Script s(8);
  s.line("repeat 4000000000").line("end").line("< @77 used_idx tx 0x0001");
  s.line("< @4294967295 call tx").line("< @0 idle inflight=0");
  EXPECT_NE(s.verdict(), "");
}

}  // namespace
}  // namespace va::oracle
