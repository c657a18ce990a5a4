// Accounts of heads, publication, order and the wire: each rule silent on a trace that keeps it and
// speaking on one that does not.
#include "oracle/testing/script.h"

namespace va::oracle {
namespace {

TEST(Ring, ConformingLifeIsSilent) {
  for (const auto base : std::initializer_list<uint16_t>{0, 0x7ffe, 0xfffd}) {
    Script s(4, base);
    s.avail().avail().avail().kick();
    s.complete(1).used(1).call().complete(0).used(0).call().complete(2).used(2).call().idle();
    s.line("< allocated 0");
    EXPECT_EQ(s.verdict(), "PASS") << s.text();
  }
}

TEST(Ring, Spl01HeadNotYetExposed) {
  Script s;
  s.avail().avail(-1, 1412, "quiet ").line("kick tx").submit(0).complete(0).used(0).call();
  EXPECT_EQ(s.verdict(), "PASS");
  s.entry(1).used_idx();
  EXPECT_EQ(s.verdict(), "FAIL USD-08");
  Script t;
  t.avail().avail(-1, 1412, "quiet ").line("kick tx").submit(0);
  t.complete(0).used(1);
  EXPECT_EQ(t.verdict(), "FAIL SPL-01");
  Script u;
  u.avail(-1, 1412, "quiet ").line("kick tx").line("< submitted tx #0");
  EXPECT_EQ(u.verdict(), "FAIL SPL-01");
}

TEST(Ring, Spl02HeadUsedTwice) {
  for (const auto base : std::initializer_list<uint16_t>{0, 0xffff}) {
    Script s(8, base);
    s.avail().avail().kick().complete(0).used(0).call().complete(1).used(0);
    EXPECT_EQ(s.verdict(), "FAIL SPL-02");
  }
}

TEST(Ring, Spl02SubmittedTwice) {
  Script s;
  s.avail().kick().complete(0).line("kick tx").line("< submitted tx #0");
  EXPECT_EQ(s.verdict(), "FAIL SPL-02");
}

TEST(Ring, Spl03StopsAtTheWrap) {
  Script s(8, 0xffff);
  s.avail().avail().kick().complete(0).entry(0).complete(1).entry(1).line("< used_idx tx 0xffff");
  s.line("< used_idx tx 0x8000");
  EXPECT_EQ(s.verdict(), "FAIL SPL-03");
}

TEST(Ring, Usd01IdIsNoHead) {
  Script s;
  s.avail().avail().kick().complete(0).used(5);
  EXPECT_EQ(s.verdict(), "FAIL USD-01");
  Script t;
  t.avail().kick().complete(0).used(4096);
  EXPECT_EQ(t.verdict(), "FAIL USD-01");
}

TEST(Ring, Usd02LenIsSetBehindTheIndex) {
  Script s;
  s.avail().kick().complete(0).used(0, 1).line("< used tx slot=0 id=0 len=0");
  EXPECT_EQ(s.verdict(), "NON-STRICT USD-05; FAIL USD-02");
  Script t;  // another chain's entry in its place is another rule's
  t.avail().kick().complete(0).used(0).line("< used tx slot=0 id=1 len=0");
  EXPECT_EQ(t.verdict(), "FAIL USD-08");
}

TEST(Ring, Usd05LenOfTransmitIsZero) {
  Script s;
  s.avail().kick().complete(0).used(0, 12).call().idle();
  EXPECT_EQ(s.verdict(), "NON-STRICT USD-05");
}

TEST(Ring, Usd06IdxPassesAnEntryThatWasNotStored) {
  Script s;
  s.avail().avail().kick().complete(0).entry(0).complete(1).line("< used_idx tx 0x0002");
  EXPECT_EQ(s.verdict(), "FAIL USD-06");
}

TEST(Ring, Usd07IdxPassesWhatIsAvailable) {
  Script s;
  s.avail().kick().complete(0).entry(0).line("< used_idx tx 0x0101");
  EXPECT_EQ(s.verdict(), "FAIL USD-07");
}

TEST(Ring, Usd08IdxMovesBack) {
  Script s;
  s.avail().avail().kick().complete(0).used(0).call().line("< used_idx tx 0x0000");
  EXPECT_EQ(s.verdict(), "FAIL USD-08");
}

TEST(Ring, Usd08PublishedSlotIsWrittenAgain) {
  Script s;
  s.avail().kick().complete(0).used(0).call().line("< used tx slot=0 id=0 len=0");
  EXPECT_EQ(s.verdict(), "FAIL USD-08");
}

TEST(Ring, Spl11HeadOutOfRange) {
  Script s;
  s.line("avail_entry tx 0 200").line("avail_idx tx 0x0001").line("kick tx").idle();
  EXPECT_EQ(s.verdict(), "PASS");
  s.line("kick tx").line("< used tx slot=0 id=200 len=0");
  EXPECT_EQ(s.verdict(), "FAIL SPL-11");
}

TEST(Ring, Spl19SubmittedOutOfOrder) {
  Script s;
  s.avail().avail().line("kick tx").submit(1).submit(0);
  EXPECT_EQ(s.verdict(), "FAIL SPL-19");
}

TEST(Ring, Asy01UsedWhileHeld) {
  Script s;
  s.avail().kick().used(0).call().idle();
  EXPECT_EQ(s.verdict(), "FAIL ASY-01");
}

TEST(Ring, Asy07MoreInFlightThanEntries) {
  Script s(2);
  s.avail().avail().kick().line("< submitted tx raw");
  EXPECT_EQ(s.verdict(), "FAIL ASY-07; FAIL SPL-01");
}

TEST(Ring, Asy12FailedButLenNotZero) {
  Script s;
  s.avail().kick().line("complete tx #0 failed").line("< completed tx #0 failed").used(0, 7);
  EXPECT_EQ(s.verdict(), "NON-STRICT USD-05; FAIL ASY-12");
}

TEST(Order, ArrivalPublishesAsCompleted) {
  Script s;
  s.avail().avail().kick().complete(1).complete(0).used(0).call().used(1).call();
  EXPECT_EQ(s.verdict(), "FAIL POL-02");
}

TEST(Order, InorderPublishesAsSubmitted) {
  Script s(8, 0xffff, "", kEverything, "inorder");
  s.avail().avail().kick().complete(1).complete(0).entry(0).entry(1).used_idx().call().idle();
  EXPECT_EQ(s.verdict(), "PASS");
  Script t(8, 0xffff, "", kEverything, "inorder");
  t.avail().avail().kick().complete(1).used(1).call();
  EXPECT_EQ(t.verdict(), "FAIL POL-01");
}

TEST(Order, InorderLetsCopiedFramesOvertake) {
  Script s(8, 0, "", kEverything, "inorder");
  s.avail().avail(-1, 112).line("kick tx").submit(0).frame(1, 100).used(1).call();
  s.complete(0).used(0).call().idle();
  EXPECT_EQ(s.verdict(), "PASS");
}

TEST(Order, InOrderFeatureBindsAll) {
  Script s(8, 0, "IN_ORDER");
  s.avail().avail().kick().complete(0).used(0).call().complete(1).used(1).call().idle();
  EXPECT_EQ(s.verdict(), "PASS");
  Script t(8, 0, "IN_ORDER");
  t.avail().avail().kick().complete(1).used(1);
  EXPECT_EQ(t.verdict(), "FAIL IOR-01");
}

TEST(Order, InOrderFeatureAllowsABatchOfOneEntry) {
  Script s(8, 0xffff, "IN_ORDER");
  s.avail().avail().kick().complete(0).complete(1).entry(1).line("< used_idx tx 0x0001").call();
  s.idle();
  EXPECT_EQ(s.verdict(), "PASS");
}

TEST(Order, Ior02BatchLiesInTheFirstSlotAndNamesTheLast) {
  Script first(8, 0, "IN_ORDER");
  first.avail().avail().avail().kick().complete(0).complete(1).complete(2);
  Script s = first;
  s.line("< used tx slot=2 id=2 len=0").line("< used_idx tx 0x0003");
  EXPECT_EQ(s.verdict(), "FAIL IOR-02");
  Script t = first;
  t.line("< used tx slot=0 id=0 len=0").line("< used_idx tx 0x0003");
  EXPECT_EQ(t.verdict(), "FAIL IOR-02");
  first.line("< used tx slot=0 id=2 len=0").line("< used_idx tx 0x0003").call().idle();
  EXPECT_EQ(first.verdict(), "PASS");
}

TEST(Order, Ior03SkippedChainsAreDone) {
  Script s(8, 0, "IN_ORDER");
  s.avail().avail().kick().complete(1).line("< used tx slot=0 id=1 len=0");
  s.line("< used_idx tx 0x0002").call();
  EXPECT_EQ(s.verdict(), "FAIL IOR-03");
}

TEST(Wire, Net23Content) {
  Script s;
  s.avail().line("kick tx").frame(0, 1400, 0x55);
  EXPECT_EQ(s.verdict(), "FAIL NET-23");
  Script t;
  t.avail().line("kick tx").frame(0, 1399);
  EXPECT_EQ(t.verdict(), "FAIL NET-23");
  Script u;
  u.avail().kick().frame(0);
  EXPECT_EQ(u.verdict(), "FAIL NET-23");
  Script v;
  v.avail().line("kick tx").line("< frame tx #9 len=1400 fill=0x11");
  EXPECT_EQ(v.verdict(), "FAIL NET-23");
}

TEST(Wire, ScribbleBeforeUseExcusesTheContent) {
  Script s;
  s.avail().line("scribble tx #0 0x55").line("kick tx").frame(0, 1400, 0x55);
  EXPECT_EQ(s.verdict(), "PASS");
}

TEST(Wire, Asy16AndUsd10OverwrittenAfterUse) {
  Script s;
  s.avail().line("kick tx").line("< submitted tx #0").complete(0).used(0).call();
  s.line("scribble tx #0 0x55");
  EXPECT_EQ(s.verdict(), "PASS");
  s.line("kick tx").frame(0, 1400, 0x55);
  EXPECT_EQ(s.verdict(), "FAIL ASY-16");
  Script t(8, 0, "", kEverything, "arrival", "sync");
  t.avail().line("kick tx").used(0).call().line("scribble tx #0 0x55").line("kick tx");
  t.frame(0, 1400, 0x55);
  EXPECT_EQ(t.verdict(), "FAIL USD-10");
}

TEST(Wire, Usd12UsedAndNeverSent) {
  Script s(8, 0, "", kEverything, "arrival", "sync");
  s.avail().line("kick tx").used(0).call().idle();
  EXPECT_EQ(s.verdict(), "FAIL USD-12");
  Script t(8, 0, "", kEverything, "arrival", "sync");
  t.line("refuse tx EIO").avail().line("kick tx").used(0).call().idle();
  EXPECT_EQ(t.verdict(), "PASS");
  Script u(8, 0, "", kEverything, "arrival", "sync");
  u.avail(-1, 20).line("kick tx").used(0).call().idle();  // shorter than an Ethernet head
  EXPECT_EQ(u.verdict(), "PASS");
}

TEST(Wire, SampledTracesAreJudgedToo) {
  Script s(8, 0xffff, "", kSampled);
  s.avail().avail().line("kick tx").idle().frame(0).frame(1).idle();
  s.complete(0).complete(1).line("settle").entry(0).entry(1).used_idx().call();
  s.line("< idle inflight=0");
  EXPECT_EQ(s.verdict(), "PASS");
}

// Where a trace samples, the driver may reuse a head before the trace shows it used.
TEST(Ring, SampledTraceShowsAReusedHeadTwice) {
  Script s(2, 0xffff, "", kSampled);
  s.avail(0).line("kick tx").line("avail tx [r 1412]").line("< reclaimed tx id=0");
  s.line("< desc tx addr=0x100000 buf=0x11d000 len=1412 flags_next=0x00000000");
  s.line("< exposed tx #1 head=0 slot=0 idx=0x0001").line("kick tx").line("settle");
  s.entry(0).entry(0).used_idx().call().frame(0).frame(1).line("< idle inflight=0");
  EXPECT_EQ(s.verdict(), "PASS");
}

}  // namespace
}  // namespace va::oracle
