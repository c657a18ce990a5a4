#include "runner/local.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "prog/layout.h"
#include "prog/ops.h"

namespace va {
namespace {

// Notes what it is asked to do; `kick` reaches the points `start`, `fetched` and `end`, in order.
class Recorder : public Port {
 public:
  void reset(Trace& trace, PointSink* sink) override {
    trace_ = &trace;
    sink_ = sink;
    log.clear();
  }
  std::span<const uint8_t> arena() const override { return bytes_; }
  std::span<uint8_t> store(uint32_t offset, uint32_t len) override {
    return std::span(bytes_).subspan(offset, len);
  }
  void execute(const Op& op) override {
    note(std::string(op_info(op.code).name));
    if (op.code != Opcode::kKick) return;
    for (const Point point : {Point::kStart, Point::kFetched, Point::kEnd}) {
      note(point == Point::kEnd ? "end" : point == Point::kStart ? "start" : "fetched");
      sink_->on_point(point);
    }
  }
  uint64_t acked_features() const override { return kBitVersion1; }
  void finish() override { log.push_back("finish"); }

  std::vector<std::string> log;

 private:
  void note(const std::string& what) { log.push_back(std::to_string(op_) + " " + what); }

  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(kArenaSize);
  Trace* trace_ = nullptr;
  PointSink* sink_ = nullptr;
};

using Log = std::vector<std::string>;

class RunnerTest : public testing::Test {
 public:
  RunnerTest() : runner_(port_) {}

  RunnerTest& op(Opcode code, uint64_t a = 0, uint64_t b = 0, Queue queue = kTx) {
    Op next;
    next.code = code;
    next.queue = queue;
    next.arg = {a, b};
    program_.ops.push_back(next);
    return *this;
  }
  RunnerTest& at(Point point, uint64_t nth = 0) {
    return op(Opcode::kAt, static_cast<uint64_t>(point), nth);
  }
  Log run(uint32_t budget = kFuzzBudget) {
    runner_.run(program_, budget, trace_);
    return port_.log;
  }
  size_t count(EventKind kind) const {
    size_t n = 0;
    for (const Event& event : trace_.events) n += event.kind == kind ? 1 : 0;
    return n;
  }

