#include "device/reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "trace/case.h"

namespace va {
namespace {

using Numbers = std::vector<uint64_t>;

class Reference : public ::testing::TestWithParam<Policy> {
 protected:
  Reference() : device_(GetParam()) {}

  // Runs a case's text; its events are in trace_.
  void run(const std::string& text) {
    text_ = text;
    const Status status = parse_case(text, Strictness::kStrict, case_, nullptr, nullptr);
    ASSERT_TRUE(status.ok()) << status.at("case");
    ASSERT_EQ(device_.run(case_.program, kCaseBudget, trace_), RunResult::kRan);
  }
  // The operand number `operand` of each event of that kind, in order.
  Numbers all(EventKind kind, size_t operand = 0) const {
    Numbers values;
    for (const Event& event : trace_.events) {
      if (event.kind == kind) values.push_back(event.arg[operand]);
    }
    return values;
  }
  Numbers used_ids() const { return all(EventKind::kUsed, 1); }
  Numbers errnos() const { return all(EventKind::kDone); }
  size_t count(EventKind kind) const { return all(kind).size(); }
  bool arrival() const { return GetParam() == Policy::kArrival; }
  void expect_nothing_left() const {
    EXPECT_EQ(all(EventKind::kAllocated), Numbers{0}) << text_;
    EXPECT_EQ(count(EventKind::kForeign), 0u) << text_;
  }

