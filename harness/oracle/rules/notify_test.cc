// Notifications in both directions, and progress: each rule silent on a trace that keeps it and
// speaking on one that does not.
#include "oracle/testing/script.h"

namespace va::oracle {
namespace {

// One packet through, so that the first decision after the start is behind.
Script started(uint16_t base, const std::string& features, const std::string& sees = kEverything) {
  Script s(8, base, features, sees);
  s.avail().line("kick tx");
  if (sees == kEverything) s.submit(0);
  s.complete(0);
  if (sees == kEverything) {
    s.used(0).call().idle();
  } else {
    s.line("settle").used(0).call().frame(0).line("< idle inflight=0");
  }
  return s;
}

TEST(Calls, Nus01WithoutEventIdx) {
  Script s(8, 0, "", kEverything, "arrival", "sync");
  s.avail().line("kick tx").frame(0).used(0).call().idle();
  EXPECT_EQ(s.verdict(), "PASS");
  Script t(8, 0, "", kEverything, "arrival", "sync");
  t.avail().line("kick tx").frame(0).used(0).idle();
  EXPECT_EQ(t.verdict(), "FAIL NUS-01");
}

TEST(Calls, Nus02SuppressedByFlags) {
  Script s(8);
  s.avail().kick().complete(0).used(0).call().idle().line("avail_flags tx 0x0001");
  s.avail().line("kick tx").submit(1).complete(1).used(1).idle();
  EXPECT_EQ(s.verdict(), "PASS");
  Script t(8);
  t.avail().kick().complete(0).used(0).call().idle().line("avail_flags tx 0x0001");
  t.avail().line("kick tx").submit(1).complete(1).used(1).call().idle();
  EXPECT_EQ(t.verdict(), "NON-STRICT NUS-02");
}

TEST(Calls, Nus03UsedEventHasNoEffectWithoutEventIdx) {
  Script s = started(0, "");
  s.line("used_event tx 0x4444").avail().line("kick tx").submit(1).complete(1).used(1).idle();
  EXPECT_EQ(s.verdict(), "FAIL NUS-03");
}

TEST(Calls, Nus04UsedEventReached) {
  Script s = started(0, "EVENT_IDX");
  s.line("used_event tx 0x0001").avail().line("kick tx").submit(1).complete(1).used(1);
  Script t = s;
  EXPECT_EQ(s.call().idle().verdict(), "PASS");
  EXPECT_EQ(t.idle().verdict(), "FAIL NUS-04");
}

TEST(Calls, Nus05UsedEventNotReached) {
  Script s = started(0, "EVENT_IDX");
  s.line("used_event tx 0x0002").avail().line("kick tx").submit(1).complete(1).used(1);
  Script t = s;
  EXPECT_EQ(s.idle().verdict(), "PASS");
  EXPECT_EQ(t.call().idle().verdict(), "NON-STRICT NUS-05");
}

TEST(Calls, Nus06FlagsHaveNoEffectWithEventIdx) {
  Script s = started(0, "EVENT_IDX");
  s.line("avail_flags tx 0x0001").line("used_event tx 0x0001");
  s.avail().line("kick tx").submit(1).complete(1).used(1).idle();
  EXPECT_EQ(s.verdict(), "FAIL NUS-06");
}

TEST(Calls, Nus07AndAsy14BatchCoversUsedEvent) {
  Script s = started(0, "EVENT_IDX");
  s.line("used_event tx 0x0001").avail().avail().line("kick tx").submit(1).submit(2);
  s.complete(1).entry(1).complete(2).entry(2).used_idx().idle();
  EXPECT_EQ(s.verdict(), "FAIL ASY-14");
  Script t(8, 0, "EVENT_IDX", kEverything, "copy", "sync");
  t.avail().line("kick tx").frame(0).used(0).call().idle().line("used_event tx 0x0001");
  t.avail().avail().line("kick tx").frame(1).frame(2).entry(1).entry(2).used_idx().idle();
  EXPECT_EQ(t.verdict(), "FAIL NUS-07");
}

TEST(Calls, Nus08UsedEventAcrossTheWrap) {
  for (const char* used_event : {"0xffff", "0x0000"}) {
    Script s = started(0xfffe, "EVENT_IDX");
    s.line(std::string("used_event tx ") + used_event).avail().avail().line("kick tx");
    s.submit(1).submit(2).complete(1).entry(1).complete(2).entry(2).used_idx();
    Script t = s;
    EXPECT_EQ(s.call().idle().verdict(), "PASS");
    EXPECT_EQ(t.idle().verdict(), "FAIL NUS-08");
  }
}

TEST(Calls, Nus10CallBeforeTheIndexDoesNotCount) {
  Script s = started(0, "EVENT_IDX");
  s.line("used_event tx 0x0001").avail().line("kick tx").submit(1).complete(1);
  s.entry(1).call().used_idx().idle();
  EXPECT_EQ(s.verdict(), "NON-STRICT NUS-11; FAIL NUS-10");
}

TEST(Calls, Nus11AndAsy02CallForNothing) {
  Script s = started(0, "");
  s.line("kick tx").call().idle();
  EXPECT_EQ(s.verdict(), "NON-STRICT NUS-11");
  Script t = started(0, "");
  t.avail().line("kick tx").submit(1).call().idle();
  EXPECT_EQ(t.verdict(), "NON-STRICT ASY-02");
}

TEST(Calls, Nus12LastCompletionOfABurst) {
  Script s = started(0, "");
  s.avail().line("kick tx").submit(1).line("kick tx").complete(1).used(1).idle();
  EXPECT_EQ(s.verdict(), "FAIL NUS-12");
}

TEST(Calls, Nus13AndAsy15NewEventfd) {
  Script s = started(0, "");
  s.line("set_vring_call tx fresh").line("< begin").line("< done ok");
  s.avail().line("kick tx").submit(1).line("kick tx").complete(1).used(1);
  Script t = s;
  EXPECT_EQ(s.call().idle().verdict(), "PASS");
  EXPECT_EQ(t.idle().verdict(), "FAIL ASY-15");
  Script u(8, 0, "", kEverything, "arrival", "sync");
  u.line("set_vring_call tx fresh").line("< begin").line("< done ok");
  u.avail().line("kick tx").frame(0).used(0).idle();
  EXPECT_EQ(u.verdict(), "FAIL NUS-13");
}

TEST(Calls, Nus14WithoutAnEventfdNothingIsOwed) {
  Script s(8);
  s.line("set_vring_call tx none").line("< begin").line("< done ok");
  s.line("< used_flags tx 0x0000").avail().kick().complete(0).used(0).idle();
  EXPECT_EQ(s.verdict(), "PASS");
  s.avail().line("kick tx").idle();
  EXPECT_EQ(s.verdict(), "FAIL NUS-14");
}

TEST(Calls, Asy13SuppressedThenEnabledAgain) {
  Script s = started(0, "EVENT_IDX");
  s.line("used_event tx 0x8000").avail().line("kick tx").submit(1).line("used_event tx 0x0001");
  s.complete(1).used(1).idle();
  EXPECT_EQ(s.verdict(), "FAIL ASY-13");
}

TEST(Calls, NotifyOnEmptyMayAlwaysCall) {
  Script s = started(0, "NOTIFY_ON_EMPTY");
  s.line("avail_flags tx 0x0001").avail().line("kick tx").submit(1).complete(1).used(1).call();
  EXPECT_EQ(s.idle().verdict(), "PASS");
}

TEST(Calls, SampledTracesAreJudgedAtSettles) {
  Script s = started(0xfffe, "EVENT_IDX", kSampled);
  s.line("used_event tx 0xffff").avail().avail().line("kick tx").complete(1).complete(2);
  s.line("settle").frame(1).frame(2).entry(1).entry(2).used_idx();
  Script t = s;
  EXPECT_EQ(s.call().line("< idle inflight=0").verdict(), "PASS");
  EXPECT_EQ(t.line("< idle inflight=0").verdict(), "FAIL NUS-08");
}

// When the driver changes its mind while the device works, a sample cannot tell which came first.
TEST(Calls, SampledTracesAreSilentWhenTheDriverChangedItsMind) {
  Script s = started(0, "EVENT_IDX", kSampled);
  s.avail().line("kick tx").complete(1).line("used_event tx 0x0001").line("settle");
  s.frame(1).used(1).line("< idle inflight=0");
  EXPECT_EQ(s.verdict(), "PASS");
}

TEST(Calls, StoreDeferredToAPointMakesUnsure) {
  Script s = started(0, "EVENT_IDX");
  s.line("at used_published").line("used_event tx 0x0001");
  s.avail().line("kick tx").submit(1).complete(1).used(1).idle();
  EXPECT_EQ(s.verdict(), "PASS");
}

TEST(Kicks, Nav01AndNav02UsedFlags) {
  Script s(8);
  EXPECT_EQ(s.line("kick tx").line("< used_flags tx 0x0001").verdict(), "PASS");
  EXPECT_EQ(s.line("< used_flags tx 0x0002").verdict(), "FAIL NAV-01");
  Script t(8, 0, "EVENT_IDX");
  EXPECT_EQ(t.line("kick tx").line("< used_flags tx 0x0000").verdict(), "PASS");
  EXPECT_EQ(t.line("< used_flags tx 0x0001").verdict(), "FAIL NAV-02");
}

TEST(Kicks, Nav03KickedAndNothingHappens) {
  Script s(8);
  s.line("< used_flags tx 0x0000").avail().line("kick tx").idle();
  EXPECT_EQ(s.verdict(), "FAIL NAV-03");
}

TEST(Kicks, Nav04NoKickAskedForAndNothingHappens) {
  Script s = started(0xffff, "");
  s.line("< used_flags tx 0x0001").avail().idle();
  EXPECT_EQ(s.verdict(), "FAIL NAV-04");
  Script t = started(0xffff, "");
  t.line("< used_flags tx 0x0000").avail().idle();
  EXPECT_EQ(t.verdict(), "PASS");  // the driver owes the kick
  Script u = started(0xffff, "EVENT_IDX");
  u.line("kick tx").line("< avail_event tx 0x0000").avail().idle();
  EXPECT_EQ(u.verdict(), "PASS");
}

TEST(Kicks, Nav04EventIdxBehind) {
  Script s = started(0xffff, "EVENT_IDX");
  s.line("< avail_event tx 0x0000").avail().line("kick tx").submit(1).avail().idle();
  EXPECT_EQ(s.verdict(), "PASS");  // one is in flight: the device may wait for it
  s.complete(1).used(1).call().idle();
  EXPECT_EQ(s.verdict(), "FAIL NAV-04");
}

TEST(Kicks, Nav05AvailEventBeyondTheRing) {
  Script s = started(0xffff, "EVENT_IDX");
  EXPECT_EQ(s.line("kick tx").line("< avail_event tx 0x0000").verdict(), "PASS");
  EXPECT_EQ(s.line("< avail_event tx 0x0001").verdict(), "FAIL NAV-05");
}

TEST(Kicks, Nav06AndSpl05ErrorForNothing) {
  Script s = started(0, "");
  EXPECT_EQ(s.line("kick tx").line("< error tx").verdict(), "FAIL NAV-06");
  Script t = started(0, "");
  EXPECT_EQ(t.avail().line("kick tx").line("< error tx").verdict(), "FAIL SPL-05");
}

TEST(Kicks, Nav07OneKickForMany) {
  Script s = started(0, "");
  s.avail().avail().avail().line("kick tx").submit(1).complete(1).used(1).call().idle();
  EXPECT_EQ(s.verdict(), "FAIL NAV-07");
}

TEST(Progress, Asy20CompletionIsNotPublished) {
  Script s = started(0, "");
  s.avail().line("kick tx").submit(1).complete(1).idle();
  EXPECT_EQ(s.verdict(), "FAIL ASY-20");
}

TEST(Progress, Asy03CompletionIsLost) {
  Script s = started(0, "");
  s.avail().avail().line("kick tx").submit(1).submit(2).complete(1).complete(2);
  s.line("< used_flags tx 0x0000").used(2).call().idle();
  EXPECT_EQ(s.verdict(), "FAIL POL-02; FAIL ASY-03");
}

TEST(Progress, InorderMayHoldACompletionBack) {
  Script s(8, 0, "", kEverything, "inorder");
  s.avail().avail().kick().complete(1).idle();
  EXPECT_EQ(s.verdict(), "PASS");
  s.complete(0).idle();
  EXPECT_EQ(s.verdict(), "FAIL ASY-20");
}

TEST(Progress, Spl02HeadPassedOver) {
  Script s = started(0, "");
  s.avail().avail().line("kick tx").submit(2).complete(2).used(2).call().idle();
  EXPECT_EQ(s.verdict(), "FAIL SPL-02");
}

TEST(Progress, FullBackendExcuses) {
  Script s = started(0, "");
  s.line("congest tx on").avail().line("kick tx").idle();
  EXPECT_EQ(s.verdict(), "PASS");
  s.line("congest tx off").idle();
  EXPECT_EQ(s.verdict(), "FAIL NAV-03");
}

}  // namespace
}  // namespace va::oracle
