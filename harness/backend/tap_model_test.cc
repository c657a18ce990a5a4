#include "backend/tap_model.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include "base/bytes.h"

namespace va {
namespace {

constexpr uint32_t kHeader = 12;

// A frame of 100 bytes behind a virtio-net header, whose fields a test sets.
class Tap : public ::testing::Test {
 protected:
  void flags(int value) { frame_[0] = static_cast<uint8_t>(value); }
  void gso(int type, uint16_t size) {
    frame_[1] = static_cast<uint8_t>(type);
    store_le(&frame_[4], size);
  }
  void header_length(int value) { store_le(&frame_[2], static_cast<uint16_t>(value)); }
  void checksum(uint16_t start, uint16_t offset) {
    flags(1);
    store_le(&frame_[6], start);
    store_le(&frame_[8], offset);
  }
  int refusal() const { return -tap_refuses(frame_, kHeader); }

  std::vector<uint8_t> frame_ = std::vector<uint8_t>(kHeader + 100);
};

TEST_F(Tap, APlainFrameIsTaken) {
  EXPECT_EQ(refusal(), 0);
}

TEST_F(Tap, ShorterThanAnEthernetHeadIsNot) {
  frame_.resize(kHeader + 14);
  EXPECT_EQ(refusal(), 0);
  frame_.resize(kHeader + 13);
  EXPECT_EQ(refusal(), EINVAL);
  frame_.resize(kHeader - 1);
  EXPECT_EQ(refusal(), EINVAL);
  frame_.clear();
  EXPECT_EQ(refusal(), EINVAL);
}

TEST_F(Tap, WithoutAHeaderOnlyTheLengthCounts) {
  frame_.assign(14, 0xff);
  EXPECT_EQ(tap_refuses(frame_, 0), 0);
  frame_.resize(13);
  EXPECT_EQ(tap_refuses(frame_, 0), -EINVAL);
}

TEST_F(Tap, TheHeaderLengthLiesInTheFrame) {
  for (const int fine : {0, 14, 100}) {
    header_length(fine);
    EXPECT_EQ(refusal(), 0) << fine;
  }
  for (const int bad : {1, 13, 101, 0xffff}) {
    header_length(bad);
    EXPECT_EQ(refusal(), EINVAL) << bad;
  }
}

TEST_F(Tap, TheChecksumFieldLiesInTheFrame) {
  checksum(90, 8);
  EXPECT_EQ(refusal(), 0);
  checksum(90, 9);
  EXPECT_EQ(refusal(), EINVAL);
  checksum(0xffff, 0xffff);
  EXPECT_EQ(refusal(), EINVAL);
}

// Measured on 6.1 with zero-copy off.
TEST_F(Tap, ABatchIsNotAskedForItsHeaderLength) {
  header_length(101);
  EXPECT_EQ(refusal(), EINVAL);
  EXPECT_EQ(tap_refuses_batched(frame_, kHeader), 0);
  checksum(90, 9);
  EXPECT_EQ(tap_refuses_batched(frame_, kHeader), -EINVAL);
  checksum(90, 8);
  EXPECT_EQ(tap_refuses_batched(frame_, kHeader), 0);
  gso(1, 0);
  EXPECT_EQ(tap_refuses_batched(frame_, kHeader), -EINVAL);
  frame_.resize(kHeader + 13);
  EXPECT_EQ(tap_refuses_batched(frame_, kHeader), -EINVAL);
  EXPECT_EQ(tap_refuses_batched(frame_, 0), 0);
}

TEST_F(Tap, WithoutItsFlagTheChecksumFieldMeansNothing) {
  checksum(0xffff, 0xffff);
  flags(0);
  EXPECT_EQ(refusal(), 0);
}

TEST_F(Tap, KnownSegmentationNeedsASize) {
  for (const int type : {1, 3, 4, 5, 0x81}) {
    gso(type, 0);
    EXPECT_EQ(refusal(), EINVAL) << type;
    gso(type, 1000);
    EXPECT_EQ(refusal(), 0) << type;
  }
}

// Measured on 6.1 and 6.12.
TEST_F(Tap, TheTransportHeadOfSegmentsLiesInTheFrame) {
  gso(1, 8);
  checksum(34, 16);
  EXPECT_EQ(refusal(), 0);
  checksum(80, 16);
  EXPECT_EQ(refusal(), 0);
  checksum(81, 16);
  EXPECT_EQ(refusal(), EINVAL);
  checksum(34, 4);
  EXPECT_EQ(refusal(), EINVAL) << "that is not where TCP has it";
  gso(3, 8);
  EXPECT_EQ(refusal(), 0);
  checksum(92, 4);
  EXPECT_EQ(refusal(), 0);
  checksum(93, 4);
  EXPECT_EQ(refusal(), EINVAL);
}

TEST_F(Tap, UnknownSegmentationIsRefused) {
  for (const int type : {2, 6, 0x7f, 0x80}) {
    gso(type, 1000);
    EXPECT_EQ(refusal(), EINVAL) << type;
  }
}

// ---- pages ------------------------------------------------------------------------------------

class Pages : public ::testing::Test {
 protected:
  Pages() : memory_(0, GuestMemory::kPage) {}
  bool kept(std::vector<Segment> segments) const {
    return tap_keeps_pages(Packet{memory_, segments, 0}, kHeader);
  }
  GuestMemory memory_;
};

TEST_F(Pages, SeventeenAreKeptAndEighteenAreNot) {
  // 12 + 128 bytes are copied; what is left starts in the first page.
  EXPECT_TRUE(kept({{0, 17 * 4096}}));
  EXPECT_FALSE(kept({{0, 17 * 4096 + 1}}));
  EXPECT_TRUE(kept({{4000, 17 * 4096}}));
  EXPECT_FALSE(kept({{4000, 17 * 4096 + 97}}));
}

TEST_F(Pages, WhatIsCopiedAnywayDoesNotCount) {
  EXPECT_TRUE(kept({{4096 - 140, 140 + 17 * 4096}}));
  EXPECT_FALSE(kept({{4096 - 141, 141 + 17 * 4096}}));
  EXPECT_TRUE(kept({}));
  EXPECT_TRUE(kept({{5, 140}}));
}

TEST_F(Pages, EachSegmentCountsItsOwn) {
  std::vector<Segment> segments = {{0, 140}};
  segments.insert(segments.end(), 17, Segment{100, 1});
  EXPECT_TRUE(kept(segments));
  segments.push_back({200, 1});
  EXPECT_FALSE(kept(segments));
}

}  // namespace
}  // namespace va
