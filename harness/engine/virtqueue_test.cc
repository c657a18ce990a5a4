#include "engine/virtqueue.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/features.h"

namespace va {
namespace {

constexpr uint32_t kNum = 8;
constexpr uint64_t kUser = 0x100000;
constexpr uint32_t kAvail = 0x400;
constexpr uint32_t kUsed = 0x800;

class Queue : public ::testing::Test, protected EngineHost {
 protected:
  Queue() : memory_(kUser, 2 * GuestMemory::kPage) {
    listens_ = true;
    table_.add({0, 2 * GuestMemory::kPage, kUser});
    vq_.index = 1;
    vq_.ring = Vring{kNum, kUser, kUser + kAvail, kUser + kUsed};
    vq_.call_fd = 1;
    vq_.error_fd = 2;
    for (uint16_t i = 0; i < kNum; ++i) put(16 * i + 8, uint32_t{1});  // one byte each
  }

  void on_call(uint32_t, uint32_t) override { ++calls_; }
  void on_error(uint32_t, uint32_t) override { ++errors_; }
  void on_point(EnginePoint point) override {
    if (point == EnginePoint::kUsedWritten) idx_when_written_ = word(kUsed + 2);
    if (point == EnginePoint::kNotifyEnabled && slipped_in_) put(kAvail + 2, *slipped_in_);
  }

  template <typename T>
  void put(uint32_t offset, T value) {
    store_le(memory_.guest_store(offset, sizeof value).data(), value);
  }
  uint16_t word(uint32_t offset) { return load_le<uint16_t>(&memory_.bytes()[offset]); }

  void start(uint64_t features, uint16_t used_idx) {
    vq_.features = features;
    vq_.last_avail = vq_.avail_idx = RingIndex{used_idx};
    put(kUsed + 2, used_idx);
    put(kAvail + 2, used_idx);
    ASSERT_TRUE(vq_.start(memory_, *this));
  }
  void avail_idx(uint16_t value) { put(kAvail + 2, value); }
  void used_event(uint16_t value) { put(kAvail + 4 + 2 * kNum, value); }
  uint16_t avail_event() { return word(kUsed + 4 + 8 * kNum); }

  // Publishes `n` entries in one go; whether the driver was called for them.
  bool calls_for(uint32_t n) {
    const std::vector<UsedElem> elems(n);
    const int before = calls_;
    vq_.publish(memory_, *this, elems);
    return calls_ != before;
  }
  Virtqueue::Fetched fetch() { return vq_.fetch(memory_, table_, *this, chain_); }
  bool enable() { return vq_.enable_notify(memory_, *this); }
  void disable() { vq_.disable_notify(memory_, *this); }

