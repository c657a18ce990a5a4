// One pass over the trace: the Program is replayed beside it (replay.h), the model follows the
// driver's side (model.h), and each event of the device's is put to the rules that speak of it.
//
// A rule sees the model as it was before the event, or is told what the event changed. All memory
// is kept from run to run; strings are made for findings only.
//
// Tested by judge_test.cc, and rule by rule in rules/.
#include "oracle/judge.h"

#include <algorithm>
#include <set>
#include <span>
#include <string>

#include "base/hot.h"
#include "oracle/model.h"
#include "oracle/replay.h"
#include "oracle/report.h"
#include "oracle/rules/conservation.h"
#include "oracle/rules/containment.h"
#include "oracle/rules/dirty.h"
#include "oracle/rules/expectations.h"
#include "oracle/rules/lifecycle.h"
#include "oracle/rules/notifications.h"
#include "oracle/rules/publication.h"
#include "oracle/rules/receive.h"
#include "oracle/rules/robustness.h"
#include "oracle/rules/wakeup.h"
#include "oracle/rules/wire.h"

namespace va {

using oracle::Context;

std::string_view verdict_name(VerdictKind kind) {
  constexpr std::string_view kNames[] = {"PASS",       "INFORMATIONAL", "UNSUPPORTED",
                                         "NON-STRICT", "INCONCLUSIVE",  "FAIL",
                                         "ROBUSTNESS", "BROKEN"};
  return kNames[static_cast<size_t>(kind)];
}

VerdictKind Verdicts::worst() const {
  VerdictKind worst = VerdictKind::kPass;
  for (const Finding& finding : findings) worst = std::max(worst, finding.kind);
  return worst;
}

namespace {

// What the driver finds when the device has settled belongs to the settle.
size_t end_of_settle(const Trace& trace, size_t idle) {
  size_t end = idle + 1;
  while (end < trace.events.size() && oracle::is_read_back(trace.events[end]) &&
         trace.events[end].op == trace.events[idle].op) {
    ++end;
  }
  return end;
}

}  // namespace

class Judge::Impl {
 public:
  void judge(const Program& program, const Case* from, const Trace& trace, Verdicts& out);

  // What the next judge() looks out for besides; nullptr: nothing.
  struct Watch {
    uint32_t duties = 0;
    std::array<size_t, kQueues> first;
  };
  void watch(Watch* watch) { watch_ = watch; }

 private:
  void note_breaches(size_t number);
  VA_APART void judge_events(std::span<const Event> events);
  VA_APART void judge_event(const Event& event);
  VA_APART void noop(const Event& event);
  VA_APART void used_entry(const Event& event);
  VA_APART void used_idx(const Event& event);
  VA_APART void used_flags(const Event& event);
  VA_APART void avail_event(const Event& event);
  VA_APART void call(const Event& event);
  VA_APART void submitted(const Event& event);
  VA_APART void frame(const Event& event);
  VA_APART void error(const Event& event);
  VA_APART void completed(const Event& event);
  VA_APART void injected(const Event& event);
  VA_APART void received(const Event& event);
  VA_APART void dirty(const Event& event);
  VA_APART void logged();
  VA_APART void steps(const Event& event);
  VA_APART void write(const Event& event);
  VA_APART void begin_call(const Event& event);
  VA_APART void end_call(const Event& event);
  VA_APART void idle(const Event& event);
  VA_APART void end(const Event& event);
  void judge_log(const Event& event);
  bool check_applies(const Case& from, const Trace& trace);
  void check_observable(const Case& from, const Trace& trace);
  std::string_view rule_of(const Case* from);

  // Called for each operation that the replay leaves behind, before event `number`. Two words, so
  // that it is passed in registers.
  struct Leave {
    Impl& impl;
    size_t number;
    void operator()(uint32_t op) const {
      if (!impl.expectations_.any()) return;
      impl.expectations_.left(impl.context_, *impl.trace_, op, number);
    }
  };

