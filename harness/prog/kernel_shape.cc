#include "prog/kernel_shape.h"

#include <algorithm>
#include <bit>

#include "prog/ops.h"

namespace va {
namespace {

// Linux 6.1, drivers/vhost/net.c: these wait for what the old backend holds (vhost_net_flush and
// vhost_net_ubuf_put_and_wait); all others return at once.
bool waits(const Op& op) {
  switch (op.code) {
    case Opcode::kVring:  // sets the memory table
    case Opcode::kSetMemTable:
    case Opcode::kSetLogBase:
    case Opcode::kSetLogFd:
    case Opcode::kResetOwner:
    case Opcode::kRelease:
      return true;
    case Opcode::kBackend:
    case Opcode::kBackendPacket:
      return op.queue == kTx && backend_kind(op) != BackendKind::kSame;
    default:
      return false;
  }
}

// Walks a Program as it would run, as far as the limits go.
class Shaper {
 public:
  // Whether `op` stays.
  bool takes(const Op& op) {
    if ((op_info(op.code).devices & kKernel) == 0 || op.queue > kRx) return false;
    if (op.code == Opcode::kCongest && op.queue != kTx) return false;
    if (op_info(op.code).is_control) return control(op);
    if (op.code == Opcode::kAvail && op.queue == kTx) return avail();
    if (op.code == Opcode::kComplete && op.queue == kTx) complete(op);
    return true;
  }

  // `exposes`: there is an `avail` in the repeat's body.
  void begin_repeat(uint32_t times, bool exposes) {
    times_ = times;
    exposes_ = exposes;
  }
  void end_repeat() { begin_repeat(1, false); }

 private:
  // Requests are open in the 64 ordinals from `first_` on: bit i is ordinal first_ + i.
  bool avail() {
    if (next_ + times_ - first_ > kKernelHeld) return false;
    for (uint32_t i = 0; i < times_; ++i) open_ |= uint64_t{1} << (next_ + i - first_);
    next_ += times_;
    return true;
  }

  void complete(const Op& op) {
    if (op.arg[0] < first_ || op.arg[0] >= next_) return;
    open_ &= ~(uint64_t{1} << (op.arg[0] - first_));
    const uint32_t done =
        open_ == 0 ? next_ - first_ : static_cast<uint32_t>(std::countr_zero(open_));
    open_ = done == 64 ? 0 : open_ >> done;
    first_ += done;
  }

  bool control(const Op& op) {
    if (exposes_) return false;  // requests of one pass are open in the next
    if (open_ == 0) calls_ = 0;
    if (calls_ == 0 && (open_ == 0 || !waits(op))) return true;
    if (calls_ + times_ > 2) return false;
    calls_ += times_;
    return true;
  }

  uint64_t open_ = 0;
  uint32_t first_ = 0;
  uint32_t next_ = 0;
  uint32_t times_ = 1;  // how often the repeat's body runs
  bool exposes_ = false;
  uint32_t calls_ = 0;  // control calls pending and queued
};

// The kernel decides how a request completes and when within a submit.
void plain_operands(Op& op) {
  if (op.code == Opcode::kComplete) op.arg[1] = op.arg[2] = op.arg[3] = 0;
  if (op.code == Opcode::kVring) op.arg[2] &= ~uint64_t{kInOrder};
  if (op.code == Opcode::kRepeat) op.arg[0] = std::min<uint64_t>(op.arg[0], kKernelRepeats);
}

bool exposes(const std::vector<Op>& ops, size_t repeat) {
  for (size_t i = repeat; i < ops.size() && ops[i].code != Opcode::kEnd; ++i) {
    if (ops[i].code == Opcode::kAvail && ops[i].queue == kTx) return true;
  }
  return false;
}

}  // namespace

void fit_kernel(Program& program) {
  Shaper shaper;
  size_t kept = 0;
  for (size_t i = 0; i < program.ops.size(); ++i) {
    Op& op = program.ops[i];
    plain_operands(op);
    if (!shaper.takes(op)) continue;
    if (op.code == Opcode::kRepeat) {
      shaper.begin_repeat(static_cast<uint32_t>(op.arg[0]), exposes(program.ops, i));
    }
    if (op.code == Opcode::kEnd) shaper.end_repeat();
    if (kept != i) program.ops[kept] = op;
    ++kept;
  }
  program.ops.resize(kept);
}

}  // namespace va
