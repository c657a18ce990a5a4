#include "prog/generate_control.h"

#include "prog/layout.h"
#include "prog/values.h"

namespace va {

Op& ControlCalls::add(Opcode code, uint64_t a, uint64_t b, uint64_t c) {
  Op& op = ops_.emplace_back();
  op.code = code;
  op.arg = {a, b, c, 0, 0, 0};
  return op;
}

Op& ControlCalls::add_to_ring(Opcode code, Queue queue, uint64_t a) {
  Op& op = add(code, a);
  op.queue = queue;
  return op;
}

void ControlCalls::start_life(Queue queue, uint32_t ring_num, uint64_t features) {
  const uint64_t bits = feature_bits(features);
  features_ = bits & ~kBitLogAll;
  logs_ = (bits & kBitLogAll) != 0;
  has_base_ = logs_ || (queue == kRx && has_base_);
  num_[queue] = ring_num;
  logs_ring_[queue] = logs_;
}

void ControlCalls::step(Queue queue) {
  switch (random_.below(8)) {
    case 0:
      return replace_table();
    case 1:
    case 2:
      return toggle_log(queue);
    case 3:
      return replace_fd(queue);
    case 4:
      return ask_for_base(queue);
    case 5:
      return set_addr(queue, logs_ring_[queue]);
    case 6:
      return fail_on_device();
    default:
      return fail_on_ring(queue);
  }
}

void ControlCalls::single(Queue queue) {
  switch (random_.below(6)) {
    case 0:
      add(Opcode::kSetMemTable);
      break;
    case 1:
      add_to_ring(Opcode::kGetVringBase, queue);
      break;
    case 2:
      add_to_ring(Opcode::kSetVringCall, queue);
      break;
    case 3:
      add_to_ring(Opcode::kBackend, queue, num(BackendKind::kSame));
      break;
    case 4:
      return set_addr(queue, logs_ring_[queue]);
    default:
      return fail_on_ring(queue);
  }
}

// The ring where it is. It logs its own stores at the address behind the flag.
void ControlCalls::set_addr(Queue queue, bool logs) {
  const RingLayout ring = ring_layout(queue, num_[queue]);
  Op& op = add(Opcode::kSetVringAddr, user_of(ring.desc), user_of(ring.avail), user_of(ring.used));
  op.queue = queue;
  if (logs) {
    op.arg[3] = ring.used;
    op.arg[4] = 1;  // 1 << VHOST_VRING_F_LOG
  }
  logs_ring_[queue] = logs;
}

// The same memory, as the default table has it or in more and other pieces.
void ControlCalls::replace_table() {
  if (random_.one_in(2)) {
    // Once regions are staged they are what the table is made of.
    const uint64_t cut = uint64_t{kPageSize} * (1 + random_.below(kHalf / kPageSize - 1));
    const struct {
      uint64_t from;
      uint64_t size;
    } pieces[] = {{0, cut}, {cut, kHalf - cut}, {kHalf, kHalf}};
    const uint32_t first = random_.below(3);
    for (uint32_t i = 0; i < 3; ++i) {
      const auto& piece = pieces[(first + i) % 3];
      const uint64_t gpa = kArenaGpa + piece.from;
      Op& op = add(Opcode::kRegion, i, gpa, piece.size);
      op.arg[3] = user_of(gpa);
    }
  }
  add(Opcode::kSetMemTable);
}

// As a migration does: the log first, then each ring's own stores, then everything; and back.
void ControlCalls::toggle_log(Queue queue) {
  if (logs_) {
    logs_ = false;
    add(Opcode::kSetFeatures, features_);
    if (random_.one_in(2)) set_addr(queue, false);
    return;
  }
  if (!has_base_ || random_.one_in(4)) add(Opcode::kSetLogBase);
  has_base_ = logs_ = true;
  if (random_.one_in(4)) add(Opcode::kSetLogFd);
  if (!random_.one_in(3)) set_addr(queue, true);
  add(Opcode::kSetFeatures, features_ | kBitLogAll);
}

void ControlCalls::replace_fd(Queue queue) {
  constexpr Opcode kFds[] = {Opcode::kSetVringCall, Opcode::kSetVringErr, Opcode::kSetVringKick};
  const Opcode code = random_.pick(kFds);
  if (code != Opcode::kSetVringErr && random_.one_in(3)) {
    add_to_ring(code, queue, num(FdKind::kNone));
  }
  const bool none = code == Opcode::kSetVringErr && random_.one_in(3);
  add_to_ring(code, queue, num(none ? FdKind::kNone : FdKind::kFresh));
  add_to_ring(Opcode::kKick, queue);  // what was kicked into the old one may be lost
}

void ControlCalls::ask_for_base(Queue queue) {
  add_to_ring(Opcode::kGetVringBase, queue);
}

void ControlCalls::fail_on_device() {
  switch (random_.below(6)) {
    case 0:
      add(Opcode::kSetOwner);
      break;
    case 1:
      add(Opcode::kSetFeatures, uint64_t{1} << 63);
      break;
    case 2:
      add(Opcode::kSetBackendFeatures, uint64_t{1} << 63);
      break;
    case 3:
      add(Opcode::kSetMemTable, 0, 1 + random_.below(9));
      break;
    case 4:
      add(Opcode::kSetLogFd, num(random_.one_in(2) ? FdKind::kBadFd : FdKind::kNotEvent));
      break;
    default: {
      constexpr Opcode kCalls[] = {Opcode::kResetOwner, Opcode::kSetMemTable, Opcode::kSetLogBase,
                                   Opcode::kSetLogFd};
      add(random_.pick(kCalls)).as_other = true;
      break;
    }
  }
}

void ControlCalls::fail_on_ring(Queue queue) {
  constexpr BackendKind kBackends[] = {BackendKind::kBadFd, BackendKind::kNotSocket,
                                       BackendKind::kGone};
  constexpr Opcode kFds[] = {Opcode::kSetVringCall, Opcode::kSetVringErr, Opcode::kSetVringKick};
  switch (random_.below(5)) {
    case 0:
      add_to_ring(Opcode::kBackend, queue, num(random_.pick(kBackends)));
      break;
    case 1:
      add_to_ring(random_.pick(kFds), queue,
                  num(random_.one_in(2) ? FdKind::kBadFd : FdKind::kNotEvent));
      break;
    case 2:
      add_to_ring(Opcode::kSetVringBase, queue, 0x10000 + random_.below(4));
      break;
    case 3:
      add_to_ring(Opcode::kSetVringNum, queue, 3);
      break;
    default:
      add_to_ring(random_.pick(kFds), queue).as_other = true;
      break;
  }
}

}  // namespace va
