// Receive: buffers, headers, frames and their order; each rule silent on a trace that keeps it and
// speaking on one that does not.
#include "oracle/testing/receive_script.h"

namespace va::oracle {
namespace {

const ReceiveSetting kMerge{.merge = true};
const ReceiveSetting kSync{.backend = "sync"};
const ReceiveSetting kMergeSync{.merge = true, .backend = "sync"};

TEST(Receive, ConformingTrafficIsSilent) {
  ReceiveScript s;
  s.avail().avail().post().inject(60).inject(1400);
  s.complete(1).deliver(1, 0, 60).complete(0).deliver(0, 1, 1400).idle();
  EXPECT_EQ(s.verdict(), "PASS") << s.text();
  ReceiveScript t(kMergeSync);
  t.avail(100).avail(100).avail(100).line("kick rx").inject(150).inject(80);
  t.write(0, 0, 100).write(1, 0, 62).write(0, 10, 2).used(0, 100).used(1, 62).idx().call();
  t.write(2, 0, 92).used(2, 92).idx().call();
  t.received(0, 2).frame(0, 150).received(2, 1).frame(1, 80).idle();
  EXPECT_EQ(t.verdict(), "PASS") << t.text();
}

TEST(Receive, Usd03LenBeyondWhatWasWritten) {
  ReceiveScript s;
  s.avail().post().inject(60).complete(0).write(0, 0, 72).used(0, 1526).idx().call();
  EXPECT_EQ(s.verdict(), "FAIL USD-03");
  ReceiveScript gap;  // the header was left out
  gap.avail().post().inject(60).complete(0).write(0, 12, 60).used(0, 72).idx().call();
  EXPECT_EQ(gap.verdict(), "FAIL USD-03");
  ReceiveScript sampled({.sees = kSampled});
  sampled.avail(100).line("kick rx").inject(60).line("settle").used(0, 101).idx().call();
  EXPECT_EQ(sampled.verdict(), "FAIL USD-03");
}

TEST(Receive, Usd03HeaderMayComeLast) {
  ReceiveScript s;
  s.avail().post().inject(60).complete(0).write(0, 12, 60).write(0, 0, 12);
  s.used(0, 72).idx().call().received(0, 1).frame(0, 60).idle();
  EXPECT_EQ(s.verdict(), "PASS");
}

TEST(Receive, Usd04LenWithoutTheHeader) {
  ReceiveScript s;
  s.avail().post().inject(60).complete(0).write(0, 0, 72).used(0, 60).idx().call();
  s.received(0, 1).frame(0, 48);
  EXPECT_EQ(s.verdict(), "NON-STRICT USD-04; FAIL NET-23");
}

TEST(Receive, Asy06PartWrittenBehindTheFirst) {
  ReceiveScript s(kMergeSync);
  s.avail(100).avail(100).line("kick rx").inject(150);
  s.write(0, 0, 100).write(0, 10, 2).used(0, 100).idx().write(1, 0, 62).used(1, 62).idx().call();
  EXPECT_EQ(s.received(0, 2).frame(0, 150).verdict(), "FAIL ASY-06");
}

TEST(Receive, Net09RscInfo) {
  ReceiveScript s;
  s.avail().post().inject(60).complete(0).write(0, 0, 72).used(0, 72).idx().call();
  s.line("< received rx id=0 buffers=1 header=0x4").frame(0, 60);
  EXPECT_EQ(s.verdict(), "FAIL NET-06; FAIL NET-09");
}

TEST(Receive, Net01OneBufferWithoutMerging) {
  ReceiveScript s;
  s.avail().post().inject(60).complete(0).write(0, 0, 72).used(0, 72).idx().call();
  EXPECT_EQ(s.received(0, 2).frame(0, 60).verdict(), "FAIL NET-01");
}

ReceiveScript two_buffers(uint32_t first_len) {
  ReceiveScript s(kMerge);
  s.avail(100).avail(100).avail(100).post().inject(150).complete(0).complete(1);
  s.write(0, 0, 100).write(1, 0, 162 - first_len);
  s.used(0, first_len).used(1, 162 - first_len).idx().call();
  return s;
}

TEST(Receive, Net02NumBuffers) {
  EXPECT_EQ(two_buffers(100).received(0, 2).frame(0, 150).verdict(), "PASS");
  EXPECT_EQ(two_buffers(100).received(0, 1).frame(0, 88).verdict(), "FAIL NET-02");
  EXPECT_EQ(two_buffers(100).received(0, 0).frame(0, 88).verdict(), "FAIL NET-02");
  EXPECT_EQ(two_buffers(100).received(0, 0xffff).frame(0, 150).verdict(), "FAIL NET-02");
  ReceiveScript s(kMerge);
  s.avail(100).avail(100).post().inject(60).inject(80).complete(0).complete(1);
  s.write(0, 0, 72).write(1, 0, 92).used(0, 72).used(1, 92).idx().call();
  EXPECT_EQ(s.received(0, 2).frame(0, 152, 0x100).verdict().substr(0, 11), "FAIL NET-03");
}

TEST(Receive, Net03AllButTheLastAreFilled) {
  EXPECT_EQ(two_buffers(90).received(0, 2).frame(0, 150).verdict(), "FAIL NET-03");
}

TEST(Receive, Net04UsedTogether) {
  ReceiveScript s(kMerge);
  s.avail(100).avail(100).post().inject(150).complete(0).complete(1);
  s.write(0, 0, 100).write(1, 0, 62).used(0, 100).idx().call().received(0, 2);
  EXPECT_EQ(s.verdict(), "FAIL NET-04");
}

TEST(Receive, Net05NumBuffersBehindTheIndex) {
  ReceiveScript s(kMergeSync);
  s.avail().line("kick rx").inject(60).write(0, 0, 72).used(0, 72).idx().call();
  EXPECT_EQ(s.write(0, 10, 2).verdict(), "FAIL NET-05");
}

TEST(Receive, Net06AndNet07Header) {
  ReceiveScript s;
  s.avail().post().inject(60).complete(0).write(0, 0, 72).used(0, 72).idx().call();
  ReceiveScript flags = s;
  flags.line("< received rx id=0 buffers=1 header=0x2").frame(0, 60);
  EXPECT_EQ(flags.verdict(), "FAIL NET-06");
  ReceiveScript type = s;
  type.line("< received rx id=0 buffers=1 header=0x100").frame(0, 60);
  EXPECT_EQ(type.verdict(), "FAIL NET-07");
  // hdr_len and what stands behind it mean nothing where gso_type is NONE.
  s.line("< received rx id=0 buffers=1 header=0x420000").frame(0, 60);
  EXPECT_EQ(s.verdict(), "PASS");
}

TEST(Receive, Usd10BufferWrittenBehindTheIndex) {
  ReceiveScript s;
  s.avail().post().inject(60).complete(0).deliver(0, 0, 60).write(0, 20, 40);
  EXPECT_EQ(s.verdict(), "FAIL USD-10");
  ReceiveScript sampled({.sees = kSampled});  // where a trace samples, it may have come before
  sampled.avail().line("kick rx").inject(60).line("settle").used(0, 72).idx().call();
  EXPECT_EQ(sampled.write(0, 0, 72).verdict(), "PASS");
}

TEST(Receive, Usd09WriteBeyondTheBuffer) {
  ReceiveScript s;
  s.avail(100).post().inject(200).complete(0).write(0, 0, 101);
  EXPECT_EQ(s.verdict(), "ROBUSTNESS USD-09");
}

TEST(Receive, Lif18StoreAfterTheBackendIsGone) {
  ReceiveScript s;
  s.avail().line("kick rx").inject(60).call("backend rx none");
  EXPECT_EQ(s.write(0, 0, 72).verdict(), "FAIL LIF-18");
}

TEST(Receive, Net23Content) {
  ReceiveScript good;
  good.avail().post().inject(60).complete(0).write(0, 0, 72).used(0, 72).idx().call();
  good.received(0, 1);
  const struct {
    uint32_t ordinal;
    uint32_t len;
    int fill;
  } kBad[] = {{0, 60, 0x22}, {0, 60, 0x100}, {1, 60, -1}, {0, 61, -1}};
  for (const auto& bad : kBad) {
    ReceiveScript s = good;
    EXPECT_EQ(s.frame(bad.ordinal, bad.len, bad.fill).verdict(), "FAIL NET-23") << bad.len;
  }
  ReceiveScript raw = good;
  EXPECT_EQ(raw.line("< frame rx raw len=60 fill=0x11").verdict(), "FAIL NET-23");
  ReceiveScript twice = good;
  twice.frame(0, 60).avail().post().complete(1).deliver(1, 0, 60);
  EXPECT_EQ(twice.verdict(), "FAIL NET-23");
}

TEST(Receive, Net23CutOffOnlyWhereBuffersArePostedAhead) {
  for (const bool sync : {false, true}) {
    ReceiveScript s(sync ? kSync : ReceiveSetting{});
    s.avail(100).line("kick rx");
    if (!sync) s.line("< submitted rx #0");
    s.inject(200);
    if (!sync) s.complete(0);
    s.write(0, 0, 100).used(0, 100).idx().call().received(0, 1).frame(0, 88);
    EXPECT_EQ(s.verdict(), sync ? "FAIL NET-23" : "PASS");
  }
}

TEST(Receive, Net23SilentWhereTheDriverWroteTheBuffer) {
  ReceiveScript s;
  s.avail().post().inject(60).line("scribble rx #0 0x55").complete(0);
  s.write(0, 0, 72).used(0, 72).idx().call().received(0, 1).frame(0, 60, 0x55);
  EXPECT_EQ(s.verdict(), "PASS");
}

TEST(Receive, Pol03Order) {
  ReceiveScript s;
  s.avail().avail().avail().post().inject(60).inject(61).inject(62);
  s.complete(0).deliver(0, 1, 61);
  EXPECT_EQ(s.verdict(), "FAIL POL-03");
  ReceiveScript dropped;  // what the Program lets the backend lose is not left out by the device
  dropped.avail().avail().post().inject(60).line("link rx down").line("link rx up").inject(61);
  dropped.complete(0).deliver(0, 1, 61);
  EXPECT_EQ(dropped.verdict(), "PASS");
  ReceiveScript small(kSync);  // nor is what finds a buffer too small
  small.avail(100).avail().line("kick rx").inject(200).inject(60).deliver(0, 1, 60);
  EXPECT_EQ(small.verdict(), "PASS");
}

TEST(Receive, Pol04FrameThatWaits) {
  ReceiveScript s(kSync);
  s.avail().line("kick rx").inject(60).idle();
  EXPECT_EQ(s.verdict(), "FAIL POL-04");
  ReceiveScript unread(kSync);  // published, and not read by the driver yet
  unread.avail().line("kick rx").inject(60).write(0, 0, 72).used(0, 72).idx().call().idle();
  EXPECT_EQ(unread.verdict(), "PASS");
  ReceiveScript owed(kSync);  // the driver owes a kick
  owed.inject(60).avail().idle();
  EXPECT_EQ(owed.verdict(), "PASS");
  EXPECT_EQ(owed.line("kick rx").idle().verdict(), "FAIL POL-04");
  ReceiveScript small(kMergeSync);  // not enough room yet
  small.avail(100).line("kick rx").inject(200).idle();
  EXPECT_EQ(small.verdict(), "PASS");
  EXPECT_EQ(small.avail(200).line("kick rx").idle().verdict(), "FAIL POL-04");
  ReceiveScript full(kSync);
  full.avail().line("kick rx").line("congest rx on").inject(60).idle();
  EXPECT_EQ(full.verdict(), "PASS");
}

TEST(Receive, PostedBuffersAreUsedWhenTheyAreComplete) {
  ReceiveScript s;
  s.avail().post().inject(60).complete(0).idle();
  EXPECT_EQ(s.verdict(), "FAIL ASY-20");
  ReceiveScript held;
  held.avail().post().used(0, 0).idx().call();
  EXPECT_EQ(held.verdict(), "FAIL ASY-01");
  ReceiveScript waiting;
  waiting.avail().post().avail().line("kick rx").idle();
  EXPECT_EQ(waiting.verdict(), "FAIL NAV-03");
}

TEST(Receive, BufferWithoutRoomForAHeaderIsTheDriversFault) {
  ReceiveScript s;
  s.avail(12).post().complete(0).used(0, 50).idx().call().idle();
  EXPECT_EQ(s.verdict(), "PASS");
  ReceiveScript merge(kMerge);  // with MRG_RXBUF a header alone is enough
  merge.avail(12).avail(100).post().inject(60).complete(0).complete(1);
  merge.write(0, 0, 12).write(1, 0, 60).used(0, 12).used(1, 60).idx().call();
  EXPECT_EQ(merge.received(0, 2).frame(0, 60).idle().verdict(), "PASS");
}

}  // namespace
}  // namespace va::oracle
