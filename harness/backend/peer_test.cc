#include "backend/peer.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

namespace va {
namespace {

constexpr uint32_t kHeader = 12;
constexpr uint32_t kLen = 1400;

// The name of a frame is its first byte.
uint32_t first_byte(std::span<const uint8_t> frame) {
  return frame[0];
}

class Link : public ::testing::Test, private PeerObserver {
 protected:
  Link() : memory_(0, 32 * GuestMemory::kPage), peer_(*this, first_byte) { deferred(); }

  void deferred() { peer_.reset(PeerKind::kDeferred, kHeader); }
  void synchronous() { peer_.reset(PeerKind::kSynchronous, kHeader); }

  // Sends a frame called `name`, in two pieces so that it must be gathered.
  int send(uint32_t name, bool held = true, uint32_t len = kLen) {
    memory_.guest_store(kHeader, 1)[0] = static_cast<uint8_t>(name);
    const Segment pieces[] = {{0, kHeader}, {kHeader, len - kHeader}};
    return send_segments(pieces, len, held);
  }
  int send_segments(std::span<const Segment> segments, uint32_t len, bool held) {
    const RequestToken token = held ? RequestToken{++slot_, 1} : RequestToken{};
    return peer_.send(Packet{memory_, segments, len}, token);
  }
  // What the peer told since the last call of this.
  std::string told() { return std::exchange(told_, ""); }

  GuestMemory memory_;
  Peer peer_;

 private:
  void on_frame(std::span<const uint8_t> frame) override {
    told_ += "wire " + std::to_string(frame[0]) + "/" + std::to_string(frame.size()) + ";";
  }
  void on_submitted(uint32_t name) override { told_ += "held " + std::to_string(name) + ";"; }
  void on_completed(uint32_t name, RequestToken, RequestResult result) override {
    told_ += (result == RequestResult::kOk ? "done " : "failed ") + std::to_string(name) + ";";
  }

