// IN_ORDER: chains are used as they were made available, and one used entry stands for a batch
// (VIRTIO 1.2, 2.7.9).
#include <cerrno>

#include "engine/net_fixture.h"

namespace va {
namespace {

using Policy = PublicationPolicy;
constexpr uint64_t kFeatures = kFeatureVersion1 | kFeatureInOrder;

// A used entry as it stands in memory, and used idx behind it.
struct Used {
  uint32_t slot;
  uint32_t id;
  uint16_t idx;
  friend bool operator==(const Used&, const Used&) = default;
};

class InOrder : public NetRig, public ::testing::TestWithParam<Policy> {
 protected:
  InOrder() : NetRig(GetParam()) {}
  void begin(uint32_t num = 16, uint16_t base = 0) {
    set_up(num, kFeatures, base);
    start();
    idx_ = base;
  }
  uint16_t used_idx() const { return word(used_ring() + 2); }
  // The entry that was published last: in the slot where the step of used idx began.
  Used last() {
    const uint32_t slot = idx_ % num_;
    idx_ = used_idx();
    return {slot, load_le<uint32_t>(&memory_.bytes()[used_ring() + 4 + 8 * slot]), idx_};
  }
  uint16_t idx_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Net, InOrder, ::testing::Values(Policy::kArrival, Policy::kInorder),
                         [](const auto& policy) {
                           return policy.param == Policy::kArrival ? "Arrival" : "Inorder";
                         });

TEST_P(InOrder, AYoungerCompletionWaitsForItsElders) {
  begin();
  send(3, kLarge);
  complete(2);
  complete(1);
  EXPECT_EQ(used_idx(), 0);
  EXPECT_EQ(calls_, 0);
  complete(0);
  EXPECT_EQ(last(), (Used{0, 2, 3})) << "one entry in the first slot names the last of the three";
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(net_.allocated(), 0u);
}

TEST_P(InOrder, ABatchPassesTheEndOfTheRing) {
  begin(16, 0xfffe);
  send(4, kLarge);
  for (const size_t n : {3u, 2u, 1u, 0u}) complete(n);
  EXPECT_EQ(last(), (Used{14, 1, 2}));
  send(1, kLarge);
  complete(4);
  EXPECT_EQ(last(), (Used{2, 2, 3}));
}

TEST_P(InOrder, WhatIsNeverSentStandsBehindWhatIsHeld) {
  begin();
  avail(kLarge);
  avail(kSmall, kDescWrite);
  kick();
  EXPECT_EQ(errors_, 1);
  EXPECT_EQ(used_idx(), 0) << "the bad chain is younger than the one that is held";
  EXPECT_EQ(net_.allocated(), 2u);
  complete(0);
  EXPECT_EQ(last(), (Used{0, 1, 2}));
  avail(kSmall, kDescWrite);
  kick();
  EXPECT_EQ(last(), (Used{2, 2, 3})) << "nothing is held: at once";
}

TEST_P(InOrder, ASwapReportsWhatWaited) {
  begin();
  send(2, kLarge);
  avail(kSmall, kDescWrite);
  kick();
  backend_.complete(1);
  ASSERT_EQ(install(nullptr), kPending);
  backend_.complete(0);
  ASSERT_EQ(net_.step_pending(), 0);
  EXPECT_EQ(last(), (Used{0, 2, 3}));
  EXPECT_EQ(net_.allocated(), 0u);
}

// The driver's breach; nothing is lost by it.
TEST_P(InOrder, AckedWhileRequestsAreInFlight) {
  set_up(16, kFeatureVersion1);
  start();
  send(2, kLarge);
  ASSERT_EQ(net_.set_features(kFeatures), 0);
  send(1, kLarge);
  complete(2);
  complete(1);
  complete(0);
  EXPECT_EQ(used_idx(), 3);
  EXPECT_EQ(net_.allocated(), 0u);
  send(2, kLarge);
  complete(4);
  EXPECT_EQ(used_idx(), 3) << "from here on in order";
  complete(3);
  EXPECT_EQ(used_idx(), 5);
}

TEST(InOrderInorder, CopiedFramesStandBehindHeldOnes) {
  class Rig : public NetRig {
   public:
    Rig() : NetRig(Policy::kInorder) {}
    void run_it() {
      set_up(16, kFeatures);
      start();
      send(1, kLarge);
      send(2, kSmall);
      EXPECT_EQ(backend_.frames(), 3u);
      EXPECT_EQ(word(used_ring() + 2), 0);
      complete(0);
      EXPECT_EQ(word(used_ring() + 2), 3);
    }
  };
  Rig().run_it();
}

class InOrderFull : public NetRig, public ::testing::Test {
 protected:
  InOrderFull() : NetRig(Policy::kInorder) {}
};

// What has to wait for its elders needs a place, and there are as many as slots.
TEST_F(InOrderFull, WithoutAPlaceToWaitNothingIsTaken) {
  set_up(2048, kFeatures);
  start();
  send(1, kLarge);
  send(1100, kSmall);
  EXPECT_EQ(net_.allocated(), 1024u);
  EXPECT_EQ(word(used_ring() + 2), 0);
  complete(0);
  EXPECT_EQ(net_.allocated(), 0u);
  EXPECT_EQ(word(used_ring() + 2), 1101);
}

TEST(InOrderCopy, ABatchIsOneEntry) {
  class Rig : public NetRig {
   public:
    Rig() : NetRig(Policy::kCopy) {}
    void run_it() {
      set_up(8, kFeatures);
      start();
      send(5, kLarge);
      EXPECT_EQ(word(used_ring() + 2), 5);
      EXPECT_EQ(word(used_ring() + 4), 4);
      EXPECT_EQ(word(used_ring() + 12), 0) << "the second slot was skipped";
      EXPECT_EQ(calls_, 1);
    }
  };
  Rig().run_it();
}

}  // namespace
}  // namespace va
