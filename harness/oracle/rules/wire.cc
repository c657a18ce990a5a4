#include "oracle/rules/wire.h"

namespace va::oracle {
namespace {

constexpr uint64_t kMaxTapFrame = 65535;

// What the frame of this request looks like.
FrameFacts expected_frame(const Request& r) {
  FrameFacts facts;
  facts.ordinal = r.ordinal & 0xffff;
  facts.len = static_cast<uint32_t>(r.frame_len);
  facts.fill = r.frame_len > kFrameHead ? fill_of(r.ordinal) : 0;
  return facts;
}

std::string print(const FrameFacts& facts) {
  return std::to_string(facts.len) + " bytes filled with " +
         (facts.fill == kMixed ? std::string("several values") : hex16(facts.fill));
}

}  // namespace

void WireRules::begin() {
  unseen_.clear();
}

void WireRules::frame(Context& context, const Event& event) {
  const Queue queue = event.queue;
  Model& model = context.model;
  const QueueModel& q = model.queue(queue);
  if (!context.report.may_judge(Rule::kNet23, queue)) return;
  Request* r = model.named(queue, event.arg[0]);
  if (r == nullptr) {
    if (q.unsure) return;
    if (Finding* f = context.report.open(Rule::kNet23, VerdictKind::kFail, queue, event.op)) {
      f->expected = "frames of requests that the driver made available, no others";
      f->actual = event.arg[0] == kNoOrdinal ? "a frame that names no request"
                                             : "frame #" + std::to_string(event.arg[0]);
    }
    return;
  }
  if (r->framed) {
    if (Finding* f = context.report.open(Rule::kNet23, VerdictKind::kFail, queue, event.op)) {
      f->expected = "the frame of " + describe(*r) + " is on the wire once";
      f->actual = "it is there again";
    }
  }
  r->framed = true;
  if (r->content_void || q.unsure) return;
  const FrameFacts expected = expected_frame(*r);
  const FrameFacts actual = {expected.ordinal, static_cast<uint32_t>(event.arg[1]),
                             static_cast<uint32_t>(event.arg[2])};
  if (actual.len == expected.len && actual.fill == expected.fill) return;
  const Rule rule = !r->used                     ? Rule::kNet23
                    : r->submitted && !r->inside ? Rule::kAsy16
                                                 : Rule::kUsd10;
  if (Finding* f = context.report.open(rule, VerdictKind::kFail, queue, event.op)) {
    f->expected = describe(*r) + ": " + print(expected);
    f->actual = print(actual) + (r->used ? ", after it was used" : "");
  }
}

void WireRules::used(Context& context, const Request& request) {
  if (request.framed || (request.queue & 1) != 0) return;
  if (context.model.queue(request.queue).unsure) return;
  if (!context.report.may_judge(Rule::kUsd12, request.queue)) return;
  unseen_.push_back(context.model.serial(request));
}

void WireRules::idle(Context& context) {
  Model& model = context.model;
  for (const uint32_t serial : unseen_) {
    const Request& r = model.request(serial);
    QueueModel& q = model.queue(r.queue);
    if (r.framed || r.failed || r.wire_excused || r.life != q.life) continue;
    if (r.frame_len < kFrameHead || r.frame_len > kMaxTapFrame || r.content_void) continue;
    if (q.drops_allowed != 0) {
      --q.drops_allowed;
      continue;
    }
    if (Finding* f = context.report.open(Rule::kUsd12, VerdictKind::kFail, r.queue, context.op)) {
      f->expected = "the frame of " + describe(r) + " is on the wire: nothing allows to drop it";
      f->actual = "it is used and was never there";
    }
  }
  unseen_.clear();
}

}  // namespace va::oracle
