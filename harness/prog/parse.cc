#include "prog/parse.h"

#include "prog/ops.h"

namespace va {
namespace {

// The largest value that text can give to a number of that kind.
uint64_t max_of(const Operand& operand) {
  if (operand.limit != 0) return operand.limit - 1;
  switch (operand.kind) {
    case OperandKind::kU8:
      return UINT8_MAX;
    case OperandKind::kPlusOne:
      return UINT16_MAX - 1;
    case OperandKind::kU16:
    case OperandKind::kOrdinal:
      return UINT16_MAX;
    case OperandKind::kU32:
      return UINT32_MAX;
    default:
      return UINT64_MAX;
  }
}

// What a message asks for in the operand's place.
std::string described(const Operand& operand) {
  switch (operand.kind) {
    case OperandKind::kEnum:
      return one_of(operand.names);
    case OperandKind::kFeatures:
      return "NAME|NAME of " + one_of(operand.names);
    case OperandKind::kOrdinal:
      return "a request (#0 to #65535)";
    default:
      return "a number from 0 to " + std::to_string(max_of(operand));
  }
}

std::optional<uint64_t> parse_features(const Operand& operand, std::string_view text) {
  uint64_t bits = 0;
  while (true) {
    const size_t bar = text.find('|');
    const std::optional<size_t> bit = find_name(operand.names, text.substr(0, bar));
    if (!bit.has_value()) return std::nullopt;
    bits |= uint64_t{1} << *bit;
    if (bar == std::string_view::npos) return bits;
    text.remove_prefix(bar + 1);
  }
}

// The operand's value as Op::arg holds it.
std::optional<uint64_t> parse_value(const Operand& operand, std::string_view text) {
  const uint64_t max = max_of(operand);
  if (operand.kind == OperandKind::kOrdinal) return parse_ordinal(text, max);
  if (operand.kind == OperandKind::kFeatures) return parse_features(operand, text);
  if (operand.kind == OperandKind::kEnum) {
    const std::optional<size_t> index = find_name(operand.names, text);
    return index.has_value() ? std::optional<uint64_t>(*index) : std::nullopt;
  }
  const std::optional<uint64_t> number = parse_number(text);
  if (!number.has_value() || *number > max) return std::nullopt;
  return operand.kind == OperandKind::kPlusOne ? *number + 1 : *number;
}

class OpParser {
 public:
  OpParser(LineReader& in, Op& op) : in_(in), op_(op) {}

  Status run() {
    if (Status status = verb(); !status.ok()) return status;
    while (!in_.peek().end()) {
      const Word word = in_.next();
      Status status;
      if (word.text[0] == '[') {
        status = seg(word);
      } else if (word.text.find('=') != std::string_view::npos) {
        status = named(word);
      } else {
        status = positional(word);
      }
      if (!status.ok()) return status;
    }
    return complete();
  }

 private:
  Status verb() {
    op_ = Op{};
    Word word = in_.next();
    if (word.text == "as") {
      word = in_.next();
      if (word.text != "other") return in_.expected("other", word);
      op_.as_other = true;
      word = in_.next();
    }
    info_ = find_op(word.text);
    if (info_ == nullptr) return in_.expected("an operation", word);
    if (op_.as_other && !info_->is_control) return in_.expected("a control call", word);
    op_.code = info_->code;
    if (!info_->has_queue) return {};
    word = in_.next();
    const std::optional<Queue> queue = parse_queue(word.text);
    if (!queue.has_value()) return in_.expected(kQueueWords, word);
    op_.queue = *queue;
    return {};
  }

  Status positional(const Word& word) {
    std::string wanted;
    for (; next_ < info_->operands.size(); ++next_) {
      const Operand& operand = info_->operands[next_];
      if (!operand.name.empty()) continue;
      const std::optional<uint64_t> value = parse_value(operand, word.text);
      if (value.has_value()) {
        given_ |= 1u << next_;
        op_.arg[next_++] = *value;
        return {};
      }
      if (!wanted.empty()) wanted += ", or ";
      wanted += described(operand);
      if (operand.always) break;
    }
    return in_.expected(wanted.empty() ? rest() : wanted, word);
  }

  Status named(const Word& word) {
    const size_t equals = word.text.find('=');
    const std::string_view name = word.text.substr(0, equals);
    for (size_t i = 0; i < info_->operands.size(); ++i) {
      const Operand& operand = info_->operands[i];
      if (operand.name != name || name.empty()) continue;
      if ((given_ >> i & 1) != 0) return in_.expected("each name once", word);
      const Word value{word.text.substr(equals + 1), word.column + static_cast<int>(equals) + 1};
      const std::optional<uint64_t> parsed = parse_value(operand, value.text);
      if (!parsed.has_value()) return in_.expected(described(operand), value);
      given_ |= 1u << i;
      op_.arg[i] = *parsed;
      return {};
    }
    return in_.expected(rest(), word);
  }

  // `[r 12]`, `[w 1400]`, `[r 1 x12]`.
  Status seg(const Word& word) {
    if (!info_->has_segs) return in_.expected(rest(), word);
    if (!word.text.ends_with(']')) return in_.expected("a segment that ends in ]", word);
    if (op_.nseg == kMaxSegs) return in_.expected("no more than 8 segments", word);
    LineReader parts(word.text.substr(1, word.text.size() - 2));
    Seg& out = op_.seg[op_.nseg++];
    const Word side = parts.next();
    const std::optional<uint64_t> len = parse_number(parts.next().text);
    bool good = (side.text == "r" || side.text == "w") && len.has_value() && *len <= UINT16_MAX;
    if (good && !parts.peek().end()) {
      const std::string_view times = parts.next().text;
      const std::optional<uint64_t> count = parse_number(times.substr(1));
      good = times[0] == 'x' && count.has_value() && *count >= 1 && *count <= UINT8_MAX;
      if (good) out.count = static_cast<uint8_t>(*count);
    }
    if (!good || !parts.peek().end() || !parts.comment().empty()) {
      return in_.expected("[r LEN], [w LEN] or [r LEN xCOUNT], LEN to 65535, COUNT 1 to 255", word);
    }
    out.writable = side.text == "w";
    out.len = static_cast<uint16_t>(*len);
    return {};
  }

  // What may still follow.
  std::string rest() const {
    std::string out;
    for (size_t i = 0; i < info_->operands.size(); ++i) {
      const Operand& operand = info_->operands[i];
      if (operand.name.empty() || (given_ >> i & 1) != 0) continue;
      out += std::string(operand.name) + "=, ";
    }
    if (info_->has_segs) out += "a segment, ";
    return out + (out.empty() ? "the end of the line" : "or the end of the line");
  }

  Status complete() {
    for (size_t i = 0; i < info_->operands.size(); ++i) {
      const Operand& operand = info_->operands[i];
      if (!operand.always || (given_ >> i & 1) != 0) continue;
      const std::string name(operand.name);
      return in_.expected((name.empty() ? "" : name + "=, ") + described(operand), in_.peek());
    }
    return {};
  }

  LineReader& in_;
  Op& op_;
  const OpInfo* info_ = nullptr;
  size_t next_ = 0;     // the next operand that a bare value may be
  uint32_t given_ = 0;  // bit i: operand i was given
};

}  // namespace

Status parse_op(LineReader& in, Op& out) {
  return OpParser(in, out).run();
}

Status parse_op(std::string_view line, Op& out) {
  LineReader in(line);
  return parse_op(in, out);
}

}  // namespace va
