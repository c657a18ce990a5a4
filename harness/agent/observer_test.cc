#include "agent/observer.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "trace/case.h"

namespace va::agent {
namespace {

constexpr uint32_t kNum = 4;
constexpr uint32_t kUsedAt = 0x1000;  // arena offset of the used ring

class ObserverTest : public testing::Test {
 protected:
  ObserverTest() : arena_(kArenaSize), log_(kLogSize), observer_(arena_, log_) {
    observer_.reset();
    rings_[kTx] = {kNum, kArenaUser + kUsedAt};
  }

  void device_stores16(uint32_t offset, uint16_t value) { store_le(&arena_[offset], value); }
  void device_uses(uint32_t slot, uint32_t id) { store_le(&arena_[kUsedAt + 4 + 8 * slot], id); }
  void device_publishes(uint16_t idx) { device_stores16(kUsedAt + 2, idx); }

  // The events of one look, in text.
  std::vector<std::string> observed() {
    Trace trace;
    observer_.observe(rings_, 0, trace);
    std::vector<std::string> lines;
    for (const Event& event : trace.events) lines.push_back(print_event(event));
    return lines;
  }
  using Lines = std::vector<std::string>;

  std::vector<uint8_t> arena_;
  std::vector<uint8_t> log_;
  Observer observer_;
  Observer::Rings rings_;
};

TEST_F(ObserverTest, NothingChangedIsNothingSeen) {
  EXPECT_EQ(observed(), Lines{});
}

TEST_F(ObserverTest, UsedEntriesAreToldInOrderAndOnce) {
  device_uses(0, 2);
  device_uses(1, 1);
  device_publishes(2);
  EXPECT_EQ(observed(), (Lines{"used tx slot=0 id=2 len=0", "used tx slot=1 id=1 len=0",
                               "used_idx tx 0x0002"}));
  EXPECT_EQ(observed(), Lines{});
}

TEST_F(ObserverTest, UsedIdxCountsAcrossItsWrap) {
  observer_.driver_store(kUsedAt + 2, 2);
  device_publishes(0xffff);  // by the driver: the set-up
  EXPECT_EQ(observed(), Lines{});
  device_uses(3, 7);
  device_uses(0, 6);
  device_publishes(1);
  EXPECT_EQ(observed(), (Lines{"used tx slot=3 id=7 len=0", "used tx slot=0 id=6 len=0",
                               "used_idx tx 0x0001"}));
}

TEST_F(ObserverTest, MoreThanTheRingHoldsShowsItsLastRound) {
  for (uint32_t slot = 0; slot < kNum; ++slot) device_uses(slot, slot);
  device_publishes(kNum + 2);
  EXPECT_EQ(observed(), (Lines{"used tx slot=2 id=2 len=0", "used tx slot=3 id=3 len=0",
                               "used tx slot=0 id=0 len=0", "used tx slot=1 id=1 len=0",
                               "used_idx tx 0x0006"}));
}

TEST_F(ObserverTest, FlagsAndAvailEventAreToldWhenTheyChange) {
  device_stores16(kUsedAt, 1);
  device_stores16(kUsedAt + 4 + 8 * kNum, 5);
  EXPECT_EQ(observed(), (Lines{"used_flags tx 0x0001", "avail_event tx 0x0005"}));
}

TEST_F(ObserverTest, ARingWhoseSizeWasNeverSetHasOneEntry) {
  rings_[kTx] = RingView{};
  rings_[kTx].used = kArenaUser + kUsedAt;
  device_stores16(kUsedAt, 1);
  device_uses(0, 3);
  device_publishes(1);
  EXPECT_EQ(observed(),
            (Lines{"used tx slot=0 id=3 len=0", "used_idx tx 0x0001", "used_flags tx 0x0001"}));
}

TEST_F(ObserverTest, TheDriversOwnStoresAreNotSeen) {
  observer_.driver_store(0x2000, 8);
  store_le(&arena_[0x2000], uint64_t{0x1234});
  EXPECT_EQ(observed(), Lines{});
}

TEST_F(ObserverTest, OtherChangedBytesAreWritesAtGuestAddresses) {
  arena_[0x2001] = 1;
  arena_[0x2002] = 1;
  arena_[kHalf] = 1;  // the halves of the arena are swapped: the first guest address
  EXPECT_EQ(observed(), (Lines{"write addr=0x122001 len=2", "write addr=0x100000 len=1"}));
}

TEST_F(ObserverTest, AnEntryThatIsNotPublishedIsAWrite) {
  device_uses(0, 0x01020304);
  EXPECT_EQ(observed(), Lines{"write addr=0x121004 len=4"});
}

TEST_F(ObserverTest, BitsOfTheLogArePages) {
  log_[kArenaGpa / kPageSize / 8] = 0x05;
  EXPECT_EQ(observed(), (Lines{"dirty page=0x100", "dirty page=0x102"}));
  EXPECT_EQ(observed(), Lines{});
  log_[kArenaGpa / kPageSize / 8] |= 0x02;
  EXPECT_EQ(observed(), (Lines{"dirty page=0x101"}));
}

TEST_F(ObserverTest, AClearedLogTellsAPageAgain) {
  log_[0x20] = 0x01;
  observed();
  observer_.clear_log();
  EXPECT_EQ(log_[0x20], 0);
  EXPECT_EQ(observed(), Lines{});
  log_[0x20] = 0x01;
  EXPECT_EQ(observed(), Lines{"dirty page=0x100"});
}

TEST_F(ObserverTest, PagesCountFromTheBaseOfTheLog) {
  observer_.set_log_base(kLogUser + 0x10);
  log_[0x30] = 0x80;
  EXPECT_EQ(observed(), Lines{"dirty page=0x107"});
}

TEST_F(ObserverTest, ResetClearsWhatAnyoneTouched) {
  observer_.driver_store(0x2000, 1);
  arena_[0x2000] = 1;
  arena_[0x5000] = 1;
  observed();
  observer_.reset();
  EXPECT_EQ(arena_, std::vector<uint8_t>(kArenaSize));
  EXPECT_EQ(observed(), Lines{});
}

}  // namespace
}  // namespace va::agent
