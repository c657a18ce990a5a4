// The receive worker: what is stored where, what is used, and what wakes it.
#include <cerrno>
#include <deque>

#include "engine/net_fixture.h"

namespace va {
namespace {

using Ids = std::vector<uint32_t>;

// Has frames of given lengths, each filled with its number from 1 on, and takes posted buffers.
class Source : public Backend {
 public:
  bool asynchronous() const override { return asynchronous_; }
  int send(const Packet&, RequestToken) override { return -EOPNOTSUPP; }
  bool writable() const override { return true; }
  uint32_t waiting() const override { return frames_.empty() ? 0 : frames_.front(); }
  int receive(const Buffer& buffer) override {
    const std::vector<uint8_t> packet = compose(frames_.front());
    frames_.pop_front();
    if (error_ != 0) return std::exchange(error_, 0);
    const size_t n = std::min<uint64_t>(packet.size(), buffer.len);
    EXPECT_TRUE(buffer.memory.scatter(buffer.segments, buffer.offset, std::span(packet).first(n)));
    return static_cast<int>(packet.size());
  }
  int post(const Buffer& buffer, RequestToken token) override {
    if (error_ != 0 && !fill_) return std::exchange(error_, 0);
    posted.push_back(token);
    room.push_back(buffer.len);
    if (fill_) filler(token);
    return std::exchange(error_, 0);
  }
  std::vector<uint8_t> compose(uint32_t frame_len) {
    std::vector<uint8_t> packet(header_ + frame_len, ++number_);
    std::fill_n(packet.begin(), header_, uint8_t{0});
    return packet;
  }

  bool asynchronous_ = false;
  uint32_t header_ = 12;
  int error_ = 0;
  bool fill_ = false;
  std::function<void(RequestToken)> filler;
  std::vector<RequestToken> posted;
  std::vector<uint64_t> room;

  std::deque<uint32_t> frames_;
  uint8_t number_ = 0;
};

// Receive buffer i lies at kBuffers + 0x400 * i, before it the header is 0xff.
class Receive : public NetRig, public ::testing::Test {
 protected:
  static constexpr uint32_t kRing = kSize / 4 * 3;
  static constexpr uint32_t kBuffers = kSize / 2;

  explicit Receive(PublicationPolicy policy = PublicationPolicy::kInorder) : NetRig(policy) {}

  void begin(uint64_t features = kFeatureVersion1, uint32_t num = 8) {
    set_up(num, features);
    ASSERT_EQ(net_.set_backend(Caller::kOwner, kRxIndex, {0, &source_}), 0);
    run();
  }
  void buffer(uint32_t len, uint16_t flags = 2) {
    const uint32_t head = exposed_ % num_;
    const uint32_t at = kBuffers + 0x400 * (head % 16);
    for (uint32_t i = 0; i < 12; ++i) put(at + i, uint8_t{0xff});
    put(kRing + 16 * head, uint64_t{at});
    put(kRing + 16 * head + 8, len);
    put(kRing + 16 * head + 12, flags);
    put(kRing + avail_ring() + 4 + 2 * (exposed_ % num_), static_cast<uint16_t>(head));
    put(kRing + avail_ring() + 2, ++exposed_);
  }
  // The chain of descriptor 0 has 200 writable bytes in descriptor 1.
  void go_on_behind_the_first() {
    put(kRing + 14, uint16_t{1});
    put(kRing + 16, uint64_t{kBuffers});
    put(kRing + 24, 200);
    put(kRing + 28, uint16_t{2});
  }
  void kick_rx() {
    net_.kick(kRxIndex);
    run();
  }
  int frame(uint32_t len) {
    source_.frames_.push_back(len);
    net_.backend_readable();
    return run();
  }
  // "id:len" of what was used since the last call of this.
  std::string used() {
    std::string all;
    for (; seen_ != word(kRing + used_ring() + 2); ++seen_) {
      const uint32_t at = kRing + used_ring() + 4 + 8 * (seen_ % num_);
      all += std::to_string(load_le<uint32_t>(&memory_.bytes()[at])) + ":" +
             std::to_string(load_le<uint32_t>(&memory_.bytes()[at + 4])) + " ";
    }
    return all;
  }
  uint8_t byte(uint32_t buffer, uint32_t offset) const {
    return memory_.bytes()[kBuffers + 0x400 * buffer + offset];
  }
  uint16_t num_buffers(uint32_t buffer) const { return word(kBuffers + 0x400 * buffer + 10); }
  bool wants_rx_kicks() const { return word(kRing + used_ring()) == 0; }

