// Conforming Programs.
//
// A Program is one life of the device or several. A life sets the ring up and then does steps:
// groups of chains with a kick behind them, completions in some order, changes of what the driver
// wants to be notified of, backend swaps, control calls, disturbances (refusals, congestion, a lost
// link, a failing allocation, a held worker, an operation at an interleaving point). Each Program
// leaves some kinds of step out altogether (swarm testing), so that rare mixtures come up.
//
// What keeps it conforming:
//   - chains are built by `avail` alone, within the ring's size, header first, never empty;
//   - used_event is written only with EVENT_IDX, avail flags only without (VIRTIO 1.2, 2.7.7.1);
//   - every group is kicked, and every disturbance that ends is followed by a kick;
//   - the ring is set up anew only when the device no longer has it;
//   - control calls in between change nothing that the driver relies on (generate_control.h).
// What keeps it executable: at most kMaxOpen requests are outstanding, and of two control calls
// at most one waits for requests. `open_` holds what may still be outstanding, never less than is.
#include <algorithm>
#include <array>

#include "prog/generate_control.h"
#include "prog/generate_receive.h"
#include "prog/kernel_shape.h"
#include "prog/layout.h"
#include "prog/mutate.h"
#include "prog/validate.h"
#include "prog/values.h"

namespace va {
namespace {

constexpr uint32_t kMaxOpen = 48;

// What a step may be. The order is the order of the functions in Generator::step.
enum Step : uint32_t {
  kExpose,
  kCompleteSome,
  kSettle,
  kNotify,
  kSpuriousKick,
  kSwap,
  kQuery,
  kDisturb,
  kInterleave,
  kHoldWorker,
  kLoop,
  kLife,
  kControl,
  kSteps,
};
// How often each comes up, out of their sum.
constexpr std::array<uint32_t, kSteps> kStepWeights = {30, 24, 12, 8, 4, 5, 6, 4, 8, 3, 2, 1, 8};

class Generator {
 public:
  Generator(Random& random, const MutateOptions& options, Program& out)
      : random_(random),
        options_(options),
        ops_(out.ops),
        kernel_((options.device_kinds & kKernel) != 0),
        controls_(!options.transmit_only && !kernel_),
        receive_(random, out.ops),
        control_(random, out.ops) {}

  void run() {
    choose_steps();
    receives_ = !options_.transmit_only && !kernel_ && !random_.one_in(4);
    start_life();
    const uint32_t target = std::max(4u, options_.max_ops / 4 + random_.below(options_.max_ops));
    while (ops_.size() < std::min(target, options_.max_ops)) step();
    if (random_.one_in(2)) drain();
  }

 private:
  Op& add(Opcode code, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0) {
    Op& op = ops_.emplace_back();
    op.code = code;
    op.arg = {a, b, c, 0, 0, 0};
    return op;
  }

  void choose_steps() {
    total_ = 0;
    for (uint32_t i = 0; i < kSteps; ++i) {
      if (i == kControl && !controls_) continue;
      const bool needed = i == kExpose || i == kCompleteSome;
      weights_[i] = needed || !random_.one_in(3) ? kStepWeights[i] : 0;
      total_ += weights_[i];
    }
  }

  void step() {
    if (receives_ && random_.one_in(2)) return receive_.step();
    uint32_t at = random_.below(total_);
    uint32_t kind = 0;
    while (at >= weights_[kind]) at -= weights_[kind++];
    using Function = void (Generator::*)();
    constexpr std::array<Function, kSteps> kFunctions = {
        &Generator::expose,      &Generator::complete_some, &Generator::settle,
        &Generator::notify,      &Generator::spurious_kick, &Generator::swap,
        &Generator::query,       &Generator::disturb,       &Generator::interleave,
        &Generator::hold_worker, &Generator::loop,          &Generator::new_life,
        &Generator::control};
    (this->*kFunctions[kind])();
  }

  // ---- a life ----------------------------------------------------------------------------------

