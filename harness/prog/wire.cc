#include "prog/wire.h"

#include "base/check.h"

namespace va {
namespace {

uint8_t size_of(OperandKind kind) {
  switch (kind) {
    case OperandKind::kU8:
    case OperandKind::kEnum:
      return 1;
    case OperandKind::kU16:
    case OperandKind::kOrdinal:
    case OperandKind::kPlusOne:
    case OperandKind::kFeatures:
      return 2;
    case OperandKind::kU32:
      return 4;
    case OperandKind::kU64:
      break;
  }
  return 8;
}

WireOperand make_operand(const Operand& operand, uint8_t offset) {
  WireOperand wire;
  wire.offset = offset;
  wire.size = size_of(operand.kind);
  const auto names = static_cast<uint8_t>(operand.names.size());
  wire.bits = operand.kind == OperandKind::kFeatures ? names : static_cast<uint8_t>(8 * wire.size);
  if (operand.kind == OperandKind::kEnum) wire.modulo = names;
  if (operand.limit != 0) wire.modulo = operand.limit;
  return wire;
}

WireRecord make_record(const OpInfo& info) {
  WireRecord record;
  record.code = info.code;
  record.has_byte = info.has_queue || info.is_control ? 1 : 0;
  record.queue_mask = info.has_queue ? kQueueBits : uint8_t{0};
  record.other_mask = info.is_control ? kOtherBit : uint8_t{0};
  record.has_segs = info.has_segs ? 1 : 0;
  record.size = static_cast<uint8_t>(record.size + record.has_byte);
  for (const Operand& operand : info.operands) {
    record.arg[record.args] = make_operand(operand, record.size);
    record.size = static_cast<uint8_t>(record.size + record.arg[record.args].size);
    ++record.args;
  }
  const size_t longest = record.size + (info.has_segs ? 1 + kMaxSegs * kSegBytes : 0);
  VA_CHECK(longest <= kMaxRecord);
  return record;
}

WireTable make_table() {
  WireTable table{};
  for (const OpInfo& info : all_ops()) table[static_cast<uint8_t>(info.code)] = make_record(info);
  return table;
}

}  // namespace

const WireTable& wire_table() {
  static const WireTable table = make_table();
  return table;
}

}  // namespace va