  Source source_;
  uint16_t exposed_ = 0;
  uint16_t seen_ = 0;
};

// ---- a backend that waits to be asked --------------------------------------------------------

TEST_F(Receive, AFrameIsStoredBehindItsHeader) {
  begin();
  buffer(200);
  frame(60);
  EXPECT_EQ(used(), "0:72 ");
  EXPECT_EQ(byte(0, 0), 0);
  EXPECT_EQ(num_buffers(0), 1);
  EXPECT_EQ(byte(0, 12), 1);
  EXPECT_EQ(byte(0, 71), 1);
  EXPECT_EQ(byte(0, 72), 0);
  EXPECT_EQ(calls_, 1);
}

TEST_F(Receive, AFrameGoesOnInAsManyChainsAsItTakes) {
  begin(kFeatureVersion1 | kFeatureMrgRxbuf);
  buffer(20);
  buffer(50);
  buffer(400);
  buffer(400);
  uint16_t published = 0;
  at_point_ = EnginePoint::kUsedPublished;
  at_point_action_ = [&] { published = word(kRing + used_ring() + 2); };
  frame(100);
  EXPECT_EQ(published, 3) << "one store of used idx covers the packet";
  EXPECT_EQ(used(), "0:20 1:50 2:42 ");
  EXPECT_EQ(num_buffers(0), 3);
  EXPECT_EQ(byte(2, 41), 1);
  EXPECT_EQ(num_buffers(1), 0x0101) << "payload: only the first has a header";
}

TEST_F(Receive, TooFewChainsStayAvailable) {
  begin(kFeatureVersion1 | kFeatureMrgRxbuf);
  buffer(50);
  frame(100);
  EXPECT_EQ(used(), "");
  EXPECT_TRUE(wants_rx_kicks());
  buffer(50);
  frame(60);
  EXPECT_EQ(used(), "") << "a frame does not wake a worker that waits for buffers";
  buffer(400);
  kick_rx();
  EXPECT_EQ(used(), "0:50 1:50 2:12 ");
}

TEST_F(Receive, AFrameThatDoesNotFitIsDropped) {
  begin();
  buffer(100);
  frame(200);
  EXPECT_EQ(used(), "");
  frame(60);
  EXPECT_EQ(used(), "0:72 ");
  EXPECT_EQ(byte(0, 12), 2);
}

TEST_F(Receive, TheDeviceMakesTheHeader) {
  source_.header_ = 0;
  begin(kFeatureVersion1 | kFeatureNetHdr);
  buffer(200);
  frame(60);
  EXPECT_EQ(used(), "0:72 ");
  EXPECT_EQ(byte(0, 0), 0);
  EXPECT_EQ(num_buffers(0), 1);
  EXPECT_EQ(byte(0, 12), 1);
}

TEST_F(Receive, ALegacyHeaderHasTenBytes) {
  source_.header_ = 10;
  begin(0);
  buffer(200);
  frame(60);
  EXPECT_EQ(used(), "0:70 ");
  EXPECT_EQ(num_buffers(0), 0x0101) << "payload";
}

TEST_F(Receive, KicksAreOffWhileNoFrameWaits) {
  begin();
  buffer(200);
  kick_rx();
  EXPECT_FALSE(wants_rx_kicks()) << "buffers are there: what is missing is a frame";
  EXPECT_EQ(used(), "");
  frame(60);
  EXPECT_EQ(used(), "0:72 ");
}

TEST_F(Receive, AFrameOfAnotherLengthIsLostAndItsChainIsNot) {
  begin();
  buffer(200);
  source_.error_ = -EIO;
  frame(60);
  EXPECT_EQ(used(), "");
  frame(61);
  EXPECT_EQ(used(), "0:73 ");
}

TEST_F(Receive, AChainThatCannotBeUsedComesBackEmpty) {
  begin();
  buffer(200, 0);
  buffer(200);
  frame(60);
  EXPECT_EQ(used(), "0:0 1:72 ");
  EXPECT_EQ(calls_, 2) << "it does not wait for others to be used with";
  EXPECT_EQ(errors_, 1);
}

TEST_F(Receive, AReadablePartMakesAChainUnfitWhateverFollows) {
  begin();
  buffer(200, 1);
  go_on_behind_the_first();
  frame(60);
  EXPECT_EQ(used(), "0:0 ");
  EXPECT_EQ(errors_, 1);
}

// The memory table leads out of memory: the driver's process has unmapped it.
TEST_F(Receive, AHeaderThatCannotBeStoredStopsTheQueue) {
  source_.header_ = 0;
  begin(kFeatureVersion1 | kFeatureNetHdr);
  const Region regions[] = {{0, kSize, kUser}, {kSize, 0x1000, 0x7000000000}};
  ASSERT_EQ(net_.set_mem_table(Caller::kOwner, regions, 0), 0);
  buffer(12, 3);
  put(kRing, uint64_t{kSize});
  go_on_behind_the_first();
  source_.frames_ = {60, 60};
  kick_rx();
  EXPECT_EQ(errors_, 1);
  EXPECT_EQ(source_.frames_.size(), 1u) << "the other frame waits for a kick";
  EXPECT_EQ(used(), "");
}

TEST_F(Receive, ARunHasItsBound) {
  begin(kFeatureVersion1, 512);
  for (int i = 0; i < 300; ++i) {
    buffer(100);
    source_.frames_.push_back(60);
  }
  net_.kick(kRxIndex);
  net_.run_worker();
  EXPECT_EQ(word(kRing + used_ring() + 2), 256);
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(word(kRing + used_ring() + 2), 300);
}

// VHOST_NET_WEIGHT counts what is stored, also the header that the device makes.
TEST_F(Receive, ARunHasItsBoundInBytes) {
  source_.header_ = 0;
  begin(kFeatureVersion1 | kFeatureNetHdr, 32);
  for (int i = 0; i < 17; ++i) {
    buffer(0x8000);
    source_.frames_.push_back(0x8000 - 12);
  }
  net_.kick(kRxIndex);
  net_.run_worker();
  EXPECT_EQ(word(kRing + used_ring() + 2), 16);
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(word(kRing + used_ring() + 2), 17);
}

// Linux asks whether there are more than VHOST_NET_BATCH, so there are 65.
TEST_F(Receive, UsedEntriesWaitUntilTheyAreMoreThan64) {
  begin(kFeatureVersion1, 128);
  for (int i = 0; i < 70; ++i) {
    buffer(100);
    source_.frames_.push_back(60);
  }
  uint16_t published = 0;
  at_point_ = EnginePoint::kUsedPublished;
  at_point_action_ = [&] { published = word(kRing + used_ring() + 2); };
  kick_rx();
  EXPECT_EQ(published, 65);
  EXPECT_EQ(word(kRing + used_ring() + 2), 70);
}

TEST_F(Receive, AFrameDoesNotWakeAWorkerThatWaitsForBuffers) {
  begin();
  kick_rx();  // no frame: the next one is to wake it
  source_.frames_.push_back(60);
  kick_rx();  // no buffer: a kick is to wake it
  net_.backend_readable();
  EXPECT_FALSE(net_.runnable());
}

TEST_F(Receive, WorkIsDoneInTheOrderOfQueueing) {
  begin();
  start();
  avail(kSmall);
  buffer(200);
  source_.frames_.push_back(60);
  net_.kick(kRxIndex);
  net_.kick(kTxIndex);
  net_.kick(kRxIndex);
  net_.run_worker();
  EXPECT_EQ(used(), "0:72 ");
  EXPECT_EQ(backend_.frames(), 0u);
  net_.run_worker();
  EXPECT_EQ(backend_.frames(), 1u);
  EXPECT_FALSE(net_.runnable()) << "queued once only";
}

TEST_F(Receive, FramesThatWaitAtTheStartNeedNoKick) {
  set_up();
  buffer(200);
  source_.frames_.push_back(60);
  ASSERT_EQ(net_.set_backend(Caller::kOwner, kRxIndex, {0, &source_}), 0);
  run();
  EXPECT_EQ(used(), "0:72 ");
}

// ---- buffers posted ahead --------------------------------------------------------------------

class PostedAhead : public Receive {
 protected:
  PostedAhead() : Receive(PublicationPolicy::kArrival) { source_.asynchronous_ = true; }