  ReferenceDevice device_;
  std::string text_;
  Case case_;
  Trace trace_;
};
INSTANTIATE_TEST_SUITE_P(Device, Reference, ::testing::Values(Policy::kArrival, Policy::kInorder),
                         [](const auto& policy) {
                           return policy.param == Policy::kArrival ? "Arrival" : "Inorder";
                         });

// What the default set-up does, at a place of its own.
constexpr char kStarted[] = "vring tx\nbackend tx async\n";

// A case that completes `order` packets, all sent with one kick.
std::string completing(const std::vector<uint32_t>& order, const std::string& vring) {
  std::string text = "vring tx " + vring + "\nbackend tx async\n";
  for (size_t i = 0; i < order.size(); ++i) text += "avail tx [r 1412]\n";
  text += "kick tx\n";
  for (const uint32_t n : order) text += "complete tx #" + std::to_string(n) + "\n";
  return text + "settle\n";
}

// Each order is published as the policy promises. One descriptor a packet: head n is packet n.
TEST_P(Reference, AllOrdersOfThree) {
  std::vector<uint32_t> order = {0, 1, 2};
  do {
    run(completing(order, "num=8 features=EVENT_IDX"));
    const Numbers as_completed(order.begin(), order.end());
    EXPECT_EQ(used_ids(), arrival() ? as_completed : (Numbers{0, 1, 2})) << text_;
    EXPECT_GE(count(EventKind::kCall), 1u);
    expect_nothing_left();
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_P(Reference, AllOrdersOfFourAcrossTheWrap) {
  std::vector<uint32_t> order = {0, 1, 2, 3};
  do {
    run(completing(order, "num=16 base=0xfffe"));
    const Numbers as_completed(order.begin(), order.end());
    EXPECT_EQ(used_ids(), arrival() ? as_completed : (Numbers{0, 1, 2, 3})) << text_;
    EXPECT_EQ(all(EventKind::kUsedIdx).back(), 2u) << text_;
    expect_nothing_left();
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_P(Reference, TheSameProgramGivesTheSameTrace) {
  run("avail tx\navail tx indirect [r 12][r 700 x3]\nkick tx\nat used_written\ncomplete tx #1\n"
      "complete tx #0\nset_mem_table\nrefuse tx EAGAIN n=2\navail tx\nkick tx\nsettle\nrelease\n");
  const std::string first = print_case(case_, &trace_);
  for (int i = 0; i < 1000; ++i) {
    device_.run(case_.program, kCaseBudget, trace_);
    ASSERT_EQ(print_case(case_, &trace_), first);
  }
}

TEST_P(Reference, OneProgramLeavesNothingBehindForTheNext) {
  run("avail tx\nkick tx\nsettle\n");
  const std::string alone = print_case(case_, &trace_);
  run("vring tx num=64 base=0x1234 features=EVENT_IDX\nbackend tx async\nused_event tx 0x1300\n"
      "repeat 9\navail tx\nend\nkick tx\nlink tx down\nworker hold\nfail_alloc 3\n"
      "region 1 gpa=0x1 size=0x2 user=0x3\nset_vring_kick tx none\nrefuse tx EIO n=9\n");
  run("avail tx\nkick tx\nsettle\n");
  EXPECT_EQ(print_case(case_, &trace_), alone);
}

// ---- requests ---------------------------------------------------------------------------------

TEST_P(Reference, TheEpilogueCompletesWhatIsHeld) {
  run("avail tx\navail tx\nkick tx\n");
  EXPECT_EQ(all(EventKind::kCompleted), (Numbers{0, 1}));
  EXPECT_EQ(used_ids().size(), 2u);
  expect_nothing_left();
}

TEST_P(Reference, CompletingWhatIsNotHeldHasNoEffect) {
  run("avail tx\nkick tx\ncomplete tx #0\ncomplete tx #0\ncomplete tx #7\nsettle\n");
  EXPECT_EQ(count(EventKind::kNoop), 2u);
  EXPECT_EQ(used_ids(), Numbers{0});
}

TEST_P(Reference, ACompletionAtAnyPointIsPublishedOnce) {
  for (const char* point : {"start", "fetched", "submitted", "used_written", "used_published",
                            "notify_enabled", "drained", "end"}) {
    run(std::string("avail tx [r 1412]\nkick tx\nat ") + point +
        "\ncomplete tx #0\navail tx [r 1412]\navail tx [r 60]\nkick tx\nsettle\n");
    Numbers ids = used_ids();
    std::sort(ids.begin(), ids.end());
    EXPECT_EQ(ids, (Numbers{0, 1, 2})) << point;
    expect_nothing_left();
  }
}

// ---- control calls ----------------------------------------------------------------------------

TEST_P(Reference, ACallThatWaitsIsDoneAfterTheLastCompletion) {
  run("avail tx\nkick tx\nset_mem_table\nsettle\ncomplete tx #0\nsettle\n");
  const auto position = [this](EventKind kind) {
    const auto is = [kind](const Event& event) { return event.kind == kind && event.op >= 2; };
    return std::find_if(trace_.events.begin(), trace_.events.end(), is) - trace_.events.begin();
  };
  EXPECT_LT(position(EventKind::kBegin), position(EventKind::kIdle));
  EXPECT_LT(position(EventKind::kCompleted), position(EventKind::kDone));
  EXPECT_EQ(errnos().back(), 0u);
}

TEST_P(Reference, CallsBehindOneThatWaitsAreMadeInOrder) {
  run("avail tx\nkick tx\nset_mem_table\nset_vring_num tx 8\nget_vring_base tx\ncomplete tx #0\n"
      "settle\n");
  Numbers results = errnos();
  results.erase(results.begin(), results.end() - 3);
  EXPECT_EQ(results, (Numbers{0, EBUSY, 0}));
  EXPECT_EQ(all(EventKind::kDone, 1).back(), 1u);
}

TEST_P(Reference, ReleaseWaitsAndPublishesNothing) {
  run("avail tx\nkick tx\nrelease\nkick tx\nsettle\ncomplete tx #0\nsettle\n");
  EXPECT_EQ(used_ids(), Numbers{});
  EXPECT_EQ(count(EventKind::kBegin), count(EventKind::kDone));
  expect_nothing_left();
}

TEST_P(Reference, AfterReleaseThereIsNoDevice) {
  run("avail tx\nrelease\nset_owner\nsettle\n");
  EXPECT_EQ(count(EventKind::kNoop), 1u);
}

TEST_P(Reference, AReleasedDeviceCanBeOpenedAgain) {
  run("avail tx\nkick tx\ncomplete tx #0\nrelease\nopen\nvring tx\nbackend tx async\navail tx\n"
      "kick tx\ncomplete tx #1\nsettle\n");
  EXPECT_EQ(used_ids().size(), 2u);
  expect_nothing_left();
}

TEST_P(Reference, ACallAtAPointWaitsForTheQueuesLock) {
  for (const char* call : {"release", "reset_owner", "backend tx none", "backend tx async",
                           "set_features 0x0", "get_vring_base tx"}) {
    for (const char* point : {"start", "fetched", "submitted", "used_written", "end"}) {
      run(std::string(kStarted) + "at " + point + "\n" + call +
          "\nat fetched\nopen\navail tx [r 60]\navail tx\nkick tx\nsettle\n");
      EXPECT_EQ(count(EventKind::kBegin), count(EventKind::kDone)) << text_;
      // Under inorder the small one is copied, and used in the run that the call waits for.
      EXPECT_GE(used_ids().size(), arrival() ? 0u : 1u) << text_;
      expect_nothing_left();
    }
  }
}

TEST_P(Reference, TheMemoryTableMayBeReplacedBetweenTwoDescriptors) {
  run(std::string(kStarted) +
      "region 0 gpa=0x100000 size=0x1000 user=0x200000020000\nat fetched\nset_mem_table n=1\n"
      "avail tx [r 60]\navail tx [r 60]\nkick tx\nsettle\n");
  EXPECT_EQ(all(EventKind::kFrame), Numbers{0});  // the second is not mapped any more
  EXPECT_GE(count(EventKind::kError), 1u);
}

TEST_P(Reference, MoreCallsThanAreQueuedAreUnsupported) {
  run("avail tx\nkick tx\nset_mem_table\nrepeat 129\nget_features\nend\n");
  EXPECT_EQ(all(EventKind::kUnsupported),
            Numbers{static_cast<uint64_t>(UnsupportedReason::kControls)});
}

}  // namespace
}  // namespace va