  void start_life() {
    constexpr uint32_t kNums[] = {1, 2, 4, 8, 8, 16, 16, 32, 64, 128, 256};
    num_ = random_.pick(kNums);
    idx_ = static_cast<uint16_t>(random_.one_in(2)   ? 0xfff8 + random_.below(8)
                                 : random_.one_in(2) ? 0
                                                     : random_.below(0x10000));
    features_ = 0;
    if (random_.one_in(2)) features_ |= kEventIdx;
    if (random_.one_in(6)) features_ |= kNotifyOnEmpty;
    if (random_.one_in(6)) features_ |= kMrgRxbuf;
    if (random_.one_in(8)) features_ |= kNetHdr;
    if (random_.one_in(6)) features_ |= kNoIndirect;
    if (random_.one_in(8)) features_ |= kLegacy;
    if (receives_ && random_.one_in(2)) features_ |= kMrgRxbuf;
    if (!options_.transmit_only) {
      if (random_.one_in(5)) features_ |= kLogAll;
      // Neither a legacy device nor the kernel offers it.
      if (random_.one_in(8) && !legacy() && !kernel_) features_ |= kInOrder;
    }
    // Without ANY_LAYOUT a legacy driver gives the header a descriptor of its own.
    if (legacy()) num_ = std::max(num_, 2u);
    if (controls_ && ops_.empty() && random_.one_in(8)) {
      spell_out();
    } else {
      add(Opcode::kVring, num_, idx_, features_);
    }
    add(Opcode::kBackend, peer());
    control_.start_life(kTx, num_, features_);
    stopped_ = false;
    if (!receives_) return;
    receive_.start_life(features_);
    control_.start_life(kRx, receive_.ring_size(), features_);
  }

  // What `vring` stands for, in calls of the Program's own; for the ring that a driver has at
  // first.
  void spell_out() {
    num_ = kDefaultNum;
    idx_ = 0;
    const RingLayout ring = ring_layout(kTx, num_);
    add(Opcode::kBare);
    add(Opcode::kSetOwner);
    add(Opcode::kSetFeatures, feature_bits(features_));
    add(Opcode::kSetMemTable);
    add(Opcode::kSetVringNum, num_);
    add(Opcode::kSetVringBase, idx_);
    Op& addr =
        add(Opcode::kSetVringAddr, user_of(ring.desc), user_of(ring.avail), user_of(ring.used));
    if ((features_ & kLogAll) != 0) addr.arg[3] = ring.used, addr.arg[4] = 1;
    add(Opcode::kSetVringKick);
    add(Opcode::kSetVringCall);
    if (random_.one_in(2)) add(Opcode::kSetVringErr);
    if ((features_ & kLogAll) != 0) add(Opcode::kSetLogBase);
  }

  // The device is closed or given up with requests in flight, then set up anew.
  void new_life() {
    if (random_.one_in(2)) drain();
    const bool reset = random_.one_in(3);
    call(reset ? Opcode::kResetOwner : Opcode::kRelease, true);
    stopped_ = true;
    drain();
    open_count_ = 0;  // what the device had is gone
    if (!reset) add(Opcode::kOpen);
    start_life();
  }

  uint64_t peer() { return num(random_.one_in(4) ? BackendKind::kSync : BackendKind::kAsync); }

  // ---- the driver ------------------------------------------------------------------------------

  void kick() { add(Opcode::kKick); }

  bool legacy() const { return (features_ & kLegacy) != 0; }
  uint32_t header() const { return legacy() && (features_ & kMrgRxbuf) == 0 ? 10 : 12; }

  uint16_t payload() {
    constexpr uint16_t kSizes[] = {60,  60,   100,  230,  231,  232,  233,  242,  243,  244, 245,
                                   256, 1400, 1400, 1400, 1400, 1400, 1514, 4084, 4096, 9000};
    return random_.one_in(100) ? 65000 : random_.pick(kSizes);
  }

  // One chain of at most num_ descriptors.
  void avail(bool quiet) {
    const auto seg = [](uint32_t len, uint32_t count = 0) {
      return Seg{false, static_cast<uint8_t>(count), static_cast<uint16_t>(len)};
    };
    Op& op = add(Opcode::kAvail);
    const bool indirect = (features_ & kNoIndirect) == 0 && random_.one_in(3);
    op.arg[1] = num(indirect ? (quiet ? AvailMode::kIndirectQuiet : AvailMode::kIndirect)
                             : (quiet ? AvailMode::kQuiet : AvailMode::kDirect));
    const uint16_t size = payload();
    const uint32_t parts = 2 + random_.below(std::min(num_, 24u));
    const uint32_t form = legacy() ? 2 + random_.below(2) : random_.below(6);
    if (num_ < 2 || form == 0) {
      op.nseg = 1;
      op.seg[0] = seg(std::min(header() + size, 65535u));
    } else if (form == 1 && num_ >= 3) {  // the header in two pieces
      const uint32_t first = 1 + random_.below(header() - 1);
      op.nseg = 3;
      op.seg = {seg(first), seg(header() - first), seg(size)};
    } else if (form == 2 && parts < num_ && parts > 1) {  // the payload in many
      op.nseg = 2;
      op.seg = {seg(header()), seg(std::max(size / parts, 30u), parts)};
    } else {
      op.nseg = 2;
      op.seg = {seg(header()), seg(size)};
    }
    open_request(ordinals_++);
    ++idx_;
  }

  void open_request(uint32_t ordinal) { open_[open_count_++] = {ordinal, false}; }

