// The dirty log: what was stored against what was marked, at each settle.
#include "oracle/testing/receive_script.h"
#include "prog/ops.h"

namespace va::oracle {
namespace {

const ReceiveSetting kLog{.features = "LOG_ALL"};
const ReceiveSetting kLogSync{.features = "LOG_ALL", .backend = "sync"};
constexpr uint64_t kRingPage = ring_layout(kRx, ReceiveScript::kNum).used / kPageSize;
const std::string kAckLog = hex(kBitVersion1 | kBitIndirectDesc | kBitLogAll, 1);
const std::string kNoLog = hex(kBitVersion1 | kBitIndirectDesc, 1);

ReceiveScript& mark(ReceiveScript& s, uint64_t page) {
  return s.line("< dirty page=" + hex(page, 1));
}
uint64_t buffer_page(uint32_t n) {
  return ReceiveScript::address(n) / kPageSize;
}

TEST(Dirty, CompleteLogIsSilent) {
  ReceiveScript s(kLog);
  s.avail().avail().post().inject(60).inject(60).complete(1).write(1, 0, 72);
  mark(s, buffer_page(1)).used(1, 72);
  mark(s, kRingPage).idx().call().received(1, 1).frame(0, 60).idle();
  s.complete(0).write(0, 0, 72);
  mark(s, buffer_page(0)).used(0, 72).idx().call();
  mark(s, kRingPage).idle();
  EXPECT_EQ(s.verdict(), "PASS") << s.text();
}

TEST(Dirty, Log09NothingBehindTheStop) {
  ReceiveScript s(kLogSync);
  s.avail().line("kick rx").inject(60).write(0, 0, 72).used(0, 72).idx().call();
  s.call("backend rx none");  // what was marked before is read at the next settle
  mark(s, buffer_page(0));
  mark(s, kRingPage).idle();
  EXPECT_EQ(s.verdict(), "PASS") << s.text();
  ReceiveScript again = s;
  again.call("backend rx sync").line("< used_flags rx 0x0000");
  EXPECT_EQ(mark(again, kRingPage).idle().verdict(), "PASS");
  s.line("kick rx");
  EXPECT_EQ(mark(s, kRingPage).idle().verdict(), "FAIL LOG-09; NON-STRICT LOG-12");
}

TEST(Dirty, Log01BufferPage) {
  ReceiveScript s(kLog);
  s.avail().post().inject(60).complete(0).write(0, 0, 72).used(0, 72).idx().call();
  mark(s, kRingPage).idle();
  EXPECT_EQ(s.verdict(), "FAIL LOG-01");
  ReceiveScript other(kLog);  // another buffer's page in its place
  other.idle().avail().avail().post().inject(60).complete(0).write(0, 0, 72);
  mark(other, buffer_page(1)).used(0, 72).idx().call();
  mark(other, kRingPage).idle();
  EXPECT_EQ(other.verdict(), "FAIL LOG-01; NON-STRICT LOG-12");
}

TEST(Dirty, Log01MarksAreGoneAtTheSettle) {
  ReceiveScript s(kLogSync);
  s.avail(2000).line("kick rx").inject(60).write(0, 0, 72);
  mark(s, buffer_page(0)).line("congest rx on").idle().write(0, 72, 100).used(0, 72).idx().call();
  mark(s, kRingPage).idle();
  EXPECT_EQ(s.verdict(), "FAIL LOG-01");
}

TEST(Dirty, Log01BufferThatIsNotUsedYet) {
  ReceiveScript s(kLogSync);  // what was lost on the way may have left bytes in a buffer
  s.avail().line("kick rx").idle().write(0, 0, 40).idle();
  EXPECT_EQ(s.verdict(), "PASS");
  ReceiveScript used = s;
  used.used(0, 40).idx().call();
  EXPECT_EQ(mark(used, kRingPage).idle().verdict(), "FAIL LOG-01");
  ReceiveScript late = s;
  late.used(0, 40).idx().call();
  mark(late, buffer_page(0));
  EXPECT_EQ(mark(late, kRingPage).idle().verdict(), "PASS");
}

TEST(Dirty, Log02UsedRing) {
  for (const char* store : {"< used rx slot=0 id=0 len=0", "< used_flags rx 0x0001"}) {
    ReceiveScript s(kLogSync);
    s.avail().line("kick rx").line(store).idle();
    EXPECT_EQ(s.verdict().substr(0, 11), "FAIL LOG-02") << store;
  }
}

TEST(Dirty, Log02AtTheAddressThatWasGiven) {
  const RingLayout ring = ring_layout(kRx, ReceiveScript::kNum);
  const std::string addr = "set_vring_addr rx desc=" + hex(user_of(ring.desc)) +
                           " avail=" + hex(user_of(ring.avail)) +
                           " used=" + hex(user_of(ring.used));
  ReceiveScript s(kLogSync);
  s.call(addr + " log=0x3ff0ffe flags=0x1").avail().line("kick rx");
  s.line("< used_flags rx 0x0001");
  mark(s, 0x3ff0).line("< avail_event rx 0x0000");
  EXPECT_EQ(mark(s, 0x3ff1).idle().verdict(), "PASS");
  s.line("< used_flags rx 0x0000");
  mark(s, kRingPage).idle();
  EXPECT_EQ(s.verdict(), "FAIL LOG-02; NON-STRICT LOG-12");
  ReceiveScript off(kLog);  // without the flag nothing is demanded, and the mark is too much
  off.call(addr).idle().line("< used_flags rx 0x0001").idle();
  EXPECT_EQ(off.verdict(), "PASS");
  off.line("< used_flags rx 0x0000");
  EXPECT_EQ(mark(off, kRingPage).idle().verdict(), "NON-STRICT LOG-12");
}

TEST(Dirty, Log04FurtherPages) {
  ReceiveScript s(kLog);
  s.avail(9000).post().inject(8000).complete(0).write(0, 0, 8012);
  mark(s, buffer_page(0)).used(0, 8012).idx().call();
  mark(s, kRingPage).idle();
  EXPECT_EQ(s.verdict(), "FAIL LOG-04");
}

TEST(Dirty, Log08BufferGivenBeforeLogAll) {
  ReceiveScript s;
  s.call("set_log_base 0x0").avail().post().idle().call("set_features " + kAckLog);
  s.complete(0).write(0, 0, 72).used(0, 72).idx().call().idle();
  EXPECT_EQ(s.verdict(), "FAIL LOG-08");
}

TEST(Dirty, Log10Signal) {
  ReceiveScript s(
      {.features = "LOG_ALL", .sees = std::string(kEverything) + "|dirty-pages|log-signals"});
  s.avail().post().complete(0).write(0, 0, 72);
  mark(s, buffer_page(0)).used(0, 72).idx().call();
  mark(s, kRingPage).idle();
  EXPECT_EQ(s.verdict(), "PASS") << "there is no eventfd";
  s.call("set_log_fd fresh").idle().avail().post().complete(1).write(1, 0, 72);
  mark(s, buffer_page(1)).line("< logged").used(1, 72).idx().call();
  ReceiveScript early = s;
  EXPECT_EQ(mark(early, kRingPage).idle().verdict(), "FAIL LOG-10") << "a mark came behind it";
  mark(s, kRingPage).line("< logged").idle();
  EXPECT_EQ(s.verdict(), "PASS");
  ReceiveScript none = s;
  none.call("set_log_fd none").idle().line("< used_flags rx 0x0001");
  EXPECT_EQ(mark(none, kRingPage).idle().verdict(), "PASS");
  s.line("< used_flags rx 0x0001");
  EXPECT_EQ(mark(s, kRingPage).idle().verdict(), "FAIL LOG-10");
}

TEST(Dirty, NothingIsDemandedWhenItIsOff) {
  ReceiveScript never;
  never.call("set_log_base 0x0").avail().post().complete(0).write(0, 0, 72);
  never.used(0, 72).idx().call().idle();
  EXPECT_EQ(never.verdict(), "PASS");
  ReceiveScript off(kLog);
  off.avail().post().call("set_features " + kNoLog).idle();
  off.complete(0).write(0, 0, 72).used(0, 72).idx().call().idle();
  EXPECT_EQ(off.verdict(), "PASS");
  ReceiveScript elsewhere(kLog);
  elsewhere.call("set_log_base 0x300000000000").idle().avail().post().complete(0);
  elsewhere.write(0, 0, 72).used(0, 72).idx().call().idle();
  EXPECT_EQ(elsewhere.verdict(), "PASS");
}

TEST(Dirty, SamplesOfAnIntervalWithAChangeAreLeftOut) {
  ReceiveScript s({.sees = std::string(kSampled) + "|dirty-pages"});
  s.call("set_log_base 0x0").avail().line("kick rx").call("set_features " + kAckLog);
  s.line("settle").write(0, 0, 72).used(0, 72).idx().call().line("< idle inflight=0");
  EXPECT_EQ(s.verdict(), "PASS");
  s.avail().line("kick rx").line("settle").write(1, 0, 72).used(1, 72).idx().call();
  EXPECT_EQ(s.line("< idle inflight=0").verdict(), "FAIL LOG-01");
}

TEST(Dirty, NothingIsMarkedBehindAReset) {
  ReceiveScript s(kLogSync);
  s.call("reset_owner").idle();
  mark(s, buffer_page(0)).idle();
  EXPECT_EQ(s.verdict(), "FAIL LOG-09; NON-STRICT LOG-12");
}

}  // namespace
}  // namespace va::oracle
