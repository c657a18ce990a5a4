#include "oracle/rules/robustness.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/hot.h"

namespace va::oracle {
namespace {

void speak(Context& context, Rule rule, const Event& event, std::string expected,
           std::string actual) {
  if (Finding* f = context.report.open(rule, VerdictKind::kRobustness, event.queue, event.op)) {
    f->expected = std::move(expected);
    f->actual = std::move(actual);
  }
}

VA_COLD void say_frames(Context& context, const Event& event, uint64_t frames) {
  speak(context, Rule::kSaf04, event, "at most 256 frames in one run of the worker",
        std::to_string(frames) + " in " + std::to_string(event.arg[0]) + " runs");
}

VA_COLD void say_runs(Context& context, const Event& event, uint64_t allowed, uint64_t runs) {
  speak(context, Rule::kSaf04, event, "at most " + std::to_string(allowed) + " worker runs so far",
        std::to_string(runs));
}

}  // namespace

// Each operation, chain and completion may wake the worker a few times, and each refusal once. A
// driver that broke the ring can make num entries out of nothing.
void RobustnessRules::steps(Context& context, const Event& event, uint64_t executed) {
  constexpr uint64_t kRunsEach = 8;
  constexpr uint64_t kSlack = 64;
  // VHOST_NET_PKT_WEIGHT: with more, one queue would keep the worker from all others.
  constexpr uint64_t kFramesEachRun = 256;
  if (context.model.feeds_itself()) return;
  const uint64_t frames = std::exchange(frames_, 0);
  if (frames > kFramesEachRun * event.arg[0]) say_frames(context, event, frames);
  Model& model = context.model;
  uint64_t allowed = kRunsEach * (executed + model.work_given()) + kSlack;
  for (const Queue queue : model.live_queues()) {
    const QueueModel& q = model.queue(queue);
    if (q.duty.broken != 0) allowed += q.num;
  }
  runs_ += event.arg[0];
  if (runs_ > allowed) say_runs(context, event, allowed, runs_);
}

VA_COLD void RobustnessRules::ending(Context& context, const Event& event) {
  const std::string value = std::to_string(event.arg[0]);
  switch (event.kind) {
    case EventKind::kAllocated:
      if (context.model.feeds_itself()) return;  // what it was at when the bound ended it
      speak(context, Rule::kSaf01, event, "nothing allocated at the end", value + " objects");
      return;
    case EventKind::kDied:
      speak(context, Rule::kSaf02, event, "the device survives", "it went away, status " + value);
      return;
    case EventKind::kBusy:
      if (context.model.feeds_itself()) return;
      speak(context, Rule::kSaf03, event, "the device comes to rest", "still busy at the bound");
      return;
    case EventKind::kForeign:
      speak(context, Rule::kSaf05, event, "no store behind the accessor's back",
            "one at " + hex16(event.arg[0]));
      return;
    case EventKind::kAssertion:
      speak(context, Rule::kSaf06, event, "the engine's checks hold", "one failed, line " + value);
      return;
    case EventKind::kUnsupported: {
      constexpr const char* kReasons[] = {
          "the device cannot execute the operation", "a feature is not offered",
          "two held ordinals are equal modulo 64", "too many control calls wait",
          "more is held than there is room for"};
      Finding& f = context.report.add(rule_row(Rule::kRun01).id, VerdictKind::kUnsupported,
                                      event.queue, event.op);
      f.expected = "the operation is executed";
      f.actual = kReasons[std::min<uint64_t>(event.arg[0], std::size(kReasons) - 1)];
      return;
    }
    case EventKind::kBudget: {
      Finding& f = context.report.add(rule_row(Rule::kRun02).id, VerdictKind::kInconclusive,
                                      event.queue, event.op);
      f.expected = "the Program ends within its budget of operations";
      f.actual = "the budget ended it";
      return;
    }
    default:
      return;
  }
}

}  // namespace va::oracle
