// Containment, stops, control calls, the safety set, and the case's own expectations.
#include "oracle/testing/script.h"
#include "prog/layout.h"

namespace va::oracle {
namespace {

Script one_sent() {
  Script s(8);
  s.avail().kick().complete(0).used(0).call();
  return s;
}

TEST(Containment, WhatIsWritten) {
  const struct {
    const char* write;
    const char* verdict;
  } kWrites[] = {
      {"< write addr=0x100008 len=4", "FAIL SPL-09"},  // descriptor table
      {"< write addr=0x100084 len=2", "FAIL SPL-10"},  // avail ring
      {"< write addr=0x11c600 len=1", "FAIL SPL-07"},  // readable buffer of #1
      {"< write addr=0x13fff0 len=1", "ROBUSTNESS USD-09"},
  };
  for (const auto& each : kWrites) {
    Script s = one_sent();
    s.avail().line("kick tx").submit(1);
    EXPECT_EQ(s.verdict(), "PASS");
    EXPECT_EQ(s.line(each.write).verdict(), each.verdict);
  }
}

TEST(Stops, NothingAfterTheBackendIsGone) {
  const char* kActs[] = {"< used tx slot=1 id=0 len=0", "< call tx", "< used_flags tx 0x0001",
                         "< frame tx #0 len=1400 fill=0x11"};
  for (const char* act : kActs) {
    Script s = one_sent();
    s.line("backend tx none").line("< begin").line("< done ok").line("kick tx");
    EXPECT_EQ(s.verdict(), "PASS");
    EXPECT_EQ(s.line(act).verdict().substr(0, 11), "FAIL LIF-18") << act;
  }
}

TEST(Stops, NothingAfterResetAndRelease) {
  for (const char* call : {"reset_owner", "release"}) {
    Script s = one_sent();
    s.line(call).line("< begin").line("< done ok").line("< used_flags tx 0x0000");
    EXPECT_EQ(s.verdict(), "FAIL LIF-19");
  }
}

TEST(Stops, NothingBeforeTheStart) {
  Script s(8);
  s.line("kick rx").line("< used_flags rx 0x0001");
  EXPECT_EQ(s.verdict(), "FAIL LIF-02");
}

TEST(Stops, SamplesAtTheFirstSettleMayBeOlder) {
  Script s(8, 0, "", kSampled);
  s.avail().line("kick tx").complete(0).line("backend tx none").line("< begin").line("< done ok");
  s.line("settle").frame(0).used(0).call().line("< idle inflight=0");
  EXPECT_EQ(s.verdict(), "PASS");
  s.line("settle").line("< used_flags tx 0x0001").line("< idle inflight=0");
  EXPECT_EQ(s.verdict(), "FAIL LIF-18");
}

TEST(Stops, Asy08SwapReportsAllFirst) {
  Script s(8, 0xffff);
  s.avail().avail().kick().line("backend tx async").line("< begin");
  s.complete(0).used(0).call().complete(1);
  Script t = s;
  s.used(1).call().line("< done ok").line("kick tx").idle();
  EXPECT_EQ(s.verdict(), "PASS");
  EXPECT_EQ(t.line("< done ok").verdict(), "FAIL ASY-08");
}

TEST(Stops, Asy11CloseWaits) {
  Script s(8);
  s.avail().kick().line("release").line("< begin");
  Script t = s;
  EXPECT_EQ(s.complete(0).line("< done ok").verdict(), "PASS");
  EXPECT_EQ(t.line("< done ok").verdict(), "FAIL ASY-11");
}

TEST(Stops, Krn09AndLif10Base) {
  for (const char* good : {"0xffff", "0x0000", "0x0001"}) {
    Script s(8, 0xffff);
    s.avail().avail().kick().line("get_vring_base tx").line("< begin");
    EXPECT_EQ(s.line(std::string("< done ok value=") + good).verdict(), "PASS");
  }
  for (const char* bad : {"0xfffe", "0x0002", "0x10000"}) {
    Script s(8, 0xffff);
    s.avail().avail().kick().line("get_vring_base tx").line("< begin");
    EXPECT_EQ(s.line(std::string("< done ok value=") + bad).verdict(), "FAIL KRN-09");
  }
  Script t = one_sent();
  t.avail().line("backend tx none").line("< begin").line("< done ok");
  t.line("get_vring_base tx").line("< begin");
  Script u = t;
  EXPECT_EQ(t.line("< done ok value=0x1").verdict(), "PASS");
  EXPECT_EQ(u.line("< done ok value=0x2").verdict(), "FAIL LIF-10");
}

TEST(Safety, EndingsAreRobustness) {
  const struct {
    const char* event;
    const char* verdict;
  } kEndings[] = {
      {"< allocated 1", "ROBUSTNESS SAF-01"},
      {"< died status=11", "ROBUSTNESS SAF-02"},
      {"< busy", "ROBUSTNESS SAF-03"},
      {"< steps 1000", "ROBUSTNESS SAF-04"},
      {"< foreign addr=0x100000", "ROBUSTNESS SAF-05"},
      {"< assertion line=7", "ROBUSTNESS SAF-06"},
      {"< unsupported operation", "UNSUPPORTED RUN-01"},
      {"< budget", "INCONCLUSIVE RUN-02"},
      {"< allocated 0", "PASS"},
      {"< steps 3", "PASS"},
  };
  for (const auto& each : kEndings) {
    Script s = one_sent();
    EXPECT_EQ(s.line("settle").line(each.event).verdict(), each.verdict) << each.event;
    // They hold against a driver that broke its duties, too.
    Script t(8);
    t.line("avail_entry tx 0 77").line("avail_idx tx 0x0001").line("kick tx");
    EXPECT_EQ(t.line("settle").line(each.event).verdict(), each.verdict) << each.event;
  }
}

// A used ring that is moved into the avail ring makes each entry one more chain, without end.
TEST(Safety, ARingThatIsMovedOntoItselfMayGoOn) {
  const RingLayout ring = ring_layout(kTx, 8);
  const std::string addr = "set_vring_addr tx desc=" + hex(user_of(ring.desc)) +
                           " avail=" + hex(user_of(ring.avail)) + " used=";
  Script apart;
  apart.line(addr + hex(user_of(ring.used))).line("< begin").line("< done ok");
  EXPECT_EQ(apart.line("settle").line("< busy").verdict(), "ROBUSTNESS SAF-03");
  Script onto_itself;
  onto_itself.line(addr + hex(user_of(ring.avail))).line("< begin").line("< done ok");
  EXPECT_EQ(onto_itself.line("settle").line("< busy").line("< allocated 1").verdict(), "PASS");
}

TEST(Safety, Saf07CallThatNeverReturns) {
  Script s = one_sent();
  EXPECT_EQ(s.line("set_mem_table").line("< begin").verdict(), "ROBUSTNESS SAF-07");
}

TEST(Expectations, MustMustNotMay) {
  Script s(8);
  s.avail().kick().complete(0).used(0).call().idle();
  Script t = s;
  s.line("> call tx").line("> used tx id=0").line("> used_idx tx 0x0001").line(">? error tx");
  s.line(">! error tx").line(">! frame tx #1");
  EXPECT_EQ(s.verdict(), "PASS");
  t.line("> call rx").line(">! call tx");
  EXPECT_EQ(t.verdict(), "FAIL CASE; FAIL CASE");
}

TEST(Expectations, WindowIsFromSettleToSettle) {
  Script s(8);
  s.avail().kick().complete(0).used(0).call().idle().line("> call tx").idle().line("> call tx");
  EXPECT_EQ(s.verdict(), "FAIL CASE");
}

// What follows the last settle's idle is the epilogue, not the case.
TEST(Expectations, EpilogueIsNotCounted) {
  Script s(8);
  s.avail().kick().line("settle").line(">! used tx id=0").line("< steps 1");
  s.line("< idle inflight=1").line("< completed tx #0 ok").used(0).call();
  s.line("< idle inflight=0").line("< allocated 0");
  EXPECT_EQ(s.verdict(), "PASS");
}

TEST(Expectations, NotObservableIsUnsupported) {
  Script s(8, 0, "", "wire");
  s.line("# rule: NUS-04").avail().line("kick tx").line("settle").line(">! call tx");
  s.line("> frame tx #0").frame(0).line("< idle inflight=0");
  EXPECT_EQ(s.verdict(), "UNSUPPORTED NUS-04; UNSUPPORTED NUS-04");
  Script t(8, 0, "", "wire");
  t.avail().line("kick tx").line("> frame tx #0");
  EXPECT_EQ(t.verdict(), "UNSUPPORTED CASE");
}

TEST(Expectations, UnknownRuleNeedsExpectations) {
  Script s(8);
  s.line("# rule: NET-08").idle();
  EXPECT_EQ(s.verdict(), "UNSUPPORTED NET-08");
  EXPECT_EQ(s.line("> idle").verdict(), "PASS");
  EXPECT_EQ(s.line("> busy").verdict(), "FAIL NET-08");
}

TEST(Offer, FeaturesComeWithWhatTheyRequire) {
  const std::pair<const char*, const char*> kOffers[] = {
      {"0x139008000", "PASS"},        {"0x139008082", "PASS"},  // GUEST_TSO4 with GUEST_CSUM
      {"0x139008080", "FAIL FEA-01"},                           // without
      {"0x139408000", "FAIL FEA-01"},                           // MQ without CTRL_VQ
      {"0x39008000", "FAIL FEA-03"},                            // no VERSION_1
  };
  for (const auto& [offer, verdict] : kOffers) {
    Script s;
    s.line("get_features").line("< begin").line(std::string("< done ok value=") + offer);
    EXPECT_EQ(s.verdict(), verdict) << offer;
  }
}

}  // namespace
}  // namespace va::oracle
