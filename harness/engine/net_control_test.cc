// The control plane: errno by errno (Linux, drivers/vhost/vhost.c and net.c), and which calls wait.
#include <cerrno>

#include "engine/net_fixture.h"

namespace va {
namespace {

using Ids = std::vector<uint32_t>;
constexpr Caller kOwner = Caller::kOwner;
constexpr Caller kOther = Caller::kOther;

class Control : public NetRig, public ::testing::Test {
 protected:
  Control() : NetRig(PublicationPolicy::kInorder) {}

  int num(uint32_t value, uint32_t index = kTxIndex, Caller caller = kOwner) {
    return net_.set_vring_num(caller, index, value);
  }
  int base(uint32_t value, Caller caller = kOwner) {
    return net_.set_vring_base(caller, kTxIndex, value);
  }
  int get_base(uint32_t index = kTxIndex, Caller caller = kOwner) {
    return net_.get_vring_base(caller, index, base_);
  }
  int addr(uint64_t desc, uint64_t avail, uint64_t used, uint64_t log = 0, uint32_t flags = 0) {
    return net_.set_vring_addr(kOwner, kTxIndex, {desc, avail, used, log, flags});
  }
  int map(std::vector<Region> regions, uint32_t padding = 0, Caller caller = kOwner) {
    return net_.set_mem_table(caller, regions, padding);
  }
  int backend(BackendFd fd, uint32_t index = kTxIndex, Caller caller = kOwner) {
    return net_.set_backend(caller, index, fd);
  }
  int detach(uint32_t index = kTxIndex) { return backend({0, nullptr}, index); }