  GuestMemory memory_;
  MemTable table_;
  Virtqueue vq_;
  DescChain chain_;
  int calls_ = 0;
  int errors_ = 0;
  uint16_t idx_when_written_ = 0;
  const uint16_t* slipped_in_ = nullptr;
};

// ---- the call decision (VIRTIO 1.2, 2.7.7) ------------------------------------------------------

// A call is owed exactly if one of the entries published now has the index used_event. Said without
// arithmetic: walk the entries and look. All alignments around the wrap, all batches up to a ring.
TEST_F(Queue, ACallIsOwedWhenTheBatchHoldsTheEntryAskedFor) {
  for (int base = -10; base <= 2; ++base) {
    for (uint16_t batch = 1; batch <= kNum; ++batch) {
      for (int event = base - 3; event <= base + 12; ++event) {
        const uint16_t first = static_cast<uint16_t>(base);
        start(kFeatureEventIdx, first);
        calls_for(1);  // the first decision after a start says nothing
        used_event(static_cast<uint16_t>(event));
        bool holds = false;
        for (uint16_t i = 0; i < batch; ++i) {
          holds |= static_cast<uint16_t>(first + 1 + i) == static_cast<uint16_t>(event);
        }
        ASSERT_EQ(calls_for(batch), holds) << base << " " << batch << " " << event;
      }
    }
  }
}

TEST_F(Queue, FarEventsAskForNothing) {
  for (const int distance : {0x7fff, 0x8000, 0x8001, 0xfffe}) {
    start(kFeatureEventIdx, 0xfffe);
    calls_for(1);
    used_event(static_cast<uint16_t>(0xffff + distance));
    EXPECT_FALSE(calls_for(1)) << distance;
  }
}

TEST_F(Queue, TheFirstDecisionAfterAStartIsToCall) {
  start(kFeatureEventIdx, 0x1234);
  used_event(0x8000);
  EXPECT_TRUE(calls_for(1));
  EXPECT_FALSE(calls_for(1));
}

TEST_F(Queue, WithoutAnEventfdThereIsNoDecision) {
  start(kFeatureEventIdx, 0);
  calls_for(1);
  used_event(1);
  vq_.call_fd = 0;
  EXPECT_FALSE(calls_for(1));
  vq_.call_fd = 3;
  EXPECT_TRUE(calls_for(1));  // entry 1 lies behind the last decision still
}

TEST_F(Queue, AWholeLapWithoutADecisionMeansACall) {
  start(kFeatureEventIdx, 0);
  calls_for(1);
  vq_.call_fd = 0;
  for (uint32_t i = 0; i < 65536 / kNum; ++i) calls_for(kNum);
  vq_.call_fd = 1;
  used_event(0x8000);
  EXPECT_TRUE(calls_for(1));
}

TEST_F(Queue, FlagsDecideWithoutEventIdx) {
  start(0, 0);
  EXPECT_TRUE(calls_for(1));
  put(kAvail, kAvailNoInterrupt);
  EXPECT_FALSE(calls_for(1));
  put(kAvail, uint16_t{0xfffe});  // only bit 0 means something
  EXPECT_TRUE(calls_for(1));
}

TEST_F(Queue, NotifyOnEmptyCallsWhateverTheDriverSays) {
  start(kFeatureNotifyOnEmpty, 0);
  put(kAvail, kAvailNoInterrupt);
  EXPECT_TRUE(calls_for(1));
  avail_idx(1);
  disable();
  vq_.avail_idx = RingIndex{1};  // one more is available
  EXPECT_FALSE(calls_for(1));
}

TEST_F(Queue, AWordThatCannotBeReadMeansACallAndAnError) {
  start(0, 0);
  vq_.ring.avail = 0;
  EXPECT_TRUE(calls_for(1));
  EXPECT_EQ(errors_, 1);
}

// ---- publishing (2.7.8)
// ---------------------------------------------------------------------------

TEST_F(Queue, EntriesStandBeforeTheIndex) {
  start(0, 0xffff);
  const std::vector<UsedElem> elems = {{3, 7}, {4, 0}};
  vq_.publish(memory_, *this, elems);
  EXPECT_EQ(idx_when_written_, 0xffff);
  EXPECT_EQ(word(kUsed + 2), 1);
  EXPECT_EQ(word(kUsed + 4 + 8 * 7), 3);
  EXPECT_EQ(word(kUsed + 4 + 8 * 7 + 4), 7);
  EXPECT_EQ(word(kUsed + 4), 4);
}

TEST_F(Queue, EntriesThatCannotBeStoredAreNotPublished) {
  start(0, 0);
  vq_.ring.used = kUser + 2 * GuestMemory::kPage - 8;  // the flags and used idx alone are mapped
  const std::vector<UsedElem> elems(2);
  vq_.publish(memory_, *this, elems);
  EXPECT_EQ(word(2 * GuestMemory::kPage - 6), 0);
  EXPECT_EQ(vq_.last_used.value, 0);
  EXPECT_EQ(errors_, 1);
  EXPECT_EQ(calls_, 1) << "Linux decides about the call nevertheless";
}

TEST_F(Queue, AnIndexThatCannotBeStoredIsAnError) {
  start(0, 0);
  vq_.ring.used = kUser - 4;  // the entries alone are mapped
  const std::vector<UsedElem> elems(2);
  vq_.publish(memory_, *this, elems);
  EXPECT_EQ(errors_, 1);
}

TEST_F(Queue, UsedIdxIsTakenFromMemoryAtTheStart) {
  start(0, 0x4321);
  EXPECT_EQ(vq_.last_used.value, 0x4321);
}

TEST_F(Queue, ARingThatIsNotMappedDoesNotStart) {
  vq_.ring.used = kUser - 4;
  EXPECT_FALSE(vq_.start(memory_, *this));
}

// ---- the driver's notifications (2.7.10)
// ----------------------------------------------------------

TEST_F(Queue, FlagsSayWhetherAKickIsWanted) {
  start(0, 0);
  disable();
  EXPECT_EQ(word(kUsed), kUsedNoNotify);
  EXPECT_FALSE(enable());
  EXPECT_EQ(word(kUsed), 0);
}

TEST_F(Queue, WithEventIdxTheFlagStaysZero) {
  start(kFeatureEventIdx, 0xfffe);
  disable();
  EXPECT_EQ(word(kUsed), 0);
  ASSERT_TRUE(vq_.start(memory_, *this));  // again, with kicks disabled
  EXPECT_EQ(word(kUsed), 0);
}

TEST_F(Queue, WithEventIdxAvailEventSaysWhichKick) {
  start(kFeatureEventIdx, 0xfffe);
  disable();
  EXPECT_FALSE(enable());
  EXPECT_EQ(avail_event(), 0xfffe);
}

TEST_F(Queue, KicksThatCannotBeEnabledAreAnErrorAndNoWork) {
  for (const uint64_t features : {uint64_t{0}, kFeatureEventIdx}) {
    errors_ = 0;
    start(features, 0);
    disable();
    const uint64_t used = std::exchange(vq_.ring.used, 0);
    avail_idx(1);
    EXPECT_FALSE(enable());
    EXPECT_EQ(errors_, 1);
    vq_.ring.used = used;
  }
}

TEST_F(Queue, WhatSlipsInWhileKicksAreEnabledIsSeen) {
  const uint16_t one_more = 1;
  slipped_in_ = &one_more;
  start(kFeatureEventIdx, 0);
  disable();
  EXPECT_TRUE(enable());
  start(0, 0);
  disable();
  EXPECT_TRUE(enable());
}

TEST_F(Queue, FlagsLeftBehindComeBackAtTheNextStart) {
  start(0, 0);
  disable();
  put(kUsed, uint16_t{0});
  ASSERT_TRUE(vq_.start(memory_, *this));
  EXPECT_EQ(word(kUsed), kUsedNoNotify);
}

TEST_F(Queue, FetchingWithKicksEnabledIsABugOfTheCaller) {
  start(0, 0);
  static int failed;
  failed = 0;
  set_check_handler([](const char*, const char*, int) { ++failed; });
  fetch();
  set_check_handler(nullptr);
  EXPECT_EQ(failed, 1);
}

// ---- avail idx (2.7.13.3)
// -------------------------------------------------------------------------

TEST_F(Queue, ChainsComeInRingOrderAcrossTheWrap) {
  start(0, 0xfffe);
  disable();
  for (uint16_t i = 0; i < 4; ++i) {
    put(kAvail + 4 + 2 * ((0xfffe + i) % kNum), static_cast<uint16_t>(7 - i));
  }
  avail_idx(2);
  for (uint16_t i = 0; i < 4; ++i) {
    ASSERT_EQ(fetch(), Virtqueue::Fetched::kChain);
    EXPECT_EQ(chain_.head, 7 - i);
  }
  EXPECT_EQ(fetch(), Virtqueue::Fetched::kEmpty);
  EXPECT_EQ(vq_.last_avail.value, 2);
}

TEST_F(Queue, AvailIdxMayRunAheadByARingAndNoMore) {
  for (const int ahead : {0, 1, 7, 8}) {
    start(0, 0xfffd);
    disable();
    avail_idx(static_cast<uint16_t>(0xfffd + ahead));
    EXPECT_EQ(fetch(), ahead == 0 ? Virtqueue::Fetched::kEmpty : Virtqueue::Fetched::kChain);
  }
  for (const int ahead : {9, 0x7fff, 0x8000, 0xffff}) {
    errors_ = 0;
    start(0, 0xfffd);
    disable();
    avail_idx(static_cast<uint16_t>(0xfffd + ahead));
    EXPECT_EQ(fetch(), Virtqueue::Fetched::kError) << ahead;
    EXPECT_EQ(fetch(), Virtqueue::Fetched::kError) << "still, " << ahead;
    EXPECT_EQ(errors_, 2);
    avail_idx(0xfffe);
    EXPECT_EQ(fetch(), Virtqueue::Fetched::kChain) << "mended, " << ahead;
  }
}

TEST_F(Queue, AJumpWhileKicksAreEnabledIsNoWork) {
  const uint16_t jump = kNum + 1;
  slipped_in_ = &jump;
  start(0, 0);
  disable();
  EXPECT_FALSE(enable());
  EXPECT_EQ(errors_, 1);
}

TEST_F(Queue, ABrokenChainIsNotConsumed) {
  start(0, 0);
  disable();
  put(kAvail + 4, static_cast<uint16_t>(kNum));
  avail_idx(1);
  EXPECT_EQ(fetch(), Virtqueue::Fetched::kError);
  EXPECT_EQ(vq_.last_avail.value, 0);
  EXPECT_EQ(errors_, 1);
}

TEST_F(Queue, AChainGivenBackIsFetchedAgain) {
  start(0, 0xffff);
  disable();
  avail_idx(0);
  put(kAvail + 4 + 2 * 7, uint16_t{5});
  ASSERT_EQ(fetch(), Virtqueue::Fetched::kChain);
  vq_.unfetch();
  ASSERT_EQ(fetch(), Virtqueue::Fetched::kChain);
  EXPECT_EQ(chain_.head, 5);
}

}  // namespace
}  // namespace va
