#include "ring/guest_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/poison.h"

namespace va {
namespace {

constexpr uint64_t kBase = 0x10000;
constexpr uint32_t kSize = 4 * GuestMemory::kPage;

class Guest : public ::testing::Test, private StoreObserver {
 protected:
  Guest() : memory_(kBase, kSize) { memory_.set_observer(this); }

  bool stores_byte(uint64_t user) { return memory_.store(user, uint8_t{7}); }
  bool loads_word(uint64_t user) {
    uint64_t word = 0;
    return memory_.load(user, word);
  }

  GuestMemory memory_;
  std::vector<std::pair<uint64_t, uint32_t>> stores_;

 private:
  void on_store(uint64_t user, uint32_t len, uint64_t) override { stores_.emplace_back(user, len); }
};

TEST_F(Guest, FirstAndLastByteAreMemory) {
  EXPECT_TRUE(stores_byte(kBase));
  EXPECT_TRUE(stores_byte(kBase + kSize - 1));
  EXPECT_TRUE(loads_word(kBase + kSize - 8));
}

TEST_F(Guest, BytesOutsideAreNot) {
  EXPECT_FALSE(stores_byte(kBase - 1));
  EXPECT_FALSE(stores_byte(kBase + kSize));
  EXPECT_FALSE(loads_word(kBase + kSize - 7));
  EXPECT_FALSE(loads_word(UINT64_MAX - 3));
  EXPECT_FALSE(loads_word(0));
  EXPECT_TRUE(memory_.view(kBase + kSize - 1, 2).empty());
}

TEST_F(Guest, LengthsNearTheEndOfTheAddressSpaceDoNotWrap) {
  EXPECT_FALSE(memory_.mapped(kBase, UINT64_MAX));
  EXPECT_FALSE(memory_.mapped(kBase + 1, kSize));
  EXPECT_TRUE(memory_.mapped(kBase, kSize));
}

TEST_F(Guest, WhatTheDeviceStoresIsReadBack) {
  ASSERT_TRUE(memory_.store(kBase + 6, uint32_t{0xdeadbeef}));
  uint32_t value = 0;
  ASSERT_TRUE(memory_.load(kBase + 6, value));
  EXPECT_EQ(value, 0xdeadbeefu);
  EXPECT_EQ(memory_.bytes()[6], 0xef);  // little-endian
}

TEST_F(Guest, EachDeviceStoreIsToldOnceAndInOrder) {
  ASSERT_TRUE(memory_.store(kBase + 4, uint16_t{1}));
  ASSERT_TRUE(memory_.store(kBase + 2, uint32_t{2}));
  ASSERT_FALSE(memory_.store(kBase - 2, uint32_t{2}));
  memory_.guest_store(100, 4)[0] = 1;
  const std::vector<std::pair<uint64_t, uint32_t>> expected = {{kBase + 4, 2}, {kBase + 2, 4}};
  EXPECT_EQ(stores_, expected);
}

TEST_F(Guest, ResetZeroesWhatEitherSideTouched) {
  ASSERT_TRUE(memory_.store(kBase + GuestMemory::kPage - 1, uint16_t{0xffff}));  // two pages
  memory_.guest_store(kSize - 1, 1)[0] = 9;
  memory_.reset();
  EXPECT_TRUE(std::all_of(memory_.bytes().begin(), memory_.bytes().end(),
                          [](uint8_t byte) { return byte == 0; }));
}

TEST_F(Guest, AStorePastTheAccessorIsFoundInUntouchedPages) {
  memory_.guest_store(0, 1)[0] = 1;
  EXPECT_EQ(memory_.find_foreign_store(), -1);
  const_cast<uint8_t*>(memory_.bytes().data())[3 * GuestMemory::kPage + 5] = 1;
  EXPECT_EQ(memory_.find_foreign_store(), 3 * GuestMemory::kPage + 5);
}

TEST_F(Guest, ScatteredBytesAreGatheredAgain) {
  const Segment parts[] = {{kBase + 8, 4}, {kBase + 100, 0}, {kBase + 40, 3}, {kBase + 20, 8}};
  const std::vector<uint8_t> bytes = {1, 2, 3, 4, 5, 6, 7};
  ASSERT_TRUE(memory_.scatter(parts, 2, bytes));
  EXPECT_EQ(memory_.bytes()[9], 0);
  EXPECT_EQ(memory_.bytes()[10], 1);
  EXPECT_EQ(memory_.bytes()[12], 0);
  EXPECT_EQ(memory_.bytes()[40], 3);
  EXPECT_EQ(memory_.bytes()[43], 0);
  EXPECT_EQ(memory_.bytes()[21], 7);
  EXPECT_EQ(memory_.bytes()[22], 0);
  std::vector<uint8_t> out(7);
  EXPECT_EQ(memory_.gather(parts, 2, out), 7u);
  EXPECT_EQ(out, bytes);
  out.assign(20, 9);
  EXPECT_EQ(memory_.gather(parts, 4, out), 11u) << "there are no more";
  EXPECT_EQ(out[0], 3);
  EXPECT_EQ(out[11], 9);
  EXPECT_FALSE(memory_.scatter(parts, 9, bytes)) << "there is room for six";
  EXPECT_TRUE(memory_.scatter(parts, 8, bytes));
  EXPECT_TRUE(memory_.scatter(parts, 99, {})) << "nothing needs no room";
}

TEST_F(Guest, WhatIsNotMappedEndsAScatterAndAGather) {
  const Segment parts[] = {{kBase, 4}, {kBase - 100, 4}, {kBase + 20, 4}};
  const std::vector<uint8_t> bytes(12, 1);
  EXPECT_FALSE(memory_.scatter(parts, 0, bytes));
  EXPECT_EQ(memory_.bytes()[3], 1);
  EXPECT_EQ(memory_.bytes()[20], 0);
  std::vector<uint8_t> out(12);
  EXPECT_EQ(memory_.gather(parts, 0, out), 4u);
}

// Short stores and long ones, over each kind of edge that the marks have: every byte of a store is
// accounted for, and the bytes around it are not.
TEST(GuestMarks, AStoreIsMarkedFromItsFirstByteToItsLast) {
  constexpr uint32_t kEdge = 0x8000;  // of one word of marks; the finest mark is of 512 bytes
  const std::pair<uint32_t, uint32_t> stores[] = {{0, 1},
                                                  {511, 1},
                                                  {511, 2},
                                                  {512, 512},
                                                  {kEdge - 1, 1},
                                                  {kEdge - 1, 2},
                                                  {kEdge, 1},
                                                  {kEdge + 512, 1},
                                                  {0, 0},
                                                  {kEdge, kEdge},
                                                  {kEdge - 512, 1024},
                                                  {0x200, 0x7e00},
                                                  {0x600, 0x17c00},
                                                  {64 * 4096 - 1, 1},
                                                  {0, 64 * 4096}};
  GuestMemory memory(kBase, 64 * GuestMemory::kPage);
  const std::span<uint8_t> all{const_cast<uint8_t*>(memory.bytes().data()), memory.bytes().size()};
  const auto is_zero = [](uint8_t byte) { return byte == 0; };
  for (const auto& [offset, len] : stores) {
    std::ranges::fill(memory.guest_store(offset, len), uint8_t{0xff});
    EXPECT_EQ(memory.find_foreign_store(), -1) << offset << " " << len;
    const uint32_t first = offset / 512 * 512;
    const uint32_t behind = (offset + len + 511) / 512 * 512;
    if (behind < all.size()) {
      all[behind] = 1;
      EXPECT_EQ(memory.find_foreign_store(), behind) << offset << " " << len;
      all[behind] = 0;
    }
    if (first > 0) {
      all[first - 1] = 1;
      EXPECT_EQ(memory.find_foreign_store(), first - 1) << offset << " " << len;
      all[first - 1] = 0;
    }
    memory.reset();
    EXPECT_TRUE(std::ranges::all_of(memory.bytes(), is_zero)) << offset << " " << len;
  }
}

#ifdef VA_HAS_ASAN
TEST_F(Guest, TheBytesOnEitherSideAreMarkedUntouchable) {
  const uint8_t* first = memory_.bytes().data();
  EXPECT_TRUE(__asan_address_is_poisoned(first - 1));
  EXPECT_FALSE(__asan_address_is_poisoned(first));
  EXPECT_FALSE(__asan_address_is_poisoned(first + kSize - 1));
  EXPECT_TRUE(__asan_address_is_poisoned(first + kSize));
}
#endif

// ---- the memory table -----------------------------------------------------------------------

class Table : public ::testing::Test {
 protected:
  // Segments as "user+len" in order, or the errno.
  std::vector<std::pair<uint64_t, uint32_t>> translated(uint64_t gpa, uint32_t len) {
    std::array<Segment, 3> out;
    const int n = table_.translate(gpa, len, out);
    error_ = n < 0 ? -n : 0;
    std::vector<std::pair<uint64_t, uint32_t>> segments;
    for (int i = 0; i < n; ++i) segments.emplace_back(out[i].user, out[i].len);
    return segments;
  }
  int refusal(uint64_t gpa, uint32_t len) {
    translated(gpa, len);
    return error_;
  }
  using Segments = std::vector<std::pair<uint64_t, uint32_t>>;

