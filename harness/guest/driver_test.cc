#include "guest/driver.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "prog/frame.h"
#include "prog/ops.h"

namespace va {
namespace {

// Guest memory and nothing else.
class Memory : public Port {
 public:
  void reset(Trace&, PointSink*) override {}
  std::span<const uint8_t> arena() const override { return bytes_; }
  std::span<uint8_t> store(uint32_t offset, uint32_t len) override {
    EXPECT_LE(uint64_t{offset} + len, bytes_.size());
    return std::span(bytes_).subspan(offset, len);
  }
  void execute(const Op&) override {}
  uint64_t acked_features() const override { return features; }
  void finish() override {}

  template <typename T>
  T at(uint64_t gpa) const {
    return load_le<T>(bytes_.data() + arena_offset(gpa));
  }
  template <typename T>
  void set(uint64_t gpa, T value) {
    store_le<T>(bytes_.data() + arena_offset(gpa), value);
  }

  uint64_t features = kBitVersion1;

 private:
  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(kArenaSize);
};

class DriverTest : public testing::Test {
 protected:
  DriverTest() : driver_(memory_) { driver_.reset(trace_); }

  void run(Opcode code, std::array<uint64_t, kMaxArgs> arg = {}, std::vector<Seg> segs = {},
           Queue queue = kTx) {
    Op op;
    op.code = code;
    op.queue = queue;
    op.arg = arg;
    op.nseg = static_cast<uint8_t>(segs.size());
    std::copy(segs.begin(), segs.end(), op.seg.begin());
    driver_.execute(index_++, op);
  }
  void avail(std::vector<Seg> segs = {}, AvailMode mode = AvailMode::kDirect) {
    run(Opcode::kAvail, {0, static_cast<uint64_t>(mode)}, std::move(segs));
  }
  // The device uses `id`.
  void use(uint32_t id, uint32_t num = 8) {
    const RingLayout ring = ring_layout(kTx, num);
    const auto idx = memory_.at<uint16_t>(ring.used + 2);
    memory_.set<uint32_t>(ring.used + 4 + 8 * (idx % num), id);
    memory_.set<uint16_t>(ring.used + 2, static_cast<uint16_t>(idx + 1));
  }
  std::vector<Event> events(EventKind kind) const {
    std::vector<Event> found;
    for (const Event& event : trace_.events) {
      if (event.kind == kind) found.push_back(event);
    }
    return found;
  }
  std::vector<uint64_t> heads() const {
    std::vector<uint64_t> found;
    for (const Event& event : events(EventKind::kExposed)) found.push_back(event.arg[1]);
    return found;
  }

