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
#include <string>

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
  void judge_event(Context& context, const Trace& trace, size_t number);
  void driver_event(Context& context, const Event& event);
  void ring_event(Context& context, const Event& event, size_t number);
  void backend_event(Context& context, const Event& event);
  void receive_event(Context& context, const Event& event, uint32_t number);
  void control_event(Context& context, const Event& event, uint32_t number);
  void idle(Context& context);
  bool check_applies(const Case& from, const Trace& trace);
  void check_observable(const Case& from, const Trace& trace);
  std::string_view rule_of(const Case* from);

  // Called for each operation that the replay leaves behind. One word, so that it is passed in a
  // register.
  struct Leave {
    Impl& impl;
    void operator()(uint32_t op) const {
      impl.expectations_.left(impl.context_, *impl.trace_, op, impl.number_);
    }
  };

  oracle::Model model_;
  oracle::Replay replay_;
  oracle::Report report_;
  Context context_{model_, report_, Policy::kUnknown, 0};
  const Trace* trace_ = nullptr;
  size_t number_ = 0;  // of the event that is judged
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
  number_ = 0;
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

  for (; number_ < trace.events.size(); ++number_) {
    const Event& event = trace.events[number_];
    if (!ended_) replay_.advance(event, Leave{*this});
    judge_event(context_, trace, number_);
    if (watch_ != nullptr) note_breaches(number_);
  }
  if (!ended_) {
    replay_.finish(Leave{*this});
    oracle::check_calls_at_end(context_);
  }
}

void Judge::Impl::note_breaches(size_t number) {
  for (const Queue queue : model_.live_queues()) {
    size_t& first = watch_->first[queue];
    if ((model_.queue(queue).duty.broken & watch_->duties) != 0) first = std::min(first, number);
  }
}

void Judge::Impl::judge_event(Context& context, const Trace& trace, size_t number) {
  const Event& event = trace.events[number];
  context.op = event.op;
  model_.set_event(static_cast<uint32_t>(number));
  switch (event.kind) {
    case EventKind::kSetup:
    case EventKind::kDescStored:
    case EventKind::kExposed:
    case EventKind::kReclaimed:
    case EventKind::kNoop:
      driver_event(context, event);
      break;
    case EventKind::kUsed:
    case EventKind::kUsedIdx:
    case EventKind::kUsedFlags:
    case EventKind::kAvailEvent:
    case EventKind::kCall:
    case EventKind::kError:
      ring_event(context, event, number);
      break;
    case EventKind::kSubmitted:
    case EventKind::kCompleted:
    case EventKind::kFrame:
      backend_event(context, event);
      break;
    case EventKind::kBegin:
    case EventKind::kDone:
      control_event(context, event, static_cast<uint32_t>(number));
      break;
    case EventKind::kWrite:
    case EventKind::kInjected:
    case EventKind::kReceived:
    case EventKind::kDirty:
      receive_event(context, event, static_cast<uint32_t>(number));
      break;
    case EventKind::kSteps:
      if (!ended_) robustness_.steps(context, event, replay_.executed());
      break;
    case EventKind::kIdle:
      idle(context);
      replay_.settled();
      expectations_.settled(context, trace, replay_.current(), end_of_settle(trace, number));
      break;
    case EventKind::kUnsupported:
    case EventKind::kBudget:
    case EventKind::kDied:
      expectations_.stop();
      model_.lose_track(event.op);
      ended_ = ended_ || event.kind != EventKind::kUnsupported;
      robustness_.ending(context, event);
      break;
    case EventKind::kBusy:
      replay_.settled();
      robustness_.ending(context, event);
      expectations_.settled(context, trace, replay_.current(), number + 1);
      break;
    case EventKind::kAllocated:
      if (event.arg[0] != 0) robustness_.ending(context, event);
      break;
    case EventKind::kAssertion:
    case EventKind::kForeign:
      robustness_.ending(context, event);
      break;
    case EventKind::kNone:
      break;
  }
}

