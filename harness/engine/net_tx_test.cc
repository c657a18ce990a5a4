// The transmit worker: what is held, in which order it is published, and what wakes the worker.
#include <algorithm>
#include <cerrno>

#include "engine/net_fixture.h"

namespace va {
namespace {

using Ids = std::vector<uint32_t>;

class BothPolicies : public NetRig, public ::testing::TestWithParam<PublicationPolicy> {
 protected:
  BothPolicies() : NetRig(GetParam()) {}
  ~BothPolicies() override = default;
};
INSTANTIATE_TEST_SUITE_P(Net, BothPolicies,
                         ::testing::Values(PublicationPolicy::kArrival,
                                           PublicationPolicy::kInorder),
                         [](const auto& policy) {
                           const bool arrival = policy.param == PublicationPolicy::kArrival;
                           return arrival ? "Arrival" : "Inorder";
                         });

class Arrival : public NetRig, public ::testing::Test {
 protected:
  Arrival() : NetRig(PublicationPolicy::kArrival) {}
};

class Inorder : public NetRig, public ::testing::Test {
 protected:
  Inorder() : NetRig(PublicationPolicy::kInorder) {}
  int held() const {
    int n = 0;
    for (size_t i = 0; i < backend_.frames(); ++i) n += backend_.holds(i) ? 1 : 0;
    return n;
  }
};

// ---- publication ------------------------------------------------------------------------------

TEST_P(BothPolicies, NothingIsUsedBeforeItsCompletion) {
  set_up();
  start();
  send(2, kLarge);
  EXPECT_EQ(backend_.frames(), 2u);
  EXPECT_EQ(used_ids(), Ids{});
  EXPECT_EQ(calls_, 0);
}

TEST_P(BothPolicies, ACompletionIsPublishedWithoutAnotherKick) {
  set_up();
  start();
  send(1, kLarge);
  complete(0);
  EXPECT_EQ(used_ids(), Ids{0});
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(net_.allocated(), 0u);
}

TEST_F(Arrival, AllOrdersOfThreeArePublishedAsTheyComplete) {
  set_up(8, kFeatureVersion1, 0xfffe);
  start();
  std::vector<uint32_t> order = {0, 1, 2};
  size_t first = 0;
  do {
    const uint16_t base = next_;
    send(3, kLarge);
    Ids expected;
    for (const uint32_t n : order) {
      complete(first + n);
      expected.push_back((base + n) % 8);
      EXPECT_EQ(used_ids(), Ids{expected.back()});
    }
    first += 3;
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(Inorder, AllOrdersOfThreeArePublishedAsTheyWereSubmitted) {
  set_up(8, kFeatureVersion1, 0xfffe);
  start();
  std::vector<uint32_t> order = {0, 1, 2};
  size_t first = 0;
  do {
    const uint16_t base = next_;
    send(3, kLarge);
    for (const uint32_t n : order) complete(first + n);
    EXPECT_EQ(used_ids(), (Ids{base % 8u, (base + 1) % 8u, (base + 2) % 8u}));
    first += 3;
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(Inorder, ACopiedFrameOvertakesThoseHeld) {
  set_up();
  start();
  avail(kLarge);
  avail(kSmall);
  kick();
  EXPECT_EQ(used_ids(), Ids{1});
  complete(0);
  EXPECT_EQ(used_ids(), Ids{0});
}

TEST_F(Inorder, AnyRunPublishesWhatIsDone) {
  set_up(256);
  start();
  send(40, kLarge);
  for (size_t n : {0, 1, 2, 3}) complete(n);
  EXPECT_EQ(used_ids(), Ids{});
  kick();
  EXPECT_EQ(used_ids(), (Ids{0, 1, 2, 3}));
}

TEST_F(Inorder, ARunThatEndsPublishesWhatWasCompletedInIt) {
  set_up();
  start();
  at_point_ = EnginePoint::kNotifyEnabled;
  at_point_action_ = [&] { backend_.complete(0); };  // two are left, so nobody is woken
  send(3, kLarge);
  EXPECT_EQ(used_ids(), Ids{0});
}

TEST_P(BothPolicies, ASynchronousBackendIsUsedAtOnce) {
  ScriptedBackend synchronous(net_, false);
  set_up();
  ASSERT_EQ(install(&synchronous), 0);
  send(5, kLarge);
  EXPECT_EQ(used_ids(), (Ids{0, 1, 2, 3, 4}));
  EXPECT_EQ(net_.allocated(), 0u);
}

// ---- what is held (Linux, handle_tx_zerocopy) -------------------------------------------------

TEST_F(Inorder, AFrameIsHeldFrom256BytesOn) {
  set_up();
  start();
  avail(255);
  avail(256);
  kick();
  EXPECT_FALSE(backend_.holds(0));
  EXPECT_TRUE(backend_.holds(1));
}

TEST_F(Inorder, TheHeaderThatTheDeviceMakesDoesNotCount) {
  set_up(8, kFeatureVersion1 | kFeatureNetHdr);
  start();
  avail(12 + 255);
  avail(12 + 256);
  kick();
  EXPECT_EQ(backend_.length(0), 255u);
  EXPECT_FALSE(backend_.holds(0));
  EXPECT_TRUE(backend_.holds(1));
}

struct Limit {
  uint32_t num;
  int held;
};
class InorderLimit : public NetRig, public ::testing::TestWithParam<Limit> {
 protected:
  InorderLimit() : NetRig(PublicationPolicy::kInorder) {}
};
INSTANTIATE_TEST_SUITE_P(Net, InorderLimit,
                         ::testing::Values(Limit{1, 1}, Limit{2, 1}, Limit{4, 2}, Limit{8, 3},
                                           Limit{16, 5}, Limit{256, 65}, Limit{1024, 129}));

TEST_P(InorderLimit, AQuarterOfTheRingAndOneMoreIsHeld) {
  set_up(GetParam().num);
  start();
  const int frames = static_cast<int>(GetParam().num);
  send(frames, kLarge);
  EXPECT_EQ(backend_.frames(), GetParam().num);
  EXPECT_EQ(net_.allocated(), static_cast<uint32_t>(GetParam().held));
  EXPECT_EQ(used_ids().size(), static_cast<size_t>(frames - GetParam().held));
}

TEST_F(Arrival, AsManyAsTheRingHasAreHeldAndNoMore) {
  set_up(4);
  start();
  send(4, kLarge);
  describe(0, kLarge);
  expose(0);  // the driver's breach: in flight already
  kick();
  EXPECT_EQ(backend_.frames(), 4u);
  complete(2);
  EXPECT_EQ(backend_.frames(), 5u);
}

TEST_F(Inorder, AFailureTurnsHoldingOffFor64Frames) {
  set_up();
  start();
  send(1, kLarge);
  complete(0, RequestResult::kFailed);
  EXPECT_EQ(used_ids(), Ids{0});
  for (int i = 1; i < 64; ++i) send(1, kLarge);
  EXPECT_EQ(held(), 1);
  send(1, kLarge);
  EXPECT_EQ(held(), 2);
}

TEST_F(Inorder, FailuresAreForgottenAfter1024Frames) {
  set_up();
  start();
  for (size_t i = 0; i < 3; ++i) send(1, kLarge);
  for (size_t i = 0; i < 3; ++i) complete(i, RequestResult::kFailed);
  for (int i = 3; i < 192; ++i) send(1, kLarge);
  ASSERT_EQ(held(), 3);
  send(1, kLarge);
  EXPECT_EQ(held(), 4);
  backend_.complete(192, RequestResult::kFailed);
  for (int i = 193; i < 256; ++i) send(1, kLarge);
  EXPECT_EQ(held(), 4);
}

TEST_F(Inorder, FailuresCountWithinOnePeriodOf1024Frames) {
  set_up(128);
  start();
  send(17, kLarge);  // more than one in 64 of them
  for (size_t i = 0; i < 17; ++i) complete(i, RequestResult::kFailed);
  for (int i = 17; i < 1024; ++i) send(1, kLarge);
  ASSERT_EQ(held(), 17);
  send(1, kLarge);
  EXPECT_EQ(held(), 18) << "a new period";
  complete(1024, RequestResult::kFailed);
  send(1, kLarge);
  EXPECT_EQ(held(), 18) << "which has begun with no frames too";
}

TEST_F(Inorder, ABackendOfTheReceiveRingEndsTheBackOff) {
  ScriptedBackend receiver(net_);
  set_up();
  start();
  send(1, kLarge);
  complete(0, RequestResult::kFailed);
  send(1, kLarge);
  ASSERT_EQ(held(), 1);
  ASSERT_EQ(net_.set_backend(Caller::kOwner, kRxIndex, {0, &receiver}), 0);
  send(1, kLarge);
  EXPECT_EQ(held(), 2);
}

// ---- what wakes the worker (vhost_zerocopy_callback) --------------------------------------------

// How many were still held each time that a completion woke the worker.
class Wakes : public Inorder {
 protected:
  std::vector<uint32_t> of_completing(uint32_t count) {
    std::vector<uint32_t> left;
    for (uint32_t i = 0; i < count; ++i) {
      backend_.complete(i);
      if (net_.runnable()) left.push_back(count - 1 - i);
      run();
    }
    return left;
  }
};

TEST_F(Wakes, TheLastCompletionAndEach16th) {
  set_up(256);
  start();
  send(50, kLarge);
  EXPECT_EQ(of_completing(50), (std::vector<uint32_t>{47, 31, 15, 0}));
}

TEST_F(Wakes, TheLastTwoWhileACallWaits) {
  set_up(256);
  start();
  send(50, kLarge);
  ASSERT_EQ(map_all(), kPending);
  EXPECT_EQ(of_completing(50), (std::vector<uint32_t>{48, 32, 16, 1, 0}));
}

TEST_F(Arrival, EachCompletionWakes) {
  set_up();
  start();
  send(2, kLarge);
  backend_.complete(1);
  EXPECT_TRUE(net_.runnable());
}

TEST_P(BothPolicies, NothingWakesAnIdleQueue) {
  set_up();
  start();
  send(1, kLarge);
  net_.backend_writable();
  EXPECT_FALSE(net_.runnable());
  EXPECT_TRUE(wants_kicks());
}

TEST_P(BothPolicies, AChainThatSlipsInBehindTheLastLookIsSent) {
  set_up();
  start();
  at_point_ = EnginePoint::kNotifyEnabled;
  at_point_action_ = [this] { avail(kLarge); };
  kick();
  EXPECT_EQ(backend_.frames(), 1u);
}

TEST_P(BothPolicies, ACompletionBehindTheLastLookIsPublished) {
  set_up();
  start();
  at_point_ = EnginePoint::kNotifyEnabled;
  at_point_action_ = [this] { backend_.complete(0); };
  send(1, kLarge);
  EXPECT_EQ(used_ids(), Ids{0});
}

TEST_P(BothPolicies, OneRunHasABoundInFrames) {
  set_up(1024);
  start();
  expose_several(600, kSmall);
  net_.kick(kTxIndex);
  net_.run_worker();
  EXPECT_EQ(backend_.frames(), 256u);
  EXPECT_TRUE(net_.runnable());
  run();
  EXPECT_EQ(backend_.frames(), 600u);
}

TEST_P(BothPolicies, OneRunHasABoundInBytes) {
  set_up(256);
  start();
  expose_several(100, 60000);
  net_.kick(kTxIndex);
  net_.run_worker();
  EXPECT_EQ(backend_.frames(), 9u);  // 0x80000 bytes
  run();
  EXPECT_EQ(backend_.frames(), 100u);
}

// An iteration that finds the ring empty, and full again when kicks are enabled, counts no bytes.
TEST_P(BothPolicies, TheBoundInBytesCountsWhatWasFetched) {
  set_up(256);
  start();
  expose_several(8, 0xffff);
  avail(7);  // one byte less than the bound
  at_point_ = EnginePoint::kNotifyEnabled;
  at_point_action_ = [&] { expose_several(2, kSmall); };
  net_.kick(kTxIndex);
  net_.run_worker();
  EXPECT_EQ(backend_.frames(), 10u);
  run();
  EXPECT_EQ(backend_.frames(), 11u);
}

// ---- errors -------------------------------------------------------------------------------------

TEST_P(BothPolicies, ATransientErrorIsTriedAgain) {
  set_up();
  start();
  for (const int error : {EAGAIN, ENOMEM, ENOBUFS}) {
    backend_.refuse(error);
    const size_t before = backend_.frames();
    send(1, kLarge);
    ASSERT_EQ(backend_.frames(), before + 1) << error;
    complete(before);
  }
  EXPECT_EQ(used_ids(), (Ids{0, 1, 2}));
}

TEST_P(BothPolicies, AFullBackendWaitsForRoom) {
  set_up();
  start();
  backend_.set_writable(false);
  for (const uint32_t len : {kLarge, kSmall}) {
    backend_.refuse(EAGAIN);
    const size_t before = backend_.frames();
    send(1, len);
    EXPECT_EQ(backend_.frames(), before);
    EXPECT_FALSE(net_.runnable());
    net_.backend_writable();
    run();
    EXPECT_EQ(backend_.frames(), before + 1);
  }
  EXPECT_EQ(net_.allocated() + used_ids().size(), 2u);
}

TEST_P(BothPolicies, APermanentErrorDoesNotBlockTheQueue) {
  set_up();
  start();
  for (const int error : {EINVAL, EIO, EFAULT}) {
    for (const uint32_t len : {kLarge, kSmall}) {
      backend_.refuse(error);
      send(1, len);
    }
  }
  EXPECT_EQ(used_ids(), (Ids{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(backend_.frames(), 0u);
  EXPECT_EQ(net_.allocated(), 0u);
}

TEST_F(Inorder, APermanentErrorTakesItsPlaceBehindThoseHeld) {
  set_up();
  start();
  send(1, kLarge);
  backend_.refuse(EIO);
  send(1, kLarge);
  EXPECT_EQ(used_ids(), Ids{});
  complete(0);
  EXPECT_EQ(used_ids(), (Ids{0, 1}));
}

TEST_P(BothPolicies, ACompletionStandsWhateverSubmitReturns) {
  set_up();
  start();
  for (const int error : {EAGAIN, EIO}) {
    backend_.complete_then_refuse(error);
    send(1, kLarge);
  }
  EXPECT_EQ(used_ids(), (Ids{0, 1}));
  EXPECT_EQ(backend_.frames(), 2u);
  EXPECT_EQ(net_.allocated(), 0u);
}

TEST_P(BothPolicies, CompletingTwiceOrTooLateChangesNothing) {
  set_up();
  start();
  send(2, kLarge);
  backend_.complete(0);
  backend_.complete(0);
  run();
  send(1, kLarge);  // may take the slot over
  complete(0);
  complete(1);
  complete(2);
  EXPECT_EQ(used_ids(), (Ids{0, 1, 2}));
  EXPECT_EQ(net_.allocated(), 0u);
}

TEST_P(BothPolicies, AFailedAllocationLosesNoHead) {
  set_up();
  start();
  net_.fail_allocation(1);
  send(3, kLarge);
  ASSERT_EQ(backend_.frames(), 3u);
  for (size_t n : {0, 1, 2}) complete(n);
  EXPECT_EQ(used_ids(), (Ids{0, 1, 2}));
}

// ---- what a driver must not do
// --------------------------------------------------------------------

TEST_P(BothPolicies, AChainWithoutPayloadIsUsedAndNotSent) {
  set_up(8, kFeatureVersion1 | kFeatureNetHdr);
  start();
  for (const uint32_t len : {0u, 1u, 12u}) avail(len);
  avail(kLarge);
  kick();
  EXPECT_EQ(backend_.frames(), 1u);
  EXPECT_EQ(errors_, 3);
  complete(0);
  EXPECT_EQ(used_ids(), (Ids{0, 1, 2, 3}));
  EXPECT_EQ(net_.allocated(), 0u);
  EXPECT_TRUE(wants_kicks());
}

TEST_P(BothPolicies, AWritableChainIsUsedAndNotSent) {
  set_up();
  start();
  avail(kLarge, kDescWrite);
  kick();
  EXPECT_EQ(backend_.frames(), 0u);
  EXPECT_EQ(used_ids(), Ids{0});
  EXPECT_EQ(errors_, 1);
}

TEST_P(BothPolicies, ABrokenHeadStopsTheQueueUntilTheNextKick) {
  set_up();
  start();
  put(avail_ring() + 4, uint16_t{8});
  put(avail_ring() + 2, ++next_);
  avail(kLarge);
  net_.kick(kTxIndex);
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(errors_, 1);
  EXPECT_EQ(backend_.frames(), 0u);
  put(avail_ring() + 4, uint16_t{2});
  describe(2, kLarge);
  kick();
  EXPECT_EQ(backend_.frames(), 2u);
}

TEST_P(BothPolicies, ABufferThatIsNotMappedStopsTheQueue) {
  set_up();
  start();
  describe(0, kLarge);
  put(0, uint64_t{kSize - 1});
  expose(0);
  kick();
  EXPECT_EQ(errors_, 1);
  EXPECT_EQ(used_ids(), Ids{});
}

}  // namespace
}  // namespace va