  void group(uint32_t most) {
    const uint32_t n = 1 + random_.below(most);
    if (open_count_ + n > kMaxOpen) drain();
    const bool at_once = random_.one_in(4);
    for (uint32_t i = 0; i < n; ++i) avail(at_once && i + 1 < n);
  }

  void expose() {
    if (!kernel_ && random_.one_in(6)) complete_inside();
    group(random_.one_in(4) ? 12 : 4);
    kick();
    if (disturbed_ == 0 && !stopped_ && calls_ == 0) {
      for (uint32_t i = 0; i < open_count_; ++i) open_[i].submitted = true;
    }
  }

  void spurious_kick() { kick(); }

  void notify() {
    if ((features_ & kEventIdx) == 0) {
      add(Opcode::kAvailFlags, random_.below(2));
      return;
    }
    constexpr uint32_t kAround[] = {0, 1, 2, 3, 0xffff, 0xfffe, 0xfffd, 0x7fff, 0x8000};
    add(Opcode::kUsedEvent, (idx_ + random_.pick(kAround)) & 0xffff);
  }

  void settle() { add(Opcode::kSettle); }

  // Runs of equal groups; ordinals go on from pass to pass.
  void loop() {
    const uint32_t times = 2 + random_.below(6);
    if (open_count_ + times > kMaxOpen) drain();
    add(Opcode::kRepeat, times);
    avail(false);
    for (uint32_t i = 1; i < times; ++i, ++idx_) open_request(ordinals_++);
    kick();
    if (random_.one_in(2)) settle();
    add(Opcode::kEnd);
  }

  // ---- the backend -----------------------------------------------------------------------------

  void complete(uint32_t ordinal) {
    const bool failed = !kernel_ && random_.one_in(8);
    Op& op = add(Opcode::kComplete, ordinal, failed ? num(CompletionStatus::kFailed) : 0);
    if (!kernel_ && random_.one_in(16)) op.arg[3] = 1 + random_.below(2000);
  }

  // Completes request number `i` of open_. False, and it stays there, when nobody can tell that it
  // was submitted: it may be outstanding still.
  bool complete_at(uint32_t i) {
    complete(open_[i].ordinal);
    if (!open_[i].submitted) return false;
    for (--open_count_; i < open_count_; ++i) open_[i] = open_[i + 1];
    return true;
  }

  // Some of what is outstanding: in order, in reverse, or in any order; now and then one twice.
  void complete_some() {
    const uint32_t order = random_.below(3);
    uint32_t left = 0;  // of those that were completed, how many stay in open_
    for (uint32_t n = open_count_ == 0 ? 0 : 1 + random_.below(open_count_); n > 0; --n) {
      const uint32_t i = order == 0   ? left
                         : order == 1 ? open_count_ - 1 - left
                                      : random_.below(open_count_);
      const uint32_t ordinal = open_[i].ordinal;
      if (!complete_at(i)) ++left;
      if (random_.one_in(24)) complete(ordinal);
    }
  }

  void complete_inside() {
    const uint32_t status = random_.one_in(3) ? 1 : 0;
    add(Opcode::kComplete, ordinals_ + random_.below(3), status, num(CompletionTime::kInside));
  }

  // Something goes wrong for a while. The kick at the end is the driver's: a chain that the device
  // gave back is offered again.
  void disturb() {
    const uint32_t kind = random_.below(kernel_ ? 1 : 4);
    ++disturbed_;
    if (kind == 0) {
      add(Opcode::kLink, num(LinkState::kDown));
    } else if (kind == 1) {
      add(Opcode::kCongest, 0);
    } else if (kind == 2) {
      add(Opcode::kRefuse, random_.below(6), random_.below(3), random_.below(2));
    } else {
      add(Opcode::kFailAlloc, random_.below(4));
    }
    expose();
    if (random_.one_in(2)) complete_some();
    if (random_.one_in(2)) settle();
    if (kind == 0) add(Opcode::kLink, num(LinkState::kUp));
    if (kind == 1) add(Opcode::kCongest, 1);
    --disturbed_;
    kick();
  }

  // ---- schedules -------------------------------------------------------------------------------

  // An operation in the middle of the worker's run.
  void interleave() {
    if (kernel_) return expose();
    add(Opcode::kAt, random_.below(kPoints), random_.one_in(3) ? random_.below(3) : 0);
    const uint32_t kind = random_.below(controls_ ? 6 : 4);
    if (kind > 3) {
      control_.single(some_queue());
    } else if (kind == 0 && open_count_ < kMaxOpen) {
      avail(false);
    } else if (kind == 1) {
      notify();
    } else if (kind == 2) {
      kick();
    } else {
      complete(open_count_ > 0 && random_.one_in(2) ? open_[random_.below(open_count_)].ordinal
                                                    : ordinals_ + random_.below(2));
    }
    expose();
    kick();
  }

