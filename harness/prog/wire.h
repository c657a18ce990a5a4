// Where each operand stands in an operation's record: the operations table, turned into offsets
// once, so that encode and decode are loops without decisions. The grammar is in prog/decode.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "prog/ops.h"
#include "prog/program.h"

namespace va {

struct WireOperand {
  uint8_t offset = 0;   // from the opcode byte
  uint8_t size = 0;     // 1, 2, 4 or 8 bytes
  uint64_t mask = 0;    // the bits that the record holds
  uint64_t modulo = 0;  // applied after the mask; 0: none
};

struct WireRecord {
  Opcode code = Opcode::kNop;
  uint8_t size = 1;  // without segments
  uint8_t args = 0;
  bool has_byte = false;   // a byte with queue and as_other stands behind the opcode
  uint8_t queue_mask = 0;  // kQueueBits if the operation has a queue
  uint8_t other_mask = 0;  // kOtherBit if it is a control call
  bool has_segs = false;   // a count byte and segments stand at the end
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
