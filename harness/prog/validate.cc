#include "prog/validate.h"

#include <string>

#include "prog/ops.h"
#include "prog/wire.h"

namespace va {
namespace {

std::string operand_problem(const Op& op, const OpInfo& info) {
  const WireRecord& record = wire_table()[static_cast<uint8_t>(op.code)];
  for (size_t i = 0; i < kMaxArgs; ++i) {
    const uint64_t value = op.arg[i];
    const WireOperand& wire = record.arg[i];
    if (i >= record.args) {
      if (value != 0) return "operand " + std::to_string(i) + " is not 0, and it has none";
    } else if ((value & ~wire.mask()) != 0 || (wire.modulo != 0 && value >= wire.modulo)) {
      const std::string name(info.operands[i].name);
      return (name.empty() ? "operand " + std::to_string(i) : name + "=") +
             " is out of range: " + std::to_string(value);
    }
  }
  return {};
}

std::string segment_problem(const Op& op, const OpInfo& info) {
  if (op.nseg > kMaxSegs) return std::to_string(op.nseg) + " segments, at most 8";
  if (op.nseg != 0 && !info.has_segs) return "it has no segments";
  for (size_t i = op.nseg; i < kMaxSegs; ++i) {
    if (op.seg[i] != Seg{}) return "a segment behind the last one is not empty";
  }
  return {};
}

std::string problem_of(const Op& op, const OpInfo& info) {
  if (info.code != op.code) {
    return "opcode " + std::to_string(static_cast<int>(op.code)) + " is not assigned";
  }
  if (op.queue >= kQueues) return "queue " + std::to_string(op.queue) + " of 8";
  if (op.queue != 0 && !info.has_queue) return "it has no queue";
  if (op.as_other && !info.is_control) return "as other, but not a control call";
  const std::string problem = operand_problem(op, info);
  return problem.empty() ? segment_problem(op, info) : problem;
}

}  // namespace

Status validate(const Program& program) {
  const auto error = [](size_t index, const OpInfo& info, const std::string& problem) {
    return Status::error("operation " + std::to_string(index) + " (" + std::string(info.name) +
                         "): " + problem);
  };
  constexpr size_t kNone = SIZE_MAX;
  size_t open = kNone;
  for (size_t i = 0; i < program.ops.size(); ++i) {
    const Op& op = program.ops[i];
    const OpInfo& info = op_info(op.code);
    if (const std::string problem = problem_of(op, info); !problem.empty()) {
      return error(i, info, problem);
    }
    if (op.code == Opcode::kRepeat) {
      if (open != kNone) return error(i, info, "inside the repeat of " + std::to_string(open));
      open = i;
    }
    if (op.code == Opcode::kEnd) {
      if (open == kNone) return error(i, info, "no repeat is open");
      open = kNone;
    }
  }
  if (open != kNone) return error(open, op_info(Opcode::kRepeat), "without its end");
  return {};
}

void balance_repeats(Program& program) {
  Op* open = nullptr;
  for (Op& op : program.ops) {
    if (op.code != Opcode::kRepeat && op.code != Opcode::kEnd) continue;
    const bool opens = op.code == Opcode::kRepeat;
    if (opens != (open == nullptr)) {
      op = Op{};
      continue;
    }
    open = opens ? &op : nullptr;
  }
  if (open != nullptr) *open = Op{};
}

}  // namespace va
