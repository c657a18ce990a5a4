// LinuxPort's control calls: operands to ioctls, results to events, and what the port remembers of
// a call that succeeded.
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "agent/linux_port.h"
#include "agent/vhost_ioctl.h"

namespace va::agent {
namespace {

// A number that is no open file: far above what the agent opens, below the limit of files.
constexpr int kClosedFd = 1000;

template <typename Arg>
CallResult call(int device, unsigned long request, Arg& arg) {
  return {::ioctl(device, request, &arg) < 0 ? errno : 0, 0};
}

}  // namespace

void LinuxPort::control(const Op& op) {
  if (op.code == Opcode::kOpen) {
    if (open_ || control_.busy()) return noop(kTx, NoopReason::kNoDevice);
    emit_memory();
    emit_signals();
    return open_device();
  }
  if (!open_) return noop(op.queue, NoopReason::kNoDevice);
  if (control_.busy() && queued_.size() == kMaxQueued) {
    return unsupported(UnsupportedReason::kControls);
  }
  trace_->add(op_, EventKind::kBegin, op.queue);
  if (op.code == Opcode::kRelease) open_ = false;
  if (control_.busy()) {
    queued_.push_back(op);
  } else {
    start_call(op);
  }
}

// The parts of a `vring` are made one after the other; the value of the whole is how many
// succeeded.
void LinuxPort::start_call(const Op& op) {
  current_ = op;
  prepared_.clear();
  if (op.code == Opcode::kVring) {
    uint64_t offered = 0;
    call(device_.get(), VHOST_GET_FEATURES, offered);
    if ((feature_bits(op.arg[2]) & ~offered) != 0) {
      unsupported(UnsupportedReason::kFeature);
      trace_->add(op_, EventKind::kDone, op.queue, EOPNOTSUPP);
      return;
    }
    VringCalls parts(op, setup_);
    while (const Op* part = parts.next()) prepared_.push_back(prepare(*part));
  } else {
    prepared_.push_back(prepare(op));
  }
  if (op.as_other || peer_.anything_held()) {
    control_.start([this] { return make_call(); });
    if (control_.wait()) collect_call();
  } else {
    caller_ = ::getpid();
    finish_call(make_call());
  }
}

// Each part `as other` is made by a process of its own; closing has no owner.
CallResult LinuxPort::make_call() {
  CallResult result;
  const bool as_other = current_.as_other && current_.code != Opcode::kRelease;
  for (const Prepared& part : prepared_) {
    const CallResult made = as_other ? control_.in_other_process(part.make) : part.make();
    result.error = made.error;
    if (made.error != 0) break;
    result.value = prepared_.size() == 1 ? made.value : result.value + 1;
  }
  return result;
}

void LinuxPort::collect_call() {
  caller_ = control_.caller();
  finish_call(control_.take());
}

void LinuxPort::finish_call(CallResult result) {
  const bool whole = prepared_.size() == 1;
  const uint64_t succeeded = whole ? (result.error == 0 ? 1 : 0) : result.value;
  if (!whole) result.value = 0;
  for (size_t i = 0; i < succeeded; ++i) {
    setup_.note(prepared_[i].code);
    if (prepared_[i].note) prepared_[i].note(result.value);
  }
  trace_->add(op_, EventKind::kDone, current_.queue, static_cast<uint64_t>(result.error),
              result.value);
}

// Goes on with the call that waits, or makes the one behind it. True if there was progress: then
// the worker may have something to do, which comes first, since it decides what the next call waits
// for.
bool LinuxPort::step_calls() {
  if (control_.busy()) {
    if (!control_.wait()) return false;
    collect_call();
    return true;
  }
  if (queued_.empty()) return false;
  const Op next = queued_.front();
  queued_.pop_front();
  start_call(next);
  return true;
}

LinuxPort::Prepared LinuxPort::prepare(const Op& op) {
  Prepared call = op_info(op.code).has_queue ? prepare_ring_call(op) : prepare_device_call(op);
  call.code = op.code;
  return call;
}  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): what std::function holds it gives back

// An ioctl whose argument is one number, or none (then it is not looked at).
LinuxPort::Prepared LinuxPort::simple(const Op& op, unsigned long request) const {
  Prepared prepared;
  prepared.make = [fd = device_.get(), request, value = op.arg[0]]() mutable {
    CallResult result = call(fd, request, value);
    if (_IOC_DIR(request) == _IOC_READ && result.error == 0) result.value = value;
    return result;
  };
  return prepared;
}

