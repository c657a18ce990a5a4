#include "oracle/rules/notifications.h"

#include "base/hot.h"

namespace va::oracle {
namespace {

// Walking upward from `from` (wrapping behind 65535), is `event` met before `to`?
bool stepped_over(uint16_t from, uint16_t to, uint16_t event) {
  const uint32_t end = to >= from ? to : to + 0x10000u;
  const uint32_t at = event >= from ? event : event + 0x10000u;
  return at < end;
}

VA_COLD void say_flags(Finding& f, const QueueModel& q, bool event_idx) {
  f.expected = event_idx ? "used flags 0: EVENT_IDX is negotiated" : "used flags 0 or 1";
  f.actual = "used flags " + hex16(q.used_flags);
}

VA_COLD void say_avail_event(Finding& f, const QueueModel& q) {
  f.expected =
      "avail_event from used idx " + hex16(q.used_idx) + " to avail idx " + hex16(q.exposed);
  f.actual = "avail_event " + hex16(q.avail_event);
}

}  // namespace

bool NotificationRules::owes(const Context& context, const QueueModel& q, uint16_t from,
                             uint16_t to) {
  if (from == to || !q.has_call) return false;
  if (context.model.event_idx()) return stepped_over(from, to, q.used_event);
  return (q.avail_flags & 1) == 0;
}

// What is special about the debt names it; the order is from the most special on.
Rule NotificationRules::choose_rule(const Context& context, const QueueModel& q, const State& state,
                                    uint16_t from, uint16_t to) {
  if (q.call_replaced) return state.held ? Rule::kAsy15 : Rule::kNus13;
  if (!context.model.event_idx()) {
    if (q.used_event != 0) return Rule::kNus03;
    if (state.toggled) return Rule::kAsy13;
    return state.held ? Rule::kNus12 : Rule::kNus01;
  }
  if ((q.avail_flags & 1) != 0) return Rule::kNus06;
  if (to < from) return Rule::kNus08;
  if (state.toggled) return Rule::kAsy13;
  if (to - from == 1) return Rule::kNus04;
  return state.held ? Rule::kAsy14 : Rule::kNus07;
}

NotificationRules::State& NotificationRules::state(const QueueModel& q, Queue queue) {
  State& state = states_[queue % kQueues];
  touched_ |= 1u << queue % kQueues;
  if (state.life != q.life) {
    state = State{};
    state.life = q.life;
  }
  return state;
}

void NotificationRules::published(Context& context, QueueModel& q, Queue queue, uint16_t old_idx,
                                  uint16_t new_idx, const std::vector<Request*>& requests) {
  if (old_idx == new_idx) return;
  State& state = this->state(q, queue);
  if (!state.moved) {
    state.moved = true;
    state.settled_idx = old_idx;
  }
  for (const Request* r : requests) {
    const bool held = r->submitted && !r->inside;
    state.held = state.held || held;
    state.toggled = state.toggled || (held && r->toggles != q.toggles);
  }
  state.published = true;
  if (q.unsure) {
    state.unknown = true;
    return;
  }
  if (!context.report.sees(kEveryStore) || state.owed) return;
  if (!context.report.may_judge(Rule::kNus01, queue) || !owes(context, q, old_idx, new_idx)) return;
  state.owed = true;
  state.rule = choose_rule(context, q, state, old_idx, new_idx);
  state.from = old_idx;
  state.to = new_idx;
  state.op = context.op;
}

VA_COLD void NotificationRules::too_many(Context& context, Queue queue, bool published,
                                         uint32_t op) {
  const QueueModel& q = context.model.queue(queue);
  const bool event_idx = context.model.event_idx();
  const bool in_flight = q.held != 0 && context.report.sees(kSubmits | kEveryStore);
  const Rule rule = !published  ? (in_flight ? Rule::kAsy02 : Rule::kNus11)
                    : event_idx ? Rule::kNus05
                                : Rule::kNus02;
  if (Finding* f = context.report.open(rule, VerdictKind::kNonStrict, queue, op)) {
    f->expected = !published ? "no call while nothing was used"
                  : event_idx
                      ? "no call before used idx steps over used_event " + hex16(q.used_event)
                      : "no call while avail flags are 1";
    f->actual = "a call at used idx " + hex16(q.used_idx);
  }
}

void NotificationRules::call(Context& context, QueueModel& q, const Event& event) {
  if (event.arg[0] != 0) {
    if (Finding* f = context.report.open(Rule::kNus13, VerdictKind::kFail, event.queue, event.op)) {
      f->expected = "calls go to the eventfd that was set last";
      f->actual = "a call went to one that was replaced";
    }
    return;
  }
  State& state = this->state(q, event.queue);
  state.called = true;
  if (!context.report.sees(kEveryStore)) return;
  const bool excused = state.owed || state.unknown || q.unsure || q.call_exempt ||
                       (context.model.acked_features() & kBitNotifyOnEmpty) != 0;
  if (!excused && context.report.may_judge(Rule::kNus11, event.queue)) {
    too_many(context, event.queue, state.published, event.op);
  }
  state.early_call = !state.published;
  if (state.published && q.starting == 0) q.call_exempt = q.call_replaced = false;
  state.owed = state.published = state.unknown = false;
}

VA_COLD void NotificationRules::complain(Context& context, Queue queue, const State& state) {
  const QueueModel& q = context.model.queue(queue);
  const Rule rule = state.early_call ? Rule::kNus10 : state.rule;
  if (Finding* f = context.report.open(rule, VerdictKind::kFail, queue, state.op)) {
    const std::string range = "used idx went from " + hex16(state.from) + " to " + hex16(state.to);
    f->expected = "a call: " + range +
                  (context.model.event_idx() ? ", over used_event " + hex16(q.used_event)
                                             : ", and avail flags are 0");
    f->actual = state.early_call ? "a call before used idx moved, none after" : "no call";
  }
}

void NotificationRules::idle_sampled(Context& context, Queue queue, State& state) {
  QueueModel& q = context.model.queue(queue);
  if (q.unsure || q.late_toggle) return;
  const uint16_t from = state.moved ? state.settled_idx : q.used_idx;
  const bool owed = owes(context, q, from, q.used_idx);
  if (owed && !state.called) {
    state.rule = choose_rule(context, q, state, from, q.used_idx);
    state.from = from;
    state.to = q.used_idx;
    state.op = context.op;
    complain(context, queue, state);
  }
  const bool excused =
      owed || q.call_exempt || (context.model.acked_features() & kBitNotifyOnEmpty) != 0;
  if (state.called && !excused) too_many(context, queue, state.moved, context.op);
  if (state.called && q.starting == 0) q.call_exempt = q.call_replaced = false;
}

void NotificationRules::idle(Context& context) {
  const bool every_store = context.report.sees(kEveryStore);
  for (const Queue queue : context.model.live_queues()) {
    State& state = states_[queue];
    const bool current = state.life == context.model.queue(queue).life || !state.moved;
    if (current && context.report.may_judge(Rule::kNus01, queue)) {
      if (!every_store) {
        idle_sampled(context, queue, state);
      } else if (state.owed) {
        complain(context, queue, state);
      }
    }
    state = State{};
  }
}

void NotificationRules::used_flags(Context& context, QueueModel& q, const Event& event) {
  q.used_flags = static_cast<uint16_t>(event.arg[0]);
  const bool event_idx = context.model.event_idx();
  const uint16_t most = event_idx ? 0 : 1;
  if (q.used_flags <= most) return;
  const Rule rule = event_idx ? Rule::kNav02 : Rule::kNav01;
  if (Finding* f = context.report.open(rule, VerdictKind::kFail, event.queue, event.op)) {
    say_flags(*f, q, event_idx);
  }
}

void NotificationRules::avail_event(Context& context, QueueModel& q, const Event& event) {
  q.avail_event = static_cast<uint16_t>(event.arg[0]);
  q.avail_event_seen = true;
  if (!context.model.event_idx() || q.unsure) return;
  const auto offered = static_cast<uint16_t>(q.exposed - q.used_idx);
  if (static_cast<uint16_t>(q.avail_event - q.used_idx) <= offered) return;
  if (Finding* f = context.report.open(Rule::kNav05, VerdictKind::kFail, event.queue, event.op)) {
    say_avail_event(*f, q);
  }
}

}  // namespace va::oracle
