#include "ring/desc_chain.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/bytes.h"

namespace va {
namespace {

// A ring of eight at GPA 0 = user kUser, tables from 0x800, buffers from 0x1000 on.
constexpr uint64_t kUser = 0x100000;
constexpr uint32_t kSize = 16 * GuestMemory::kPage;
constexpr uint64_t kTable = 0x800;
constexpr uint64_t kBuffer = 0x1000;
constexpr uint16_t kN = kDescNext;
constexpr uint16_t kW = kDescWrite;
constexpr uint16_t kI = kDescIndirect;

class Chain : public ::testing::Test {
 protected:
  Chain() : memory_(kUser, kSize) {
    ring_.num = 8;
    ring_.desc = kUser;
    table_.add({0, kSize, kUser});
  }

  void desc(uint32_t index, uint64_t addr, uint32_t len, uint16_t flags = 0, uint16_t next = 0) {
    entry(0, index, addr, len, flags, next);
  }
  // The same in a table at `table`.
  void entry(uint64_t table, uint32_t index, uint64_t addr, uint32_t len, uint16_t flags = 0,
             uint16_t next = 0) {
    uint8_t* at = memory_.guest_store(static_cast<uint32_t>(table) + 16 * index, 16).data();
    store_le(at, addr);
    store_le(at + 8, len);
    store_le(at + 12, flags);
    store_le(at + 14, next);
  }
  int walk(uint16_t head = 0) { return walk_chain(ring_, memory_, table_, head, chain_); }