  oracle::Model model_;
  oracle::Replay replay_;
  oracle::Report report_;
  Context context_{model_, report_, Policy::kUnknown, 0};
  const Trace* trace_ = nullptr;
  oracle::Conservation conservation_;
  oracle::NotificationRules notifications_;
  oracle::WireRules wire_;
  oracle::ReceiveRules receive_;
  oracle::DirtyRules dirty_;
  oracle::RobustnessRules robustness_;
  oracle::Expectations expectations_;
  std::set<std::string, std::less<>> foreign_ids_;  // rules that cases name and the judge does not
  bool ended_ = false;                              // nothing behind this can be replayed
  Watch* watch_ = nullptr;
};

// The case's own rule, with a lifetime of the judge's.
std::string_view Judge::Impl::rule_of(const Case* from) {
  if (from == nullptr || from->rule.empty()) return "CASE";
  if (const oracle::RuleRow* row = oracle::find_rule(from->rule)) return row->id;
  return *foreign_ids_.insert(from->rule).first;
}

// What a case expects of requests in flight means nothing where there are none.
bool Judge::Impl::check_applies(const Case& from, const Trace& trace) {
  if (!from.needs_held || trace.header.policy != Policy::kCopy) return true;
  Finding& f = report_.add(rule_of(&from), VerdictKind::kUnsupported, kTx, 0);
  f.expected = "a device that holds requests";
  f.actual = "it copies every frame and uses it at once";
  return false;
}

// The rule that a case names must be observable on this trace; by a rule of the judge's, or by the
// case's own expectations.
void Judge::Impl::check_observable(const Case& from, const Trace& trace) {
  if (from.rule.empty()) return;
  const oracle::RuleRow* row = oracle::find_rule(from.rule);
  if (row != nullptr && (trace.header.sees & row->needs) == row->needs) return;
  if (row == nullptr && !from.expectations.empty()) return;
  Finding& f = report_.add(rule_of(&from), VerdictKind::kUnsupported, kTx, 0);
  f.expected = "a trace that shows what the rule speaks of";
  f.actual = row != nullptr ? "this device's trace does not"
                            : "the judge does not know the rule, and the case expects nothing";
}

void Judge::Impl::judge(const Program& program, const Case* from, const Trace& trace,
                        Verdicts& out) {
  out.clear();
  trace_ = &trace;
  context_.policy = trace.header.policy;
  context_.op = 0;
  model_.begin(program, (trace.header.sees & kEveryStore) == 0);
  replay_.begin(program, model_);
  report_.begin(out, model_, trace.header.sees);
  notifications_.begin();
  wire_.begin();
  receive_.begin();
  dirty_.begin();
  robustness_.begin();
  const bool applies = from == nullptr || check_applies(*from, trace);
  expectations_.begin(applies ? from : nullptr, rule_of(from));
  ended_ = false;
  if (from != nullptr) check_observable(*from, trace);
  // A Program that the device was not given shows nothing of what it expects.
  if (trace.events.size() == 1 && trace.events[0].kind == EventKind::kUnsupported) {
    expectations_.stop();
  }

  judge_events(trace.events);
  if (!ended_) {
    replay_.finish(Leave{*this, trace.events.size()});
    oracle::check_calls_at_end(context_);
  }
}

void Judge::Impl::judge_events(std::span<const Event> events) {
  const bool watches = watch_ != nullptr;
  for (size_t number = 0; number < events.size(); ++number) {
    const Event& event = events[number];
    if (!replay_.stays(event.op) && !ended_) replay_.advance(event, Leave{*this, number});
    model_.set_event(static_cast<uint32_t>(number));
    judge_event(event);
    if (watches) note_breaches(number);
  }
}

void Judge::Impl::note_breaches(size_t number) {
  for (const Queue queue : model_.live_queues()) {
    size_t& first = watch_->first[queue];
    if ((model_.queue(queue).duty.broken & watch_->duties) != 0) first = std::min(first, number);
  }
}

// One switch, of all kinds, which is passed for each event. Each case hands the event on and is
// done, so that nothing has to be kept over it.
void Judge::Impl::judge_event(const Event& event) {
  context_.op = event.op;
  switch (event.kind) {
    case EventKind::kSetup:
      return model_.on_setup(event);
    case EventKind::kDescStored:
      return model_.on_desc_stored(event);
    case EventKind::kExposed:
      return model_.on_exposed(event);
    case EventKind::kReclaimed:
      return model_.on_reclaimed(event);
    case EventKind::kNoop:
      return noop(event);
    case EventKind::kUsed:
      return used_entry(event);
    case EventKind::kUsedIdx:
      return used_idx(event);
    case EventKind::kUsedFlags:
      return used_flags(event);
    case EventKind::kAvailEvent:
      return avail_event(event);
    case EventKind::kCall:
      return call(event);
    case EventKind::kError:
      return error(event);
    case EventKind::kSubmitted:
      return submitted(event);
    case EventKind::kCompleted:
      return completed(event);
    case EventKind::kFrame:
      return frame(event);
    case EventKind::kBegin:
      return begin_call(event);
    case EventKind::kDone:
      return end_call(event);
    case EventKind::kWrite:
      return write(event);
    case EventKind::kInjected:
      return injected(event);
    case EventKind::kReceived:
      return received(event);
    case EventKind::kDirty:
      return dirty(event);
    case EventKind::kLogged:
      return logged();
    case EventKind::kSteps:
      return steps(event);
    case EventKind::kIdle:
    case EventKind::kBusy:
      return idle(event);
    default:
      return end(event);
  }
}

// What ends or spoils a case.
void Judge::Impl::end(const Event& event) {
  switch (event.kind) {
    case EventKind::kNone:
      return;
    case EventKind::kAllocated:
      if (event.arg[0] == 0) return;
      break;
    case EventKind::kUnsupported:
    case EventKind::kBudget:
    case EventKind::kDied:
      expectations_.stop();
      model_.lose_track(event.op);
      ended_ = ended_ || event.kind != EventKind::kUnsupported;
      break;
    default:
      break;
  }
  robustness_.ending(context_, event);
}

void Judge::Impl::noop(const Event& event) {
  if (event.arg[0] == static_cast<uint64_t>(NoopReason::kNotReached)) {
    model_.deferred_not_reached(event.op);
  } else if (event.arg[0] == static_cast<uint64_t>(NoopReason::kNoDevice)) {
    model_.deferred_without_device(event.op);
  }
}

// ---- the device's stores and calls -------------------------------------------------------------

void Judge::Impl::judge_log(const Event& event) {
  if (dirty_.keeps_log()) dirty_.ring_store(context_, event);
}

void Judge::Impl::used_entry(const Event& event) {
  oracle::QueueModel& q = model_.queue(event.queue);
  judge_log(event);
  oracle::check_activity(context_, q, event.queue, "a used entry");
  oracle::Conservation::entry(context_, q, event);
}

void Judge::Impl::used_idx(const Event& event) {
  oracle::QueueModel& q = model_.queue(event.queue);
  judge_log(event);
  oracle::check_activity(context_, q, event.queue, "a store of used idx");
  const uint16_t old_idx = q.used_idx;
  const auto& requests = conservation_.publish(context_, q, event);
  for (const oracle::Request* request : requests) {
    if ((request->queue & 1) != 0) {
      receive_.used(context_, *request, model_.event());
      dirty_.used(context_, *request);
    } else {
      wire_.used(context_, *request);
    }
  }
  notifications_.published(context_, q, event.queue, old_idx, static_cast<uint16_t>(event.arg[0]),
                           requests);
}

void Judge::Impl::used_flags(const Event& event) {
  oracle::QueueModel& q = model_.queue(event.queue);
  judge_log(event);
  oracle::check_activity(context_, q, event.queue, "a store of used flags");
  oracle::NotificationRules::used_flags(context_, q, event);
}

void Judge::Impl::avail_event(const Event& event) {
  oracle::QueueModel& q = model_.queue(event.queue);
  judge_log(event);
  oracle::check_activity(context_, q, event.queue, "a store of avail_event");
  oracle::NotificationRules::avail_event(context_, q, event);
}

void Judge::Impl::call(const Event& event) {
  oracle::QueueModel& q = model_.queue(event.queue);
  oracle::check_activity(context_, q, event.queue, "a call", false);
  notifications_.call(context_, q, event);
}

void Judge::Impl::error(const Event& event) {
  oracle::check_error(context_, event);
}

void Judge::Impl::write(const Event& event) {
  oracle::check_write(context_, event);
  receive_.write(context_, event, model_.event());
  dirty_.write(context_, event);
  model_.on_device_write(event.arg[0], event.arg[1]);
}

// ---- the backend, and control calls ------------------------------------------------------------

void Judge::Impl::submitted(const Event& event) {
  oracle::QueueModel& q = model_.queue(event.queue);
  oracle::check_submission(context_, q, event);
  model_.on_submitted(q, event);
}

void Judge::Impl::completed(const Event& event) {
  model_.on_completed(model_.queue(event.queue), event);
}

void Judge::Impl::injected(const Event& event) {
  model_.on_injected();
  receive_.injected(context_, event, model_.event());
}

void Judge::Impl::received(const Event& event) {
  receive_.received(context_, event);
}

// On the wire, or, of a receive queue, what the driver read.
void Judge::Impl::frame(const Event& event) {
  if ((event.queue & 1) != 0) return receive_.frame(context_, event);
  const oracle::QueueModel& q = model_.queue(event.queue);
  oracle::check_activity(context_, q, event.queue, "a frame on the wire", false);
  wire_.frame(context_, q, event);
  robustness_.frame();
}

void Judge::Impl::begin_call(const Event& event) {
  model_.on_begin(event);
  dirty_.call_begins(model_.newest_call());
}

void Judge::Impl::end_call(const Event& event) {
  const Op* op = model_.returning();
  if (op != nullptr) oracle::check_return(context_, *op, event);
  model_.on_done(event);
  if (op != nullptr) dirty_.call_returns(context_, *op, event.arg[0] == 0, model_.event());
}

// ---- a settle is over --------------------------------------------------------------------------

void Judge::Impl::dirty(const Event& event) {
  dirty_.marked(context_, event);
}

void Judge::Impl::logged() {
  dirty_.signalled();
}

void Judge::Impl::steps(const Event& event) {
  if (!ended_) robustness_.steps(context_, event, replay_.executed());
}

void Judge::Impl::idle(const Event& event) {
  size_t end = model_.event() + size_t{1};
  if (event.kind == EventKind::kIdle) {
    oracle::check_progress(context_);
    notifications_.idle(context_);
    wire_.idle(context_);
    receive_.idle(context_);
    dirty_.idle(context_);
    oracle::settle_stops(model_);
    model_.settle();
    end = end_of_settle(*trace_, model_.event());
  } else {
    robustness_.ending(context_, event);
  }
  replay_.settled();
  expectations_.settled(context_, *trace_, replay_.current(), end);
}

// ---- Judge -----------------------------------------------------------------------------------

Judge::Judge() : impl_(std::make_unique<Impl>()) {}
Judge::~Judge() = default;

void Judge::judge(const Program& program, const Trace& trace, Verdicts& out) {
  impl_->judge(program, nullptr, trace, out);
}

void Judge::judge(const Case& from, const Trace& trace, Verdicts& out) {
  impl_->judge(from.program, &from, trace, out);
}

std::array<size_t, kQueues> Judge::find_breaches(const Program& program, const Trace& trace,
                                                 uint32_t duties) {
  Impl::Watch watch{duties, {}};
  watch.first.fill(SIZE_MAX);
  Verdicts unused;
  impl_->watch(&watch);
  impl_->judge(program, nullptr, trace, unused);
  impl_->watch(nullptr);
  return watch.first;
}

}  // namespace va
