// Control calls at awkward moments: what becomes of the requests that are in flight then. The calls
// by themselves, errno by errno, are net_control_test.cc.
#include <cerrno>

#include "engine/net_fixture.h"

namespace va {
namespace {

using Ids = std::vector<uint32_t>;
constexpr Caller kOwner = Caller::kOwner;
constexpr Caller kOther = Caller::kOther;

class Lifecycle : public NetRig, public ::testing::TestWithParam<PublicationPolicy> {
 protected:
  Lifecycle() : NetRig(GetParam()) {}

  void hold(int n, uint64_t features = kFeatureVersion1) {
    set_up(8, features);
    start();
    send(n, kLarge);
    ASSERT_EQ(net_.allocated(), static_cast<uint32_t>(n));
  }
  // A kick publishes what is done, whatever wakes the worker otherwise.
  void complete_and_kick(size_t n) {
    complete(n);
    kick();
  }
  bool arrival() const { return GetParam() == PublicationPolicy::kArrival; }
};
INSTANTIATE_TEST_SUITE_P(Net, Lifecycle,
                         ::testing::Values(PublicationPolicy::kArrival,
                                           PublicationPolicy::kInorder),
                         [](const auto& policy) {
                           const bool arrival = policy.param == PublicationPolicy::kArrival;
                           return arrival ? "Arrival" : "Inorder";
                         });

// ---- the ring, under requests in flight -------------------------------------------------------

// Linux keeps no ring with a request: the entry goes where the ring is when it is written.
TEST_P(Lifecycle, AMovedRingGetsTheEntriesOfOldRequests) {
  hold(1);
  VringAddr moved = addresses(kTxIndex);
  moved.used += 0x1000;
  ASSERT_EQ(net_.set_vring_addr(kOwner, kTxIndex, moved), 0);
  complete(0);
  EXPECT_EQ(used_ids(), Ids{});
  EXPECT_EQ(word(used_ring() + 0x1000 + 2), 1);
  EXPECT_EQ(word(used_ring() + 0x1000 + 4), 0);
}

TEST_P(Lifecycle, ARingIsResizedWhenNothingIsHeld) {
  hold(2);
  EXPECT_EQ(net_.set_vring_num(kOwner, kTxIndex, 4), -EBUSY);
  ASSERT_EQ(install(nullptr), kPending);
  complete(1);
  complete(0);
  ASSERT_EQ(net_.step_pending(), 0);
  EXPECT_EQ(used_ids().size(), 2u);
  EXPECT_EQ(net_.set_vring_num(kOwner, kTxIndex, 4), 0);
}

TEST_P(Lifecycle, TheCallEventfdOfTheMomentIsCalled) {
  hold(2);
  ASSERT_EQ(net_.set_vring_call(kOwner, kTxIndex, {0, 9}), 0);
  complete_and_kick(0);
  EXPECT_EQ(last_call_, 9u);
  ASSERT_EQ(net_.set_vring_call(kOwner, kTxIndex, {0, 0}), 0);
  const int before = calls_;
  complete(1);
  EXPECT_EQ(calls_, before);
  EXPECT_EQ(used_ids().size(), 2u);
}

TEST_P(Lifecycle, FeaturesOfTheMomentDecideAboutTheCall) {
  hold(2, kFeatureVersion1 | kFeatureEventIdx);
  put(avail_ring() + 4 + 2 * num_, uint16_t{0x4000});  // used_event, far away
  ASSERT_EQ(net_.set_features(kFeatureVersion1), 0);
  calls_ = 0;
  complete_and_kick(0);
  EXPECT_EQ(calls_, 1) << "without EVENT_IDX the flags ask for every call";
  ASSERT_EQ(net_.set_features(kFeatureVersion1 | kFeatureEventIdx), 0);
  complete(1);
  EXPECT_EQ(calls_, 2) << "the first decision with EVENT_IDX is to call";
}

TEST_P(Lifecycle, AKickWithoutItsEventfdIsNotHeard) {
  hold(1);
  ASSERT_EQ(net_.set_vring_kick(kOwner, kTxIndex, {0, 0}), 0);
  send(1, kLarge);
  EXPECT_EQ(backend_.frames(), 1u);
  ASSERT_EQ(net_.set_vring_kick(kOwner, kTxIndex, {0, 7}), 0);
  kick();
  EXPECT_EQ(backend_.frames(), 2u);
}

// ---- backends ---------------------------------------------------------------------------------

TEST_P(Lifecycle, AsynchronousAndSynchronousBackendsTakeTurns) {
  ScriptedBackend synchronous(net_, false);
  hold(2);
  ASSERT_EQ(install(&synchronous), kPending);
  send(1, kLarge);
  EXPECT_EQ(synchronous.frames(), 1u) << "it is at work while the old one is waited for";
  complete(1);
  complete(0);
  ASSERT_EQ(net_.step_pending(), 0);
  EXPECT_EQ(used_ids().size(), 3u);
  ASSERT_EQ(install(&backend_), 0);
  send(1, kLarge);
  EXPECT_TRUE(backend_.holds(2));
  complete(2);
  EXPECT_EQ(used_ids(), Ids{3});
  EXPECT_EQ(net_.allocated(), 0u);
}

// vhost_poll_start() refuses it after the ring has begun anew; the old one is served again.
TEST_P(Lifecycle, ABackendWithNothingBehindItIsRefusedAndTheOldOneGoesOn) {
  hold(2);
  backend_.complete(0);
  const int before = calls_;
  EXPECT_EQ(net_.set_backend(kOwner, kTxIndex, {0, &other_, true}), -EINVAL);
  EXPECT_EQ(net_.backend(kTxIndex), &backend_);
  run();
  EXPECT_EQ(used_ids(), Ids{0});
  EXPECT_EQ(calls_, before + 1);
  send(1, kLarge);
  EXPECT_TRUE(backend_.holds(2));
  complete(1);
  complete(2);
  EXPECT_EQ(used_ids(), (Ids{1, 2}));
}

TEST_P(Lifecycle, AFailedStartLeavesAFullBackendArmed) {
  hold(1);
  backend_.set_writable(false);
  backend_.refuse(EAGAIN);
  send(1, kLarge);
  EXPECT_EQ(net_.set_backend(kOwner, kTxIndex, {0, &other_, true}), -EINVAL);
  EXPECT_FALSE(net_.runnable());
  backend_.set_writable(true);
  net_.backend_writable();
  run();
  EXPECT_EQ(backend_.frames(), 2u);
}

TEST_P(Lifecycle, WithoutMemoryForItsStateABackendIsRefused) {
  hold(1);
  net_.fail_allocation(0);
  EXPECT_EQ(install(&other_), -ENOMEM);
  EXPECT_FALSE(net_.runnable()) << "the old one was not touched";
  complete(0);
  EXPECT_EQ(used_ids(), Ids{0});
}

TEST_P(Lifecycle, AWholeRingIsReportedBeforeTheBackendIsGone) {
  const int held = arrival() ? 8 : 3;  // what may be in flight on a ring of eight
  hold(held);
  ASSERT_EQ(install(nullptr), kPending);
  for (int n = held; n-- > 0;) backend_.complete(static_cast<size_t>(n));
  ASSERT_EQ(net_.step_pending(), 0);
  EXPECT_EQ(used_ids().size(), static_cast<size_t>(held));
  EXPECT_EQ(net_.allocated(), 0u);
}

TEST_P(Lifecycle, TheReceiveBackendComesAndGoesBesideHeldPackets) {
  ScriptedBackend receiver(net_);
  hold(2);
  EXPECT_EQ(net_.set_backend(kOwner, kRxIndex, {0, &receiver}), 0);
  EXPECT_EQ(net_.set_backend(kOwner, kRxIndex, {0, &receiver, true}), 0) << "the one installed";
  EXPECT_EQ(net_.set_backend(kOwner, kRxIndex, {0, &other_, true}), -EINVAL);
  EXPECT_EQ(net_.set_backend(kOwner, kRxIndex, {0, nullptr}), 0);
  EXPECT_EQ(net_.allocated(), 2u);
}

// ---- reset and close --------------------------------------------------------------------------

TEST_P(Lifecycle, ResetWithRequestsInEveryState) {
  hold(3);
  backend_.complete(1);  // done; whether it is published is the policy's
  backend_.complete(2, RequestResult::kFailed);
  ASSERT_EQ(net_.reset_owner(kOwner), kPending);
  backend_.complete(0);
  ASSERT_EQ(net_.step_pending(), 0);
  EXPECT_EQ(net_.allocated(), 0u);
  EXPECT_EQ(used_ids(), Ids{}) << "the worker did not run between the completions and the reset";
  EXPECT_FALSE(net_.runnable());
}

TEST_P(Lifecycle, ALateCompletionBelongsToNobody) {
  hold(1);
  ASSERT_EQ(net_.reset_owner(kOwner), kPending);
  complete(0);
  ASSERT_EQ(net_.step_pending(), 0);
  set_up();
  start();
  send(1, kLarge);
  backend_.complete(0);  // the token of the first life again
  EXPECT_EQ(net_.allocated(), 1u);
  complete(1);
  EXPECT_EQ(used_ids(), Ids{0});
}

TEST_P(Lifecycle, AnotherProcessMayOwnTheDeviceAfterAReset) {
  set_up();
  start();
  ASSERT_EQ(net_.reset_owner(kOwner), 0);
  EXPECT_EQ(net_.set_owner(kOther), 0);
  EXPECT_EQ(map_all(), -EPERM);
  EXPECT_EQ(net_.set_owner(kOwner), -EBUSY);
}

TEST_P(Lifecycle, ClosedWithoutAnythingSetUp) {
  EXPECT_EQ(net_.release(), 0);
  net_.open();
  EXPECT_EQ(net_.set_owner(kOwner), 0);
  EXPECT_EQ(net_.release(), 0);
}

// ---- at a point of the worker's run -----------------------------------------------------------

// SET_MEM_TABLE takes effect between two descriptors; it does not wait for the worker's queue.
TEST_P(Lifecycle, TheMemoryTableIsReplacedBetweenTwoChains) {
  set_up();
  start();
  int result = 1;
  at_point_ = EnginePoint::kFetched;
  at_point_action_ = [&] {
    const Region upper{kSize / 2, kSize / 2, kUser};  // the buffers are elsewhere now
    result = net_.set_mem_table(kOwner, {&upper, 1}, 0);
  };
  send(2, kSmall);
  EXPECT_EQ(result, 0);
  EXPECT_EQ(backend_.frames(), 2u);
  if (arrival()) complete(0), complete(1);
  EXPECT_EQ(used_ids(), (Ids{0, 1}));
}

}  // namespace
}  // namespace va