LinuxPort::Prepared LinuxPort::prepare_device_call(const Op& op) {
  Prepared prepared;
  switch (op.code) {
    case Opcode::kSetOwner:
      prepared = simple(op, VHOST_SET_OWNER);
      prepared.note = [this](uint64_t) { worker_ = ThreadState::of_vhost_worker(caller_); };
      return prepared;
    case Opcode::kResetOwner:
      prepared = simple(op, VHOST_RESET_OWNER);
      prepared.note = [this](uint64_t) { note_reset(); };
      return prepared;
    case Opcode::kGetFeatures:
      return simple(op, VHOST_GET_FEATURES);
    case Opcode::kSetFeatures:
      prepared = simple(op, VHOST_SET_FEATURES);
      prepared.note = [this, acked = op.arg[0]](uint64_t) { acked_features_ = acked; };
      return prepared;
    case Opcode::kGetBackendFeatures:
      return simple(op, VHOST_GET_BACKEND_FEATURES);
    case Opcode::kSetBackendFeatures:
      return simple(op, VHOST_SET_BACKEND_FEATURES);
    case Opcode::kSetMemTable:
      return prepare_mem_table(op);
    case Opcode::kSetLogBase:
      return prepare_log_base(op);
    case Opcode::kSetLogFd:
      return prepare_log_fd(op);
    default:  // kRelease
      prepared.make = [fd = std::exchange(device_, Fd()).release()] {
        return CallResult{::close(fd) < 0 ? errno : 0, 0};
      };
      prepared.note = [this](uint64_t) { note_reset(); };
      return prepared;
  }
}

LinuxPort::Prepared LinuxPort::prepare_ring_call(const Op& op) {
  const int fd = device_.get();
  Prepared prepared;
  vhost_vring_state state{vhost_index(op.queue), static_cast<uint32_t>(op.arg[0])};
  switch (op.code) {
    case Opcode::kSetVringNum:
      prepared.make = [=]() mutable { return call(fd, VHOST_SET_VRING_NUM, state); };
      prepared.note = [this, op](uint64_t) {
        emit_memory();
        rings_[op.queue].num = static_cast<uint32_t>(op.arg[0]);
      };
      return prepared;
    case Opcode::kSetVringBase:
      prepared.make = [=]() mutable { return call(fd, VHOST_SET_VRING_BASE, state); };
      return prepared;
    case Opcode::kGetVringBase:
      prepared.make = [=]() mutable {
        CallResult result = call(fd, VHOST_GET_VRING_BASE, state);
        result.value = result.error == 0 ? state.num : 0;
        return result;
      };
      return prepared;
    case Opcode::kSetVringAddr:
      return prepare_addr(op);
    case Opcode::kSetVringKick:
      return prepare_ring_fd(op, VHOST_SET_VRING_KICK, &QueueState::kick);
    case Opcode::kSetVringCall:
      return prepare_ring_fd(op, VHOST_SET_VRING_CALL, &QueueState::call);
    case Opcode::kSetVringErr:
      return prepare_ring_fd(op, VHOST_SET_VRING_ERR, &QueueState::err);
    default:
      return prepare_backend(op);
  }
}

LinuxPort::Prepared LinuxPort::prepare_addr(const Op& op) {
  vhost_vring_addr addr{};
  addr.index = vhost_index(op.queue);
  addr.desc_user_addr = op.arg[0];
  addr.avail_user_addr = op.arg[1];
  addr.used_user_addr = op.arg[2];
  addr.log_guest_addr = op.arg[3];
  addr.flags = static_cast<uint32_t>(op.arg[4]);
  Prepared prepared;
  prepared.make = [fd = device_.get(), addr]() mutable {
    return call(fd, VHOST_SET_VRING_ADDR, addr);
  };
  prepared.note = [this, op](uint64_t) {
    emit_memory();
    rings_[op.queue].used = op.arg[2];
  };
  return prepared;
}

// What an fd operand stands for; `fresh` keeps an eventfd that is made for it.
int LinuxPort::number_of(FdKind kind, Fd& fresh) const {
  switch (kind) {
    case FdKind::kFresh:
      fresh.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
      return fresh.get();
    case FdKind::kNone:
      return -1;
    case FdKind::kBadFd:
      return kClosedFd;
    case FdKind::kNotEvent:
      break;
  }
  return not_event_.get();
}

// The eventfd that was there before may carry a signal that was not told yet.
LinuxPort::Prepared LinuxPort::prepare_ring_fd(const Op& op, unsigned long request,
                                               Fd QueueState::*member) {
  auto fresh = std::make_shared<Fd>();
  const int number = number_of(static_cast<FdKind>(op.arg[0] & 3), *fresh);
  Prepared prepared;
  vhost_vring_file file{vhost_index(op.queue), number};
  prepared.make = [fd = device_.get(), request, file]() mutable { return call(fd, request, file); };
  prepared.note = [this, queue = op.queue, member, fresh](uint64_t) {
    take_signals(queues_[queue]);
    queues_[queue].*member = std::move(*fresh);
  };
  return prepared;
}