  Recorder port_;
  LocalRunner runner_;
  Program program_;
  Trace trace_;
};

TEST_F(RunnerTest, AProgramThatSetsNothingUpRunsOnTheDefault) {
  op(Opcode::kNop).op(Opcode::kAvail).op(Opcode::kSettle);
  EXPECT_EQ(run(), (Log{"0 nop", "1 vring", "1 backend", "2 settle", "finish"}));
  EXPECT_EQ(trace_.events.front().kind, EventKind::kSetup);
  EXPECT_EQ(trace_.events.front().op, 1u);
  EXPECT_EQ(count(EventKind::kExposed), 1u);
  EXPECT_EQ(runner_.executed(), 3u);
}

TEST_F(RunnerTest, OnlyWhatIsMissingIsSupplied) {
  op(Opcode::kVring).op(Opcode::kSettle);
  EXPECT_EQ(run(), (Log{"0 vring", "1 backend", "1 settle", "finish"}));
  EXPECT_EQ(count(EventKind::kSetup), 1u);
  program_.clear();
  op(Opcode::kBackend, 1).op(Opcode::kSettle);
  EXPECT_EQ(run(), (Log{"0 vring", "0 backend", "1 settle", "finish"}));
  EXPECT_EQ(count(EventKind::kSetup), 1u);
  program_.clear();
  op(Opcode::kVring).op(Opcode::kBackend, 1).op(Opcode::kSettle);
  EXPECT_EQ(run(), (Log{"0 vring", "1 backend", "2 settle", "finish"}));
  EXPECT_EQ(count(EventKind::kSetup), 0u);
}

TEST_F(RunnerTest, NothingIsSuppliedToABareProgram) {
  op(Opcode::kBare).op(Opcode::kBackend).op(Opcode::kSettle);
  EXPECT_EQ(run(), (Log{"0 bare", "1 backend", "2 settle", "finish"}));
  program_.clear();
  op(Opcode::kSetVringNum, 4).op(Opcode::kSettle);
  EXPECT_EQ(run(), (Log{"0 set_vring_num", "1 settle", "finish"}));
  EXPECT_EQ(count(EventKind::kSetup), 0u);
}

TEST_F(RunnerTest, AnotherQueueDoesNotSetTransmitUp) {
  op(Opcode::kVring, 0, 0, kRx).op(Opcode::kSettle);
  EXPECT_EQ(run(), (Log{"0 vring", "1 vring", "1 backend", "1 settle", "finish"}));
}

TEST_F(RunnerTest, TheReceiveQueueIsSetUpWhenItIsTouched) {
  op(Opcode::kSettle).op(Opcode::kInject, 60, 0, kRx).op(Opcode::kAvail, 0, 0, kRx);
  EXPECT_EQ(run(), (Log{"0 vring", "0 backend", "0 settle", "1 vring", "1 backend", "1 inject",
                        "finish"}));
  EXPECT_EQ(count(EventKind::kSetup), 2u);
  program_.clear();
  op(Opcode::kBackend, 1, 0, kRx).op(Opcode::kInject, 60, 0, kRx);
  EXPECT_EQ(run(), (Log{"0 vring", "0 backend", "1 vring", "1 backend", "1 inject", "finish"}));
  program_.clear();
  at(Point::kEnd).op(Opcode::kInject, 60, 0, kRx).op(Opcode::kKick);
  EXPECT_EQ(run()[2], "0 vring") << "an operation that waits touches the queue before it waits";
  program_.clear();
  op(Opcode::kBare).op(Opcode::kInject, 60, 0, kRx);
  EXPECT_EQ(run(), (Log{"0 bare", "1 inject", "finish"}));
}

TEST_F(RunnerTest, Repeats) {
  op(Opcode::kBare).op(Opcode::kRepeat, 3).op(Opcode::kKick).op(Opcode::kEnd);
  run();
  EXPECT_EQ(port_.log.size(), 1u + 3 * 4 + 1);
  EXPECT_EQ(runner_.executed(), 2u + 3 * 2);
}

TEST_F(RunnerTest, RepeatZeroSkipsItsBody) {
  op(Opcode::kBare).op(Opcode::kRepeat, 0).op(Opcode::kNop).op(Opcode::kEnd).op(Opcode::kSettle);
  EXPECT_EQ(run(), (Log{"0 bare", "4 settle", "finish"}));
  program_.ops.resize(3);
  EXPECT_EQ(run(), (Log{"0 bare", "finish"}));
}

TEST_F(RunnerTest, UnbalancedRepeats) {
  op(Opcode::kEnd).op(Opcode::kBare).op(Opcode::kRepeat, 2).op(Opcode::kRepeat, 9);
  op(Opcode::kNop);
  EXPECT_EQ(run(), (Log{"1 bare", "4 nop", "4 nop", "finish"}));
  program_.clear();
  op(Opcode::kBare).op(Opcode::kRepeat, 7);
  EXPECT_EQ(run(), (Log{"0 bare", "finish"}));
}

TEST_F(RunnerTest, TheBudgetEndsTheRun) {
  op(Opcode::kRepeat, 0xffffffff).op(Opcode::kEnd);
  run(100);
  EXPECT_EQ(runner_.executed(), 100u);
  ASSERT_EQ(trace_.events.size(), 1u);
  EXPECT_EQ(trace_.events[0].kind, EventKind::kBudget);
  EXPECT_EQ(port_.log, (Log{"finish"}));
  program_.clear();
  op(Opcode::kNop).op(Opcode::kNop);
  run(2);
  EXPECT_EQ(count(EventKind::kBudget), 0u);
}

TEST_F(RunnerTest, AnAtAtTheEndOfTheBudgetDefersNothing) {
  op(Opcode::kBare).at(Point::kStart).op(Opcode::kKick);
  EXPECT_EQ(run(2), (Log{"0 bare", "finish"}));
  EXPECT_EQ(runner_.executed(), 2u);
}

TEST_F(RunnerTest, DeferredOperationsHappenAtTheirPoint) {
  op(Opcode::kBare).at(Point::kFetched, 1).op(Opcode::kComplete).at(Point::kEnd);
  op(Opcode::kAvail).op(Opcode::kKick).op(Opcode::kKick);
  EXPECT_EQ(run(), (Log{"0 bare", "5 kick", "5 start", "5 fetched", "5 end", "6 kick", "6 start",
                        "6 fetched", "2 complete", "6 end", "finish"}));
  ASSERT_EQ(count(EventKind::kExposed), 1u);
  EXPECT_EQ(trace_.events.back().op, 4u);
}

TEST_F(RunnerTest, PointsNest) {
  op(Opcode::kBare).at(Point::kStart).op(Opcode::kKick).at(Point::kFetched).op(Opcode::kComplete);
  op(Opcode::kKick);
  EXPECT_EQ(run(), (Log{"0 bare", "5 kick", "5 start", "2 kick", "2 start", "2 fetched",
                        "4 complete", "2 end", "5 fetched", "5 end", "finish"}));
}

TEST_F(RunnerTest, WhatIsNotReachedHappensAtTheSettle) {
  op(Opcode::kBare).at(Point::kDrained).op(Opcode::kComplete).op(Opcode::kSettle);
  at(Point::kDrained).op(Opcode::kLink);
  EXPECT_EQ(run(), (Log{"0 bare", "2 complete", "3 settle", "5 link", "finish"}));
  EXPECT_EQ(count(EventKind::kNoop), 2u);
  EXPECT_EQ(trace_.events[0].op, 2u);
}

TEST_F(RunnerTest, AnAtThatCannotDeferIsANoop) {
  op(Opcode::kBare).at(Point::kStart).op(Opcode::kSettle).at(Point::kStart);
  EXPECT_EQ(run(), (Log{"0 bare", "2 settle", "finish"}));
  EXPECT_EQ(count(EventKind::kNoop), 2u);
  program_.clear();
  op(Opcode::kBare);
  for (int i = 0; i < 9; ++i) at(Point::kStart).op(Opcode::kNop);
  op(Opcode::kKick);
  run();
  EXPECT_EQ(count(EventKind::kNoop), 1u);
  EXPECT_EQ(port_.log[1], "18 nop");  // the ninth, in its turn
  EXPECT_EQ(port_.log[4], "2 nop");
}

}  // namespace
}  // namespace va