  uint32_t base_ = 0;
};

// ---- KRN-01: ownership ------------------------------------------------------------------------

TEST_F(Control, BeforeSetOwnerMostCallsAreRefused) {
  EXPECT_EQ(net_.reset_owner(kOwner), -EPERM);
  EXPECT_EQ(map_all(), -EPERM);
  EXPECT_EQ(num(8), -EPERM);
  EXPECT_EQ(base(0), -EPERM);
  EXPECT_EQ(get_base(), -EPERM);
  EXPECT_EQ(addr(0, 0, 0), -EPERM);
  EXPECT_EQ(net_.set_vring_kick(kOwner, kTxIndex, {0, 1}), -EPERM);
  EXPECT_EQ(net_.set_vring_call(kOwner, kTxIndex, {0, 1}), -EPERM);
  EXPECT_EQ(net_.set_vring_err(kOwner, kTxIndex, {0, 1}), -EPERM);
  EXPECT_EQ(detach(), -EPERM);
}

TEST_F(Control, FeaturesNeedNoOwner) {
  EXPECT_EQ(net_.get_features(), kOfferedFeatures);
  EXPECT_EQ(net_.set_features(kFeatureVersion1), 0);
  EXPECT_EQ(net_.acked_features(), kFeatureVersion1);
  EXPECT_EQ(net_.get_backend_features(), kOfferedBackendFeatures);
  EXPECT_EQ(net_.set_backend_features(kOfferedBackendFeatures), 0);
}

TEST_F(Control, ThereIsOneOwner) {
  EXPECT_EQ(net_.set_owner(kOwner), 0);
  EXPECT_EQ(net_.set_owner(kOwner), -EBUSY);
  EXPECT_EQ(net_.set_owner(kOther), -EBUSY);
}

TEST_F(Control, AnotherProcessIsRefused) {
  set_up();
  EXPECT_EQ(net_.reset_owner(kOther), -EPERM);
  EXPECT_EQ(map_all(kOther), -EPERM);
  EXPECT_EQ(num(8, kTxIndex, kOther), -EPERM);
  EXPECT_EQ(base(0, kOther), -EPERM);
  EXPECT_EQ(get_base(kTxIndex, kOther), -EPERM);
  EXPECT_EQ(backend({0, &backend_}, kTxIndex, kOther), -EPERM);
}

TEST_F(Control, ADeviceOwnedByAnotherProcessIsNotOurs) {
  ASSERT_EQ(net_.set_owner(kOther), 0);
  EXPECT_EQ(map_all(), -EPERM);
}

TEST_F(Control, ResetOwnerGivesADeviceWithoutOwner) {
  set_up();
  start();
  EXPECT_EQ(net_.reset_owner(kOwner), 0);
  EXPECT_EQ(net_.acked_features(), 0u);
  EXPECT_EQ(get_base(), -EPERM);
  set_up();
  start();
  send(1, kLarge);
  EXPECT_EQ(backend_.frames(), 1u);
}

TEST_F(Control, AllocationsThatFailAreNoMem) {
  net_.fail_allocation(0);
  EXPECT_EQ(net_.set_owner(kOwner), -ENOMEM);
  set_up();
  net_.fail_allocation(0);
  EXPECT_EQ(map_all(), -ENOMEM);
  net_.fail_allocation(0);
  EXPECT_EQ(backend({0, &backend_}), -ENOMEM);
  EXPECT_EQ(net_.backend(kTxIndex), nullptr);
  net_.fail_allocation(0);
  EXPECT_EQ(net_.reset_owner(kOwner), -ENOMEM);
  start();  // nothing was lost
  send(1, kLarge);
  EXPECT_EQ(backend_.frames(), 1u);
}

// ---- KRN-02: features -------------------------------------------------------------------------

// VIRTIO 1.2, 6 and 5.1.3, and linux/vhost_types.h: a driver knows them by number.
TEST_F(Control, FeaturesHaveTheirNumbers) {
  uint64_t offered = 0;
  for (const int bit : {15, 24, 26, 27, 28, 29, 32, 35}) offered |= uint64_t{1} << bit;
  EXPECT_EQ(net_.get_features(), offered);
  EXPECT_EQ(net_.get_backend_features(), 2u);
}

TEST_F(Control, UnknownFeaturesAreRefused) {
  EXPECT_EQ(net_.set_features(kFeatureVersion1 | uint64_t{1} << 34), -EOPNOTSUPP);
  EXPECT_EQ(net_.set_backend_features(kOfferedBackendFeatures | 1), -EOPNOTSUPP);
  EXPECT_EQ(net_.acked_features(), 0u);
}

// ---- KRN-03 to KRN-05: rings ------------------------------------------------------------------

TEST_F(Control, NumIsAPowerOfTwoBelow65536) {
  set_up();
  for (const uint32_t value : {1u, 2u, 256u, 0x8000u}) EXPECT_EQ(num(value), 0) << value;
  for (const uint32_t value : {0u, 3u, 0xffffu, 0x10000u}) EXPECT_EQ(num(value), -EINVAL) << value;
}

TEST_F(Control, BaseIsSixteenBits) {
  set_up();
  EXPECT_EQ(base(0xffff), 0);
  EXPECT_EQ(get_base(), 0);
  EXPECT_EQ(base_, 0xffffu);
  EXPECT_EQ(base(0x10000), -EINVAL);
}

TEST_F(Control, ARunningRingKeepsNumAndBase) {
  set_up();
  start();
  EXPECT_EQ(num(8), -EBUSY);
  EXPECT_EQ(base(0), -EBUSY);
  EXPECT_EQ(num(8, kRxIndex), 0);
  ASSERT_EQ(detach(), 0);
  EXPECT_EQ(num(8), 0);
}

TEST_F(Control, AddressesAreAlignedButForTheTable) {
  set_up();
  EXPECT_EQ(addr(kUser + 1, kUser, kUser), 0);
  EXPECT_EQ(addr(kUser, kUser + 1, kUser), -EINVAL);
  EXPECT_EQ(addr(kUser, kUser + 2, kUser), 0);
  EXPECT_EQ(addr(kUser, kUser, kUser + 2), -EINVAL);
  EXPECT_EQ(addr(kUser, kUser, kUser, 2), -EINVAL);
  EXPECT_EQ(addr(kUser, kUser, kUser, 4, 1), 0);
  EXPECT_EQ(addr(kUser, kUser, kUser, 0, 2), -EOPNOTSUPP);
  EXPECT_EQ(addr(kUser, kUser + 1, kUser, 0, 2), -EOPNOTSUPP);
}

TEST_F(Control, AddressesOutsideUserSpaceAreRefusedOnceTheRingRuns) {
  set_up();
  EXPECT_EQ(addr(UINT64_MAX - 15, kUser, kUser), 0);
  EXPECT_EQ(backend({0, &backend_}), -EFAULT);
  const VringAddr good = addresses(kTxIndex);
  ASSERT_EQ(addr(good.desc, good.avail, good.used), 0);
  start();
  EXPECT_EQ(addr(UINT64_MAX - 15, good.avail, good.used), -EINVAL);
  EXPECT_EQ(addr(good.desc, 0x7ffffffff000, good.used), -EINVAL);
}

TEST_F(Control, RingsAreTwo) {
  set_up();
  for (const uint32_t index : {2u, 3u, UINT32_MAX}) {
    EXPECT_EQ(num(8, index), -ENOBUFS);
    EXPECT_EQ(get_base(index), -ENOBUFS);
    EXPECT_EQ(net_.set_vring_kick(kOwner, index, {0, 1}), -ENOBUFS);
    EXPECT_EQ(backend({0, &backend_}, index), -ENOBUFS);
    EXPECT_EQ(num(8, index, kOther), -EPERM);
  }
}

TEST_F(Control, WhatIsNoEventfdIsRefused) {
  set_up();
  EXPECT_EQ(net_.set_vring_kick(kOwner, kTxIndex, {-EBADF, 0}), -EBADF);
  EXPECT_EQ(net_.set_vring_call(kOwner, kTxIndex, {-EINVAL, 0}), -EINVAL);
  EXPECT_EQ(net_.set_vring_err(kOwner, kTxIndex, {-EBADF, 0}), -EBADF);
}

TEST_F(Control, WithoutAKickFdNothingIsHeard) {
  set_up();
  start();
  ASSERT_EQ(net_.set_vring_kick(kOwner, kTxIndex, {0, 0}), 0);
  send(1, kLarge);
  EXPECT_EQ(backend_.frames(), 0u);
}

// KRN-09
TEST_F(Control, GetBaseDoesNotStopTheRing) {
  set_up(8, kFeatureVersion1, 0xffff);
  start();
  send(2, kLarge);
  EXPECT_EQ(get_base(), 0);
  EXPECT_EQ(base_, 1u);
  send(1, kLarge);
  EXPECT_EQ(backend_.frames(), 3u);
}

// ---- KRN-06: the memory table -----------------------------------------------------------------

TEST_F(Control, MemoryTables) {
  set_up();
  EXPECT_EQ(map({}), 0);
  EXPECT_EQ(map({{0, kSize, kUser}}, 1), -EOPNOTSUPP);
  EXPECT_EQ(map(std::vector<Region>(64, Region{0, kSize, kUser})), 0);
  EXPECT_EQ(map(std::vector<Region>(65, Region{0, kSize, kUser})), -E2BIG);
  EXPECT_EQ(map({{UINT64_MAX, 1, kUser}}), 0);
  EXPECT_EQ(map({{UINT64_MAX, 2, kUser}}), -EFAULT);
  EXPECT_EQ(map({{0x1000, 0, kUser}}), -EFAULT);
  // From 0 to the last byte there is: no size can say that but 0. Linux takes it as two halves.
  EXPECT_EQ(map({{0, 0, kUser}}), 0);
  EXPECT_EQ(backend({0, &backend_}), -EFAULT) << "half of 2^64 bytes are outside user space";
}

TEST_F(Control, ARefusedTableLeavesTheOldOne) {
  set_up();
  start();
  EXPECT_EQ(map({{0, kSize, kUser}, {UINT64_MAX, 2, kUser}}), -EFAULT);
  EXPECT_EQ(map({{0, kSize, UINT64_MAX}}), -EFAULT);  // outside user space, and a ring runs
  EXPECT_EQ(map({{0, 0, kUser}}), -EFAULT);
  send(1, kLarge);
  EXPECT_EQ(backend_.frames(), 1u);
}

// ---- KRN-07: backends -------------------------------------------------------------------------

TEST_F(Control, EvenDetachingNeedsATable) {
  ASSERT_EQ(net_.set_owner(kOwner), 0);
  EXPECT_EQ(detach(), -EFAULT);
  ASSERT_EQ(map({}), 0);
  EXPECT_EQ(detach(), 0);
}

TEST_F(Control, WhatIsNoBackendIsRefusedAndTheOldOneStays) {
  set_up();
  start();
  send(1, kLarge);
  EXPECT_EQ(backend({-ENOTSOCK, nullptr}), -ENOTSOCK);
  EXPECT_EQ(backend({0, &other_}, 2), -ENOBUFS);
  EXPECT_EQ(backend({0, &other_}, kTxIndex, kOther), -EPERM);
  EXPECT_EQ(net_.backend(kTxIndex), &backend_);
  complete(0);
  EXPECT_EQ(used_ids(), Ids{0});
  send(1, kLarge);
  EXPECT_TRUE(backend_.holds(1));
}

TEST_F(Control, ARingThatIsNotMappedKeepsTheOldBackend) {
  set_up();
  start();
  const VringAddr good = addresses(kTxIndex);
  ASSERT_EQ(addr(good.desc, good.avail, kUser - 0x1000), 0);
  EXPECT_EQ(backend({0, &other_}), -EFAULT);
  EXPECT_EQ(net_.backend(kTxIndex), &backend_);
}

TEST_F(Control, TheSameBackendAgainChangesNothing) {
  set_up();
  start();
  send(3, kLarge);
  backend_.complete(1);
  EXPECT_EQ(install(&backend_), 0);
  EXPECT_EQ(used_ids(), Ids{});
  complete(0);
  complete(2);
  EXPECT_EQ(used_ids(), (Ids{0, 1, 2}));
  EXPECT_EQ(net_.allocated(), 0u);
}

TEST_F(Control, WhatIsAvailableAtTheStartNeedsNoKick) {
  set_up();
  avail(kLarge);
  start();
  EXPECT_EQ(backend_.frames(), 1u);
}

TEST_F(Control, AFullBackendIsNotServedBeforeItHasRoom) {
  set_up();
  avail(kLarge);
  backend_.set_writable(false);
  start();
  EXPECT_EQ(backend_.frames(), 0u);
  net_.backend_writable();
  run();
  EXPECT_EQ(backend_.frames(), 1u);
}

// ---- which calls wait for requests in flight (measured on 6.1 and 6.12) -----------------------

class Waiting : public NetRig, public ::testing::TestWithParam<PublicationPolicy> {
 protected:
  Waiting() : NetRig(GetParam()) {}
  ~Waiting() override = default;

