// Each duty: a driver that breaks it silences the rules that presume it, one that keeps it does
// not.
#include "oracle/driver_duty.h"

#include "oracle/testing/script.h"

namespace va::oracle {
namespace {

// A head used twice: FAIL SPL-02 with a driver that kept its duties.
Script& use_twice(Script& s) {
  return s.line("kick tx")
      .line("< used tx slot=0 id=0 len=0")
      .line("< used_idx tx 0x0001")
      .line("< used tx slot=1 id=0 len=0")
      .line("< used_idx tx 0x0002");
}

// Chains laid by hand, with avail idx behind them.
Script by_hand(const std::vector<std::string>& descs, const std::string& entry = "0 0",
               const std::string& features = "") {
  Script s(8, 0, features);
  for (const std::string& desc : descs) {
    uint32_t slot = 0;
    uint64_t addr = 0;
    uint64_t buf = 0;
    uint32_t len = 0;
    uint32_t flags = 0;
    uint32_t next = 0;
    sscanf(desc.c_str(), "%u %lx %u %x %u", &slot, &buf, &len, &flags, &next);
    addr = 0x100000 + 16 * slot;
    s.line("desc tx " + std::to_string(slot) + " addr=" + hex(buf, 1) + " len=" +
           std::to_string(len) + " flags=" + hex(flags, 1) + " next=" + std::to_string(next));
    s.line("< desc tx addr=" + hex(addr, 1) + " buf=" + hex(buf, 1) +
           " len=" + std::to_string(len) + " flags_next=" + hex(flags | next << 16, 8));
  }
  s.line("avail_entry tx " + entry).line("avail_entry tx 1 7").line("avail_idx tx 0x0002");
  return s;
}

const char* kOther = "7 11f000 100 0 0";  // the second chain, a good one

TEST(DriverDuty, AChainByHandThatKeepsThemIsJudged) {
  Script s = by_hand({"0 11e000 12 1 3", "3 11e100 300 0 0", kOther});
  EXPECT_EQ(use_twice(s).verdict(), "FAIL SPL-02");
}

TEST(DriverDuty, ChainsThatBreakThem) {
  const struct {
    const char* what;
    std::vector<std::string> descs;
  } kChains[] = {
      {"next out of range", {"0 11e000 100 1 8", kOther}},
      {"loop", {"0 11e000 100 1 1", "1 11e000 100 1 0", kOther}},
      {"loop to itself", {"0 11e000 100 1 0", kOther}},
      {"writable part", {"0 11e000 100 1 1", "1 11e100 100 2 0", kOther}},
      {"readable behind writable",
       {"0 11e000 100 1 1", "1 11e100 9 3 2", "2 11e200 9 0 0", kOther}},
      {"not longer than the header", {"0 11e000 12 0 0", kOther}},
      {"empty part", {"0 11e000 100 1 1", "1 11e100 0 0 0", kOther}},
      {"outside the memory table", {"0 13fff0 17 0 0", kOther}},
      {"beyond the address space", {"0 fffffffffffffff0 32 0 0", kOther}},
      {"in the ring", {"0 100000 100 0 0", kOther}},
      {"total length", {"0 11e000 4294967295 1 1", "1 11e000 2 0 0", kOther}},
      {"indirect of no length", {"0 11e000 0 4 0", kOther}},
      {"indirect of odd length", {"0 11e000 17 4 0", kOther}},
      {"indirect longer than the queue", {"0 11e000 144 4 0", kOther}},
      {"indirect and next", {"0 11e000 16 5 7", kOther}},
      {"descriptor of another chain", {"0 11e000 100 1 7", kOther}},
  };
  for (const auto& each : kChains) {
    Script s = by_hand(each.descs);
    EXPECT_EQ(use_twice(s).verdict(), "PASS") << each.what;
    EXPECT_EQ(s.line("settle").line("< busy").verdict(), "ROBUSTNESS SAF-03") << each.what;
  }
}

TEST(DriverDuty, IndirectTables) {
  // desc 4096 lies at 0x110000: a table laid by hand. Entry 0 links to 1.
  const std::string first = "4096 11e000 12 1 1";
  const std::string second = "4097 11e100 90 0 0";
  const std::string outer = "0 110000 32 4 0";
  Script good = by_hand({first, second, outer, kOther});
  EXPECT_EQ(use_twice(good).verdict(), "FAIL SPL-02");
  Script nested = by_hand({first, "4097 110000 32 4 0", outer, kOther});
  EXPECT_EQ(use_twice(nested).verdict(), "PASS");
  Script beyond = by_hand({"4096 11e000 12 1 2", second, outer, kOther});
  EXPECT_EQ(use_twice(beyond).verdict(), "PASS");
  Script loop = by_hand({"4096 11e000 12 1 0", second, outer, kOther});
  EXPECT_EQ(use_twice(loop).verdict(), "PASS");
  Script not_acked = by_hand({first, second, outer, kOther}, "0 0", "NO_INDIRECT");
  EXPECT_EQ(use_twice(not_acked).verdict(), "PASS");
}

// The queue's size is the limit of the table; the descriptor that leads there is not in it.
TEST(DriverDuty, AnIndirectTableMayBeAsLongAsTheQueue) {
  const auto table_of = [](uint32_t entries) {
    std::vector<std::string> descs = {"0 110000 " + std::to_string(16 * entries) + " 4 0", kOther};
    for (uint32_t i = 0; i < entries; ++i) {
      descs.push_back(std::to_string(4096 + i) + " 11e000 30 " + (i + 1 < entries ? "1 " : "0 ") +
                      std::to_string(i + 1));
    }
    return by_hand(descs);
  };
  Script longest = table_of(8);
  EXPECT_EQ(use_twice(longest).verdict(), "FAIL SPL-02");
  Script too_long = table_of(9);
  EXPECT_EQ(use_twice(too_long).verdict(), "PASS");
}

TEST(DriverDuty, HeadsAndIndices) {
  Script range = by_hand({"0 11e000 100 0 0", kOther}, "0 8");
  EXPECT_EQ(use_twice(range).verdict(), "PASS");
  Script again = by_hand({"0 11e000 100 0 0", kOther}, "0 7");
  EXPECT_EQ(use_twice(again).verdict(), "PASS");
  for (const char* idx : {"0xffff", "0x0009", "0x8000", "0x0000"}) {
    Script s(8);
    s.avail().line(std::string("avail_idx tx ") + idx);
    EXPECT_EQ(use_twice(s).verdict(), "PASS") << idx;
  }
}

TEST(DriverDuty, WhatTheDeviceHasIsLeftAlone) {
  const char* kStores[] = {
      "store 0x100000 0x11e000",    // the descriptor of #0
      "store 0x100098 0 size=2",    // used flags
      "store 0x1000dc 0x5 size=2",  // avail_event
      "avail_entry tx 0 3",         // the slot of #0
  };
  for (const char* store : kStores) {
    Script s(8);
    s.avail().line(store);
    EXPECT_EQ(use_twice(s).verdict(), "PASS") << store;
  }
  Script elsewhere(8);
  elsewhere.avail().line("store 0x130000 0x1").line("avail_entry tx 5 3");
  EXPECT_EQ(use_twice(elsewhere).verdict(), "FAIL USD-08");
}

TEST(DriverDuty, RingAndFeaturesStayWhileTheDeviceRuns) {
  const char* kCalls[] = {"set_features 0x100000000",
                          "set_vring_addr tx desc=0x200000020000 avail=0x200000021000 "
                          "used=0x200000022000"};
  for (const char* call : kCalls) {
    Script s(8);
    s.avail().line(call).line("< begin").line("< done ok");
    EXPECT_EQ(use_twice(s).verdict(), "PASS") << call;
    Script refused(8);
    refused.avail().line("set_vring_num tx 16").line("< begin").line("< done EBUSY");
    EXPECT_EQ(use_twice(refused).verdict(), "FAIL USD-08");
  }
  Script again(8);
  again.avail().line("vring tx").line("< begin").line("< done EBUSY").avail();
  EXPECT_EQ(use_twice(again).verdict(), "PASS");
}

TEST(DriverDuty, ANewLifeForgivesAndOtherQueuesGoOn) {
  Script s(8);
  s.line("avail_entry tx 0 77").line("avail_idx tx 0x0001").line("kick tx").idle();
  s.line("backend tx none").line("< begin").line("< done ok");
  s.line("vring tx").line("< begin").line("< done ok");
  s.line("backend tx async").line("< begin").line("< done ok");
  EXPECT_EQ(s.verdict(), "PASS");
  s.avail().line("kick tx").line("< used_flags tx 0x0002");
  EXPECT_EQ(s.verdict(), "FAIL NAV-01");
}

TEST(DriverDuty, EveryDutyHasAName) {
  for (uint32_t bit = 1; bit <= kAllDuties; bit <<= 1) {
    EXPECT_EQ(duty_info(bit).duty, bit);
    EXPECT_FALSE(duty_info(bit).name.empty());
    EXPECT_FALSE(duty_info(bit).text.empty());
  }
}

}  // namespace
}  // namespace va::oracle