void Judge::Impl::driver_event(Context&, const Event& event) {
  switch (event.kind) {
    case EventKind::kSetup:
      model_.on_setup(event);
      break;
    case EventKind::kDescStored:
      model_.on_desc_stored(event);
      break;
    case EventKind::kExposed:
      model_.on_exposed(event);
      break;
    case EventKind::kReclaimed:
      model_.on_reclaimed(event);
      break;
    default:
      if (event.arg[0] == static_cast<uint64_t>(NoopReason::kNotReached)) {
        model_.deferred_not_reached(event.op);
      }
      break;
  }
}

void Judge::Impl::ring_event(Context& context, const Event& event, size_t number) {
  const bool store = event.kind != EventKind::kCall && event.kind != EventKind::kError;
  if (store && dirty_.keeps_log()) dirty_.ring_store(context, event);
  switch (event.kind) {
    case EventKind::kUsed:
      oracle::check_activity(context, event.queue, "a used entry");
      oracle::Conservation::entry(context, event);
      break;
    case EventKind::kUsedIdx: {
      oracle::check_activity(context, event.queue, "a store of used idx");
      const uint16_t old_idx = model_.queue(event.queue).used_idx;
      const auto& requests = conservation_.publish(context, event);
      for (const oracle::Request* request : requests) {
        if ((request->queue & 1) != 0) {
          receive_.used(context, *request, static_cast<uint32_t>(number));
          dirty_.used(context, *request);
        } else {
          wire_.used(context, *request);
        }
      }
      notifications_.published(context, event.queue, old_idx, static_cast<uint16_t>(event.arg[0]),
                               requests);
      break;
    }
    case EventKind::kUsedFlags:
      oracle::check_activity(context, event.queue, "a store of used flags");
      oracle::NotificationRules::used_flags(context, event);
      break;
    case EventKind::kAvailEvent:
      oracle::check_activity(context, event.queue, "a store of avail_event");
      oracle::NotificationRules::avail_event(context, event);
      break;
    case EventKind::kCall:
      oracle::check_activity(context, event.queue, "a call");
      notifications_.call(context, event);
      break;
    default:
      oracle::check_error(context, event);
      break;
  }
}

void Judge::Impl::backend_event(Context& context, const Event& event) {
  switch (event.kind) {
    case EventKind::kSubmitted:
      oracle::check_submission(context, event);
      model_.on_submitted(event);
      break;
    case EventKind::kCompleted:
      model_.on_completed(event);
      break;
    default:
      if ((event.queue & 1) != 0) {  // what the driver read
        receive_.frame(context, event);
        break;
      }
      oracle::check_activity(context, event.queue, "a frame on the wire");
      wire_.frame(context, event);
      robustness_.frame();
      break;
  }
}

void Judge::Impl::receive_event(Context& context, const Event& event, uint32_t number) {
  switch (event.kind) {
    case EventKind::kWrite:
      oracle::check_write(context, event);
      receive_.write(context, event);
      dirty_.write(context, event);
      model_.on_device_write(event.arg[0], event.arg[1]);
      break;
    case EventKind::kInjected:
      model_.on_injected();
      receive_.injected(context, event, number);
      break;
    case EventKind::kDirty:
      dirty_.marked(event);
      break;
    default:
      receive_.received(context, event);
      break;
  }
}

void Judge::Impl::control_event(Context& context, const Event& event, uint32_t number) {
  if (event.kind == EventKind::kBegin) {
    model_.on_begin(event);
    dirty_.call_begins(model_.newest_call());
    return;
  }
  const Op* op = model_.returning();
  if (op != nullptr) oracle::check_return(context, *op, event);
  model_.on_done(event);
  if (op != nullptr) dirty_.call_returns(context, *op, event.arg[0] == 0, number);
}

void Judge::Impl::idle(Context& context) {
  oracle::check_progress(context);
  notifications_.idle(context);
  wire_.idle(context);
  receive_.idle(context);
  dirty_.idle(context);
  oracle::settle_stops(model_);
  model_.settle();
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
