// The dirty log, store by store (Linux, drivers/vhost/vhost.c: log_write, vhost_log_write and who
// calls them).
#include "engine/dirty_log.h"

#include <cerrno>

#include "engine/net_fixture.h"

namespace va {
namespace {

using Ids = std::vector<uint32_t>;
using Pages = std::vector<uint64_t>;
constexpr Caller kOwner = Caller::kOwner;
constexpr Caller kOther = Caller::kOther;
constexpr uint64_t kBase = 0x7000000;           // where the log lies
constexpr uint64_t kLastUser = 0x7ffffffff000;  // one past the last user address
constexpr uint32_t kUsedGpa = 0x5ff4;  // as told with the ring: the second entry begins a page

class DirtyLog : public NetRig, public ::testing::Test {
 protected:
  DirtyLog() : NetRig(PublicationPolicy::kInorder) {}

  bool on_dirty(uint64_t base, uint64_t page) override {
    EXPECT_EQ(base, kBase);
    if (page >= end_) return false;
    pages_.push_back(page);
    return true;
  }
  void on_logged(uint32_t fd) override { signals_.push_back(fd); }

  VringAddr logged_ring(uint32_t index = kTxIndex, uint64_t gpa = kUsedGpa) const {
    VringAddr addr = addresses(index);
    addr.log = gpa;
    addr.flags = kVringLog;
    return addr;
  }
  int log_ring(uint32_t index = kTxIndex, uint64_t gpa = kUsedGpa) {
    return net_.set_vring_addr(kOwner, index, logged_ring(index, gpa));
  }
  Pages take() { return std::exchange(pages_, {}); }

