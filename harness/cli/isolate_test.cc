#include "cli/isolate.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace va {
namespace {

// Does in the child what the test asks for, after one event.
class FakeDevice : public Device {
 public:
  explicit FakeDevice(void (*act)()) : act_(act) {}

  RunResult run(const Program&, uint32_t, Trace& trace) override {
    trace.clear();
    trace.header.device = "fake";
    trace.header.version = "1";
    trace.header.features = 7;
    trace.header.sees = kCalls;
    trace.add(3, EventKind::kCall, kTx);
    act_();
    trace.add(4, EventKind::kIdle);
    return RunResult::kRan;
  }
  const std::string& problem() const override { return problem_; }

 private:
  void (*act_)();
  std::string problem_ = "none";
};

RunResult run(void (*act)(), Trace& trace, std::string& evidence) {
  FakeDevice device(act);
  return run_isolated(device, Program{}, 1, 5, trace, evidence);
}

TEST(Isolate, TheTraceComesBackWhole) {
  Trace trace;
  std::string evidence;
  EXPECT_EQ(run([] {}, trace, evidence), RunResult::kRan);
  EXPECT_EQ(trace.header.device, "fake");
  EXPECT_EQ(trace.header.features, 7u);
  ASSERT_EQ(trace.events.size(), 2u);
  EXPECT_EQ(trace.events[0].kind, EventKind::kCall);
  EXPECT_EQ(trace.events[1].op, 4u);
}

TEST(Isolate, ADeathKeepsWhatWasObservedAndTheSignal) {
  Trace trace;
  std::string evidence;
  const auto die = [] {
    const char text[] = "last words";
    if (write(STDERR_FILENO, text, sizeof(text) - 1) > 0) raise(SIGILL);
  };
  EXPECT_EQ(run(die, trace, evidence), RunResult::kRan);
  ASSERT_EQ(trace.events.size(), 2u);
  EXPECT_EQ(trace.events[0].kind, EventKind::kCall);
  EXPECT_EQ(trace.events[1].kind, EventKind::kDied);
  EXPECT_EQ(trace.events[1].op, 3u);
  // A sanitizer that handles the signal reports it and exits with 1.
  const uint64_t status = trace.events[1].arg[0];
  EXPECT_TRUE(status == 128u + SIGILL || status == 1) << status;
  EXPECT_TRUE(evidence.starts_with("last words")) << evidence;
}

TEST(Isolate, AnExitOnTheWayIsADeath) {
  Trace trace;
  std::string evidence;
  EXPECT_EQ(run([] { _exit(9); }, trace, evidence), RunResult::kRan);
  ASSERT_EQ(trace.events.size(), 1u);
  EXPECT_EQ(trace.events[0].kind, EventKind::kDied);
  EXPECT_EQ(trace.events[0].arg[0], 9u);
}

TEST(Isolate, FirstBadIsTheFirstFalseOrDeadly) {
  EXPECT_EQ(first_bad(10, [](uint64_t) { return true; }), 10u);
  EXPECT_EQ(first_bad(10, [](uint64_t i) { return i != 4; }), 4u);
  EXPECT_EQ(first_bad(10,
                      [](uint64_t i) {
                        if (i == 6) _exit(1);
                        return true;
                      }),
            6u);
}

}  // namespace
}  // namespace va