  void post(uint32_t len) {
    buffer(len);
    kick_rx();
  }
  void deliver(std::initializer_list<size_t> buffers, uint32_t frame_len) {
    std::vector<RequestToken> tokens;
    for (const size_t i : buffers) tokens.push_back(source_.posted.at(i));
    net_.deliver(tokens, source_.compose(frame_len));
    run();
  }
};

TEST_F(PostedAhead, FramesComeIntoAnyBuffer) {
  begin();
  post(200);
  post(100);
  post(100);
  EXPECT_EQ(net_.allocated(), 3u);
  deliver({2}, 60);
  deliver({0}, 61);
  EXPECT_EQ(used(), "2:72 0:73 ");
  EXPECT_EQ(byte(2, 12), 1);
  EXPECT_EQ(byte(0, 12), 2);
  EXPECT_EQ(num_buffers(0), 1);
  EXPECT_EQ(net_.allocated(), 1u);
  deliver({1}, 60);
  EXPECT_EQ(net_.allocated(), 0u);
}

TEST_F(PostedAhead, WhatDoesNotFitGoesOnOrIsCutOff) {
  begin(kFeatureVersion1 | kFeatureMrgRxbuf);
  post(50);
  post(30);
  post(40);
  deliver({1, 2}, 100);
  EXPECT_EQ(used(), "1:30 2:40 ");
  EXPECT_EQ(num_buffers(1), 2);
  deliver({0}, 20);
  EXPECT_EQ(used(), "0:32 ");
  EXPECT_EQ(num_buffers(0), 1);
}

TEST_F(PostedAhead, TheDevicesHeaderComesWithThePacket) {
  source_.header_ = 0;
  begin(kFeatureVersion1 | kFeatureNetHdr | kFeatureMrgRxbuf);
  post(20);
  post(100);
  EXPECT_EQ(source_.room, (std::vector<uint64_t>{8, 88}));
  EXPECT_EQ(byte(0, 0), 0xff) << "nothing is stored ahead";
  deliver({0, 1}, 60);
  EXPECT_EQ(used(), "0:20 1:52 ");
  EXPECT_EQ(byte(0, 0), 0);
  EXPECT_EQ(num_buffers(0), 2);
  EXPECT_EQ(byte(0, 12), 1);
  EXPECT_EQ(byte(1, 51), 1);
}

TEST_F(PostedAhead, NoDeliveryIsALengthOfZero) {
  begin();
  post(200);
  net_.deliver(source_.posted, {});
  run();
  EXPECT_EQ(used(), "0:0 ");
  EXPECT_EQ(byte(0, 0), 0xff);
}

TEST_F(PostedAhead, ARunHasItsBoundInBytes) {
  begin(kFeatureVersion1, 32);
  for (int i = 0; i < 17; ++i) post(0x8000);
  for (const RequestToken& token : source_.posted) {
    net_.deliver({&token, 1}, source_.compose(0x8000 - 12));
  }
  net_.run_worker();
  EXPECT_EQ(word(kRing + used_ring() + 2), 16);
  EXPECT_TRUE(net_.runnable());
}

TEST_F(PostedAhead, ADeviceOpenedAnewWaitsForNothing) {
  begin();
  post(200);
  net_.fail_allocation(0);
  net_.open();
  ASSERT_EQ(net_.set_owner(Caller::kOwner), 0) << "nor does an allocation fail";
  net_.open();
  put(kRing + avail_ring() + 2, uint16_t{0});
  begin();
  EXPECT_EQ(map_all(), 0);
}

TEST_F(PostedAhead, ATokenIsGoodOnce) {
  begin();
  post(200);
  deliver({0}, 60);
  deliver({0}, 60);
  EXPECT_EQ(used(), "0:72 ");
}

TEST_F(PostedAhead, ABufferWithoutRoomForTheHeaderComesBack) {
  begin();
  post(11);
  EXPECT_EQ(used(), "0:0 ");
  EXPECT_EQ(errors_, 1);
  EXPECT_TRUE(source_.posted.empty());
}

TEST_F(PostedAhead, ARefusedBufferIsOfferedAgainOrComesBack) {
  begin();
  source_.error_ = -EAGAIN;
  post(200);
  EXPECT_EQ(source_.posted.size(), 1u) << "the backend had room at once";
  source_.error_ = -EIO;
  post(200);
  EXPECT_EQ(used(), "1:0 ");
  EXPECT_EQ(num_buffers(1), 0xffff) << "there is no packet, so no header";
  source_.error_ = -EAGAIN;
  source_.fill_ = true;
  source_.filler = [&](RequestToken token) { net_.deliver({&token, 1}, source_.compose(60)); };
  post(200);
  EXPECT_EQ(used(), "2:72 ") << "it was filled: the refusal comes too late";
}

TEST_F(PostedAhead, AFailedAllocationLosesNothing) {
  begin();
  net_.fail_allocation(0);
  post(200);
  EXPECT_EQ(source_.posted.size(), 1u);
}

TEST_F(PostedAhead, NoMoreAreHeldThanTheRingHas) {
  begin(kFeatureVersion1, 2);
  post(200);
  post(200);
  put(kRing + avail_ring() + 2, ++exposed_);  // a head again
  kick_rx();
  EXPECT_EQ(source_.posted.size(), 2u);
  deliver({0}, 60);
  EXPECT_EQ(source_.posted.size(), 3u);
}

TEST_F(PostedAhead, SwapWaitsForWhatIsPostedAndReportsIt) {
  begin();
  post(200);
  Source next;
  EXPECT_EQ(net_.set_backend(Caller::kOwner, kRxIndex, {0, &next}), kPending);
  deliver({0}, 60);
  EXPECT_EQ(net_.step_pending(), 0);
  EXPECT_EQ(used(), "0:72 ");
  EXPECT_EQ(net_.set_backend(Caller::kOwner, kRxIndex, {0, nullptr}), 0);
}

TEST_F(PostedAhead, CloseWaitsForWhatIsPosted) {
  begin();
  post(200);
  ASSERT_EQ(net_.release(), kPending);
  deliver({0}, 60);
  EXPECT_EQ(net_.step_pending(), 0);
  EXPECT_EQ(used(), "") << "the ring is not the device's any more";
  EXPECT_EQ(net_.allocated(), 0u);
}

TEST_F(PostedAhead, NothingIsPostedWhileACallWaits) {
  begin();
  post(200);
  ASSERT_EQ(map_all(), kPending);
  post(200);
  EXPECT_EQ(source_.posted.size(), 1u);
  deliver({0}, 60);
  ASSERT_EQ(net_.step_pending(), 0);
  run();
  EXPECT_EQ(source_.posted.size(), 2u);
}

}  // namespace
}  // namespace va