  uint32_t slot_ = 0;
  std::string told_;
};

TEST_F(Link, ADeferredRequestIsHeldUntilItIsCompleted) {
  EXPECT_EQ(send(1), static_cast<int>(kLen));
  EXPECT_EQ(told(), "wire 1/1388;held 1;");
  EXPECT_EQ(peer_.held(), 1u);
  EXPECT_TRUE(peer_.complete(1, RequestResult::kOk));
  EXPECT_EQ(told(), "done 1;");
  EXPECT_EQ(peer_.held(), 0u);
}

TEST_F(Link, ASynchronousRequestIsDoneWhenSubmitReturns) {
  synchronous();
  EXPECT_EQ(send(1), static_cast<int>(kLen));
  EXPECT_EQ(told(), "wire 1/1388;held 1;done 1;");
}

TEST_F(Link, APacketSocketIsGivenCopies) {
  EXPECT_TRUE(peer_.keeps_pages());
  EXPECT_FALSE(peer_.bounded());
  peer_.reset(PeerKind::kPacket, 0);
  EXPECT_FALSE(peer_.asynchronous() || peer_.keeps_pages());
  EXPECT_TRUE(peer_.bounded());
  EXPECT_EQ(send(1, false), static_cast<int>(kLen));
  EXPECT_EQ(send(1, false, 14), 14);
  EXPECT_EQ(send(1, false, 13), -EINVAL);
  EXPECT_EQ(send(1, false, 65535), 65535);
  EXPECT_EQ(send(1, false, 65536), -EMSGSIZE);
  peer_.set_link(false);
  EXPECT_EQ(send(1, false), -ENETDOWN);
}

TEST_F(Link, ACopiedFrameIsNoRequest) {
  EXPECT_EQ(send(1, false), static_cast<int>(kLen));
  EXPECT_EQ(told(), "wire 1/1388;");
}

TEST_F(Link, RequestsAreCompletedByNameInAnyOrder) {
  for (const uint32_t name : {1, 2, 3}) send(name);
  told();
  for (const uint32_t name : {2, 3, 1}) peer_.complete(name, RequestResult::kOk);
  EXPECT_EQ(told(), "done 2;done 3;done 1;");
}

TEST_F(Link, WhatIsNotHeldCannotBeCompleted) {
  EXPECT_FALSE(peer_.complete(1, RequestResult::kOk));
  send(1);
  EXPECT_TRUE(peer_.complete(1, RequestResult::kFailed));
  EXPECT_FALSE(peer_.complete(1, RequestResult::kOk));
  EXPECT_EQ(told(), "wire 1/1388;held 1;failed 1;");
}

TEST_F(Link, OfTwoWithOneNameTheOlderIsCompletedFirst) {
  send(1), send(2), send(1);
  told();
  EXPECT_TRUE(peer_.complete(1, RequestResult::kFailed));
  EXPECT_TRUE(peer_.complete_oldest());
  EXPECT_TRUE(peer_.complete_oldest());
  EXPECT_FALSE(peer_.complete_oldest());
  EXPECT_EQ(told(), "failed 1;done 2;done 1;");
}

TEST_F(Link, ARequestCompletesInsideItsSubmit) {
  EXPECT_TRUE(peer_.complete_inside(2, RequestResult::kFailed));
  send(1), send(2), send(2);
  EXPECT_EQ(told(), "wire 1/1388;held 1;wire 2/1388;held 2;failed 2;wire 2/1388;held 2;");
}

TEST_F(Link, RefusalsAreCounted) {
  peer_.refuse(-ENOBUFS, 2, false);
  EXPECT_EQ(send(1), -ENOBUFS);
  EXPECT_EQ(send(1, false), -ENOBUFS);
  EXPECT_EQ(told(), "");
  EXPECT_EQ(send(1), static_cast<int>(kLen));
}

TEST_F(Link, ARefusalInsideComesAfterTheCompletion) {
  peer_.refuse(-EIO, 1, true);
  EXPECT_EQ(send(1), -EIO);
  EXPECT_EQ(told(), "wire 1/1388;held 1;done 1;");
  EXPECT_EQ(peer_.held(), 0u);
}

TEST_F(Link, AFullSendBufferIsTransient) {
  peer_.set_congested(true);
  EXPECT_FALSE(peer_.writable());
  EXPECT_EQ(send(1), -EAGAIN);
  peer_.set_congested(false);
  EXPECT_TRUE(peer_.writable());
  EXPECT_EQ(send(1), static_cast<int>(kLen));
}

TEST_F(Link, ALinkThatIsDownIsNot) {
  peer_.set_link(false);
  EXPECT_FALSE(peer_.writable());
  EXPECT_EQ(send(1), -EIO);
  EXPECT_EQ(told(), "");
}

TEST_F(Link, WhatATapRefusesIsRefused) {
  EXPECT_EQ(send(1, true, kHeader + 13), -EINVAL);
  EXPECT_EQ(told(), "");
}

TEST_F(Link, AFrameOfTooManyPagesIsCopiedAndReportedFailed) {
  std::vector<Segment> segments = {{0, kHeader + 128}};
  segments.insert(segments.end(), 18, Segment{4096, 1});
  EXPECT_EQ(send_segments(segments, kHeader + 128 + 18, true), kHeader + 128 + 18);
  EXPECT_EQ(told(), "wire 0/146;held 0;failed 0;");
}

TEST_F(Link, AFrameLongerThanItTakesIsRefused) {
  const std::vector<Segment> most(16, Segment{0, 65536});
  EXPECT_EQ(send_segments(most, kMaxFrame, true), static_cast<int>(kMaxFrame));
  std::vector<Segment> more = most;
  more.push_back({0, 1});
  EXPECT_EQ(send_segments(more, kMaxFrame + 1, true), -EINVAL);
}

TEST_F(Link, ABufferThatIsNotMappedIsAFault) {
  const Segment outside[] = {{32 * 4096 - 100, 101}};
  EXPECT_EQ(send_segments(outside, 101, true), -EFAULT);
  const Segment partly[] = {{0, 50}, {32 * 4096, 50}};
  EXPECT_EQ(send_segments(partly, 100, true), -EFAULT);
}

TEST_F(Link, AsManyAsItHasRoomForAreHeld) {
  for (uint32_t i = 0; i < Peer::kMaxHeld; ++i) send(1);
  told();
  send(2);
  EXPECT_EQ(told(), "wire 2/1388;held 2;done 2;");
}

TEST_F(Link, ANewPeerHoldsAndRefusesNothing) {
  send(1);
  peer_.complete_inside(2, RequestResult::kOk);
  peer_.refuse(-EIO, 9, false);
  peer_.set_congested(true);
  peer_.set_link(false);
  deferred();
  told();
  EXPECT_EQ(peer_.held(), 0u);
  send(2);
  EXPECT_EQ(told(), "wire 2/1388;held 2;");
}

}  // namespace
}  // namespace va
