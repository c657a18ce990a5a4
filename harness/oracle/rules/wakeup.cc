#include "oracle/rules/wakeup.h"

#include <algorithm>

#include "base/hot.h"
#include "oracle/rules/buffers.h"

namespace va::oracle {
namespace {

constexpr uint32_t kMostPosted = 1024;  // requests that an engine may keep in flight (UIO_MAXIOV)

VA_COLD void say_completed(Finding& f, const Request& r, bool overtaken) {
  f.expected = describe(r) + ", which the backend has completed, is used";
  f.actual =
      overtaken ? "it is not, though later completions are" : "the device is idle and it is not";
}

// A request that the backend has completed must be used when the device is idle: under `arrival`
// each at once, under any other policy, and with IN_ORDER, when nothing is held before it any more.
void check_completions(Context& context, Queue queue, QueueModel& q) {
  if (q.held != 0 && !uses_on_arrival(context)) return;
  if (!context.report.may_judge(Rule::kAsy20, queue)) return;
  Model& model = context.model;
  for (size_t i = q.first_finished; i < q.finished.size(); ++i) {
    const Request& r = model.request(q.finished[i]);
    if (r.used || !r.completed) continue;
    bool overtaken = false;
    for (size_t k = i + 1; k < q.finished.size() && !overtaken; ++k) {
      overtaken = model.request(q.finished[k]).used;
    }
    const Rule rule = overtaken ? Rule::kAsy03 : Rule::kAsy20;
    if (Finding* f = context.report.open(rule, VerdictKind::kFail, queue, context.op)) {
      say_completed(*f, r, overtaken);
    }
    return;
  }
}

// Whether the driver owes a kick for the entries from `position` on.
bool kick_is_owed(const Model& model, const QueueModel& q, uint16_t position) {
  const auto before_start = static_cast<uint16_t>(q.started_at - position);
  const bool exposed_first = before_start != 0 && before_start <= q.num;
  if (exposed_first && !q.kicked_since_start) return true;
  if (!model.event_idx()) return (q.used_flags & 1) == 0;
  if (!q.avail_event_seen) return true;
  return static_cast<uint16_t>(q.avail_event - position) <
         static_cast<uint16_t>(q.exposed - position);
}

bool was_kicked(const QueueModel& q, uint16_t position) {
  const auto behind = static_cast<uint16_t>(q.kicked - position);
  return q.kicked_since_start && behind != 0 && behind <= q.num;
}

// The first request that the device has not touched.
const Request* first_waiting(Model& model, const QueueModel& q) {
  const bool by_name = (q.duty.broken & (kNamed | kRoomForName)) == 0;
  for (size_t i = q.first_open; i < q.order.size(); ++i) {
    const Request& r = model.request(q.order[i]);
    if (!r.used && !(by_name && r.submitted)) return &r;
  }
  return nullptr;
}

bool was_overtaken(Model& model, const QueueModel& q, const Request& waiting) {
  for (size_t i = q.order.size(); i > q.first_open; --i) {
    const Request& r = model.request(q.order[i - 1]);
    if (&r == &waiting) return false;
    if (r.used || r.submitted) return true;
  }
  return false;
}

// The device is idle, nothing is held, and `waiting` is available.
VA_COLD void check_waiting(Context& context, Queue queue, QueueModel& q, const Request* waiting) {
  Model& model = context.model;
  Rule rule = Rule::kNav04;
  std::string_view actual = "it waits, the device is idle and has asked for no kick";
  if (was_overtaken(model, q, *waiting)) {
    rule = Rule::kSpl02;
    actual = "it was passed over: later chains went on, it did not";
  } else if (was_kicked(q, waiting->position)) {
    const auto since_kick = static_cast<uint16_t>(waiting->position - q.kicked_before);
    const bool others = since_kick != 0 && since_kick < q.num && waiting->position != q.started_at;
    rule = !q.has_call ? Rule::kNus14 : others ? Rule::kNav07 : Rule::kNav03;
    actual = "it waits though a kick followed it, and the device is idle";
  } else if (kick_is_owed(model, q, waiting->position)) {
    return;
  }
  if (Finding* f = context.report.open(rule, VerdictKind::kFail, queue, context.op)) {
    f->expected = describe(*waiting) + ", available, goes to the backend and is used";
    f->actual = actual;
  }
}

}  // namespace

void check_progress(Context& context) {
  Model& model = context.model;
  if (!context.report.sees(kSubmits) || model.pending_calls() != 0) return;
  for (const Queue queue : model.live_queues()) {
    QueueModel& q = model.queue(queue);
    // A receive queue is at work by itself only where its buffers are posted ahead; receive.h
    // judges the others.
    const bool receives = (queue & 1) != 0;
    if (receives && !posts_ahead(q, context)) continue;
    if (!q.running() || q.unsure || q.outstanding == 0) continue;
    if (!context.report.may_judge(Rule::kSpl02, queue)) continue;
    check_completions(context, queue, q);
    // Posted buffers wait for frames, and hold up the ones behind them only by their number.
    const bool by_name = (q.duty.broken & (kNamed | kRoomForName)) == 0;
    const uint32_t most_held = receives && by_name ? std::min(q.num, kMostPosted) - 1 : 0;
    if (q.held > most_held || q.congested || q.room_untold || !q.has_kick) continue;
    // What was refused for now waits for room, and behind a link that went down since there is
    // none.
    if (q.link_down && q.retries_allowed != 0) continue;
    const Request* waiting = first_waiting(model, q);
    if (waiting != nullptr) check_waiting(context, queue, q, waiting);
  }
}

VA_COLD void check_error(Context& context, const Event& event) {
  const QueueModel& q = context.model.queue(event.queue);
  if (q.unsure || !q.may_act()) return;
  const bool spurious = q.outstanding == 0;
  if (Finding* f = context.report.open(spurious ? Rule::kNav06 : Rule::kSpl05, VerdictKind::kFail,
                                       event.queue, event.op)) {
    f->expected = spurious ? "nothing to complain about: the ring is empty"
                           : "the chains that are available are taken";
    f->actual = "the error eventfd was signalled";
  }
}

}  // namespace va::oracle
