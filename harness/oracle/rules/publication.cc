#include "oracle/rules/publication.h"

namespace va::oracle {

void check_publication(Context& context, const QueueModel&, const Request& request, uint64_t len) {
  if (!request.submitted) return;
  const Queue queue = request.queue;
  if (!request.completed) {
    if (Finding* f = context.report.open(Rule::kAsy01, VerdictKind::kFail, queue, context.op)) {
      f->expected = describe(request) + " is used after the backend has completed it";
      f->actual = "used idx covers it while the backend holds it";
    }
  }
  if (request.failed && len != 0) {
    if (Finding* f = context.report.open(Rule::kAsy12, VerdictKind::kFail, queue, context.op)) {
      f->expected = describe(request) + ", which failed, is used with len 0";
      f->actual = "len " + std::to_string(len);
    }
  }
}

void check_submission(Context& context, const Event& event) {
  Model& model = context.model;
  const Queue queue = event.queue;
  QueueModel& q = model.queue(queue);
  if (q.held + 1 > q.num) {
    if (Finding* f = context.report.open(Rule::kAsy07, VerdictKind::kFail, queue, event.op)) {
      f->expected = "at most " + std::to_string(q.num) + " requests in flight, the queue size";
      f->actual = std::to_string(q.held + 1) + " in flight";
    }
  }
  if (q.unsure || !context.report.may_judge(Rule::kSpl19, queue)) return;
  const Request* r = model.named(queue, event.arg[0]);
  if (r == nullptr) {
    if (Finding* f = context.report.open(Rule::kSpl01, VerdictKind::kFail, queue, event.op)) {
      f->expected = "requests that avail idx has passed reach the backend, no others";
      f->actual = "request #" + std::to_string(event.arg[0]) + " was submitted";
    }
    return;
  }
  if (r->submitted || r->used) {
    if (Finding* f = context.report.open(Rule::kSpl02, VerdictKind::kFail, queue, event.op)) {
      f->expected = describe(*r) + " is submitted once";
      f->actual = r->used ? "submitted although it is used" : "submitted again";
    }
    return;
  }
  if (!q.submissions.empty() && q.submissions.back() > model.serial(*r)) {
    if (Finding* f = context.report.open(Rule::kSpl19, VerdictKind::kFail, queue, event.op)) {
      f->expected = "chains are taken in the order of the avail ring";
      f->actual = describe(*r) + " was submitted after " +
                  describe(model.request(q.submissions.back())) + ", which stands behind it";
    }
  }
}

}  // namespace va::oracle
