#include "oracle/rules/order.h"

#include "base/hot.h"

namespace va::oracle {
namespace {

VA_COLD void speak(Context& context, Rule rule, const Request& request, const Request& before,
                   const char* promise) {
  if (Finding* f = context.report.open(rule, VerdictKind::kFail, request.queue, context.op)) {
    f->expected = describe(before) + " is used first: " + promise;
    f->actual = describe(request) + " is used before it";
  }
}

// Requests that were complete as soon as they were submitted may have been copied.
const Request* oldest_held(Model& model, const QueueModel& q) {
  for (size_t i = q.first_submission; i < q.submissions.size(); ++i) {
    const Request& r = model.request(q.submissions[i]);
    if (!r.used && !r.inside) return &r;
  }
  return nullptr;
}

}  // namespace

void check_order(Context& context, QueueModel& q, const Request& request) {
  Model& model = context.model;
  if ((model.acked_features() & kBitInOrder) != 0) {
    const Request* first = model.oldest_open(q);
    if (first != nullptr && first != &request) {
      speak(context, Rule::kIor01, request, *first, "IN_ORDER is negotiated");
    }
  }
  if (!request.submitted) return;
  if (context.policy == Policy::kInorder && !request.inside &&
      context.report.may_judge(Rule::kPol01, request.queue)) {
    const Request* first = oldest_held(model, q);
    if (first != nullptr && first != &request) {
      speak(context, Rule::kPol01, request, *first, "it was submitted before");
    }
  }
  if (uses_on_arrival(context) && request.completed &&
      context.report.may_judge(Rule::kPol02, request.queue) &&
      q.first_finished < q.finished.size()) {
    const Request& first = model.request(q.finished[q.first_finished]);
    if (&first != &request) {
      speak(context, Rule::kPol02, request, first, "it was complete before");
    }
  }
}

}  // namespace va::oracle
