// Program: what the driver, the control plane, the backend and the scheduler do, as a plain value.
//
// A Program is one of the two narrow waists of the suite (the other is Trace). It never refers to a
// device. Its text form is the case syntax (docs/program_syntax.md); its byte form is what fuzzers
// mutate (prog/encode.h, prog/decode.h); prog/ops.h is the one table of operations.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace va {

// Opcodes are append-only and never reused; an unassigned byte decodes to kNop. Stable for years.
enum class Opcode : uint8_t {
  kNop = 0,

  // the driver
  kAvail = 1,
  kKick = 2,
  kDesc = 3,
  kAvailEntry = 4,
  kAvailIdx = 5,
  kAvailFlags = 6,
  kUsedEvent = 7,
  kStore = 8,
  kScribble = 9,

  // the control plane
  kVring = 16,
  kBackend = 17,
  kBare = 18,
  kOpen = 19,
  kSetOwner = 20,
  kResetOwner = 21,
  kGetFeatures = 22,
  kSetFeatures = 23,
  kGetBackendFeatures = 24,
  kSetBackendFeatures = 25,
  kRegion = 26,
  kSetMemTable = 27,
  kSetLogBase = 28,
  kSetLogFd = 29,
  kSetVringNum = 30,
  kSetVringBase = 31,
  kGetVringBase = 32,
  kSetVringAddr = 33,
  kSetVringKick = 34,
  kSetVringCall = 35,
  kSetVringErr = 36,
  kRelease = 37,
  kBackendPacket = 38,

  // the backend
  kComplete = 48,
  kRefuse = 49,
  kCongest = 50,
  kLink = 51,
  kInject = 52,

  // scheduling
  kStep = 64,
  kSettle = 65,
  kAt = 66,
  kFailAlloc = 67,
  kWorker = 68,
  kRepeat = 69,
  kEnd = 70,
  kRace = 71,
  kWatch = 72,
};

// Queues are numbered by pair: 0 tx, 1 rx, 2 tx1, 3 rx1. (A vhost ring index is another number: in
// vhost-net rx is 0 and tx is 1; vhost_index() below converts.) Three bits on the wire; 4 … 7 are
// tx2 … rx3.
using Queue = uint8_t;
inline constexpr Queue kTx = 0;
inline constexpr Queue kRx = 1;
inline constexpr uint8_t kQueues = 8;

// The index by which ioctls name a queue: rx 0, tx 1, rx1 2, tx1 3, …
constexpr uint32_t vhost_index(Queue queue) {
  return static_cast<uint32_t>(queue) ^ 1u;
}

// One part of the chain that `avail` builds: `count` (0 means 1) descriptors of `len` bytes each.
struct Seg {
  bool writable = false;
  uint8_t count = 0;
  uint16_t len = 0;

  friend bool operator==(const Seg&, const Seg&) = default;
};

inline constexpr size_t kMaxSegs = 8;
inline constexpr size_t kMaxArgs = 6;

// One operation. `arg` holds the operands in the order of the operations table (prog/ops.h); an
// operand 0 always means the table's default. Operands that a code does not have are 0, so equality
// is field by field.
struct Op {
  Opcode code = Opcode::kNop;
  Queue queue = 0;
  bool as_other = false;  // control calls only: issued by a process that is not the owner
  uint8_t nseg = 0;       // kAvail only; 0 is the default chain, [r 12][r 1400]
  std::array<uint64_t, kMaxArgs> arg{};
  std::array<Seg, kMaxSegs> seg{};

  friend bool operator==(const Op&, const Op&) = default;
};

struct Program {
  std::vector<Op> ops;

  void clear() { ops.clear(); }  // keeps the memory: a Program is reused from input to input
  friend bool operator==(const Program&, const Program&) = default;
};

// How many operations a run may execute, repeats counted; past it the case is INCONCLUSIVE
// (budget).
inline constexpr uint32_t kFuzzBudget = 4096;
inline constexpr uint32_t kCaseBudget = 1u << 20;

}  // namespace va
