#include "agent/linux_port.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/vhost_ioctl.h"
#include "base/check.h"

namespace va::agent {
namespace {

// How often a device that has gone on is looked at again before it counts as busy.
constexpr int kRounds = 64;
// How often a worker is given a turn at the agent's idle priority before its time is looked at.
constexpr int kTurns = 8;
// Hundredths of a second that it may use without using a buffer before it counts as busy; fewer if
// it did before. Its own time, since the guest may be stopped while other clocks go on.
constexpr uint64_t kPatience = 100;
constexpr uint64_t kNoPatience = 2;
// Looks at a worker in uninterruptible sleep before it counts as busy.
constexpr int kBlockedTurns = 256;
// Microseconds between two looks at a worker that takes long. To yield is not enough: later
// schedulers come back to the one that yields before the other has done anything.
constexpr useconds_t kGlance = 1000;

// NOLINTBEGIN(performance-no-int-to-ptr): Programs name user addresses, so it lies at a fixed one.
std::span<uint8_t> map_at(uint64_t user, uint32_t size) {
  void* at = ::mmap(reinterpret_cast<void*>(user), size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);
  VA_CHECK(at == reinterpret_cast<void*>(user));
  return {static_cast<uint8_t*>(at), size};
}
// NOLINTEND(performance-no-int-to-ptr)

// True if the eventfd was signalled; takes the signal.
bool take_signal(const Fd& fd) {
  uint64_t count = 0;
  return fd.valid() && ::read(fd.get(), &count, sizeof count) == sizeof count;
}

}  // namespace

LinuxPort::LinuxPort(Peer& peer, FrameSource& source)
    : peer_(peer),
      source_(source),
      arena_(map_at(kArenaUser, kArenaSize)),
      observer_(arena_, map_at(kLogUser, kLogSize)),
      not_event_(::open("/dev/null", O_RDWR | O_CLOEXEC)),
      detached_tap_(::open("/dev/net/tun", O_RDWR | O_CLOEXEC)) {}

// ---- life ------------------------------------------------------------------------------------

void LinuxPort::reset(Trace& trace, PointSink*) {
  trace_ = &trace;
  op_ = 0;
  staged_.fill({});
  staged_count_ = 0;
  frames_.clear();
  ran_ = false;
  take_frames();
  if (!peer_.reset()) broken("a packet did not leave its plug");
  frames_.clear();
  injected_ = 0;
  full_ = false;
  observer_.reset();
  open_device();
}

void LinuxPort::open_device() {
  rings_ = {};
  for (QueueState& queue : queues_) queue = QueueState{};
  log_.reset();
  logged_ = false;
  setup_ = SetupState{};
  acked_features_ = 0;
  worker_ = ThreadState();
  if (std::exchange(worker_busy_, false)) yield_to_all(true);
  device_.reset(::open("/dev/vhost-net", O_RDWR | O_CLOEXEC));
  if (!device_.valid()) broken(std::string("/dev/vhost-net: ") + std::strerror(errno));
  open_ = device_.valid();
}

// Everything that is held is let go, oldest first, each with its own run of the worker; then
// nothing is left that a control call could wait for, the close among them.
void LinuxPort::finish() {
  if (!problem_.empty()) return;
  peer_.reset_links();
  rest();
  while (peer_.anything_held()) {
    if (!peer_.release_oldest()) {
      broken("a packet did not leave its plug");
      break;
    }
    rest();
  }
  settle();
  stuck_ = control_.busy();
  if (!stuck_) close_device();
}

void LinuxPort::close_device() {
  if (!device_.valid()) return;
  device_.reset();
  open_ = false;
}

void LinuxPort::broken(const std::string& why) {
  if (problem_.empty()) problem_ = why;
}

void LinuxPort::unsupported(UnsupportedReason reason) {
  trace_->add(op_, EventKind::kUnsupported, kTx, static_cast<uint64_t>(reason));
}

void LinuxPort::noop(Queue queue, NoopReason reason) {
  trace_->add(op_, EventKind::kNoop, queue, static_cast<uint64_t>(reason));
}

// ---- operations ------------------------------------------------------------------------------

// What the device did is observed before the driver stores: a store might cover it up.
std::span<uint8_t> LinuxPort::store(uint32_t offset, uint32_t len) {
  if (ran_) emit_memory();
  observer_.driver_store(offset, len);
  return arena_.subspan(offset, len);
}

void LinuxPort::execute(const Op& op) {
  if (!problem_.empty() || full_) return;
  if (op_info(op.code).is_control) {
    control(op);
    return rest();
  }
  switch (op.code) {
    case Opcode::kKick:
      kick(op);
      return rest();
    case Opcode::kComplete:
      complete(op);
      return rest();
    case Opcode::kLink:
      if (op.queue > kRx) return unsupported(UnsupportedReason::kOperation);
      set_link(op.queue, op.arg[0] == static_cast<uint64_t>(LinkState::kUp));
      return rest();
    case Opcode::kCongest:
      congest(op);
      return rest();
    case Opcode::kInject:
      inject(op);
      return rest();
    case Opcode::kRegion:
      if (op.arg[0] >= staged_.size()) return;
      staged_[op.arg[0]] = {op.arg[1], op.arg[2], op.arg[3]};
      staged_count_ = std::max(staged_count_, static_cast<uint32_t>(op.arg[0]) + 1);
      return;
    case Opcode::kSettle:
      return settle();
    case Opcode::kNop:
    case Opcode::kBare:
      return;
    default:
      return unsupported(UnsupportedReason::kOperation);
  }
}

void LinuxPort::kick(const Op& op) {
  const uint64_t one = 1;
  const Fd& fd = queues_[op.queue].kick;
  if (fd.valid() && ::write(fd.get(), &one, sizeof one) < 0) broken("a kick failed");
}

// The kernel decides status and length; when a request completes inside submit is not ours to say.
void LinuxPort::complete(const Op& op) {
  if (op.queue == kRx) return complete_receive(op);
  if (op.queue != kTx || op.arg[1] != static_cast<uint64_t>(CompletionStatus::kOk) ||
      op.arg[2] != static_cast<uint64_t>(CompletionTime::kAfter)) {
    return unsupported(UnsupportedReason::kOperation);
  }
  const auto ordinal = static_cast<uint32_t>(op.arg[0]);
  if (peer_.held(ordinal) == 0) return noop(op.queue, NoopReason::kNotHeld);
  if (!peer_.release(ordinal)) broken("a packet did not leave its plug");
}

// The kernel brings frames by itself: no buffer is ever held for one.
void LinuxPort::complete_receive(const Op& op) {
  if (op.arg[2] == static_cast<uint64_t>(CompletionTime::kInside)) return;
  noop(op.queue, NoopReason::kNotHeld);
}

// The backend that operations mean: of two while a swap waits, the new one.
Tap* LinuxPort::installed(Queue number) {
  const QueueState& queue = queues_[number];
  const bool swapping = control_.busy() && sets_backend(current_.code) && current_.queue == number;
  return swapping && queue.next != nullptr ? queue.next : queue.tap;
}

void LinuxPort::set_link(Queue number, bool up) {
  Tap* tap = installed(number);
  if (tap == nullptr) return;
  // A packet socket whose interface is down stays in error when it is up again.
  if (tap->is_packet()) return unsupported(UnsupportedReason::kOperation);
  if (number == kTx) {
    peer_.set_link(*tap, up);
  } else {
    source_.set_link(*tap, up);
  }
}

// A packet socket has room again before its send returns, what is received needs none, and nothing
// fills the send buffer of an interface that is down.
void LinuxPort::congest(const Op& op) {
  Tap* tap = op.queue == kTx ? installed(kTx) : nullptr;
  const bool fills = op.arg[0] == 0;
  if (op.queue != kTx || (tap != nullptr && (tap->is_packet() || (fills && tap->is_down)))) {
    return unsupported(UnsupportedReason::kOperation);
  }
  if (tap != nullptr && !peer_.set_congested(*tap, fills)) {
    broken("the send buffer of a tap could not be filled, or emptied");
  }
}

// How many frames wait only vhost-net knows, so no more are brought than the backend's queue holds.
void LinuxPort::inject(const Op& op) {
  if (op.queue != kRx || injected_ == kReceiveQueue) {
    return unsupported(op.queue != kRx ? UnsupportedReason::kOperation : UnsupportedReason::kHeld);
  }
  const uint32_t len = injected_len(op.arg[0]);
  const Tap* tap = queues_[kRx].tap;
  if (tap == nullptr || tap->is_down || !source_.inject(*tap, injected_, len)) {
    return noop(kRx, NoopReason::kDropped);
  }
  trace_->add(op_, EventKind::kInjected, kRx, injected_++, len);
}

// ---- scheduling ------------------------------------------------------------------------------

void LinuxPort::rest() {
  ran_ = true;
  do {
    worker_busy_ = !rest_worker();
    take_frames();
  } while (step_calls());
}

// On one vCPU a worker that was woken is in state R until it has had its turn and has nothing left
// to do.
bool LinuxPort::rest_worker() const {
  uint64_t since = 0;
  uint64_t last = 0;
  int blocked = 0;
  for (int turn = 0;; ++turn) {
    uint64_t ticks = 0;
    const char state = worker_.read(turn < kTurns ? nullptr : &ticks);
    if (state != 'R' && state != 'D') {
      if (turn > kTurns) yield_to_all(true);
      return true;
    }
    blocked = state == 'D' ? blocked + 1 : 0;
    if (blocked > kBlockedTurns) return false;
    if (turn < kTurns) {
      ::sched_yield();
      continue;
    }
    if (turn == kTurns) yield_to_all(false);
    ::usleep(kGlance);
    const uint64_t now = observer_.sample(rings_);
    if (turn == kTurns || now != last) since = ticks;
    if (ticks - since > (worker_busy_ ? kNoPatience : kPatience)) return false;
    last = now;
  }
}

void LinuxPort::barrier() const {
  if (control_.busy() || !device_.valid()) return;
  for (const Queue queue : {kTx, kRx}) {
    if (queues_[queue].tap == nullptr) continue;
    vhost_vring_file file{vhost_index(queue), queues_[queue].tap->fd.get()};
    ::ioctl(device_.get(), VHOST_NET_SET_BACKEND, &file);
    return;
  }
}

void LinuxPort::settle() {
  uint64_t last = 0;
  bool idle = false;
  for (int round = 0; round < kRounds && !idle; ++round) {
    barrier();
    rest();
    if (worker_busy_) break;
    const uint64_t now = observer_.sample(rings_);
    idle = round > 0 && now == last;
    last = now;
  }
  emit_memory();
  observer_.clear_log();
  emit_signals();
  trace_->add(op_, idle ? EventKind::kIdle : EventKind::kBusy, kTx);
}

// ---- observation -----------------------------------------------------------------------------

void LinuxPort::take_frames() {
  if (!peer_.take_frames(frames_)) {
    broken("frames were lost on their way from the wire to the agent");
    blind_ = true;
  }
  if (peer_.take_collision()) unsupported(UnsupportedReason::kOrdinals);
  if (peer_.take_overflow() && !std::exchange(full_, true)) {
    unsupported(UnsupportedReason::kHeld);
  }
}

void LinuxPort::emit_memory() {
  observer_.observe(rings_, op_, *trace_);
  ran_ = false;
}

void LinuxPort::take_signals(QueueState& queue) {
  queue.called |= take_signal(queue.call);
  queue.failed |= take_signal(queue.err);
}

void LinuxPort::take_log_signal() {
  logged_ |= take_signal(log_);
}

void LinuxPort::emit_signals() {
  for (Queue queue = 0; queue < kQueues; ++queue) {
    QueueState& state = queues_[queue];
    take_signals(state);
    if (std::exchange(state.called, false)) trace_->add(op_, EventKind::kCall, queue);
    if (std::exchange(state.failed, false)) trace_->add(op_, EventKind::kError, queue);
  }
  take_log_signal();
  if (std::exchange(logged_, false)) trace_->add(op_, EventKind::kLogged, kTx);
  emit_frames();
}

void LinuxPort::emit_frames() {
  for (const FrameFacts& frame : frames_) {
    trace_->add(op_, EventKind::kFrame, kTx, frame.ordinal, frame.len, frame.fill);
  }
  frames_.clear();
}

}  // namespace va::agent