  void hold_worker() {
    if (kernel_) return settle();
    add(Opcode::kWorker, num(WorkerMode::kHold));
    ++disturbed_;
    for (uint32_t n = 1 + random_.below(4); n > 0; --n) {
      expose();
      if (random_.one_in(2)) complete_some();
      if (random_.one_in(2)) add(Opcode::kStep, random_.below(3));
      if (receives_) receive_.step();
      if (controls_ && random_.one_in(4)) control();
    }
    --disturbed_;
    add(Opcode::kWorker, num(WorkerMode::kRun));
    kick();
  }

  // ---- the control plane -----------------------------------------------------------------------

  // A control call; `waits`: for the requests that the backend holds.
  Op& call(Opcode code, bool waits, uint64_t a = 0) {
    if (calls_ == 2) drain();
    if (calls_ > 0 || (waits && open_count_ > 0)) ++calls_;
    return add(code, a);
  }

  Queue some_queue() { return receives_ && random_.one_in(2) ? kRx : kTx; }

  void control() {
    control_.step(some_queue());
    if (open_count_ > 0) calls_ = std::max(calls_, 1u);
  }

  void query() {
    constexpr Opcode kQueries[] = {Opcode::kGetVringBase,       Opcode::kGetFeatures,
                                   Opcode::kGetBackendFeatures, Opcode::kSetVringCall,
                                   Opcode::kSetVringErr,        Opcode::kSetOwner};
    if (random_.one_in(6)) {
      call(Opcode::kSetMemTable, true);
      return;
    }
    if ((features_ & kLogAll) != 0 && random_.one_in(4)) {
      call(random_.one_in(2) ? Opcode::kSetLogBase : Opcode::kSetLogFd, true);
      return;
    }
    call(random_.pick(kQueries), false).as_other = random_.one_in(8);
  }

  void swap() {
    if (stopped_) return restart();
    if (random_.one_in(3)) {
      call(Opcode::kBackend, false, num(BackendKind::kSame));
      return;
    }
    if (random_.one_in(2)) {
      call(Opcode::kBackend, true, peer());
      kick();
      return;
    }
    call(Opcode::kBackend, true, num(BackendKind::kNone));
    stopped_ = true;
    if (random_.one_in(2)) expose();
    if (random_.one_in(2)) call(Opcode::kGetVringBase, false);
    if (random_.one_in(2)) restart();
  }

  void restart() {
    if (random_.one_in(2)) drain();
    call(Opcode::kBackend, true, peer());
    stopped_ = false;
    kick();
  }

  // Everything that may be outstanding completes, so no call waits any more.
  void drain() {
    if (!stopped_ && disturbed_ == 0) kick();
    for (uint32_t i = open_count_; i-- > 0;) complete(open_[i].ordinal);
    if (receives_) receive_.drain();
    settle();
    calls_ = 0;
    if (!stopped_ && disturbed_ == 0) open_count_ = 0;
    // What could not be submitted so far is outstanding still, and is given up only as far as the
    // table is full: a completion that comes too early is a no-op.
    open_count_ = std::min(open_count_, kMaxOpen / 2);
  }

  struct Request {
    uint32_t ordinal = 0;
    bool submitted = false;  // surely: nothing was in its way when it was kicked
  };

  Random& random_;
  const MutateOptions& options_;
  std::vector<Op>& ops_;
  const bool kernel_;

  std::array<uint32_t, kSteps> weights_{};
  uint32_t total_ = 0;

  uint32_t num_ = 0;
  uint16_t idx_ = 0;  // avail idx, if no `avail` was a no-op
  uint64_t features_ = 0;
  bool stopped_ = false;    // there is no backend
  uint32_t disturbed_ = 0;  // disturbances that last
  uint32_t calls_ = 0;      // control calls that may be pending or queued
  uint32_t ordinals_ = 0;   // `avail` operations so far
  std::array<Request, kMaxOpen + 16> open_{};
  uint32_t open_count_ = 0;

  const bool controls_;
  bool receives_ = false;
  ReceiveTraffic receive_;
  ControlCalls control_;
};

}  // namespace

MutateOptions conforming_options() {
  MutateOptions options;
  options.conforming = true;
  return options;
}

void generate_conforming(Random& random, const MutateOptions& options, Program& out) {
  out.clear();
  Generator(random, options, out).run();
  if (out.ops.size() > options.max_ops) out.ops.resize(options.max_ops);
  balance_repeats(out);
  if ((options.device_kinds & kKernel) != 0) fit_kernel(out);
}

}  // namespace va
