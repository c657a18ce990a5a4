#include "oracle/rules/publication.h"

#include "base/hot.h"

namespace va::oracle {
namespace {

VA_COLD void say_early(Finding& f, const Request& request) {
  f.expected = describe(request) + " is used after the backend has completed it";
  f.actual = "used idx covers it while the backend holds it";
}

VA_COLD void say_failed_len(Finding& f, const Request& request, uint64_t len) {
  f.expected = describe(request) + ", which failed, is used with len 0";
  f.actual = "len " + std::to_string(len);
}

VA_COLD void say_too_many(Finding& f, const QueueModel& q) {
  f.expected = "at most " + std::to_string(q.num) + " requests in flight, the queue size";
  f.actual = std::to_string(q.held + 1) + " in flight";
}

VA_COLD void say_unknown(Finding& f, uint64_t ordinal) {
  f.expected = "requests that avail idx has passed reach the backend, no others";
  f.actual = "request #" + std::to_string(ordinal) + " was submitted";
}

VA_COLD void say_again(Finding& f, const Request& request) {
  f.expected = describe(request) + " is submitted once";
  f.actual = request.used ? "submitted although it is used" : "submitted again";
}

VA_COLD void say_out_of_order(Finding& f, const Request& request, const Request& before) {
  f.expected = "chains are taken in the order of the avail ring";
  f.actual =
      describe(request) + " was submitted after " + describe(before) + ", which stands behind it";
}

}  // namespace

void check_publication(Context& context, const QueueModel&, const Request& request, uint64_t len) {
  if (!request.submitted) return;
  const Queue queue = request.queue;
  if (!request.completed) {
    if (Finding* f = context.report.open(Rule::kAsy01, VerdictKind::kFail, queue, context.op)) {
      say_early(*f, request);
    }
  }
  if (request.failed && len != 0) {
    if (Finding* f = context.report.open(Rule::kAsy12, VerdictKind::kFail, queue, context.op)) {
      say_failed_len(*f, request, len);
    }
  }
}

void check_submission(Context& context, const QueueModel& q, const Event& event) {
  Model& model = context.model;
  const Queue queue = event.queue;
  if (q.held + 1 > q.num) {
    if (Finding* f = context.report.open(Rule::kAsy07, VerdictKind::kFail, queue, event.op)) {
      say_too_many(*f, q);
    }
  }
  if (q.unsure || !context.report.may_judge(Rule::kSpl19, queue)) return;
  const Request* r = model.named(queue, event.arg[0]);
  if (r == nullptr) {
    if (Finding* f = context.report.open(Rule::kSpl01, VerdictKind::kFail, queue, event.op)) {
      say_unknown(*f, event.arg[0]);
    }
    return;
  }
  if (r->submitted || r->used) {
    if (Finding* f = context.report.open(Rule::kSpl02, VerdictKind::kFail, queue, event.op)) {
      say_again(*f, *r);
    }
    return;
  }
  if (!q.submissions.empty() && q.submissions.back() > model.serial(*r)) {
    if (Finding* f = context.report.open(Rule::kSpl19, VerdictKind::kFail, queue, event.op)) {
      say_out_of_order(*f, *r, model.request(q.submissions.back()));
    }
  }
}

}  // namespace va::oracle