  GuestMemory memory_;
  MemTable table_;
  Vring ring_;
  DescChain chain_;
};

TEST_F(Chain, OneDescriptor) {
  desc(3, kBuffer, 60);
  ASSERT_EQ(walk(3), 0);
  EXPECT_EQ(chain_.head, 3);
  EXPECT_EQ(chain_.count, 1u);
  EXPECT_EQ(chain_.readable_bytes, 60u);
  EXPECT_EQ(chain_.readable()[0].user, kUser + kBuffer);
}

TEST_F(Chain, ReadableThenWritable) {
  desc(0, kBuffer, 10, kN, 5);
  desc(5, kBuffer + 10, 20, kN, 1);
  desc(1, kBuffer + 30, 40, kW);
  ASSERT_EQ(walk(), 0);
  EXPECT_EQ(chain_.count, 3u);
  EXPECT_EQ(chain_.readable_count, 2u);
  EXPECT_EQ(chain_.readable_bytes, 30u);
  EXPECT_EQ(chain_.writable_bytes, 40u);
}

TEST_F(Chain, AllDescriptorsOfTheTableInOneChain) {
  for (uint16_t i = 0; i < 8; ++i) desc(i, kBuffer, 1, i < 7 ? kN : 0, i + 1);
  ASSERT_EQ(walk(), 0);
  EXPECT_EQ(chain_.count, 8u);
}

TEST_F(Chain, ZeroLengthTakesNoSegment) {
  desc(0, UINT64_MAX, 0, kN, 1);
  desc(1, kBuffer, 5);
  ASSERT_EQ(walk(), 0);
  EXPECT_EQ(chain_.count, 1u);
}

TEST_F(Chain, ABufferOverTwoRegionsTakesTwo) {
  table_.clear();
  table_.add({0, kBuffer + 4, kUser});
  table_.add({kBuffer + 4, kSize, kUser + 0x4000});
  desc(0, kBuffer, 10);
  ASSERT_EQ(walk(), 0);
  EXPECT_EQ(chain_.count, 2u);
  EXPECT_EQ(chain_.readable_bytes, 10u);
  EXPECT_EQ(chain_.segments[1].user, kUser + 0x4000);
}

TEST_F(Chain, LengthsAreSummedWithoutWrap) {
  table_.add({uint64_t{1} << 40, uint64_t{1} << 33, 0});
  desc(0, uint64_t{1} << 40, UINT32_MAX, kN, 1);
  desc(1, uint64_t{1} << 40, UINT32_MAX);
  ASSERT_EQ(walk(), 0);
  EXPECT_EQ(chain_.readable_bytes, 2 * uint64_t{UINT32_MAX});
}

// ---- what a driver must not do (VIRTIO 1.2, 2.7.5 and 2.7.13) -----------------------------------

TEST_F(Chain, HeadBehindTheTable) {
  EXPECT_EQ(walk(8), -EINVAL);
  EXPECT_EQ(walk(0xffff), -EINVAL);
}

TEST_F(Chain, NextBehindTheTable) {
  desc(0, kBuffer, 1, kN, 8);
  EXPECT_EQ(walk(), -EINVAL);
}

TEST_F(Chain, ALoopEnds) {
  desc(0, kBuffer, 1, kN, 0);
  EXPECT_EQ(walk(), -EINVAL);
  desc(1, kBuffer, 1, kN, 2);
  desc(2, kBuffer, 1, kN, 1);
  EXPECT_EQ(walk(1), -EINVAL);
}

TEST_F(Chain, ReadableBehindWritable) {
  desc(0, kBuffer, 1, kN | kW, 1);
  desc(1, kBuffer, 1);
  EXPECT_EQ(walk(), -EINVAL);
}

TEST_F(Chain, UnmappedBuffer) {
  desc(0, kSize, 1);
  EXPECT_EQ(walk(), -EFAULT);
  desc(0, kSize - 1, 2);
  EXPECT_EQ(walk(), -EFAULT);
  desc(0, UINT64_MAX, 2);
  EXPECT_EQ(walk(), -EFAULT);
}

TEST_F(Chain, UnmappedDescriptorTable) {
  ring_.desc = kUser + kSize - 8;
  EXPECT_EQ(walk(), -EFAULT);
}

// ---- indirect tables (2.7.5.3) ----------------------------------------------------------------

TEST_F(Chain, TableIsFollowedByNext) {
  desc(0, kTable, 48, kI);
  entry(kTable, 0, kBuffer, 1, kN, 2);
  entry(kTable, 1, kBuffer, 100);  // not part of the chain
  entry(kTable, 2, kBuffer, 10);
  ASSERT_EQ(walk(), 0);
  EXPECT_EQ(chain_.readable_bytes, 11u);
}

TEST_F(Chain, TableNeedsNoAlignment) {
  desc(0, kTable + 3, 16, kI);
  entry(kTable + 3, 0, kBuffer, 9);
  ASSERT_EQ(walk(), 0);
  EXPECT_EQ(chain_.readable_bytes, 9u);
}

TEST_F(Chain, AnEntryMayLieInTwoRegions) {
  table_.clear();
  table_.add({0, kTable + 5, kUser});
  table_.add({kTable + 5, kSize - kTable - 5, kUser + kTable + 5});
  desc(0, kTable, 16, kI);
  entry(kTable, 0, kBuffer, 9);
  ASSERT_EQ(walk(), 0);
  EXPECT_EQ(chain_.readable_bytes, 9u);
}

TEST_F(Chain, TableBehindPlainDescriptors) {
  desc(0, kBuffer, 4, kN, 1);
  desc(1, kTable, 16, kI);
  entry(kTable, 0, kBuffer, 9);
  ASSERT_EQ(walk(), 0);
  EXPECT_EQ(chain_.readable_bytes, 13u);
}

TEST_F(Chain, WriteFlagOfThePointerIsIgnored) {
  desc(0, kTable, 16, kI | kW);
  entry(kTable, 0, kBuffer, 9);
  ASSERT_EQ(walk(), 0);
  EXPECT_EQ(chain_.writable_bytes, 0u);
}

TEST_F(Chain, WhatComesBehindATableIsTolerated) {
  desc(0, kTable, 16, kI | kN, 1);
  entry(kTable, 0, kBuffer, 9);
  desc(1, kBuffer, 4);
  ASSERT_EQ(walk(), 0);
  EXPECT_EQ(chain_.readable_bytes, 13u);
}

TEST_F(Chain, BadTables) {
  for (uint32_t len : {0u, 1u, 15u, 17u}) {
    desc(0, kTable, len, kI);
    EXPECT_EQ(walk(), -EINVAL) << len;
  }
  desc(0, kTable, 16 * 65537, kI);
  EXPECT_EQ(walk(), -E2BIG);
  desc(0, kSize - 8, 16, kI);
  EXPECT_EQ(walk(), -EFAULT);
}

TEST_F(Chain, TableInATable) {
  desc(0, kTable, 16, kI);
  entry(kTable, 0, kTable, 16, kI);
  EXPECT_EQ(walk(), -EINVAL);
}

TEST_F(Chain, LoopInATableEnds) {
  desc(0, kTable, 32, kI);
  entry(kTable, 0, kBuffer, 1, kN, 1);
  entry(kTable, 1, kBuffer, 1, kN, 0);
  EXPECT_EQ(walk(), -EINVAL);
}

TEST_F(Chain, NextBehindTheTablesEnd) {
  desc(0, kTable, 32, kI);
  entry(kTable, 0, kBuffer, 1, kN, 2);
  EXPECT_EQ(walk(), -EINVAL);
}

TEST_F(Chain, AsManySegmentsAsVhostTakesAndNoMore) {
  constexpr uint64_t kLongTable = 0x2000;
  const uint16_t max = DescChain::kMaxSegments;
  desc(0, kLongTable, 16u * max, kI);
  for (uint16_t i = 0; i < max; ++i) entry(kLongTable, i, kBuffer, 1, i + 1 < max ? kN : 0, i + 1);
  ASSERT_EQ(walk(), 0);
  EXPECT_EQ(chain_.count, 1024u);
  desc(0, kLongTable, 16u * max, kI | kN, 1);
  desc(1, kBuffer, 1);
  EXPECT_EQ(walk(), -ENOBUFS);
}

}  // namespace
}  // namespace va
