// Theory of operation.
//
// run() walks the Program with a program counter. What makes it more than a loop:
//
//   repeat   is a counter and a place to jump back to. Every operation that is passed counts
//            against the budget, `repeat` and `end` too, so no Program runs for ever.
//   set-up   happens once, before the first operation that is not part of a set-up, and supplies
//            what the Program did not. A Program without any set-up is benign traffic.
//   at       puts the operation behind it into a small array instead of executing it. The port
//            calls on_point() while its worker runs, and the operation is executed right there,
//            below the port's own frames. An entry leaves the array before it is executed, so the
//            nesting is never deeper than the array is long.
//
// Tested by runner/local_test.cc.
#include "runner/local.h"

#include <array>
#include <span>

#include "base/hot.h"
#include "guest/driver.h"
#include "prog/ops.h"

namespace va {
namespace {

constexpr uint32_t kMaxDeferred = 8;

// Operations that may come before the default set-up: they are the Program's own, or change
// nothing. A deferred operation and a failing allocation are meant for what comes after it.
bool is_part_of_set_up(Opcode code) {
  switch (code) {
    case Opcode::kNop:
    case Opcode::kBare:
    case Opcode::kRegion:
    case Opcode::kWorker:
    case Opcode::kRepeat:
    case Opcode::kEnd:
      return true;
    case Opcode::kRelease:
    case Opcode::kResetOwner:
      return false;
    default:
      return is_control(code);
  }
}

bool is_set_vring(Opcode code) {
  switch (code) {
    case Opcode::kSetVringNum:
    case Opcode::kSetVringBase:
    case Opcode::kSetVringAddr:
    case Opcode::kSetVringKick:
    case Opcode::kSetVringCall:
    case Opcode::kSetVringErr:
      return true;
    default:
      return false;
  }
}

// At a point the worker is in the middle of its run: it can neither be waited for nor stepped.
bool can_be_deferred(Opcode code) {
  switch (code) {
    case Opcode::kAt:
    case Opcode::kRepeat:
    case Opcode::kEnd:
    case Opcode::kStep:
    case Opcode::kSettle:
      return false;
    default:
      return true;
  }
}

}  // namespace

class LocalRunner::Impl : public PointSink {
 public:
  explicit Impl(Port& port) : port_(port), driver_(port) {}

  void run(const Program& program, uint32_t budget, Trace& trace);
  uint32_t executed() const { return executed_; }

  void on_point(Point point) override;

 private:
  // An operation that waits for its point.
  struct Deferred {
    uint32_t index = 0;
    Point point = Point::kStart;
    uint32_t passes = 0;  // how often the point is passed without effect
    bool due = false;
  };

  void walk();
  void dispatch(uint32_t index);
  void execute(uint32_t index, const Op& op);
  void execute_deferred(uint32_t index);
  void begin_repeat(uint32_t index);
  void end_repeat();
  bool defer(uint32_t index);
  Deferred take_deferred(uint32_t i);
  void flush_deferred();

  void note_set_up(const Op& op);
  void supply_set_up(uint32_t index);
  void note_receive(uint32_t index);
  void supply_vring(Queue queue, uint32_t index);
  void supply_backend(Queue queue);

  Port& port_;
  Driver driver_;
  std::span<const Op> ops_;  // of the Program
  Trace* trace_ = nullptr;
  uint32_t budget_ = 0;
  uint32_t executed_ = 0;
  uint32_t pc_ = 0;
  uint32_t current_ = 0;  // the operation that events belong to

  bool repeating_ = false;
  uint32_t body_ = 0;  // the first operation of the repeat's body
  uint32_t left_ = 0;  // passes of the body that are still to come

  // What the Program did about the transmit queue before the default set-up was due.
  bool bare_ = false;
  bool set_up_done_ = false;
  bool has_vring_ = false;
  bool has_set_vring_ = false;
  bool has_backend_ = false;
  // The same of the receive queue.
  bool rx_set_up_done_ = false;
  bool rx_has_vring_ = false;
  bool rx_has_set_vring_ = false;
  bool rx_has_backend_ = false;

