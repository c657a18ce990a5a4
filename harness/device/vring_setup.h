// What `vring` stands for: the control calls that set a transmit or receive ring up, in order. The
// reference and the guest agent expand it alike, so a Program's set-up is the same everywhere.
#pragma once

#include <array>
#include <cstddef>

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

inline constexpr size_t kMaxSetupCalls = 9;

// num of a `vring` operation (0 stands for the default).
constexpr uint32_t vring_num(const Op& vring) {
  return vring.arg[0] == 0 ? kDefaultNum : static_cast<uint32_t>(vring.arg[0]);
}

// Writes the calls of `vring` to `out` and returns how many. Each is made only if those before it
// succeeded; the first errno is the operation's.
inline size_t expand_vring(const Op& vring, const SetupState& state,
                           std::array<Op, kMaxSetupCalls>& out) {
  size_t n = 0;
  const auto add = [&](Opcode code, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0) {
    Op& op = out[n++];
    op = Op{};
    op.code = code;
    op.queue = vring.queue;
    op.as_other = vring.as_other;
    op.arg = {a, b, c, 0, 0, 0};
  };
  const uint32_t num = vring_num(vring);
  const RingLayout ring = ring_layout(vring.queue, num);
  if (!state.owner) add(Opcode::kSetOwner);
  add(Opcode::kSetFeatures, feature_bits(vring.arg[2]));
  if (!state.mem_table) add(Opcode::kSetMemTable);
  add(Opcode::kSetVringNum, num);
  add(Opcode::kSetVringBase, vring.arg[1]);
  add(Opcode::kSetVringAddr, user_of(ring.desc), user_of(ring.avail), user_of(ring.used));
  add(Opcode::kSetVringKick);
  add(Opcode::kSetVringCall);
  add(Opcode::kSetVringErr);
  return n;
}

}  // namespace va
