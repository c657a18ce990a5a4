#include "oracle/rules/wire.h"

#include "base/hot.h"

namespace va::oracle {
namespace {

constexpr uint64_t kMaxTapFrame = 65535;

// The fill byte of this request's frame.
uint32_t fill_of(const Request& r) {
  return r.frame_len > kFrameHead ? va::fill_of(r.ordinal) : 0;
}

std::string print(uint64_t len, uint64_t fill) {
  return std::to_string(len) + " bytes filled with " +
         (fill == kMixed ? std::string("several values") : hex16(fill));
}

VA_COLD void say_nameless(Finding& f, uint64_t ordinal) {
  f.expected = "frames of requests that the driver made available, no others";
  f.actual =
      ordinal == kNoOrdinal ? "a frame that names no request" : "frame #" + std::to_string(ordinal);
}

VA_COLD void say_again(Finding& f, const Request& r) {
  f.expected = "the frame of " + describe(r) + " is on the wire once";
  f.actual = "it is there again";
}

VA_COLD void say_content(Finding& f, const Request& r, const Event& event) {
  f.expected = describe(r) + ": " + print(r.frame_len, fill_of(r));
  f.actual = print(event.arg[1], event.arg[2]) + (r.used ? ", after it was used" : "");
}

VA_COLD void say_lost(Finding& f, const Request& r) {
  f.expected = "the frame of " + describe(r) + " is on the wire: nothing allows to drop it";
  f.actual = "it is used and was never there";
}

}  // namespace

void WireRules::begin() {
  unseen_.clear();
}

void WireRules::frame(Context& context, const QueueModel& q, const Event& event) {
  const Queue queue = event.queue;
  Model& model = context.model;
  if (!context.report.may_judge(Rule::kNet23, queue)) return;
  Request* r = model.named(queue, event.arg[0]);
  if (r == nullptr) {
    if (q.unsure) return;
    if (Finding* f = context.report.open(Rule::kNet23, VerdictKind::kFail, queue, event.op)) {
      say_nameless(*f, event.arg[0]);
    }
    return;
  }
  if (r->framed) {
    if (Finding* f = context.report.open(Rule::kNet23, VerdictKind::kFail, queue, event.op)) {
      say_again(*f, *r);
    }
  }
  r->framed = true;
  if (r->content_void || q.unsure) return;
  if (event.arg[1] == r->frame_len && event.arg[2] == fill_of(*r)) return;
  const Rule rule = !r->used                     ? Rule::kNet23
                    : r->submitted && !r->inside ? Rule::kAsy16
                                                 : Rule::kUsd10;
  if (Finding* f = context.report.open(rule, VerdictKind::kFail, queue, event.op)) {
    say_content(*f, *r, event);
  }
}

void WireRules::used(Context& context, const Request& request) {
  if (request.framed || (request.queue & 1) != 0) return;
  if (context.model.queue(request.queue).unsure) return;
  if (!context.report.may_judge(Rule::kUsd12, request.queue)) return;
  append(unseen_, context.model.serial(request));
}

void WireRules::idle(Context& context) {
  Model& model = context.model;
  for (const uint32_t serial : unseen_) {
    const Request& r = model.request(serial);
    QueueModel& q = model.queue(r.queue);
    if (r.framed || r.failed || r.wire_excused || r.life != q.life) continue;
    if (r.frame_len < kFrameHead || r.frame_len > kMaxTapFrame || r.content_void) continue;
    // A frame of a batch cannot be tried again (Linux, vhost_tx_batch).
    uint32_t& allowed = context.policy == Policy::kCopy && q.drops_allowed == 0 ? q.retries_allowed
                                                                                : q.drops_allowed;
    if (allowed != 0) {
      --allowed;
      continue;
    }
    if (Finding* f = context.report.open(Rule::kUsd12, VerdictKind::kFail, r.queue, context.op)) {
      say_lost(*f, r);
    }
  }
  unseen_.clear();
}

}  // namespace va::oracle
