#include "prog/print.h"

#include "prog/text.h"

namespace va {
namespace {

void print_features(uint64_t bits, const Operand& operand, std::string& out) {
  bool first = true;
  for (size_t i = 0; i < operand.names.size(); ++i) {
    if ((bits >> i & 1) == 0) continue;
    if (!first) out += '|';
    out += operand.names[i];
    first = false;
  }
}

void print_value(const Operand& operand, uint64_t value, std::string& out) {
  switch (operand.kind) {
    case OperandKind::kEnum:
      out += operand.names[value % operand.names.size()];
      return;
    case OperandKind::kFeatures:
      print_features(value, operand, out);
      return;
    case OperandKind::kPlusOne:
      print_decimal(value - 1, out);
      return;
    case OperandKind::kOrdinal:
      out += '#';
      print_decimal(value, out);
      return;
    default:
      if (operand.hex) {
        print_hex(value, hex_digits(operand.kind), out);
      } else {
        print_decimal(value, out);
      }
  }
}

void print_operands(const Op& op, const OpInfo& info, bool named, std::string& out) {
  for (size_t i = 0; i < info.operands.size(); ++i) {
    const Operand& operand = info.operands[i];
    if (operand.name.empty() == named || (op.arg[i] == 0 && !operand.always)) continue;
    out += ' ';
    if (named) {
      out += operand.name;
      out += '=';
    }
    print_value(operand, op.arg[i], out);
  }
}

void print_seg(const Seg& seg, std::string& out) {
  out += seg.writable ? "[w " : "[r ";
  print_decimal(seg.len, out);
  if (seg.count != 0) {
    out += " x";
    print_decimal(seg.count, out);
  }
  out += ']';
}

}  // namespace

int hex_digits(OperandKind kind) {
  switch (kind) {
    case OperandKind::kU8:
      return 2;
    case OperandKind::kU16:
      return 4;
    default:
      return 1;
  }
}

void print_op(const Op& op, std::string& out) {
  const OpInfo& info = op_info(op.code);
  if (op.as_other) out += "as other ";
  out += info.name;
  if (info.has_queue) {
    out += ' ';
    print_queue(op.queue, out);
  }
  print_operands(op, info, false, out);
  print_operands(op, info, true, out);
  if (!info.has_segs || op.nseg == 0) return;
  out += ' ';
  for (size_t i = 0; i < op.nseg && i < kMaxSegs; ++i) print_seg(op.seg[i], out);
}

std::string print_op(const Op& op) {
  std::string out;
  print_op(op, out);
  return out;
}

}  // namespace va