  MemTable table_;
  int error_ = 0;
};

TEST_F(Table, AnEmptyTableMapsNothing) {
  EXPECT_EQ(refusal(0, 1), EFAULT);
  EXPECT_EQ(translated(0, 0), Segments{});
}

TEST_F(Table, OneRegionMapsItsBytesAndNoOther) {
  table_.add({0x1000, 0x100, 0x8000});
  EXPECT_EQ(translated(0x1000, 0x100), (Segments{{0x8000, 0x100}}));
  EXPECT_EQ(translated(0x10ff, 1), (Segments{{0x80ff, 1}}));
  EXPECT_EQ(refusal(0x10ff, 2), EFAULT);
  EXPECT_EQ(refusal(0xfff, 1), EFAULT);
  EXPECT_EQ(refusal(0xfff, 2), EFAULT);
}

TEST_F(Table, ARangeOverTouchingRegionsIsSplit) {
  table_.add({0x2000, 0x100, 0x9000});
  table_.add({0x1f00, 0x100, 0xa000});
  EXPECT_EQ(translated(0x1ffe, 4), (Segments{{0xa0fe, 2}, {0x9000, 2}}));
}

TEST_F(Table, AHoleInTheMiddleIsAFault) {
  table_.add({0x1000, 0x100, 0x8000});
  table_.add({0x1101, 0x100, 0x9000});
  EXPECT_EQ(refusal(0x10f0, 0x20), EFAULT);
}

TEST_F(Table, WhereRegionsOverlapTheLowestWins) {
  table_.add({0x1080, 0x100, 0x9000});
  table_.add({0x1000, 0x100, 0x8000});
  EXPECT_EQ(translated(0x1080, 0x81), (Segments{{0x8080, 0x80}, {0x9080, 1}}));
}

TEST_F(Table, OfThoseThatStartTogetherTheFirstAddedWins) {
  table_.add({0x1000, 0x100, 0x8000});
  table_.add({0x1000, 0x200, 0x9000});
  EXPECT_EQ(translated(0x1000, 1), (Segments{{0x8000, 1}}));
  EXPECT_EQ(translated(0x1100, 1), (Segments{{0x9100, 1}}));
}

TEST_F(Table, TheLastByteOfTheAddressSpaceIsAnAddress) {
  table_.add({UINT64_MAX - 0xff, 0x100, 0x8000});
  EXPECT_EQ(translated(UINT64_MAX, 1), (Segments{{0x80ff, 1}}));
  EXPECT_EQ(refusal(UINT64_MAX, 2), EFAULT);
}

TEST_F(Table, ARangeIsFlatInsideOneRegion) {
  table_.add({0x1000, 0x100, 0x8000});
  table_.add({0x1100, 0x100, 0x9000});
  EXPECT_EQ(table_.flat(0x1000, 16), 0x8000);
  EXPECT_EQ(table_.flat(0x10f0, 16), 0x80f0);
  EXPECT_EQ(table_.flat(0x10f1, 16), std::nullopt);
  EXPECT_EQ(table_.flat(0x10ff, 16), std::nullopt);
  EXPECT_EQ(table_.flat(0x1100, 16), 0x9000);
  EXPECT_EQ(table_.flat(0xfff, 16), std::nullopt);
  EXPECT_EQ(table_.flat(0x11f1, 16), std::nullopt);
  EXPECT_EQ(table_.flat(UINT64_MAX - 3, 16), std::nullopt);
}

TEST_F(Table, MoreSegmentsThanRoomIsNoBufs) {
  for (uint64_t i = 0; i < 4; ++i) table_.add({0x1000 + i, 1, 0x8000 + 16 * i});
  EXPECT_EQ(translated(0x1000, 3).size(), 3u);
  EXPECT_EQ(refusal(0x1000, 4), ENOBUFS);
}

}  // namespace
}  // namespace va