  Memory memory_;
  Trace trace_;
  Driver driver_;
  uint32_t index_ = 0;
};

using Numbers = std::vector<uint64_t>;

TEST_F(DriverTest, SetUpZeroesTheRingAndWritesTheBase) {
  const RingLayout ring = ring_layout(kTx, 16);
  memory_.set<uint64_t>(ring.desc, ~uint64_t{0});
  memory_.set<uint32_t>(ring.used + 4 + 8 * 15, 7);
  driver_.set_up(kTx, 16, 0xfffe);
  EXPECT_EQ(memory_.at<uint64_t>(ring.desc), 0u);
  EXPECT_EQ(memory_.at<uint32_t>(ring.used + 4 + 8 * 15), 0u);
  EXPECT_EQ(memory_.at<uint16_t>(ring.avail + 2), 0xfffe);
  EXPECT_EQ(memory_.at<uint16_t>(ring.used + 2), 0xfffe);
  avail();
  EXPECT_EQ(events(EventKind::kExposed)[0].arg, (std::array<uint64_t, 4>{0, 0, 14, 0xffff}));
  avail();
  avail();
  EXPECT_EQ(events(EventKind::kExposed)[2].arg, (std::array<uint64_t, 4>{2, 4, 0, 1}));
  EXPECT_EQ(memory_.at<uint16_t>(ring.avail + 2), 1);
}

TEST_F(DriverTest, DefaultChainIsHeaderAndPayload) {
  avail();
  const RingLayout ring = ring_layout(kTx, 8);
  const auto header = memory_.at<uint64_t>(ring.desc);
  const auto payload = memory_.at<uint64_t>(ring.desc + 16);
  EXPECT_EQ(header, kBufferGpa);
  EXPECT_EQ(memory_.at<uint32_t>(ring.desc + 8), 12u);
  EXPECT_EQ(memory_.at<uint16_t>(ring.desc + 12), 1);  // NEXT
  EXPECT_EQ(memory_.at<uint16_t>(ring.desc + 14), 1);
  EXPECT_EQ(payload, header + 12);
  EXPECT_EQ(memory_.at<uint32_t>(ring.desc + 24), 1400u);
  EXPECT_EQ(memory_.at<uint16_t>(ring.desc + 28), 0);
  const FrameFacts facts = read_frame(memory_.arena().subspan(arena_offset(payload), 1400));
  EXPECT_EQ(facts.ordinal, 0u);
  EXPECT_EQ(facts.fill, fill_of(0));
  EXPECT_EQ(memory_.at<uint16_t>(ring.avail + 2), 1);
  EXPECT_EQ(events(EventKind::kDescStored).size(), 2u);
}

TEST_F(DriverTest, TheHeaderHasTenBytesOnALegacyDeviceWithoutMergeableBuffers) {
  memory_.features = 0;
  avail({Seg{false, 0, 60}});
  EXPECT_EQ(memory_.at<uint8_t>(kBufferGpa + 10), 2);
  memory_.features = kBitMrgRxbuf;
  avail({Seg{false, 0, 60}});
  EXPECT_EQ(memory_.at<uint8_t>(kBufferGpa + 64 + 10), 0);
  EXPECT_EQ(memory_.at<uint8_t>(kBufferGpa + 64 + 12), 2);
}

TEST_F(DriverTest, WritableSegmentsStayUntouched) {
  memory_.set<uint64_t>(kBufferGpa + 12, 0x1111111111111111);
  avail({Seg{false, 0, 12}, Seg{true, 0, 8}, Seg{false, 2, 20}});
  EXPECT_EQ(memory_.at<uint64_t>(kBufferGpa + 12), 0x1111111111111111u);
  EXPECT_EQ(memory_.at<uint8_t>(kBufferGpa + 20), 2);  // the frame goes on behind it
  EXPECT_EQ(memory_.at<uint8_t>(kBufferGpa + 20 + 39), fill_of(0));
  EXPECT_EQ(events(EventKind::kDescStored)[1].arg[3], 1u | 2u | 2u << 16);
}

TEST_F(DriverTest, IndirectChainIsOneDescriptorAndOneTable) {
  avail({Seg{false, 3, 100}}, AvailMode::kIndirect);
  const RingLayout ring = ring_layout(kTx, 8);
  const auto table = memory_.at<uint64_t>(ring.desc);
  EXPECT_EQ(table % 16, 0u);
  EXPECT_EQ(memory_.at<uint32_t>(ring.desc + 8), 48u);
  EXPECT_EQ(memory_.at<uint16_t>(ring.desc + 12), 4);
  const auto buffer = memory_.at<uint64_t>(table);
  EXPECT_EQ(memory_.at<uint16_t>(table + 14), 1);
  EXPECT_EQ(memory_.at<uint64_t>(table + 32), buffer + 200);
  EXPECT_EQ(memory_.at<uint16_t>(table + 32 + 12), 0);
  EXPECT_EQ(events(EventKind::kDescStored).size(), 4u);
  for (int i = 0; i < 7; ++i) avail({Seg{false, 4, 30}}, AvailMode::kIndirect);
  EXPECT_EQ(heads(), (Numbers{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST_F(DriverTest, QuietChainsAreExposedByTheNextStoreOfTheIndex) {
  const RingLayout ring = ring_layout(kTx, 8);
  avail({}, AvailMode::kQuiet);
  avail({}, AvailMode::kIndirectQuiet);
  EXPECT_EQ(memory_.at<uint16_t>(ring.avail + 2), 0);
  EXPECT_EQ(events(EventKind::kExposed)[0].arg[3], 0x10000u);
  avail();
  EXPECT_EQ(memory_.at<uint16_t>(ring.avail + 2), 3);
  EXPECT_EQ(memory_.at<uint16_t>(ring.avail + 4 + 2), 2);
}

TEST_F(DriverTest, UsedChainsAreReclaimedAndReusedLowestFirst) {
  for (int i = 0; i < 4; ++i) avail();
  avail();  // no descriptor left; it is #4 all the same
  use(2);
  use(77);  // names nothing
  use(2);   // not outstanding any more
  avail();
  EXPECT_EQ(heads(), (Numbers{0, 2, 4, 6, 2}));
  ASSERT_EQ(events(EventKind::kReclaimed).size(), 1u);
  EXPECT_EQ(events(EventKind::kReclaimed)[0].arg[0], 2u);
  EXPECT_EQ(events(EventKind::kNoop).size(), 1u);
  EXPECT_EQ(events(EventKind::kExposed)[4].arg[0], 5u);
  use(0);
  avail({Seg{false, 0, 100}});
  EXPECT_EQ(heads().back(), 0u);
}

// VIRTIO 1.2, 2.7.9 and 6.2: descriptors go round the table, and one used entry ends a batch.
TEST_F(DriverTest, WithInOrderDescriptorsGoRoundAndABatchIsOneEntry) {
  memory_.features |= kBitInOrder;
  const RingLayout ring = ring_layout(kTx, 8);
  for (int i = 0; i < 3; ++i) avail();
  EXPECT_EQ(heads(), (Numbers{0, 2, 4}));
  memory_.set<uint32_t>(ring.used + 4, 2);  // in the slot of the first: it and the second
  memory_.set<uint16_t>(ring.used + 2, 2);
  avail();
  avail();
  EXPECT_EQ(heads(), (Numbers{0, 2, 4, 6, 0}));
  std::vector<uint64_t> reclaimed;
  for (const Event& event : events(EventKind::kReclaimed)) reclaimed.push_back(event.arg[0]);
  EXPECT_EQ(reclaimed, (Numbers{0, 2}));
  memory_.set<uint32_t>(ring.used + 4 + 8 * 2, 4);  // a batch of one, then one of a wrong head
  memory_.set<uint32_t>(ring.used + 4 + 8 * 3, 7);
  memory_.set<uint16_t>(ring.used + 2, 4);
  avail({{false, 2, 60}});
  EXPECT_EQ(heads().back(), 2u);
  EXPECT_EQ(events(EventKind::kReclaimed).size(), 3u);
}

TEST_F(DriverTest, AnAvailWithoutRoomIsANoopAndCounts) {
  for (int i = 0; i < 3; ++i) avail({Seg{false, 0, 65535}});
  EXPECT_EQ(events(EventKind::kExposed).size(), 2u);
  EXPECT_EQ(events(EventKind::kNoop).size(), 1u);
  use(0);
  avail({Seg{false, 0, 65535}});
  EXPECT_EQ(events(EventKind::kExposed)[2].arg[0], 3u);
}

TEST_F(DriverTest, NamedHeads) {
  run(Opcode::kAvail, {8 + 1});  // no such descriptor: only the slot is written
  run(Opcode::kAvail, {5 + 1});
  run(Opcode::kAvail, {5 + 1});  // outstanding already
  avail();
  EXPECT_EQ(heads(), (Numbers{8, 5, 5, 2}));
  EXPECT_EQ(events(EventKind::kDescStored).size(), 6u);
  EXPECT_EQ(events(EventKind::kDescStored)[1].arg[0], ring_layout(kTx, 8).desc);
}

TEST_F(DriverTest, AForcedHeadTakesTheLastDescriptorOnce) {
  driver_.set_up(kTx, 2, 0);
  run(Opcode::kAvail, {1 + 1});
  EXPECT_EQ(heads(), (Numbers{1}));
  run(Opcode::kAvail, {1 + 1});  // needs one more than there is
  EXPECT_EQ(heads(), (Numbers{1}));
  run(Opcode::kAvail, {1 + 1}, {Seg{false, 0, 60}});
  EXPECT_EQ(heads(), (Numbers{1, 1}));
}

TEST_F(DriverTest, BuffersAtAnAddressAreStoredAsFarAsThereIsMemory) {
  run(Opcode::kAvail, {0, 0, 0x1000});
  run(Opcode::kAvail, {0, 0, kArenaGpa + kArenaSize - 20}, {Seg{false, 0, 100}});
  EXPECT_EQ(events(EventKind::kDescStored)[0].arg[1], 0x1000u);
  EXPECT_EQ(memory_.at<uint8_t>(kArenaGpa + kArenaSize - 8), 2);
}

TEST_F(DriverTest, ABufferThatCrossesTheHalvesIsOneInGuestAddresses) {
  const uint64_t gpa = kArenaGpa + kHalf - 50;
  run(Opcode::kAvail, {0, 0, gpa}, {Seg{false, 0, 200}});
  EXPECT_EQ(memory_.at<uint8_t>(gpa + 49), fill_of(0));
  EXPECT_EQ(memory_.at<uint8_t>(gpa + 50), fill_of(0));
  EXPECT_EQ(memory_.at<uint8_t>(gpa + 199), fill_of(0));
  EXPECT_EQ(memory_.at<uint8_t>(gpa + 200), 0);
}

TEST_F(DriverTest, ScribbleOverwritesThePayloadWhileTheBufferIsTheRequests) {
  avail();
  avail({Seg{false, 0, 12}, Seg{true, 0, 10}, Seg{false, 0, 20}});
  run(Opcode::kScribble, {0, 0xee});
  run(Opcode::kScribble, {1, 0xee});
  run(Opcode::kScribble, {2, 0xee});
  EXPECT_EQ(memory_.at<uint8_t>(kBufferGpa + 25), 0xb5);
  EXPECT_EQ(memory_.at<uint8_t>(kBufferGpa + 26), 0xee);
  EXPECT_EQ(memory_.at<uint8_t>(kBufferGpa + 1411), 0xee);
  EXPECT_EQ(memory_.at<uint8_t>(kBufferGpa + 1412), 0);
  const uint64_t second = kBufferGpa + 23 * 64;
  EXPECT_EQ(memory_.at<uint8_t>(second + 21), 0);
  EXPECT_EQ(memory_.at<uint8_t>(second + 35), 0xb5);
  EXPECT_EQ(memory_.at<uint8_t>(second + 36), 0xee);
  EXPECT_EQ(events(EventKind::kNoop).size(), 1u);
  use(0);
  avail();
  run(Opcode::kScribble, {0, 0xdd});
  EXPECT_EQ(memory_.at<uint8_t>(kBufferGpa + 26), 0xee);
  EXPECT_EQ(events(EventKind::kNoop).size(), 2u);
}

TEST_F(DriverTest, RawStores) {
  const RingLayout ring = ring_layout(kTx, 8);
  run(Opcode::kDesc, {3, 0x1122334455667788, 99, 0xffff, 7});
  EXPECT_EQ(memory_.at<uint64_t>(ring.desc + 48), 0x1122334455667788u);
  EXPECT_EQ(memory_.at<uint32_t>(ring.desc + 56), 99u);
  EXPECT_EQ(memory_.at<uint16_t>(ring.desc + 60), 0xffff);
  EXPECT_EQ(memory_.at<uint16_t>(ring.desc + 62), 7);
  run(Opcode::kAvailEntry, {2, 3});
  EXPECT_EQ(memory_.at<uint16_t>(ring.avail + 8), 3);
  run(Opcode::kAvailFlags, {1});
  EXPECT_EQ(memory_.at<uint16_t>(ring.avail), 1);
  run(Opcode::kUsedEvent, {0x1234});
  EXPECT_EQ(memory_.at<uint16_t>(ring.avail + 4 + 16), 0x1234);
  run(Opcode::kAvailIdx, {0xffff});
  EXPECT_EQ(memory_.at<uint16_t>(ring.avail + 2), 0xffff);
  avail();
  EXPECT_EQ(memory_.at<uint16_t>(ring.avail + 2), 0);
  EXPECT_EQ(events(EventKind::kExposed)[0].arg[2], 7u);
  run(Opcode::kStore, {kArenaGpa + kHalf - 2, 0xaabbccdd, 4});  // over the seam
  EXPECT_EQ(memory_.at<uint16_t>(kArenaGpa + kHalf - 2), 0xccdd);
  EXPECT_EQ(memory_.at<uint16_t>(kArenaGpa + kHalf), 0xaabb);
  run(Opcode::kStore, {kArenaGpa - 1, 0xffff, 2});
  EXPECT_EQ(memory_.at<uint8_t>(kArenaGpa), 0xff);
  run(Opcode::kStore, {~uint64_t{0}, 1});
  run(Opcode::kDesc, {0xffff, 1, 1, 1, 1});
  EXPECT_EQ(events(EventKind::kDescStored).size(), 3u);
}

TEST_F(DriverTest, ResetForgetsEverything) {
  for (int i = 0; i < 5; ++i) avail();
  run(Opcode::kAvailIdx, {77});
  driver_.reset(trace_);
  trace_.clear();
  avail();
  EXPECT_EQ(events(EventKind::kExposed)[0].arg, (std::array<uint64_t, 4>{0, 0, 0, 1}));
  EXPECT_EQ(events(EventKind::kDescStored)[0].arg[1], kBufferGpa);
}

// No outstanding buffer or table is handed out twice, in whatever order chains come back.
TEST_F(DriverTest, OutstandingBuffersNeverOverlap) {
  constexpr uint32_t kNum = 256;
  driver_.set_up(kTx, kNum, 0xff00);
  Random random(1);
  std::vector<std::pair<uint64_t, std::pair<uint64_t, uint64_t>>> held;  // head, buffer
  for (int round = 0; round < 3000; ++round) {
    if (held.size() > 20 || (!held.empty() && random.one_in(3))) {
      const size_t victim = random.below(static_cast<uint32_t>(held.size()));
      use(static_cast<uint32_t>(held[victim].first), kNum);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(victim));
    }
    trace_.clear();
    avail({Seg{false, 0, 12}, Seg{false, 0, static_cast<uint16_t>(random.below(9000))}},
          random.one_in(4) ? AvailMode::kIndirect : AvailMode::kDirect);
    const std::vector<Event> stored = events(EventKind::kDescStored);
    if (stored.empty()) continue;
    const uint64_t from = stored[0].arg[1];
    const uint64_t to = from + stored[0].arg[2] + stored[1].arg[2];
    EXPECT_GE(from, kBufferGpa);
    EXPECT_LE(to, kBufferEnd);
    for (const auto& other : held) {
      EXPECT_TRUE(to <= other.second.first || from >= other.second.second);
    }
    held.push_back({heads()[0], {from, to}});
  }
}

// Any operands are an operation; the sanitizers and Memory::store look on.
TEST_F(DriverTest, IsTotal) {
  Random random(2);
  const Opcode codes[] = {Opcode::kAvail,      Opcode::kAvail,     Opcode::kAvail,
                          Opcode::kDesc,       Opcode::kAvailIdx,  Opcode::kAvailEntry,
                          Opcode::kAvailFlags, Opcode::kUsedEvent, Opcode::kStore,
                          Opcode::kScribble};
  for (int round = 0; round < 20000; ++round) {
    const auto queue = static_cast<Queue>(random.below(kQueues));
    if (random.one_in(50)) {
      driver_.set_up(queue, static_cast<uint16_t>(random.next() >> random.below(64)),
                     static_cast<uint16_t>(random.next()));
    }
    std::array<uint64_t, kMaxArgs> arg{};
    for (uint64_t& value : arg) {
      value = random.one_in(2) ? 0 : random.next() >> random.below(64);
      if (random.one_in(3)) value = random.below(10);
    }
    std::vector<Seg> segs(random.below(kMaxSegs + 1));
    for (Seg& seg : segs) {
      seg = {random.one_in(4), static_cast<uint8_t>(random.one_in(20) ? random.next() : 1),
             static_cast<uint16_t>(random.below(300))};
    }
    run(codes[random.below(std::size(codes))], arg, segs, queue);
    if (random.one_in(3)) use(random.below(12));
    trace_.clear();
  }
}

}  // namespace
}  // namespace va