  void hold_two() {
    set_up();
    start();
    send(2, kLarge);
    ASSERT_EQ(net_.allocated(), 2u);
  }
  // That the call waits for both requests and then returns `result`.
  void expect_waits(int returned, int result) {
    EXPECT_EQ(returned, kPending);
    complete(1);
    EXPECT_EQ(net_.step_pending(), kPending);
    complete(0);
    EXPECT_EQ(net_.step_pending(), result);
    EXPECT_FALSE(net_.pending());
    EXPECT_EQ(net_.allocated(), 0u);
  }
};
INSTANTIATE_TEST_SUITE_P(Net, Waiting,
                         ::testing::Values(PublicationPolicy::kArrival,
                                           PublicationPolicy::kInorder),
                         [](const auto& policy) {
                           const bool arrival = policy.param == PublicationPolicy::kArrival;
                           return arrival ? "Arrival" : "Inorder";
                         });

TEST_P(Waiting, SetMemTable) {
  hold_two();
  expect_waits(map_all(), 0);
  EXPECT_EQ(used_ids().size(), 2u);
}

TEST_P(Waiting, SetMemTableThatFails) {
  hold_two();
  expect_waits(net_.set_mem_table(kOwner, {}, 1), -EOPNOTSUPP);
}

TEST_P(Waiting, SetMemTableByAnotherProcess) {
  hold_two();
  expect_waits(map_all(kOther), -EPERM);
}

TEST_P(Waiting, RingCallsByAnotherProcess) {
  uint32_t base = 0;
  const std::function<int(uint32_t)> calls[] = {
      [&](uint32_t index) { return net_.set_vring_num(kOther, index, 8); },
      [&](uint32_t index) { return net_.set_vring_base(kOther, index, 0); },
      [&](uint32_t index) { return net_.get_vring_base(kOther, index, base); },
      [&](uint32_t index) { return net_.set_vring_addr(kOther, index, addresses(index)); },
      [&](uint32_t index) {
        return net_.set_vring_kick(kOther, index, {0, 4});
      },
      [&](uint32_t index) {
        return net_.set_vring_call(kOther, index, {0, 5});
      },
      [&](uint32_t index) {
        return net_.set_vring_err(kOther, index, {0, 6});
      },
  };
  for (const auto& call : calls) {
    net_.open();
    hold_two();
    const size_t first = backend_.frames() - 2;
    EXPECT_EQ(call(kTxIndex), kPending);
    complete(first + 1);
    EXPECT_EQ(net_.step_pending(), kPending);
    complete(first);
    EXPECT_EQ(net_.step_pending(), -EPERM);
  }
}

TEST_P(Waiting, RingCallsOnNoRingDoNot) {
  uint32_t base = 0;
  hold_two();
  EXPECT_EQ(net_.set_vring_num(kOwner, 2, 8), -ENOBUFS);
  EXPECT_EQ(net_.set_vring_base(kOwner, 2, 0), -ENOBUFS);
  EXPECT_EQ(net_.get_vring_base(kOwner, 2, base), -ENOBUFS);
  EXPECT_EQ(net_.set_vring_addr(kOwner, 2, addresses(kTxIndex)), -ENOBUFS);
  EXPECT_EQ(net_.set_vring_kick(kOwner, 2, {0, 4}), -ENOBUFS);
  EXPECT_EQ(net_.set_vring_call(kOwner, 2, {0, 5}), -ENOBUFS);
  EXPECT_EQ(net_.set_vring_err(kOwner, 2, {0, 6}), -ENOBUFS);
}

TEST_P(Waiting, DetachReportsAllHeadsBeforeItReturns) {
  hold_two();
  expect_waits(install(nullptr), 0);
  EXPECT_EQ(used_ids().size(), 2u);
}

TEST_P(Waiting, SwapReportsAllHeadsBeforeItReturns) {
  hold_two();
  expect_waits(install(&other_), 0);
  EXPECT_EQ(used_ids().size(), 2u);
  send(1, kLarge);
  EXPECT_EQ(other_.frames(), 1u);
}

TEST_P(Waiting, ResetOwnerReportsNone) {
  hold_two();
  expect_waits(net_.reset_owner(kOwner), 0);
  EXPECT_EQ(used_ids(), Ids{});
}

TEST_P(Waiting, ReleaseReportsNoneAndTouchesNothingAfterwards) {
  hold_two();
  expect_waits(net_.release(), 0);
  EXPECT_EQ(used_ids(), Ids{});
  net_.kick(kTxIndex);
  EXPECT_FALSE(net_.runnable());
  complete(0);
  EXPECT_EQ(used_ids(), Ids{});
}

TEST_P(Waiting, TheNewBackendWorksWhileTheOldOneIsWaitedFor) {
  hold_two();
  ASSERT_EQ(install(&other_), kPending);
  send(1, kLarge);
  ASSERT_EQ(other_.frames(), 1u);
  EXPECT_EQ(net_.step_pending(), kPending);
  complete(0);
  complete(1);
  EXPECT_EQ(net_.step_pending(), 0);  // the new backend's is not waited for
  EXPECT_EQ(net_.allocated(), 1u);
  other_.complete(0);
  run();
  EXPECT_EQ(used_ids(), (Ids{0, 1, 2}));
}

TEST_P(Waiting, WhileAFlushWaitsLargeFramesAreCopied) {
  hold_two();
  ASSERT_EQ(map_all(), kPending);
  send(1, kLarge);
  EXPECT_FALSE(backend_.holds(2));
  EXPECT_EQ(used_ids(), Ids{2});
  complete(0);
  complete(1);
  ASSERT_EQ(net_.step_pending(), 0);
  send(1, kLarge);
  EXPECT_TRUE(backend_.holds(3));
}

TEST_P(Waiting, TheseReturnAtOnce) {
  uint32_t base = 0;
  ScriptedBackend receiver(net_);
  hold_two();
  EXPECT_EQ(net_.set_vring_num(kOwner, kTxIndex, 8), -EBUSY);
  EXPECT_EQ(net_.set_vring_base(kOwner, kTxIndex, 0), -EBUSY);
  EXPECT_EQ(net_.set_vring_addr(kOwner, kTxIndex, addresses(kTxIndex)), 0);
  EXPECT_EQ(net_.set_vring_kick(kOwner, kTxIndex, {0, 4}), 0);
  EXPECT_EQ(net_.set_vring_call(kOwner, kTxIndex, {0, 5}), 0);
  EXPECT_EQ(net_.set_vring_err(kOwner, kTxIndex, {0, 6}), 0);
  EXPECT_EQ(net_.get_vring_base(kOwner, kTxIndex, base), 0);
  EXPECT_EQ(net_.set_features(kFeatureVersion1), 0);
  EXPECT_EQ(net_.set_backend_features(0), 0);
  EXPECT_EQ(net_.set_owner(kOwner), -EBUSY);
  EXPECT_EQ(net_.reset_owner(kOther), -EPERM);
  EXPECT_EQ(net_.set_backend(kOther, kTxIndex, {0, nullptr}), -EPERM);
  EXPECT_EQ(install(&backend_), 0);
  EXPECT_EQ(net_.set_backend(kOwner, kRxIndex, {0, &receiver}), 0);
  EXPECT_EQ(net_.set_backend(kOwner, kRxIndex, {0, nullptr}), 0);
  EXPECT_EQ(net_.allocated(), 2u);
}

}  // namespace
}  // namespace va
