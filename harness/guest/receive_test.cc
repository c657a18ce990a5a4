// The driver's receive side, on guest memory and nothing else.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "guest/driver.h"
#include "trace/case.h"

namespace va {
namespace {

class Memory : public Port {
 public:
  void reset(Trace&, PointSink*) override {}
  std::span<const uint8_t> arena() const override { return bytes_; }
  std::span<uint8_t> store(uint32_t offset, uint32_t len) override {
    return std::span(bytes_).subspan(offset, len);
  }
  void execute(const Op&) override {}
  uint64_t acked_features() const override { return features; }
  void finish() override {}

  uint64_t features = kBitVersion1 | kBitMrgRxbuf;

 private:
  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(kArenaSize);
};

class ReceiveTest : public testing::Test {
 protected:
  static constexpr RingLayout kRing = ring_layout(kRx, kDefaultNum);

  ReceiveTest() : driver_(memory_) { driver_.reset(trace_); }

  // Hands a buffer over. Its address; 0x600 apart where it is the default one.
  uint64_t avail(std::vector<Seg> segs = {}) {
    Op op;
    op.code = Opcode::kAvail;
    op.queue = kRx;
    op.nseg = static_cast<uint8_t>(segs.size());
    std::copy(segs.begin(), segs.end(), op.seg.begin());
    driver_.execute(0, op);
    for (size_t i = trace_.events.size(); i-- > 0;) {
      const Event& event = trace_.events[i];
      if (event.kind == EventKind::kDescStored) return event.arg[1];
    }
    return 0;
  }
  // What a device does: header with num_buffers, frame #7 of `len` bytes from there on.
  void store_packet(uint64_t gpa, uint16_t num_buffers, uint32_t len) {
    std::vector<uint8_t> packet(12 + len, fill_of(7));
    std::fill_n(packet.begin(), 12, uint8_t{0});
    store_le(&packet[10], num_buffers);
    write_frame_head(7, std::span(packet).subspan(12).first<kFrameHead>());
    store(gpa, packet);
  }
  void store(uint64_t gpa, const std::vector<uint8_t>& bytes) {
    std::copy(bytes.begin(), bytes.end(),
              memory_.store(arena_offset(gpa), static_cast<uint32_t>(bytes.size())).begin());
  }
  void use(uint32_t id, uint32_t len) {
    uint8_t* entry = memory_.store(arena_offset(kRing.used + 4 + 8 * used_), 8).data();
    store_le(entry, id);
    store_le(entry + 4, len);
    store_le(memory_.store(arena_offset(kRing.used + 2), 2).data(), ++used_);
  }
  // The events of reading back, in text.
  std::string read_back() {
    trace_.clear();
    driver_.read_back(0);
    std::string text;
    for (const Event& event : trace_.events) text += print_event(event) + "; ";
    return text;
  }

  Memory memory_;
  Trace trace_;
  Driver driver_;
  uint16_t used_ = 0;
};

TEST_F(ReceiveTest, ABufferIsHandedOverWithANameBehindAnUnwrittenHeader) {
  avail();
  const uint64_t gpa = avail();
  const uint8_t* at = memory_.arena().data() + arena_offset(gpa);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(at[i], kUnwrittenHeader);
  EXPECT_EQ(read_frame({at + 12, kFrameHead}).ordinal, 1u);
}

TEST_F(ReceiveTest, APacketIsReadBack) {
  store_packet(avail(), 1, 100);
  use(0, 112);
  EXPECT_EQ(read_back(),
            "reclaimed rx id=0; received rx id=0 buffers=1; frame rx #7 len=100 fill=0x14; ");
  EXPECT_EQ(read_back(), "");
}

TEST_F(ReceiveTest, APacketOverSeveralBuffers) {
  const uint64_t first = avail({{true, 0, 40}});
  const uint64_t second = avail({{true, 0, 100}});
  avail();
  store_packet(first, 2, 28);
  store(second, std::vector<uint8_t>(60, fill_of(7)));
  use(0, 40);
  use(1, 60);
  use(2, 0);
  EXPECT_EQ(read_back(),
            "reclaimed rx id=0; reclaimed rx id=1; reclaimed rx id=2; "
            "received rx id=0 buffers=2; frame rx #7 len=88 fill=0x14; ");
}

TEST_F(ReceiveTest, WithoutMergeableBuffersAPacketHasOne) {
  memory_.features = kBitVersion1;
  store_packet(avail(), 2, 60);
  store_packet(avail(), 1, 60);
  use(0, 72);
  use(1, 72);
  EXPECT_EQ(read_back(),
            "reclaimed rx id=0; reclaimed rx id=1; "
            "received rx id=0 buffers=2; frame rx #7 len=60 fill=0x14; "
            "received rx id=1 buffers=1; frame rx #7 len=60 fill=0x14; ");
}

TEST_F(ReceiveTest, WhatTheDeviceDidNotWriteShows) {
  avail();
  use(0, 1526);
  EXPECT_EQ(read_back(),
            "reclaimed rx id=0; received rx id=0 buffers=65535 "
            "header=0xffffffffffffffff; frame rx #0 len=1514 fill=0x00; ");
}

TEST_F(ReceiveTest, ALegacyHeaderHasNoNumBuffers) {
  memory_.features = 0;
  const uint64_t gpa = avail();
  std::vector<uint8_t> packet(10 + 60, fill_of(3));
  write_frame_head(3, std::span(packet).subspan(10).first<kFrameHead>());
  store(gpa, packet);
  use(0, 70);
  memory_.features = kBitVersion1;  // what was acked when the buffer was handed over counts
  EXPECT_EQ(read_back(),
            "reclaimed rx id=0; received rx id=0 buffers=1 header=0x8080808080808080; "
            "frame rx #3 len=60 fill=0x80; ");
}

// A length is no more than the buffer takes, a packet no more than the buffers that are there.
TEST_F(ReceiveTest, NothingTheDeviceSaysIsTrusted) {
  const uint64_t gpa = avail({{true, 0, 100}});
  store_packet(gpa, 400, 88);
  use(0, 0xffffffff);
  use(5, 100);
  use(0x80000000, 100);
  EXPECT_EQ(read_back(),
            "reclaimed rx id=0; received rx id=0 buffers=400; frame rx #7 len=88 fill=0x14; ");
}

TEST_F(ReceiveTest, ALengthBelowTheHeaderHoldsNoFrame) {
  avail();
  use(0, 5);
  EXPECT_EQ(read_back(),
            "reclaimed rx id=0; received rx id=0 buffers=1; frame rx raw len=0 fill=0x00; ");
}

}  // namespace
}  // namespace va
