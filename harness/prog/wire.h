// Where each operand stands in an operation's record: the operations table, turned into offsets
// once, so that encode and decode are loops without decisions. The grammar is in prog/decode.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "prog/ops.h"
#include "prog/program.h"

namespace va {

// Both are eight bytes, which decode() reads in one go.
struct alignas(8) WireOperand {
  uint8_t offset = 0;  // from the opcode byte
  uint8_t size = 0;    // 1, 2, 4 or 8 bytes
  uint8_t bits = 0;    // that the record holds, 1 to 64
  uint8_t unused = 0;
  uint32_t modulo = 0;  // applied to these; 0: none

  uint64_t mask() const { return ~uint64_t{0} >> (64 - bits); }
};
static_assert(sizeof(WireOperand) == 8);

struct alignas(8) WireHead {
  Opcode code = Opcode::kNop;
  uint8_t size = 1;  // without segments
  uint8_t args = 0;
  uint8_t has_byte = 0;    // 1: a byte with queue and as_other stands behind the opcode
  uint8_t queue_mask = 0;  // kQueueBits if the operation has a queue
  uint8_t other_mask = 0;  // kOtherBit if it is a control call
  uint8_t has_segs = 0;    // 1: a count byte and segments stand at the end
  uint8_t unused = 0;
};
static_assert(sizeof(WireHead) == 8);

struct WireRecord : WireHead {
  std::array<WireOperand, kMaxArgs> arg{};
};

inline constexpr uint8_t kQueueBits = 0x07;
inline constexpr uint8_t kOtherBit = 0x80;
inline constexpr size_t kSegBytes = 4;

// No record is longer; a test holds the table to it.
inline constexpr size_t kMaxRecord = 48;

using WireTable = std::array<WireRecord, 256>;

// Indexed by opcode byte; an unassigned one has kNop's record.
const WireTable& wire_table();

}  // namespace va
