// What `vring` stands for: the control calls that set a transmit or receive ring up, in order. The
// reference and the guest agent expand it alike, so a Program's set-up is the same everywhere. With
// LOG_ALL the ring logs at kLogUser, its used ring included; that call, which can wait, is the
// last.
#pragma once

#include <cstdint>

#include "prog/layout.h"
#include "prog/ops.h"
#include "prog/program.h"

namespace va {

// What a run has set up so far; a `vring` does not repeat it. All false after open and reset_owner.
struct SetupState {
  bool owner = false;
  bool mem_table = false;

  // To be told of each control call that succeeded.
  void note(Opcode code) {
    if (code == Opcode::kSetOwner) owner = true;
    if (code == Opcode::kSetMemTable) mem_table = true;
    if (code == Opcode::kResetOwner || code == Opcode::kRelease) *this = SetupState{};
  }
};

// num of a `vring` operation (0 stands for the default).
constexpr uint32_t vring_num(const Op& vring) {
  return vring.arg[0] == 0 ? kDefaultNum : static_cast<uint32_t>(vring.arg[0]);
}

// The calls of one `vring`, one after the other. Each is made only if those before it succeeded;
// the first errno is the operation's.
class VringCalls {
 public:
  // `state` is what was set up before the first of them.
  VringCalls(const Op& vring, const SetupState& state)
      : num_(vring_num(vring)),
        base_(vring.arg[1]),
        features_(feature_bits(vring.arg[2])),
        ring_(ring_layout(vring.queue, num_)),
        state_(state) {
    call_.queue = vring.queue;
    call_.as_other = vring.as_other;
  }

  // The next call, valid until the one after it; nullptr behind the last.
  const Op* next() {
    switch (step_++) {
      case 0:
        return state_.owner ? next() : make(Opcode::kSetOwner);
      case 1:
        return make(Opcode::kSetFeatures, features_);
      case 2:
        return state_.mem_table ? next() : make(Opcode::kSetMemTable);
      case 3:
        return make(Opcode::kSetVringNum, num_);
      case 4:
        return make(Opcode::kSetVringBase, base_);
      case 5:
        make(Opcode::kSetVringAddr, user_of(ring_.desc), user_of(ring_.avail), user_of(ring_.used));
        if (logs()) call_.arg[3] = ring_.used, call_.arg[4] = kLogTheRing;
        return &call_;
      case 6:
        return make(Opcode::kSetVringKick);
      case 7:
        return make(Opcode::kSetVringCall);
      case 8:
        return make(Opcode::kSetVringErr);
      case 9:
        return logs() ? make(Opcode::kSetLogBase) : nullptr;
      default:
        return nullptr;
    }
  }

 private:
  static constexpr uint64_t kLogTheRing = 1;  // 1 << VHOST_VRING_F_LOG

  bool logs() const { return (features_ & kBitLogAll) != 0; }
  const Op* make(Opcode code, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0) {
    call_.code = code;
    call_.arg[0] = a;
    call_.arg[1] = b;
    call_.arg[2] = c;
    call_.arg[3] = call_.arg[4] = 0;
    return &call_;
  }

  uint32_t num_;
  uint64_t base_;
  uint64_t features_;
  RingLayout ring_;
  SetupState state_;
  int step_ = 0;
  Op call_;
};

}  // namespace va