  Pages pages_;
  std::vector<uint32_t> signals_;
  uint64_t end_ = UINT64_MAX;
};

// ---- what is logged ---------------------------------------------------------------------------

TEST_F(DirtyLog, EachStoreIntoTheUsedRingIsLogged) {
  set_up();
  ASSERT_EQ(net_.set_log_base(kOwner, kBase), 0);
  ASSERT_EQ(log_ring(), 0);
  start();
  // Flags at the start and when kicks are disabled and enabled again.
  EXPECT_EQ(take(), (Pages{5, 5, 5}));
  send(1, kSmall);
  EXPECT_EQ(take(), (Pages{5, 5, 5, 5})) << "flags, the entry at 0x5ff8, used idx, flags";
  send(1, kSmall);
  EXPECT_EQ(take(), (Pages{5, 6, 5, 5})) << "the second entry stands in the next page";
}

TEST_F(DirtyLog, EntriesThatPassTheEndOfTheRingAreLoggedAtBothEnds) {
  set_up(4, kFeatureVersion1 | kFeatureEventIdx, 3);
  ASSERT_EQ(net_.set_log_base(kOwner, kBase), 0);
  ASSERT_EQ(log_ring(kTxIndex, 0x5fe8), 0);  // the last entry at 0x6004, avail_event at 0x600c
  start();
  EXPECT_EQ(take(), (Pages{5, 6}));
  send(2, kLarge);
  EXPECT_EQ(take(), (Pages{6})) << "avail_event alone: both are held";
  backend_.complete(0);
  complete(1);
  EXPECT_EQ(take(), (Pages{6, 5, 5, 6}));
}

TEST_F(DirtyLog, ARingIsLoggedWhateverTheFeatures) {
  set_up();
  start();
  send(1, kSmall);
  EXPECT_EQ(take(), Pages{}) << "no flag, no log";
  ASSERT_EQ(net_.set_features(kFeatureVersion1 | kFeatureLogAll), 0);
  send(1, kSmall);
  EXPECT_EQ(take(), Pages{}) << "LOG_ALL is for buffers";
  ASSERT_EQ(net_.set_features(kFeatureVersion1), 0);
  ASSERT_EQ(net_.set_log_base(kOwner, kBase), 0);
  ASSERT_EQ(log_ring(), 0);
  send(1, kSmall);
  EXPECT_FALSE(take().empty());
}

TEST_F(DirtyLog, TheLogIsSwitchedWhileARequestIsInFlight) {
  set_up();
  start();
  send(1, kLarge);
  ASSERT_EQ(log_ring(), 0);
  ASSERT_EQ(net_.set_log_base(kOwner, kBase), kPending) << "the base waits, as it does in Linux";
  complete(0);
  ASSERT_EQ(net_.step_pending(), 0);
  EXPECT_EQ(used_ids(), Ids{0});
  EXPECT_FALSE(take().empty());
  send(1, kLarge);
  take();
  ASSERT_EQ(net_.set_vring_addr(kOwner, kTxIndex, addresses(kTxIndex)), 0);
  complete(1);
  EXPECT_EQ(take(), Pages{});
}

TEST_F(DirtyLog, TheEventfdIsSignalledWhenTheLogIsComplete) {
  set_up();
  ASSERT_EQ(net_.set_log_base(kOwner, kBase), 0);
  ASSERT_EQ(net_.set_log_fd(kOwner, {0, 7}), 0);
  start();
  EXPECT_TRUE(signals_.empty());
  ASSERT_EQ(log_ring(), 0);
  send(1, kSmall);
  EXPECT_EQ(signals_, (std::vector<uint32_t>{7, 7, 7})) << "flags, used idx, flags";
}

TEST_F(DirtyLog, ALogThatCannotBeWrittenChangesNothing) {
  set_up();
  end_ = 0;
  ASSERT_EQ(net_.set_log_base(kOwner, kBase), 0);
  ASSERT_EQ(log_ring(), 0);
  start();
  send(1, kSmall);
  EXPECT_EQ(used_ids(), Ids{0});
  EXPECT_EQ(errors_, 0);
}

// vhost_log_write: no more than was stored, at the addresses of the chain, page by page.
TEST_F(DirtyLog, BuffersAreLoggedUpToWhatWasStored) {
  const std::vector<GuestRange> ranges = {{0x1ff0, 0x20}, {0x5000, 0x2001}, {0x9000, 1}};
  const RingLog log{kBase, 0, false, 3};
  log.buffer_stored(*this, ranges, 0x10);
  EXPECT_EQ(take(), Pages{1});
  log.buffer_stored(*this, ranges, 0x11);
  EXPECT_EQ(take(), (Pages{1, 2}));
  log.buffer_stored(*this, ranges, 0x2021);
  EXPECT_EQ(take(), (Pages{1, 2, 5, 6, 7}));
  log.buffer_stored(*this, ranges, 0x10000);
  EXPECT_EQ(take(), (Pages{1, 2, 5, 6, 7, 9})) << "a length beyond the buffer is not believed";
  EXPECT_EQ(signals_.size(), 4u);
}

// ---- the calls --------------------------------------------------------------------------------

TEST_F(DirtyLog, CallsOfAStrangerAreRefused) {
  EXPECT_EQ(net_.set_log_base(kOwner, kBase), -EPERM);
  EXPECT_EQ(net_.set_log_fd(kOwner, {0, 7}), -EPERM);
  set_up();
  EXPECT_EQ(net_.set_log_base(kOther, kBase), -EPERM);
  EXPECT_EQ(net_.set_log_fd(kOther, {0, 7}), -EPERM);
  EXPECT_EQ(net_.set_log_fd(kOwner, {-EBADF, 0}), -EBADF);
}

TEST_F(DirtyLog, ARingAtRestTakesAnyBaseAndDoesNotStartWithABadOne) {
  set_up();
  EXPECT_EQ(net_.set_log_base(kOwner, kLastUser), 0);
  EXPECT_EQ(install(&backend_), 0) << "nothing is logged";
  ASSERT_EQ(install(nullptr), 0);
  ASSERT_EQ(log_ring(), 0);
  EXPECT_EQ(install(&backend_), -EFAULT) << "the used ring is";
  ASSERT_EQ(net_.set_vring_addr(kOwner, kTxIndex, addresses(kTxIndex)), 0);
  ASSERT_EQ(net_.set_features(kFeatureVersion1 | kFeatureLogAll), 0);
  EXPECT_EQ(install(&backend_), -EFAULT) << "buffers are";
  EXPECT_EQ(install(nullptr), -EFAULT) << "looked at for -1 too";
}

TEST_F(DirtyLog, ARunningRingKeepsItsBaseAndTheOtherTakesIt) {
  set_up();
  ASSERT_EQ(net_.set_log_base(kOwner, kBase), 0);
  ASSERT_EQ(log_ring(), 0);
  ASSERT_EQ(log_ring(kRxIndex), 0);
  start();
  take();
  EXPECT_EQ(net_.set_log_base(kOwner, kLastUser), -EFAULT);
  send(1, kSmall);
  EXPECT_FALSE(take().empty());
  EXPECT_EQ(net_.set_backend(kOwner, kRxIndex, {0, &other_}), -EFAULT) << "it has the bad one";
}

TEST_F(DirtyLog, ARunningRingRefusesAUsedRingThatTheLogCannotHold) {
  set_up();
  ASSERT_EQ(net_.set_log_base(kOwner, kBase), 0);
  start();
  EXPECT_EQ(log_ring(kTxIndex, ~uint64_t{0} & ~uint64_t{3}), -EINVAL);
  VringAddr odd = logged_ring(kTxIndex, kUsedGpa + 2);
  EXPECT_EQ(net_.set_vring_addr(kOwner, kTxIndex, odd), -EINVAL);
  EXPECT_EQ(log_ring(), 0);
}

TEST_F(DirtyLog, LogAllLooksAtTheTableOfRunningRings) {
  const uint64_t all = kFeatureVersion1 | kFeatureLogAll;
  set_up();
  ASSERT_EQ(net_.set_log_base(kOwner, kLastUser), 0);
  EXPECT_EQ(net_.set_features(all), 0) << "no ring runs";
  ASSERT_EQ(net_.set_features(kFeatureVersion1), 0);
  start();
  EXPECT_EQ(net_.set_features(all), -EFAULT);
  EXPECT_EQ(net_.acked_features(), kFeatureVersion1);
  ASSERT_EQ(net_.set_log_base(kOwner, kBase), 0);
  EXPECT_EQ(net_.set_features(all), 0);
  const Region far{~uint64_t{0} - kSize, kSize, kUser};  // 2^49 bytes of log
  EXPECT_EQ(net_.set_mem_table(kOwner, {&far, 1}, 0), -EFAULT);
}

TEST_F(DirtyLog, WithoutABaseTheLogIsAtAddressZero) {
  set_up();
  start();
  EXPECT_EQ(net_.set_features(kFeatureVersion1 | kFeatureLogAll), 0);
}

TEST_F(DirtyLog, ResetOwnerForgetsTheLog) {
  set_up();
  ASSERT_EQ(net_.set_log_base(kOwner, kBase), 0);
  ASSERT_EQ(net_.set_log_fd(kOwner, {0, 7}), 0);
  ASSERT_EQ(log_ring(), 0);
  ASSERT_EQ(net_.reset_owner(kOwner), 0);
  set_up();
  start();
  send(1, kSmall);
  EXPECT_EQ(take(), Pages{});
  EXPECT_TRUE(signals_.empty());
}

}  // namespace
}  // namespace va
