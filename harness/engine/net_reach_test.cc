// What a control call reaches, to the byte: the end of user space (access_ok() in Linux) and the
// bits of the dirty log (log_access_ok() and vq_log_used_access_ok() in drivers/vhost/vhost.c).
#include <cerrno>

#include "engine/net_fixture.h"

namespace va {
namespace {

constexpr uint64_t kUserEnd = 0x7ffffffff000;

class Reach : public NetRig, public ::testing::Test {
 protected:
  Reach() : NetRig(PublicationPolicy::kInorder) {}

  // A ring of eight that runs: what is out of its reach is refused.
  void begin(uint64_t features) {
    set_up(8, features);
    start();
  }
  // The transmit ring's parts, each where it lies unless said otherwise.
  int desc(uint64_t at) { return move(&VringAddr::desc, at); }
  int avail_at(uint64_t at) { return move(&VringAddr::avail, at); }
  int used_at(uint64_t at) { return move(&VringAddr::used, at); }
  int move(uint64_t VringAddr::*part, uint64_t at) {
    VringAddr addr = addresses(kTxIndex);
    addr.*part = at;
    return net_.set_vring_addr(Caller::kOwner, kTxIndex, addr);
  }
  int log_used(uint64_t gpa) {
    VringAddr addr = addresses(kTxIndex);
    addr.log = gpa;
    addr.flags = kVringLog;
    return net_.set_vring_addr(Caller::kOwner, kTxIndex, addr);
  }
  int log_base(uint64_t base) { return net_.set_log_base(Caller::kOwner, base); }
  int map(const Region& region) { return net_.set_mem_table(Caller::kOwner, {&region, 1}, 0); }
};

TEST_F(Reach, ARingMayEndWhereUserSpaceEnds) {
  begin(kFeatureVersion1);
  EXPECT_EQ(desc(kUserEnd - 128), 0);
  EXPECT_EQ(desc(kUserEnd - 127), -EINVAL);
  EXPECT_EQ(avail_at(kUserEnd - 20), 0);
  EXPECT_EQ(avail_at(kUserEnd - 18), -EINVAL);
  EXPECT_EQ(used_at(kUserEnd - 68), 0);
  EXPECT_EQ(used_at(kUserEnd - 64), -EINVAL);
}

TEST_F(Reach, WithEventIdxARingIsAWordLonger) {
  begin(kFeatureVersion1 | kFeatureEventIdx);
  EXPECT_EQ(avail_at(kUserEnd - 22), 0);
  EXPECT_EQ(avail_at(kUserEnd - 20), -EINVAL);
  EXPECT_EQ(used_at(kUserEnd - 72), 0);
  EXPECT_EQ(used_at(kUserEnd - 68), -EINVAL);
}

TEST_F(Reach, ARegionMayEndWhereUserSpaceEnds) {
  begin(kFeatureVersion1);
  EXPECT_EQ(map({0, 0x1000, kUserEnd - 0x1000}), 0);
  EXPECT_EQ(map({0, 0x1000, kUserEnd - 0xfff}), -EFAULT);
  EXPECT_EQ(map({0, kUserEnd, 0}), 0);
  EXPECT_EQ(map({0, kUserEnd + 1, 0}), -EFAULT);
}

// A bit a page: 64 pages are eight bytes.
TEST_F(Reach, TheLogOfBuffersMayEndWhereUserSpaceEnds) {
  begin(kFeatureVersion1 | kFeatureLogAll);
  EXPECT_EQ(log_base(kUserEnd - 8), 0);
  EXPECT_EQ(log_base(kUserEnd - 7), -EFAULT);
  ASSERT_EQ(map({0, 0x8000, kUser}), 0);
  EXPECT_EQ(log_base(kUserEnd - 1), 0) << "eight pages are one byte";
  ASSERT_EQ(map({0, 0x7001, kUser}), 0);
  EXPECT_EQ(log_base(kUserEnd), -EFAULT) << "a part of a page is a bit too";
  ASSERT_EQ(log_base(0), 0);
  ASSERT_EQ(map({0, 0x8001, kUser}), 0);
  EXPECT_EQ(log_base(kUserEnd - 2), 0);
  EXPECT_EQ(log_base(kUserEnd - 1), -EFAULT) << "nine pages are two";
}

TEST_F(Reach, ALogBeginsWhereThePageHasItsBit) {
  begin(kFeatureVersion1 | kFeatureLogAll);
  ASSERT_EQ(map({0x48000, 0x1000, kUser}), 0);  // page 72, in the ninth byte
  EXPECT_EQ(log_base(kUserEnd - 10), 0);
  EXPECT_EQ(log_base(kUserEnd - 9), -EFAULT);
  EXPECT_EQ(log_base(UINT64_MAX - 8), -EFAULT) << "it wraps";
}

TEST_F(Reach, TheLogOfTheUsedRingMayEndWhereUserSpaceEnds) {
  begin(kFeatureVersion1);
  ASSERT_EQ(log_base(kUserEnd - 2), 0) << "nothing is logged yet";
  EXPECT_EQ(log_used(0x8000), 0);
  EXPECT_EQ(log_used(0x10000), -EINVAL);
  EXPECT_EQ(log_base(kUserEnd - 1), -EFAULT) << "a ring that is logged is looked at again";
}

// The other ring, and rings at rest, are not asked.
TEST_F(Reach, WhatDoesNotRunTakesAnything) {
  set_up(8, kFeatureVersion1 | kFeatureLogAll);
  EXPECT_EQ(log_base(UINT64_MAX), 0);
  EXPECT_EQ(desc(UINT64_MAX), 0);
  EXPECT_EQ(map({0, 0x1000, UINT64_MAX}), 0);
  EXPECT_EQ(install(&backend_), -EFAULT);
}

}  // namespace
}  // namespace va
