// Tested by reference_test.cc.
#include "device/reference_port.h"

#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "base/hot.h"
#include "prog/frame.h"
#include "prog/layout.h"

namespace va {
namespace {

static_assert(ReceivePeer::kMaxWaiting == kReceiveQueue);

constexpr int kRefuseErrno[] = {EAGAIN, ENOMEM, ENOBUFS, EINVAL, EIO, EFAULT};

template <typename AnyPeer>
void refuse(AnyPeer& peer, const Op& op) {
  peer.refuse(-kRefuseErrno[op.arg[0] % std::size(kRefuseErrno)],
              op.arg[1] == 0 ? 1 : static_cast<uint32_t>(op.arg[1]),
              op.arg[2] == static_cast<uint64_t>(CompletionTime::kInside));
}

static_assert(static_cast<int>(EnginePoint::kEnd) == static_cast<int>(Point::kEnd));
static_assert(static_cast<int>(EnginePoint::kDrained) == static_cast<int>(Point::kDrained));

constexpr Queue queue_of(uint32_t index) {
  return static_cast<Queue>(index ^ 1);
}

}  // namespace

ReferencePort::ReferencePort(PublicationPolicy policy, bool whole_memory_check)
    : whole_memory_check_(whole_memory_check),
      memory_(kArenaUser, kArenaSize),
      net_(policy, memory_, *this),
      peers_{Peer(*this, read_ordinal), Peer(*this, read_ordinal)},
      receivers_{ReceivePeer(*this, read_ordinal, write_frame),
                 ReceivePeer(*this, read_ordinal, write_frame)} {
  memory_.set_observer(this);
}

void ReferencePort::reset(Trace& trace, PointSink* sink) {
#ifdef VA_SPECIMEN
  // The build of a planted bug: a check of the engine's that fails becomes an event and execution
  // goes on behind it, so that the oracle and not the check is put to the proof.
  static ReferencePort* running;
  running = this;
  set_check_handler([](const char*, const char*, int line) {
    running->add(EventKind::kAssertion, kTx, static_cast<uint64_t>(line));
  });
#endif
  trace_ = &trace;
  sink_ = sink;
  op_ = 0;
  open_ = true;
  hold_ = false;
  in_worker_ = false;
  runs_ = 0;
  setup_ = SetupState{};
  next_fd_ = 0;
  call_fd_ = {};
  places_ = {};
  staged_count_ = 0;
  queued_count_ = 0;
  current_peer_ = current_receiver_ = 0;
  frames_ = 0;
  for (Peer& each : peers_) each.reset(PeerKind::kSynchronous, 0);
  for (ReceivePeer& each : receivers_) each.reset(PeerKind::kSynchronous, 0, false);
  memory_.reset();
  dirty_.clear();
  net_.open();
}

void ReferencePort::execute(const Op& op) {
  if (is_control(op.code)) {
    control(op);
  } else {
    switch (op.code) {
      case Opcode::kKick:
        if (op.queue <= kRx) {
          net_.kick(vhost_index(op.queue));
        } else {
          unsupported(UnsupportedReason::kOperation);
        }
        break;
      case Opcode::kRegion:
        if (op.arg[0] < staged_.size()) {
          while (staged_count_ < op.arg[0]) staged_[staged_count_++] = Region{};
          staged_[op.arg[0]] = Region{op.arg[1], op.arg[2], op.arg[3]};
          staged_count_ = std::max(staged_count_, static_cast<uint32_t>(op.arg[0]) + 1);
        }
        break;
      case Opcode::kComplete:
      case Opcode::kRefuse:
      case Opcode::kCongest:
      case Opcode::kLink:
      case Opcode::kInject:
        tell_peer(op);
        break;
      case Opcode::kFailAlloc:
        net_.fail_allocation(static_cast<int32_t>(op.arg[0]));
        break;
      case Opcode::kWorker:
        hold_ = op.arg[0] == static_cast<uint64_t>(WorkerMode::kHold);
        break;
      case Opcode::kStep:
        for (uint64_t n = op.arg[0] == 0 ? 1 : op.arg[0]; n > 0 && net_.runnable(); --n) {
          run_worker_once();
        }
        break;
      case Opcode::kSettle:
        settle();
        break;
      case Opcode::kNop:
      case Opcode::kBare:
        break;
      default:
        unsupported(UnsupportedReason::kOperation);
        break;
    }
  }
  if (!in_worker_ && !at_rest()) rest();
}

// There are peers behind the rings of the first pair; what names another queue cannot be executed.
void ReferencePort::tell_peer(const Op& op) {
  if (op.queue == kRx) return tell_receiver(op);
  if (op.queue != kTx || op.code == Opcode::kInject) {
    return unsupported(UnsupportedReason::kOperation);
  }
  switch (op.code) {
    case Opcode::kComplete:
      return complete(op);
    case Opcode::kRefuse:
      return refuse(peer(), op);
    case Opcode::kCongest:
      peer().set_congested(op.arg[0] == 0);
      // A tap tells of room whatever its link is (drivers/net/tun.c, tun_sock_write_space).
      if (op.arg[0] != 0) net_.backend_writable();
      return;
    default:
      peer().set_link(op.arg[0] == static_cast<uint64_t>(LinkState::kUp));
      break;
  }
  if (peer().writable()) net_.backend_writable();
}

void ReferencePort::complete(const Op& op) {
  const uint32_t name = static_cast<uint32_t>(op.arg[0]);
  const RequestResult result = op.arg[1] == static_cast<uint64_t>(CompletionStatus::kOk)
                                   ? RequestResult::kOk
                                   : RequestResult::kFailed;
  if (op.arg[2] == static_cast<uint64_t>(CompletionTime::kInside)) {
    if (!peer().complete_inside(name, result)) unsupported(UnsupportedReason::kOperation);
    return;
  }
  // A driver that makes a head available twice has two requests of one name, and no wire can tell
  // them apart.
  bool held = false;
  while (peer().complete(name, result) || peers_[current_peer_ ^ 1].complete(name, result)) {
    held = true;
  }
  if (!held) add(EventKind::kNoop, op.queue, static_cast<uint64_t>(NoopReason::kNotHeld));
}

void ReferencePort::tell_receiver(const Op& op) {
  switch (op.code) {
    case Opcode::kComplete:
      if (!complete_receive(op)) {
        add(EventKind::kNoop, kRx, static_cast<uint64_t>(NoopReason::kNotHeld));
      }
      return;
    case Opcode::kRefuse:
      return refuse(receiver(), op);
    case Opcode::kCongest:
      receiver().set_congested(op.arg[0] == 0);
      break;
    case Opcode::kLink:
      return receiver().set_link(op.arg[0] == static_cast<uint64_t>(LinkState::kUp));
    default: {
      const uint32_t len = injected_len(op.arg[0]);
      // Where there is no backend there is no queue either.
      if (net_.backend(kRxIndex) == nullptr || !receiver().inject(frames_, len)) {
        return add(EventKind::kNoop, kRx, static_cast<uint64_t>(NoopReason::kDropped));
      }
      add(EventKind::kInjected, kRx, frames_++, len);
      break;
    }
  }
  if (receiver().writable()) net_.backend_readable();
}

bool ReferencePort::complete_receive(const Op& op) {
  const auto name = static_cast<uint32_t>(op.arg[0]);
  const RequestResult result = op.arg[1] == static_cast<uint64_t>(CompletionStatus::kOk)
                                   ? RequestResult::kOk
                                   : RequestResult::kFailed;
  const uint32_t len = op.arg[3] == 0 ? 0 : injected_len(op.arg[3] - 1);
  if (op.arg[2] == static_cast<uint64_t>(CompletionTime::kInside)) {
    if (!receiver().complete_inside(name, result, len)) unsupported(UnsupportedReason::kOperation);
    return true;
  }
  return receiver().complete(name, result, len) ||
         receivers_[current_receiver_ ^ 1].complete(name, result, len);
}

// ---- the worker -----------------------------------------------------------------------------

void ReferencePort::run_worker_once() {
  in_worker_ = true;
  listens_ = sink_ != nullptr && sink_->armed();
  net_.run_worker();
  listens_ = false;
  in_worker_ = false;
  ++runs_;
}

// Brings the worker and the control calls to rest, up to the bound.
void ReferencePort::rest() {
  uint32_t runs = 0;
  do {
    while (!hold_ && net_.runnable() && runs++ < kRunBound) run_worker_once();
  } while (step_calls() && runs < kRunBound);
}

// Goes on with the pending call and those behind it. True if one of them went on.
bool ReferencePort::step_calls() {
  bool progress = false;
  if (net_.pending()) {
    const int result = net_.step_pending();
    if (result == kPending) return false;
    finish_call(pending_, {result, 0});
    progress = true;
  }
  while (queued_count_ > 0 && !net_.pending()) {
    start_queued();
    progress = true;
  }
  return progress;
}

VA_COLD void ReferencePort::start_queued() {
  const Op next = queued_[0];
  --queued_count_;
  for (uint32_t i = 0; i < queued_count_; ++i) queued_[i] = queued_[i + 1];
  start_call(next);
}

void ReferencePort::settle() {
  uint32_t runs = 0;
  do {
    while (net_.runnable() && runs++ < kRunBound) run_worker_once();
  } while (step_calls() && runs < kRunBound);
  add(EventKind::kSteps, kTx, runs_);
  runs_ = 0;
  dirty_.clear();
  if (net_.runnable()) {
    add(EventKind::kBusy, kTx);
  } else {
    add(EventKind::kIdle, kTx, held());
  }
}

uint32_t ReferencePort::held() const {
  return peers_[0].held() + peers_[1].held() + receivers_[0].held() + receivers_[1].held();
}

// Completes what is held longest, of the backends that a swap waits for first.
bool ReferencePort::complete_one() {
  return peers_[current_peer_ ^ 1].complete_oldest() || peer().complete_oldest() ||
         receivers_[current_receiver_ ^ 1].complete_oldest() || receiver().complete_oldest();
}

void ReferencePort::finish() {
  hold_ = false;
  for (Peer& each : peers_) {
    each.refuse(0, 0, false);
    each.set_congested(false);
    each.set_link(true);
  }
  // A worker that is told of frames where there are none runs for nothing, which shows in used
  // flags.
  bool can_be_read = false;
  for (ReceivePeer& each : receivers_) {
    can_be_read |= !each.writable();
    each.refuse(0, 0, false);
    each.set_congested(false);
  }
  net_.backend_writable();
  if (can_be_read || receiver().waiting() != 0) net_.backend_readable();
  rest();
  // What is held when a call waits may be on either peer, and what is published lets more be
  // submitted; each round completes the oldest request.
  for (uint32_t round = 0; round < kDrainBound; ++round) {
    if (!complete_one()) break;
    rest();
  }
  settle();
  // A call that still waits although nothing is held has begun and is not done: the trace says so.
  if (open_ && !net_.pending()) {
    open_ = false;
    net_.release();
  }
  add(EventKind::kAllocated, kTx, net_.allocated());
  if (whole_memory_check_) {
    const int64_t foreign = memory_.find_foreign_store();
    if (foreign >= 0) add(EventKind::kForeign, kTx, arena_gpa(static_cast<uint32_t>(foreign)));
  }
}

void ReferencePort::unsupported(UnsupportedReason reason) {
  add(EventKind::kUnsupported, kTx, static_cast<uint64_t>(reason));
}

// ---- observations ---------------------------------------------------------------------------

// Rings may lie on each other: then the store is that of one which runs.
void ReferencePort::on_store(uint64_t user, uint32_t len, uint64_t value) {
  const RingPlace& rx = places_[kRxIndex];
  const RingPlace& tx = places_[kTxIndex];
  const uint64_t rx_at = user - rx.used;
  const uint64_t tx_at = user - tx.used;
  const uint64_t rx_size = rx.size;
  const uint64_t tx_size = tx.size;
  const bool in_rx = rx_at < rx_size;
  const bool in_tx = tx_at < tx_size;
  const bool rx_first =
      in_rx && in_tx && (net_.backend(kRxIndex) != nullptr || net_.backend(kTxIndex) == nullptr);
  if (rx_first && tell_used(kRx, rx_at, len, value, rx_size)) return;
  if (in_tx && tell_used(kTx, tx_at, len, value, tx_size)) return;
  if (in_rx && !rx_first && tell_used(kRx, rx_at, len, value, rx_size)) return;
  add(EventKind::kWrite, kTx, arena_gpa(static_cast<uint32_t>(user - kArenaUser)), len);
}

// Whether the store, `at` bytes into a used ring of `size`, was one of a whole field of it.
bool ReferencePort::tell_used(Queue queue, uint64_t at, uint32_t len, uint64_t value,
                              uint64_t size) {
  if (len == sizeof(UsedElem) && at % 8 == 4) {
    add(EventKind::kUsed, queue, at / 8, value & 0xffffffff, value >> 32);
    return true;
  }
  if (len != sizeof(uint16_t)) return false;
  EventKind kind = EventKind::kNone;
  if (at == Vring::kUsedFlagsAt) kind = EventKind::kUsedFlags;
  if (at == Vring::kUsedIdxAt) kind = EventKind::kUsedIdx;
  if (at == size - sizeof(uint16_t)) kind = EventKind::kAvailEvent;
  if (kind == EventKind::kNone) return false;
  add(kind, queue, value);
  return true;
}

void ReferencePort::on_call(uint32_t index, uint32_t fd) {
  add(EventKind::kCall, queue_of(index), fd == call_fd_[index] ? 0 : 1);
}

void ReferencePort::on_error(uint32_t index, uint32_t) {
  add(EventKind::kError, queue_of(index));
}

bool ReferencePort::on_dirty(uint64_t base, uint64_t page) {
  const DirtyBits::Set set = dirty_.set(base + page / 8, page % 8);
  if (set == DirtyBits::Set::kNew) add(EventKind::kDirty, kTx, page);
  return set != DirtyBits::Set::kNoMemory;
}

void ReferencePort::on_logged(uint32_t) {
  add(EventKind::kLogged, kTx);
}

void ReferencePort::on_point(EnginePoint point) {
  sink_->on_point(static_cast<Point>(point));
}

void ReferencePort::on_frame(std::span<const uint8_t> frame) {
  const FrameFacts facts = read_frame(frame);
  add(EventKind::kFrame, kTx, facts.ordinal, facts.len, facts.fill);
}

void ReferencePort::on_submitted(uint32_t name) {
  add(EventKind::kSubmitted, kTx, name);
}

void ReferencePort::on_completed(uint32_t name, RequestToken token, RequestResult result) {
  add(EventKind::kCompleted, kTx, name, static_cast<uint64_t>(result));
  net_.complete(token, result);
}

uint32_t ReferencePort::on_frame_made(uint32_t len) {
  add(EventKind::kInjected, kRx, frames_, len);
  return frames_++;
}

void ReferencePort::on_posted(uint32_t name) {
  add(EventKind::kSubmitted, kRx, name);
}

void ReferencePort::on_delivered(std::span<const uint32_t> names,
                                 std::span<const RequestToken> tokens,
                                 std::span<const uint8_t> packet) {
  net_.deliver(tokens, packet);
  const RequestResult result = packet.empty() ? RequestResult::kFailed : RequestResult::kOk;
  for (const uint32_t name : names) {
    add(EventKind::kCompleted, kRx, name, static_cast<uint64_t>(result));
  }
}

}  // namespace va
