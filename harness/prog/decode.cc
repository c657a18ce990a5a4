#include "prog/decode.h"

#include <cstddef>
#include <cstring>

#include "base/bytes.h"
#include "base/hot.h"
#include "prog/validate.h"
#include "prog/wire.h"

namespace va {
namespace {

// Operands are loaded eight bytes at a time and masked, so this much must be readable at a record.
constexpr size_t kReadable = kMaxRecord + 8;

// Operations of the Program before are overwritten in place: clearing 88 bytes for each, which a
// sanitizer makes a call, took a third of all the time.
Op& operation(Program& program, size_t index) {
  return index < program.ops.size() ? program.ops[index] : program.ops.emplace_back();
}

void clear_segs(Op& op) {
  for (size_t i = 0; i < op.nseg; ++i) op.seg[i] = Seg{};
  op.nseg = 0;
}

size_t decode_segs(const uint8_t* at, Op& op) {
  op.nseg = static_cast<uint8_t>(at[0] % (kMaxSegs + 1));
  for (size_t i = 0; i < op.nseg; ++i) {
    const uint32_t seg = load_le<uint32_t>(at + 1 + i * kSegBytes);
    op.seg[i] = {(seg & 1) != 0, static_cast<uint8_t>(seg >> 8), static_cast<uint16_t>(seg >> 16)};
  }
  return 1 + op.nseg * kSegBytes;
}

// Reads one record; kReadable bytes can be read at `at`. Returns the record's length.
size_t decode_op(const uint8_t* at, const WireTable& table, Op& op) {
  const WireRecord& record = table[at[0]];
  const WireHead head = load_word<WireHead>(record);
  const uint8_t who = at[1];
  if (op.nseg != 0) clear_segs(op);
  // The four members in front, in one go: no segments so far.
  static_assert(offsetof(Op, queue) == 1 && offsetof(Op, as_other) == 2 && offsetof(Op, nseg) == 3);
  const uint32_t queue = who & head.queue_mask;
  const uint32_t as_other = (who & head.other_mask) != 0 ? 1 : 0;
  store_word(op, static_cast<uint32_t>(head.code) | queue << 8 | as_other << 16);
  for (size_t i = 0; i < head.args; ++i) {
    const WireOperand operand = load_word(record.arg[i]);
    const uint64_t value = load_le<uint64_t>(at + operand.offset) & operand.mask();
    op.arg[i] = operand.modulo == 0 ? value : value % operand.modulo;
  }
  for (size_t i = head.args; i < kMaxArgs; ++i) op.arg[i] = 0;
  return head.has_segs != 0 ? head.size + decode_segs(at + head.size, op) : head.size;
}

}  // namespace

void decode(std::span<const uint8_t> bytes, Program& out, uint32_t max_ops) {
  const WireTable& table = wire_table();
  size_t ops = 0;
  size_t at = 0;
  while (bytes.size() - at >= kReadable && ops < max_ops) {
    at += decode_op(bytes.data() + at, table, operation(out, ops++));
  }
  // The last records are read from a copy that zeros follow, which is what the grammar asks for.
  uint8_t tail[2 * kReadable] = {};
  const size_t left = bytes.size() - at < kReadable ? bytes.size() - at : 0;
  if (left != 0) std::memcpy(tail, bytes.data() + at, left);
  for (size_t i = 0; i < left && ops < max_ops;) {
    i += decode_op(tail + i, table, operation(out, ops++));
  }
  out.ops.resize(ops);
  balance_repeats(out);
}

}  // namespace va
