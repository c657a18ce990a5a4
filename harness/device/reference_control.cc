// ReferencePort's control calls: operands to arguments, results to events, and the queue of calls
// behind one that waits. All of a Program's calls come from one thread, so they are made in order.
#include <cerrno>

#include "base/hot.h"
#include "device/reference_port.h"
#include "engine/features.h"
#include "prog/layout.h"

namespace va {

void ReferencePort::control(const Op& op) {
  if (op.code == Opcode::kOpen) {
    // A release that was only queued has not closed anything yet.
    if (open_ || net_.pending() || queued_count_ > 0) {
      add(EventKind::kNoop, kTx, static_cast<uint64_t>(NoopReason::kNoDevice));
      return;
    }
    net_.open();
    open_ = true;
    return;
  }
  if (!open_) {
    add(EventKind::kNoop, op.queue, static_cast<uint64_t>(NoopReason::kNoDevice));
    return;
  }
  // Inside a run of the worker a call waits for the queue's lock; only the memory table may be
  // replaced between two descriptors, as in Linux.
  const bool must_queue =
      net_.pending() || queued_count_ > 0 || (in_worker_ && op.code != Opcode::kSetMemTable);
  if (must_queue && queued_count_ == kMaxQueued) return unsupported(UnsupportedReason::kControls);
  add(EventKind::kBegin, op.queue);
  if (op.code == Opcode::kRelease) open_ = false;
  if (must_queue) {
    queued_[queued_count_++] = op;
  } else {
    start_call(op);
  }
}

void ReferencePort::start_call(const Op& op) {
  const CallResult done = op.code == Opcode::kVring ? call_vring(op) : call(op);
  if (done.result == kPending) {
    pending_ = op;
  } else {
    finish_call(op, done);
  }
}

void ReferencePort::finish_call(const Op& op, CallResult done) {
  if (done.result == 0) setup_.note(op.code);
  if (done.result == 0 && (op.code == Opcode::kResetOwner || op.code == Opcode::kRelease)) {
    places_ = {};
  }
  add(EventKind::kDone, op.queue, static_cast<uint64_t>(-done.result), done.value);
}

ReferencePort::CallResult ReferencePort::call_vring(const Op& op) {
  if ((feature_bits(op.arg[2]) & ~net_.get_features()) != 0) {
    unsupported(UnsupportedReason::kFeature);
    return {-EOPNOTSUPP, 0};
  }
  VringCalls calls(op, setup_);
  while (const Op* each = calls.next()) {
    const CallResult done = call(*each);
    if (done.result != 0) return done;
    setup_.note(each->code);
  }
  return {};
}

ReferencePort::CallResult ReferencePort::call(const Op& op) {
  const Caller caller = op.as_other ? Caller::kOther : Caller::kOwner;
  return op_info(op.code).has_queue ? call_ring(op, caller) : call_device(op, caller);
}

ReferencePort::CallResult ReferencePort::call_device(const Op& op, Caller caller) {
  switch (op.code) {
    case Opcode::kSetOwner:
      return {net_.set_owner(caller), 0};
    case Opcode::kResetOwner:
      return {net_.reset_owner(caller), 0};
    case Opcode::kGetFeatures:
      return {0, net_.get_features()};
    case Opcode::kSetFeatures:
      return {net_.set_features(op.arg[0]), 0};
    case Opcode::kGetBackendFeatures:
      return {0, net_.get_backend_features()};
    case Opcode::kSetBackendFeatures:
      return {net_.set_backend_features(op.arg[0]), 0};
    case Opcode::kSetMemTable:
      return set_mem_table(op, caller);
    case Opcode::kSetLogBase:
      return {net_.set_log_base(caller, log_base(op.arg[0])), 0};
    case Opcode::kSetLogFd:
      return {net_.set_log_fd(caller, event_fd(static_cast<FdKind>(op.arg[0] & 3))), 0};
    case Opcode::kRelease:
      return {net_.release(), 0};
    default:
      unsupported(UnsupportedReason::kOperation);
      return {-ENOTTY, 0};
  }
}

ReferencePort::CallResult ReferencePort::call_ring(const Op& op, Caller caller) {
  const uint32_t index = vhost_index(op.queue);
  const FdKind fd = static_cast<FdKind>(op.arg[0] & 3);
  CallResult done;
  switch (op.code) {
    case Opcode::kSetVringNum:
      done.result = net_.set_vring_num(caller, index, static_cast<uint32_t>(op.arg[0]));
      if (done.result == 0)
        places_[index].size = RingPlace::used_size(static_cast<uint32_t>(op.arg[0]));
      break;
    case Opcode::kSetVringBase:
      done.result = net_.set_vring_base(caller, index, static_cast<uint32_t>(op.arg[0]));
      break;
    case Opcode::kGetVringBase:
      return get_base(index, caller);
    case Opcode::kSetVringAddr:
      return set_addr(op, index, caller);
    case Opcode::kSetVringKick:
      done.result = net_.set_vring_kick(caller, index, event_fd(fd));
      break;
    case Opcode::kSetVringCall: {
      const EventFd call_fd = event_fd(fd);
      done.result = net_.set_vring_call(caller, index, call_fd);
      if (done.result == 0) call_fd_[index] = call_fd.id;
      break;
    }
    case Opcode::kSetVringErr:
      done.result = net_.set_vring_err(caller, index, event_fd(fd));
      break;
    case Opcode::kBackend:
    case Opcode::kBackendPacket:
      return set_backend(op, caller);
    default:
      unsupported(UnsupportedReason::kOperation);
      done.result = -ENOTTY;
      break;
  }
  return done;
}

VA_COLD ReferencePort::CallResult ReferencePort::get_base(uint32_t index, Caller caller) {
  uint32_t base = 0;
  const int result = net_.get_vring_base(caller, index, base);
  return {result, base};
}

VA_COLD ReferencePort::CallResult ReferencePort::set_addr(const Op& op, uint32_t index,
                                                          Caller caller) {
  const VringAddr addr{op.arg[0], op.arg[1], op.arg[2], op.arg[3],
                       static_cast<uint32_t>(op.arg[4])};
  const int result = net_.set_vring_addr(caller, index, addr);
  if (result == 0) places_[index].used = addr.used;
  return {result, 0};
}

EventFd ReferencePort::event_fd(FdKind kind) {
  switch (kind) {
    case FdKind::kFresh:
      return {0, ++next_fd_};
    case FdKind::kNone:
      return {0, 0};
    case FdKind::kBadFd:
      return {-EBADF, 0};
    case FdKind::kNotEvent:
      return {-EINVAL, 0};
  }
  return {-EBADF, 0};
}

ReferencePort::CallResult ReferencePort::set_backend(const Op& op, Caller caller) {
  const uint32_t index = vhost_index(op.queue);
  const BackendKind kind = backend_kind(op);
  switch (kind) {
    case BackendKind::kNone:
      return {net_.set_backend(caller, index, {0, nullptr}), 0};
    case BackendKind::kSame:
      return {net_.set_backend(caller, index, {0, net_.backend(index)}), 0};
    case BackendKind::kAsync:
    case BackendKind::kSync:
    case BackendKind::kGone:
    case BackendKind::kPacket:
      break;
    case BackendKind::kBadFd:
    case BackendKind::kNotSocket:
    default:
      return {net_.set_backend(caller, index, {-ENOTSOCK, nullptr}), 0};
  }
  const bool gone = kind == BackendKind::kGone;
  Backend* next = new_peer(index, kind == BackendKind::kAsync    ? PeerKind::kDeferred
                                  : kind == BackendKind::kPacket ? PeerKind::kPacket
                                                                 : PeerKind::kSynchronous);
  const int result = net_.set_backend(caller, index, {0, next, gone});
  if (result >= 0 && index == kTxIndex) current_peer_ ^= 1;
  if (result >= 0 && index == kRxIndex) current_receiver_ ^= 1;
  return {result, 0};
}

// A peer in the place of the one that is not installed.
Backend* ReferencePort::new_peer(uint32_t index, PeerKind kind) {
  const uint64_t features = net_.acked_features();
  const uint32_t header_len = (features & kFeatureNetHdr) != 0 ? 0 : net_header_len(features);
  if (index == kTxIndex) {
    Peer& peer = peers_[current_peer_ ^ 1];
    peer.reset(kind, header_len);
    return &peer;
  }
  ReceivePeer& receiver = receivers_[current_receiver_ ^ 1];
  receiver.reset(kind, header_len, (features & kFeatureMrgRxbuf) != 0);
  return &receiver;
}

ReferencePort::CallResult ReferencePort::set_mem_table(const Op& op, Caller caller) {
  if (op.arg[0] == 0 && staged_count_ == 0) {
    std::array<Region, std::size(kDefaultRegions)> regions;
    for (size_t i = 0; i < regions.size(); ++i) {
      regions[i] = Region{kDefaultRegions[i].gpa, kDefaultRegions[i].size, kDefaultRegions[i].user};
    }
    return {net_.set_mem_table(caller, regions, static_cast<uint32_t>(op.arg[1])), 0};
  }
  // An explicit n may be more than what was staged (the rest is empty), and more than fits: both
  // are the call's to refuse.
  const uint64_t n = op.arg[0] == 0 ? staged_count_ : op.arg[0] - 1;
  for (size_t i = staged_count_; i < std::min<uint64_t>(n, staged_.size()); ++i) {
    staged_[i] = Region{};
  }
  const std::span<const Region> regions =
      std::span(staged_).first(std::min<uint64_t>(n, staged_.size()));
  return {net_.set_mem_table(caller, regions, static_cast<uint32_t>(op.arg[1])), 0};
}

}  // namespace va
