// The copying transmit path: what waits for what, and when it is used (Linux, drivers/vhost/net.c,
// handle_tx_copy).
#include <cerrno>

#include "engine/net_fixture.h"

namespace va {
namespace {

using Ids = std::vector<uint32_t>;
constexpr uint32_t kLongest = CopyBatch::longest(12);

// Keeps what was sent and refuses what it is told to.
class Wire : public Backend {
 public:
  bool asynchronous() const override { return true; }
  bool writable() const override { return !bounded_; }
  bool bounded() const override { return bounded_; }
  int send(const Packet& packet, RequestToken token) override {
    EXPECT_FALSE(token) << "a copied frame is nobody's request";
    if (error_ != 0) return error_;
    first_bytes_.push_back(packet.copy.empty() ? -1 : packet.copy[0]);
    lengths_.push_back(packet.len);
    return static_cast<int>(packet.len);
  }

  bool bounded_ = false;
  int error_ = 0;
  std::vector<int> first_bytes_;  // -1: it was not copied
  std::vector<uint32_t> lengths_;
};

class Copy : public NetRig, public ::testing::Test {
 protected:
  Copy() : NetRig(PublicationPolicy::kCopy) {}
  void begin(uint32_t num = 8, uint64_t features = kFeatureVersion1) {
    set_up(num, features);
    ASSERT_EQ(install(&wire_), 0);
    run();
    calls_ = 0;
  }

