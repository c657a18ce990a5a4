#include "backend/receive_peer.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace va {
namespace {

constexpr uint32_t kHeader = 12;

uint32_t first_byte(std::span<const uint8_t> bytes) {
  return bytes.empty() ? 0xffff : bytes[0];
}
void fill(uint32_t ordinal, std::span<uint8_t> frame) {
  std::fill(frame.begin(), frame.end(), static_cast<uint8_t>(ordinal));
}

class Receiver : public ::testing::Test, private ReceiveObserver {
 protected:
  Receiver() : memory_(0, 32 * GuestMemory::kPage), peer_(*this, first_byte, fill) {
    peer_.reset(PeerKind::kDeferred, kHeader, false);
  }
  // Posts `len` bytes called `name`, at an address of their own.
  int post(uint32_t name, uint32_t len = 100) {
    const uint64_t at = 0x1000 * (name + 1);
    memory_.guest_store(static_cast<uint32_t>(at) + kHeader, 1)[0] = static_cast<uint8_t>(name);
    const Segment whole{at, len};
    return peer_.post({memory_, {&whole, 1}, 0, len}, {name, 1});
  }
  int receive(uint32_t len) {
    const Segment whole{0, len};
    return peer_.receive({memory_, {&whole, 1}, 0, len});
  }
  std::string told() { return std::exchange(told_, ""); }

  GuestMemory memory_;
  ReceivePeer peer_;

 private:
  uint32_t on_frame_made(uint32_t len) override {
    told_ += "made " + std::to_string(len) + ";";
    return 99;
  }
  void on_posted(uint32_t name) override { told_ += "held " + std::to_string(name) + ";"; }
  void on_delivered(std::span<const uint32_t> names, std::span<const RequestToken> tokens,
                    std::span<const uint8_t> packet) override {
    told_ += packet.empty() ? "failed"
                            : std::to_string(packet.back()) + "/" + std::to_string(packet.size());
    for (size_t i = 0; i < names.size(); ++i) {
      EXPECT_EQ(tokens[i].slot, names[i]);
      told_ += " " + std::to_string(names[i]);
    }
    told_ += ";";
  }

  std::string told_;
};

TEST_F(Receiver, FramesWaitInOrder) {
  EXPECT_EQ(peer_.waiting(), 0u);
  EXPECT_TRUE(peer_.inject(1, 60));
  EXPECT_TRUE(peer_.inject(2, 70));
  EXPECT_EQ(peer_.waiting(), 60u);
  EXPECT_EQ(receive(100), 72);
  EXPECT_EQ(memory_.bytes()[kHeader], 1);
  EXPECT_EQ(receive(20), 82) << "cut off, and it says how long it was";
  EXPECT_EQ(receive(100), -EAGAIN);
}

TEST_F(Receiver, ATapStoresNothingWhereItsHeaderDoesNotFit) {
  peer_.inject(1, 60);
  EXPECT_EQ(receive(1), -EINVAL);
  EXPECT_EQ(peer_.waiting(), 0u);
}

TEST_F(Receiver, TheQueueHasAnEnd) {
  for (uint32_t i = 0; i < ReceivePeer::kMaxWaiting; ++i) EXPECT_TRUE(peer_.inject(i, 60));
  EXPECT_FALSE(peer_.inject(7, 60));
  receive(100);
  EXPECT_TRUE(peer_.inject(7, 60));
  peer_.set_link(false);
  receive(100);
  EXPECT_FALSE(peer_.inject(7, 60));
}

TEST_F(Receiver, CongestedItHasNothingAndTakesNothing) {
  peer_.inject(1, 60);
  peer_.set_congested(true);
  EXPECT_EQ(peer_.waiting(), 0u);
  EXPECT_EQ(post(0), -EAGAIN);
  peer_.set_congested(false);
  EXPECT_EQ(peer_.waiting(), 60u);
}

TEST_F(Receiver, BuffersAreFilledInAnyOrder) {
  post(0);
  post(1);
  EXPECT_EQ(told(), "held 0;held 1;");
  peer_.inject(5, 60);
  EXPECT_TRUE(peer_.complete(1, RequestResult::kOk, 0));
  EXPECT_EQ(told(), "5/72 1;");
  EXPECT_FALSE(peer_.complete(1, RequestResult::kOk, 0));
  EXPECT_TRUE(peer_.complete(0, RequestResult::kOk, 70));
  EXPECT_EQ(told(), "made 70;99/82 0;");
}

TEST_F(Receiver, AFailureTakesNoFrame) {
  post(0);
  peer_.inject(5, 60);
  EXPECT_TRUE(peer_.complete(0, RequestResult::kFailed, 0));
  EXPECT_EQ(told(), "held 0;failed 0;");
  EXPECT_EQ(peer_.waiting(), 60u);
}

TEST_F(Receiver, AFrameGoesOnInTheBuffersBehind) {
  peer_.reset(PeerKind::kDeferred, kHeader, true);
  for (uint32_t i = 0; i < 4; ++i) post(i, 40);
  told();
  peer_.inject(5, 60);
  peer_.complete(1, RequestResult::kOk, 0);
  EXPECT_EQ(told(), "5/72 1 2;");
  peer_.inject(6, 200);
  peer_.complete(0, RequestResult::kOk, 0);
  EXPECT_EQ(told(), "6/212 0 3;") << "what finds no room is the engine's to cut off";
  EXPECT_EQ(peer_.held(), 0u);
}

TEST_F(Receiver, InsideItsSubmit) {
  EXPECT_TRUE(peer_.complete_inside(1, RequestResult::kOk, 0));
  post(0);
  post(1);
  EXPECT_EQ(told(), "held 0;held 1;made 60;99/72 1;");
  EXPECT_EQ(peer_.held(), 1u);
}

TEST_F(Receiver, Refusals) {
  peer_.refuse(-EIO, 1, false);
  EXPECT_EQ(post(0), -EIO);
  EXPECT_EQ(told(), "");
  peer_.refuse(-ENOMEM, 1, true);
  EXPECT_EQ(post(0), -ENOMEM);
  EXPECT_EQ(told(), "held 0;made 60;99/72 0;");
  peer_.refuse(-EIO, 1, false);
  peer_.inject(1, 60);
  EXPECT_EQ(receive(100), -EIO);
  EXPECT_EQ(peer_.waiting(), 0u) << "the frame is lost";
}

TEST_F(Receiver, TheOldestTakesWhatWaitsOrFails) {
  post(0);
  post(1);
  told();
  peer_.inject(5, 60);
  EXPECT_TRUE(peer_.complete_oldest());
  EXPECT_TRUE(peer_.complete_oldest());
  EXPECT_FALSE(peer_.complete_oldest());
  EXPECT_EQ(told(), "5/72 0;failed 1;");
}

}  // namespace
}  // namespace va