  std::array<Deferred, kMaxDeferred> deferred_{};
  uint32_t deferred_count_ = 0;
};

void LocalRunner::Impl::run(const Program& program, uint32_t budget, Trace& trace) {
  ops_ = program.ops;
  trace_ = &trace;
  budget_ = budget;
  executed_ = pc_ = current_ = 0;
  repeating_ = false;
  bare_ = set_up_done_ = has_vring_ = has_set_vring_ = has_backend_ = false;
  rx_set_up_done_ = rx_has_vring_ = rx_has_set_vring_ = rx_has_backend_ = false;
  deferred_count_ = 0;
  armed_ = false;
  trace.clear();
  port_.reset(trace, this);
  driver_.reset(trace);
  walk();
  flush_deferred();
  port_.finish();
  driver_.read_back(current_);
}

void LocalRunner::Impl::walk() {
  for (;;) {
    if (pc_ == ops_.size()) {
      if (!repeating_) return;
      end_repeat();  // a repeat without `end` goes to the end of the Program
      if (pc_ == ops_.size()) return;
    }
    if (executed_ == budget_) {
      trace_->add(pc_, EventKind::kBudget);
      return;
    }
    dispatch(pc_++);
  }
}

void LocalRunner::Impl::dispatch(uint32_t index) {
  const Op& op = ops_[index];
  ++executed_;
  current_ = index;
  port_.set_op(index);
  if (!set_up_done_) {
    if (is_part_of_set_up(op.code)) {
      note_set_up(op);
    } else {
      supply_set_up(index);
    }
  }
  if (!rx_set_up_done_ && (op.queue == kRx || op.code == Opcode::kAt)) note_receive(index);
  switch (op.code) {
    case Opcode::kRepeat:
      begin_repeat(index);
      break;
    case Opcode::kEnd:
      end_repeat();
      break;
    case Opcode::kAt:
      if (!defer(index)) {
        trace_->add(index, EventKind::kNoop, 0, static_cast<uint64_t>(NoopReason::kNotReached));
      }
      break;
    case Opcode::kSettle:
      flush_deferred();
      execute(index, op);
      driver_.read_back(index);
      break;
    default:
      execute(index, op);
      break;
  }
}

void LocalRunner::Impl::execute(uint32_t index, const Op& op) {
  if (Driver::executes(op.code)) {
    driver_.execute(index, op);
  } else {
    if (op.code == Opcode::kVring) {
      if (op.queue == kRx) rx_has_vring_ = true;  // one that waited for its point, too
      driver_.set_up(op.queue, static_cast<uint16_t>(op.arg[0]), static_cast<uint16_t>(op.arg[1]));
    }
    port_.execute(op);
  }
}

// In the middle of another operation: `current_` is that one.
void LocalRunner::Impl::execute_deferred(uint32_t index) {
  const uint32_t outer = current_;
  current_ = index;
  port_.set_op(index);
  execute(index, ops_[index]);
  current_ = outer;
  port_.set_op(outer);
}

// ---- repeat ----------------------------------------------------------------------------------

void LocalRunner::Impl::begin_repeat(uint32_t index) {
  if (repeating_) return;  // not nested
  const auto times = static_cast<uint32_t>(ops_[index].arg[0]);
  if (times == 0) {
    while (pc_ < ops_.size() && ops_[pc_].code != Opcode::kEnd) ++pc_;
    if (pc_ < ops_.size()) ++pc_;
    return;
  }
  repeating_ = pc_ < ops_.size();
  body_ = pc_;
  left_ = times - 1;
}

void LocalRunner::Impl::end_repeat() {
  if (!repeating_) return;
  if (left_ == 0) {
    repeating_ = false;
  } else {
    --left_;
    pc_ = body_;
  }
}

// ---- at --------------------------------------------------------------------------------------

// Takes the operation behind the `at` out of the walk. False, and it is executed in its turn, when
// it cannot happen at a point, when there is none, or when there is no place left.
bool LocalRunner::Impl::defer(uint32_t index) {
  if (pc_ == ops_.size() || executed_ == budget_) return false;
  if (deferred_count_ == kMaxDeferred || !can_be_deferred(ops_[pc_].code)) return false;
  const Op& at = ops_[index];
  const auto point = static_cast<Point>(at.arg[0] % kPoints);
  deferred_[deferred_count_++] = {pc_++, point, static_cast<uint32_t>(at.arg[1]), false};
  armed_ = true;
  ++executed_;
  return true;
}

LocalRunner::Impl::Deferred LocalRunner::Impl::take_deferred(uint32_t i) {
  const Deferred taken = deferred_[i];
  --deferred_count_;
  armed_ = deferred_count_ > 0;
  for (; i < deferred_count_; ++i) deferred_[i] = deferred_[i + 1];
  return taken;
}

// Executing one may reach further points and so take others out: every round looks anew.
void LocalRunner::Impl::on_point(Point point) {
  if (deferred_count_ == 0) return;
  for (uint32_t i = 0; i < deferred_count_; ++i) {
    Deferred& waiting = deferred_[i];
    if (waiting.due || waiting.point != point) continue;
    if (waiting.passes == 0) {
      waiting.due = true;
    } else {
      --waiting.passes;
    }
  }
  for (uint32_t i = 0; i < deferred_count_;) {
    if (!deferred_[i].due) {
      ++i;
      continue;
    }
    execute_deferred(take_deferred(i).index);
    i = 0;
  }
}

void LocalRunner::Impl::flush_deferred() {
  while (deferred_count_ != 0) {
    const uint32_t index = take_deferred(0).index;
    trace_->add(index, EventKind::kNoop, ops_[index].queue,
                static_cast<uint64_t>(NoopReason::kNotReached));
    execute_deferred(index);
  }
}

// ---- the default set-up ----------------------------------------------------------------------

VA_COLD void LocalRunner::Impl::note_set_up(const Op& op) {
  if (op.code == Opcode::kBare) bare_ = true;
  if (op.queue != kTx) return;
  if (op.code == Opcode::kVring) has_vring_ = true;
  if (is_set_vring(op.code)) has_set_vring_ = true;
  if (sets_backend(op.code)) {
    // A backend that comes first means the default ring with this backend.
    if (!bare_ && !has_vring_ && !has_set_vring_) supply_vring(kTx, current_);
    has_backend_ = true;
  }
}

VA_COLD void LocalRunner::Impl::supply_set_up(uint32_t index) {
  set_up_done_ = true;
  if (bare_) return;
  if (!has_vring_ && !has_set_vring_) {
    supply_vring(kTx, index);
  } else if (has_vring_ && !has_backend_) {
    trace_->add(index, EventKind::kSetup, kTx);
  }
  if (has_vring_ && !has_backend_) supply_backend(kTx);
}

// The receive queue is set up when a Program first touches it; an operation that waits for a point
// touches it now.
VA_COLD void LocalRunner::Impl::note_receive(uint32_t index) {
  const bool waits = ops_[index].code == Opcode::kAt && pc_ < ops_.size();
  const Op& op = ops_[waits ? pc_ : index];
  if (op.queue != kRx || bare_) return;
  if (is_control(op.code)) {
    if (waits) return;
    if (op.code == Opcode::kVring) rx_has_vring_ = true;
    if (is_set_vring(op.code)) rx_has_set_vring_ = true;
    if (!sets_backend(op.code)) return;
    if (!rx_has_vring_ && !rx_has_set_vring_) supply_vring(kRx, index);
    rx_has_backend_ = true;
    return;
  }
  rx_set_up_done_ = true;
  if (!rx_has_vring_ && !rx_has_set_vring_) {
    supply_vring(kRx, index);
  } else if (rx_has_vring_ && !rx_has_backend_) {
    trace_->add(index, EventKind::kSetup, kRx);
  }
  if (rx_has_vring_ && !rx_has_backend_) supply_backend(kRx);
}

void LocalRunner::Impl::supply_backend(Queue queue) {
  Op backend;
  backend.code = Opcode::kBackend;
  backend.queue = queue;
  port_.execute(backend);
}

// The second ring to be set up keeps the features of the first.
void LocalRunner::Impl::supply_vring(Queue queue, uint32_t index) {
  trace_->add(index, EventKind::kSetup, queue);
  Op vring;
  vring.code = Opcode::kVring;
  vring.queue = queue;
  const uint64_t acked = queue == kRx || rx_has_vring_ ? port_.acked_features() : 0;
  if (acked != 0) vring.arg[2] = feature_names(acked);
  (queue == kTx ? has_vring_ : rx_has_vring_) = true;
  driver_.set_up(queue, 0, 0);
  port_.execute(vring);
}

// ---- LocalRunner -----------------------------------------------------------------------------

LocalRunner::LocalRunner(Port& port) : impl_(std::make_unique<Impl>(port)) {}
LocalRunner::~LocalRunner() = default;

void LocalRunner::run(const Program& program, uint32_t budget, Trace& trace) {
  impl_->run(program, budget, trace);
}

uint32_t LocalRunner::executed() const {
  return impl_->executed();
}

}  // namespace va
