#include "oracle/rules/containment.h"

namespace va::oracle {
namespace {

bool ranges_meet(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len) {
  return a_len != 0 && b_len != 0 && a < b + b_len && b < a + a_len;
}

struct Place {
  Rule rule = Rule::kUsd09;
  Queue queue = 0;
  std::string what = "memory that is no buffer of its own";
};

// What the driver keeps at the address that was written.
Place find_place(Model& model, uint64_t gpa, uint64_t len) {
  for (const Queue queue : model.live_queues()) {
    const QueueModel& q = model.queue(queue);
    if (ranges_meet(gpa, len, q.ring.desc, uint64_t{16} * q.num)) {
      return {Rule::kSpl09, queue, "the descriptor table"};
    }
    if (ranges_meet(gpa, len, q.ring.avail, 6 + uint64_t{2} * q.num)) {
      return {Rule::kSpl10, queue, "the avail ring"};
    }
    for (size_t i = q.first_open; i < q.order.size(); ++i) {
      const Request& r = model.request(q.order[i]);
      for (const Part& part : model.parts(r)) {
        if (r.used || part.writable || !ranges_meet(gpa, len, part.gpa, part.len)) continue;
        return {Rule::kSpl07, queue, "the readable buffer of " + describe(r)};
      }
    }
  }
  return {};
}

// The used ring is the device's; where a trace samples and the driver stored into it too, what was
// written there shows as bytes and not as entries. Receive queues give the device buffers to write;
// one whose chains are not known excuses anything.
bool may_write(Model& model, uint64_t gpa, uint64_t len) {
  for (const Queue queue : model.live_queues()) {
    const QueueModel& q = model.queue(queue);
    if (gpa >= q.ring.used && gpa + len <= q.ring.used + 6 + uint64_t{8} * q.num) return true;
    if ((queue & 1) == 0) continue;
    if (q.duty.broken != 0) return true;
    for (const uint32_t serial : q.order) {
      for (const Part& part : model.parts(model.request(serial))) {
        if (part.writable && gpa >= part.gpa && gpa + len <= part.gpa + part.len) return true;
      }
    }
  }
  return false;
}

}  // namespace

void check_write(Context& context, const Event& event) {
  Model& model = context.model;
  const uint64_t gpa = event.arg[0];
  const uint64_t len = event.arg[1];
  if (may_write(model, gpa, len)) return;
  const Place place = find_place(model, gpa, len);
  const bool foreign = place.rule == Rule::kUsd09;
  if (Finding* f =
          context.report.open(place.rule, foreign ? VerdictKind::kRobustness : VerdictKind::kFail,
                              place.queue, event.op)) {
    f->expected = "the device writes its used ring and writable buffers, nothing else";
    f->actual = std::to_string(len) + " bytes at " + hex16(gpa) + ", " + place.what;
  }
}

void check_activity(Context& context, const Event& event, const char* what) {
  const QueueModel& q = context.model.queue(event.queue);
  if (q.may_act()) return;
  const bool every_store = context.report.sees(kEveryStore);
  Rule rule = Rule::kLif02;
  const char* stop = "the ring was started";
  switch (q.stop) {
    case Stop::kRunning:
      return;
    case Stop::kNeverStarted:
      break;
    case Stop::kBackend:
      rule = Rule::kLif18;
      stop = "the backend was taken away";
      break;
    case Stop::kResetOwner:
      rule = Rule::kLif19;
      stop = "RESET_OWNER returned";
      break;
    case Stop::kRelease:
      rule = Rule::kLif19;
      stop = "the device was closed";
      break;
  }
  const bool before = q.stop == Stop::kNeverStarted;
  if (!every_store && !before && !q.stop_settled) return;
  if (Finding* f = context.report.open(rule, VerdictKind::kFail, event.queue, event.op)) {
    f->expected = std::string("nothing from the device ") + (before ? "before " : "after ") + stop;
    f->actual = what;
  }
}

void settle_stops(Model& model) {
  for (const Queue queue : model.live_queues()) model.queue(queue).stop_settled = true;
}

}  // namespace va::oracle