LinuxPort::Prepared LinuxPort::prepare_log_base(const Op& op) {
  Op located = op;
  located.arg[0] = log_base(op.arg[0]);
  Prepared prepared = simple(located, VHOST_SET_LOG_BASE);
  prepared.note = [this, base = located.arg[0]](uint64_t) {
    emit_memory();
    observer_.set_log_base(base);
  };
  return prepared;
}

LinuxPort::Prepared LinuxPort::prepare_log_fd(const Op& op) {
  auto fresh = std::make_shared<Fd>();
  Prepared prepared;
  prepared.make = [fd = device_.get(), fresh,
                   number = number_of(static_cast<FdKind>(op.arg[0] & 3), *fresh)]() mutable {
    return call(fd, VHOST_SET_LOG_FD, number);
  };
  prepared.note = [this, fresh](uint64_t) {
    take_log_signal();
    log_ = std::move(*fresh);
  };
  return prepared;
}

LinuxPort::Prepared LinuxPort::prepare_backend(const Op& op) {
  QueueState& queue = queues_[op.queue];
  const bool vnet = (acked_features_ & kBitNetHdr) == 0;
  // VIRTIO 1.2, 5.1.6 and 5.1.6.1: num_buffers is there with VERSION_1 or MRG_RXBUF.
  const int header_size = (acked_features_ & (kBitVersion1 | kBitMrgRxbuf)) != 0 ? 12 : 10;
  Tap* next = nullptr;
  int number = -1;
  const BackendKind kind = backend_kind(op);
  switch (kind) {
    case BackendKind::kAsync:
    case BackendKind::kSync:
      next = op.queue == kRx ? source_.tap(vnet, header_size, queue.tap)
                             : peer_.tap(kind == BackendKind::kAsync, vnet, header_size, queue.tap);
      break;
    case BackendKind::kPacket:
      // Its own header has ten bytes, in older kernels, whatever the device's has.
      if (vnet) unsupported(UnsupportedReason::kFeature);
      next = op.queue == kRx ? source_.packet(queue.tap) : peer_.packet(queue.tap);
      break;
    case BackendKind::kSame:
      next = queue.tap;
      break;
    case BackendKind::kNone:
      break;
    case BackendKind::kBadFd:
      number = kClosedFd;
      break;
    case BackendKind::kNotSocket:
      number = not_event_.get();
      break;
    case BackendKind::kGone:
      number = detached_tap_.get();
      break;
  }
  if (next != nullptr) number = next->fd.get();
  queue.next = next;
  Prepared prepared;
  vhost_vring_file file{vhost_index(op.queue), number};
  prepared.make = [fd = device_.get(), file]() mutable {
    return call(fd, VHOST_NET_SET_BACKEND, file);
  };
  prepared.note = [&queue, next](uint64_t) { queue.tap = next; };
  return prepared;
}

// n= may be more than was staged and more than the kernel takes: both are the call's to refuse.
LinuxPort::Prepared LinuxPort::prepare_mem_table(const Op& op) {
  std::span<const DefaultRegion> regions(staged_.data(), staged_count_);
  uint64_t count = op.arg[0] == 0 ? staged_count_ : op.arg[0] - 1;
  if (op.arg[0] == 0 && staged_count_ == 0) {
    regions = kDefaultRegions;
    count = regions.size();
  }
  auto table = std::make_shared<std::vector<uint8_t>>(sizeof(vhost_memory) +
                                                      count * sizeof(vhost_memory_region));
  auto* head = reinterpret_cast<vhost_memory*>(table->data());
  head->nregions = static_cast<uint32_t>(count);
  head->padding = static_cast<uint32_t>(op.arg[1]);
  for (size_t i = 0; i < std::min<uint64_t>(count, regions.size()); ++i) {
    head->regions[i] = {regions[i].gpa, regions[i].size, regions[i].user, 0};
  }
  Prepared prepared;
  prepared.make = [fd = device_.get(), table] {
    return call(fd, VHOST_SET_MEM_TABLE, *table->data());
  };
  return prepared;
}

// RESET_OWNER and release: the device forgets what it was told.
void LinuxPort::note_reset() {
  emit_memory();
  emit_frames();  // what was sent was sent in the life that ends here
  rings_ = {};
  acked_features_ = 0;
  worker_ = ThreadState();
  take_log_signal();
  log_.reset();
  for (QueueState& queue : queues_) {
    take_signals(queue);
    queue.kick = Fd();
    queue.tap = nullptr;
  }
}

}  // namespace va::agent