  Wire wire_;
};

TEST_F(Copy, ABatchIsSentTogetherAndUsedInOneGo) {
  begin();
  expose_several(3, kLarge);
  size_t sent_before = 9;
  at_point_ = EnginePoint::kSubmitted;
  at_point_action_ = [&] { sent_before = wire_.lengths_.size(); };
  kick();
  EXPECT_EQ(sent_before, 3u) << "one submit for all";
  EXPECT_EQ(used_ids(), (Ids{0, 1, 2}));
  EXPECT_EQ(calls_, 1);
  EXPECT_TRUE(wants_kicks());
  EXPECT_EQ(net_.allocated(), 0u);
}

TEST_F(Copy, SixtyFourAreABatch) {
  begin(128);
  std::vector<size_t> at_publication;
  at_point_ = EnginePoint::kUsedWritten;
  at_point_action_ = [&] { at_publication.push_back(wire_.lengths_.size()); };
  send(100, kSmall);
  EXPECT_EQ(at_publication, std::vector<size_t>{64});
  EXPECT_EQ(wire_.lengths_.size(), 100u);
  EXPECT_EQ(used_ids().size(), 100u);
  EXPECT_EQ(calls_, 2);
}

TEST_F(Copy, WhatTheDriverStoresBehindTheFetchReachesNoFrame) {
  begin();
  put(kSize / 2, uint8_t{0x11});
  expose_several(2, kSmall);
  int fetched = 0;
  at_point_ = EnginePoint::kFetched;
  at_point_action_ = [&] {
    ++fetched;
    at_point_action_ = [&] { put(kSize / 2, uint8_t{0x22}); };  // when the second is fetched
  };
  kick();
  EXPECT_EQ(wire_.first_bytes_, (std::vector<int>{0x11, 0x22}));
}

TEST_F(Copy, AFrameTooLongForAPageGoesByItselfBehindTheBatch) {
  begin();
  avail(kSmall);
  avail(kLongest);
  avail(kLongest + 1);
  avail(kSmall);
  size_t sent_before = 0;
  at_point_ = EnginePoint::kUsedWritten;
  at_point_action_ = [&] { sent_before = wire_.lengths_.size(); };
  kick();
  EXPECT_EQ(sent_before, 2u);
  EXPECT_EQ(wire_.lengths_, (std::vector<uint32_t>{kSmall, kLongest, kLongest + 1, kSmall}));
  EXPECT_EQ(wire_.first_bytes_, (std::vector<int>{0, 0, -1, 0}));
  EXPECT_EQ(used_ids(), (Ids{0, 1, 2, 3}));
}

TEST_F(Copy, ABoundedSendBufferIsServedOneByOne) {
  begin();
  wire_.bounded_ = true;
  send(2, kLarge);
  EXPECT_EQ(wire_.first_bytes_, (std::vector<int>{-1, -1}));
  EXPECT_EQ(used_ids(), (Ids{0, 1}));
  EXPECT_EQ(calls_, 1) << "they are used together all the same";
}

TEST_F(Copy, ASingleFrameIsSubmittedByItself) {
  begin();
  wire_.bounded_ = true;
  size_t sent = 0;
  at_point_ = EnginePoint::kSubmitted;
  at_point_action_ = [&] { sent = wire_.lengths_.size(); };
  send(2, kLarge);
  EXPECT_EQ(sent, 1u);
}

TEST_F(Copy, AFullSendBufferKeepsTheHead) {
  begin();
  wire_.bounded_ = true;
  wire_.error_ = -EAGAIN;
  send(2, kLarge);
  EXPECT_EQ(used_ids(), Ids{});
  EXPECT_FALSE(net_.runnable());
  wire_.error_ = 0;
  wire_.bounded_ = false;
  net_.backend_writable();
  run();
  EXPECT_EQ(used_ids(), (Ids{0, 1}));
}

TEST_F(Copy, WhatABackendRefusesOfABatchIsLostAndUsed) {
  begin();
  wire_.error_ = -EINVAL;
  send(2, kLarge);
  EXPECT_EQ(used_ids(), (Ids{0, 1}));
  EXPECT_EQ(errors_, 0);
}

TEST_F(Copy, WithoutMemoryForTheCopyItIsTriedAgain) {
  begin();
  expose_several(2, kLarge);
  net_.fail_allocation(1);
  kick();
  EXPECT_EQ(wire_.lengths_.size(), 2u);
  EXPECT_EQ(used_ids(), (Ids{0, 1}));
  EXPECT_EQ(calls_, 2) << "the first was used before the second was tried again";
}

TEST_F(Copy, AChainWithoutPayloadIsUsedInItsTurn) {
  begin(8, kFeatureVersion1 | kFeatureNetHdr);
  avail(kSmall);
  avail(12);
  avail(kSmall, kDescWrite);
  avail(kSmall);
  kick();
  EXPECT_EQ(used_ids(), (Ids{0, 1, 2, 3}));
  EXPECT_EQ(wire_.lengths_, (std::vector<uint32_t>{kSmall - 12, kSmall - 12}));
  EXPECT_EQ(errors_, 2);
}

TEST_F(Copy, ABrokenChainStopsTheRunBehindWhatWasTaken) {
  begin();
  avail(kSmall);
  expose(static_cast<uint16_t>(num_));
  kick();
  EXPECT_EQ(used_ids(), Ids{0});
  EXPECT_EQ(errors_, 1);
  EXPECT_FALSE(wants_kicks());
}

TEST_F(Copy, OneRunHasABound) {
  begin(1024);
  expose_several(300, kSmall);
  net_.kick(kTxIndex);
  net_.run_worker();
  EXPECT_EQ(used_ids().size(), 256u);
  EXPECT_TRUE(net_.runnable());
  run();
  EXPECT_EQ(used_ids().size(), 44u);
}

TEST_F(Copy, NothingIsEverWaitedFor) {
  begin();
  send(3, kLarge);
  EXPECT_EQ(map_all(), 0);
  EXPECT_EQ(install(nullptr), 0);
  net_.fail_allocation(0);
  EXPECT_EQ(install(&wire_), 0) << "a backend has no state of its own here";
  net_.fail_allocation(-1);
  EXPECT_EQ(net_.reset_owner(Caller::kOwner), 0);
}

// More in one run than the ring holds: the driver's breach, and nothing is written behind the ring.
TEST_F(Copy, AnOverrunRingIsUsedInPartsThatFit) {
  begin(4);
  const uint16_t behind = 0x5a5a;
  put(used_ring() + 6 + 8 * num_, behind);
  expose_several(4, kSmall);
  at_point_ = EnginePoint::kFetched;
  at_point_action_ = [&] { at_point_action_ = [&] { expose_several(3, kSmall); }; };
  kick();
  EXPECT_EQ(wire_.lengths_.size(), 7u);
  EXPECT_EQ(word(used_ring() + 2), 7);
  EXPECT_EQ(word(used_ring() + 6 + 8 * num_), behind);
}

}  // namespace
}  // namespace va
