#include "oracle/rules/lifecycle.h"

#include <algorithm>

#include "base/hot.h"
#include "oracle/rules/features.h"

namespace va::oracle {
namespace {

VA_COLD void check_swap(Context& context, const Op& op) {
  const BackendKind kind = backend_kind(op);
  if (kind != BackendKind::kNone && kind != BackendKind::kAsync && kind != BackendKind::kSync &&
      kind != BackendKind::kPacket) {
    return;
  }
  QueueModel& q = context.model.queue(op.queue);
  if (!q.running()) return;
  const size_t end = std::min(q.swap_mark, q.submissions.size());
  for (size_t i = q.first_submission; i < end; ++i) {
    Request& r = context.model.request(q.submissions[i]);
    r.wire_excused = true;
    if (r.used) continue;
    if (Finding* f = context.report.open(Rule::kAsy08, VerdictKind::kFail, op.queue, context.op)) {
      f->expected = "the backend call returns when all requests of the old backend are used";
      f->actual = "it returned before " + describe(r) + " was used";
    }
  }
}

VA_COLD void check_close(Context& context, const Op& op) {
  for (const Queue queue : context.model.live_queues()) {
    const QueueModel& q = context.model.queue(queue);
    if (q.held == 0) continue;
    if (Finding* f = context.report.open(Rule::kAsy11, VerdictKind::kFail, queue, context.op)) {
      f->expected = std::string(op.code == Opcode::kRelease ? "close" : "RESET_OWNER") +
                    " returns when no request is in flight";
      f->actual = std::to_string(q.held) + " are";
    }
  }
}

VA_COLD void check_memory(Context& context) {
  for (const Queue queue : context.model.live_queues()) {
    const QueueModel& q = context.model.queue(queue);
    if (q.held == 0) continue;
    if (Finding* f = context.report.open(Rule::kAsy10, VerdictKind::kFail, queue, context.op)) {
      f->expected = "SET_MEM_TABLE returns when no request is in flight";
      f->actual = std::to_string(q.held) + " are";
    }
  }
}

VA_COLD void check_base(Context& context, const Op& op, uint64_t value) {
  const QueueModel& q = context.model.queue(op.queue);
  if (q.base_told || q.unsure) return;
  // The base is that of the ring before, if the driver has begun it anew while the call waited.
  if (context.model.is_outlived(q)) return;
  const auto taken = static_cast<uint16_t>(value - q.used_idx);
  const auto offered = static_cast<uint16_t>(q.exposed - q.used_idx);
  if (value > 0xffff || taken > offered) {
    if (Finding* f = context.report.open(Rule::kKrn09, VerdictKind::kFail, op.queue, context.op)) {
      f->expected =
          "a base from used idx " + hex16(q.used_idx) + " to avail idx " + hex16(q.exposed);
      f->actual = hex16(value);
    }
    return;
  }
  const bool settled = context.report.sees(kEveryStore) || q.stop_settled;
  if (q.stop == Stop::kBackend && !q.starting && settled && taken != 0) {
    if (Finding* f = context.report.open(Rule::kLif10, VerdictKind::kFail, op.queue, context.op)) {
      f->expected =
          "base " + hex16(q.used_idx) + ": the ring is stopped, all that was taken is used";
      f->actual = hex16(value);
    }
  }
}

VA_COLD void say_pending(Context& context, size_t pending) {
  if (Finding* f = context.report.open(Rule::kSaf07, VerdictKind::kRobustness, kTx, context.op)) {
    f->expected = "every control call returns once nothing is held";
    f->actual = std::to_string(pending) + " did not";
  }
}

}  // namespace

void check_return(Context& context, const Op& op, const Event& event) {
  if (event.arg[0] != 0) return;
  switch (op.code) {
    case Opcode::kBackend:
    case Opcode::kBackendPacket:
      check_swap(context, op);
      break;
    case Opcode::kRelease:
    case Opcode::kResetOwner:
      check_close(context, op);
      break;
    case Opcode::kSetMemTable:
      check_memory(context);
      break;
    case Opcode::kGetFeatures:
      check_offer(context, event.arg[1]);
      break;
    case Opcode::kGetVringBase:
      check_base(context, op, event.arg[1]);
      break;
    default:
      break;
  }
}

void check_calls_at_end(Context& context) {
  const size_t pending = context.model.pending_calls();
  if (pending != 0) say_pending(context, pending);
}

}  // namespace va::oracle
