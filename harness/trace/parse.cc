// Text -> Case and Trace. The grammar, a line each:
//
//   # comment                          kept where it stands; `# rule: ID` names the rule
//   trace 1 device=… version=… features=… policy=… sees=…      before the first operation
//   [as other] verb [queue] value… name=value… [r LEN xCOUNT]…  prog/parse.h
//   > event, >? event, >! event        expected: must, may, must not; operands that are not given
//                                      are not compared
//   < [@k] event                       observed, in the order of time; @k: operation k (from 0)
//   event := name [queue] value… name=value…
//
// Lenient reading passes over what cannot change the Program: unknown events, operands of events,
// header fields and carriage returns. An unknown operation or expectation is an error always, for
// without it the case would be another one.
#include "prog/parse.h"

#include <algorithm>

#include "prog/frame.h"
#include "prog/text.h"
#include "trace/case.h"
#include "trace/words.h"

namespace va {
namespace {

bool is_rule_id(std::string_view text) {
  for (const char c : text) {
    const bool good = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    if (!good) return false;
  }
  return !text.empty();
}

// The value of a header field: bare, or in quotes with \xNN for what is not plain.
std::optional<std::string> parse_text(std::string_view text) {
  if (!text.starts_with('"')) {
    const bool plain = text.find_first_of("\"\\") == std::string_view::npos;
    return plain && !text.empty() ? std::optional<std::string>(text) : std::nullopt;
  }
  if (text.size() < 2 || !text.ends_with('"')) return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') return std::nullopt;
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const std::string_view digits = text.substr(i, 4);
    if (digits.size() != 4 || digits[1] != 'x') return std::nullopt;
    const std::optional<uint64_t> byte = parse_number("0x" + std::string(digits.substr(2)));
    if (!byte.has_value()) return std::nullopt;
    out += static_cast<char>(*byte);
    i += 3;
  }
  return out;
}

std::optional<uint64_t> parse_event_value(const EventOperand& operand, std::string_view text) {
  if (operand.ordinal) {
    return text == "raw" ? kNoOrdinal : parse_ordinal(text, UINT64_MAX);
  }
  const std::optional<size_t> name = find_name(operand.names, text);
  return name.has_value() ? std::optional<uint64_t>(*name) : parse_number(text);
}

std::string described(const EventOperand& operand) {
  if (operand.ordinal) return "a request (#n or raw)";
  constexpr size_t kShort = 8;
  if (operand.names.size() > kShort) return "ok or an errno";
  return operand.names.empty() ? "a number" : one_of(operand.names);
}

// "slot=, id=, len= or ", or nothing.
std::string names_of(const EventInfo& info) {
  std::string out;
  for (const EventOperand& operand : info.operands) {
    if (!operand.name.empty()) out += (out.empty() ? "" : ", ") + std::string(operand.name) + '=';
  }
  return out.empty() ? out : out + " or ";
}

class CaseParser {
 public:
  CaseParser(Strictness strictness, Case& out, Trace* trace, std::vector<std::string>* warnings)
      : strict_(strictness == Strictness::kStrict), case_(out), trace_(trace), warnings_(warnings) {
    case_.clear();
    if (trace_ != nullptr) *trace_ = Trace{};
  }

  Status run(std::string_view text) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (text.starts_with(kByteOrderMark)) {
      if (Status s = ignore("no byte order mark", 1, 1); !s.ok()) return s;
      text.remove_prefix(kByteOrderMark.size());
    }
    while (!text.empty()) {
      const size_t newline = text.find('\n');
      ++line_;
      if (Status s = line(text.substr(0, newline)); !s.ok()) return s;
      if (newline == std::string_view::npos) break;
      text.remove_prefix(newline + 1);
    }
    if (repeat_line_ == 0) return {};
    return Status::error("expected an end for this repeat", repeat_line_, 1);
  }

 private:
  // What only strict reading refuses. `expected` completes "expected …".
  Status ignore(const std::string& expected, int line, int column) {
    const std::string message = "expected " + expected;
    if (strict_) return Status::error(message, line, column);
    if (warnings_ != nullptr) {
      warnings_->push_back(std::to_string(line) + ":" + std::to_string(column) + ": " + message +
                           "; ignored");
    }
    return {};
  }

  Status ignore(const std::string& expected, const Word& found) {
    LineReader none("", line_);
    return ignore(none.expected(expected, found).message().substr(9), line_, found.column);
  }

  Status line(std::string_view text) {
    if (text.ends_with('\r')) {
      text.remove_suffix(1);
      if (!returns_) {
        returns_ = true;
        Status s = ignore("no carriage return", line_, static_cast<int>(text.size()) + 1);
        if (!s.ok()) return s;
      }
    }
    const std::string_view trimmed = trim(text);
    if (trimmed.empty() || trimmed[0] == '#') return comment_line(trimmed, text);
    LineReader in(text, line_);
    const std::string_view first = in.peek().text;
    if (first == ">" || first == ">?" || first == ">!") return expectation(in);
    if (first == "<") return observation(in);
    if (first == "trace") return header(in);
    return operation(in);
  }

  uint32_t ops() const { return static_cast<uint32_t>(case_.program.ops.size()); }

  Status comment_line(std::string_view comment, std::string_view line) {
    Note note{ops(), marks_, false, std::string(comment)};
    if (comment.starts_with(kRulePrefix)) {
      const std::string_view id = trim(comment.substr(kRulePrefix.size()));
      const int column = static_cast<int>(comment.data() - line.data()) + 1;
      if (!is_rule_id(id)) {
        return Status::error("expected a rule such as NUS-04 behind # rule:", line_, column);
      }
      if (!case_.rule.empty()) return Status::error("expected one rule only", line_, column);
      case_.rule = id;
      note.text = std::string(kRulePrefix) + ' ' + case_.rule;
    }
    if (comment.starts_with(kNeedsPrefix)) {
      if (trim(comment.substr(kNeedsPrefix.size())) != "held") {
        const int column = static_cast<int>(comment.data() - line.data()) + 1;
        return Status::error("expected `held` behind # needs:", line_, column);
      }
      case_.needs_held = true;
    }
    case_.notes.push_back(std::move(note));
    return {};
  }

  // Keeps the comment at the end of a line that was read: of the operation (marks_ is 0) or of the
  // mark behind it. Where there is no such line to stand on it becomes one of its own.
  Status comment_behind(const LineReader& in, bool kept = true) {
    const std::string_view comment = in.comment();
    if (comment.empty()) return {};
    if (!kept || ops() == 0) return comment_line(comment, comment);
    case_.notes.push_back({ops() - 1, marks_, true, std::string(comment)});
    return {};
  }

  Status operation(LineReader& in) {
    const int column = in.peek().column;
    Op op;
    if (Status s = parse_op(in, op); !s.ok()) return s;
    if (op.code == Opcode::kRepeat) {
      if (repeat_line_ != 0) {
        return in.error("expected an end for the repeat of line " + std::to_string(repeat_line_) +
                            ", found another repeat",
                        column);
      }
      repeat_line_ = line_;
    }
    if (op.code == Opcode::kEnd) {
      if (repeat_line_ == 0) return in.error("expected a repeat before this end", column);
      repeat_line_ = 0;
    }
    case_.program.ops.push_back(op);
    case_.lines.push_back(static_cast<uint32_t>(line_));
    marks_ = 0;
    return comment_behind(in);
  }

  Status expectation(LineReader& in) {
    const Word mark = in.next();
    if (ops() == 0) return in.error("expected an operation before an expectation", mark.column);
    Expectation out;
    out.mark = mark.text == ">" ? Mark::kMust : mark.text == ">?" ? Mark::kMay : Mark::kMustNot;
    out.op = ops() - 1;
    out.line = static_cast<uint32_t>(line_);
    const Word name = in.next();
    const EventInfo* info = find_event(name.text);
    if (info == nullptr) return in.expected("an event", name);
    if (Status s = event(in, *info, out.pattern, out.given, true); !s.ok()) return s;
    out.pattern.op = out.op;
    case_.expectations.push_back(out);
    ++marks_;
    return comment_behind(in);
  }

  Status observation(LineReader& in) {
    const Word mark = in.next();
    if (trace_ == nullptr) {
      if (observed_ && !strict_) return {};
      observed_ = true;
      return ignore("no observations in a case", line_, mark.column);
    }
    Event out;
    if (Status s = event_op(in, out.op); !s.ok()) return s;
    const Word name = in.next();
    const EventInfo* info = find_event(name.text);
    if (info == nullptr) {
      if (Status s = ignore("an event", name); !s.ok()) return s;
      while (!in.peek().end()) in.next();
      return comment_behind(in, false);
    }
    uint8_t given = 0;
    if (Status s = event(in, *info, out, given, strict_); !s.ok()) return s;
    trace_->events.push_back(out);
    ++marks_;
    return comment_behind(in);
  }

  // `@k`, or the operation that the line stands behind.
  Status event_op(LineReader& in, uint32_t& op) {
    if (!in.peek().text.starts_with('@')) {
      if (ops() == 0) return in.expected("@k, the operation's index", in.peek());
      op = ops() - 1;
      return {};
    }
    const Word word = in.next();
    const std::optional<uint64_t> number = parse_number(word.text.substr(1));
    if (!number.has_value() || *number > UINT32_MAX) {
      return in.expected("@k, the operation's index", word);
    }
    op = static_cast<uint32_t>(*number);
    return {};
  }

  // Queue and operands of an event. `exact`: operands that the table does not know are an error.
  Status event(LineReader& in, const EventInfo& info, Event& out, uint8_t& given, bool exact) {
    out.kind = info.kind;
    const std::optional<Queue> queue = parse_queue(in.peek().text);
    if (!queue.has_value() && info.has_queue) return in.expected(kQueueWords, in.peek());
    out.queue = queue.value_or(kTx);
    if (queue.has_value()) in.next();
    size_t next = 0;
    while (!in.peek().end()) {
      const Word word = in.next();
      std::string wanted;
      const std::optional<size_t> index = operand(info, word, next, out, wanted);
      if (index.has_value()) {
        given = static_cast<uint8_t>(given | 1u << *index);
        next = info.operands[*index].name.empty() ? *index + 1 : next;
        continue;
      }
      Status s = exact ? in.expected(wanted, word) : ignore(wanted, word);
      if (!s.ok()) return s;
    }
    return {};
  }

  // Stores the operand that `word` gives and returns its index; else says what was wanted.
  std::optional<size_t> operand(const EventInfo& info, const Word& word, size_t next, Event& out,
                                std::string& wanted) {
    const size_t equals = word.text.find('=');
    const bool named = equals != std::string_view::npos;
    const std::string_view name = named ? word.text.substr(0, equals) : std::string_view();
    for (size_t i = named ? 0 : next; i < info.operands.size(); ++i) {
      const EventOperand& operand = info.operands[i];
      if (named ? operand.name != name : !operand.name.empty()) continue;
      std::string_view text = word.text;
      if (named) text.remove_prefix(equals + 1);
      const std::optional<uint64_t> value = parse_event_value(operand, text);
      if (value.has_value()) {
        out.arg[i] = *value;
        return i;
      }
      if (!wanted.empty()) wanted += ", or ";
      if (named) wanted += std::string(operand.name) + "=, ";
      wanted += described(operand);
    }
    if (wanted.empty()) wanted = names_of(info) + "the end of the line";
    return std::nullopt;
  }

  Status header(LineReader& in) {
    const Word first = in.next();
    if (ops() != 0 || header_) {
      return in.error("expected one trace line, before the first operation", first.column);
    }
    header_ = true;
    const Word version = in.next();
    if (version.text != "1") return in.expected("1, the version of the trace format", version);
    if (trace_ == nullptr) {
      if (Status s = ignore("no trace line in a case", line_, first.column); !s.ok()) return s;
    }
    TraceHeader unused;
    TraceHeader& out = trace_ == nullptr ? unused : trace_->header;
    while (!in.peek().end()) {
      const Word word = in.next();
      if (Status s = field(in, word, out); !s.ok()) return s;
    }
    return comment_behind(in, false);
  }

  Status field(LineReader& in, const Word& word, TraceHeader& out) {
    const size_t equals = std::min(word.text.find('='), word.text.size() - 1);
    const std::string_view name = word.text.substr(0, equals + 1);
    const Word value{word.text.substr(equals + 1), word.column + static_cast<int>(equals) + 1};
    if (name == "device=" || name == "version=") {
      std::optional<std::string> text = parse_text(value.text);
      if (!text.has_value()) return in.expected("a word or a quoted text", value);
      (name == "device=" ? out.device : out.version) = std::move(*text);
      return {};
    }
    if (name == "features=") {
      const std::optional<uint64_t> number = parse_number(value.text);
      if (!number.has_value()) return in.expected("a number", value);
      out.features = *number;
      return {};
    }
    if (name == "policy=") {
      const std::optional<size_t> policy = find_name(kPolicyNames, value.text);
      if (!policy.has_value()) return in.expected(one_of(kPolicyNames), value);
      out.policy = static_cast<Policy>(*policy);
      return {};
    }
    if (name == "sees=") return sees(value, out.sees);
    return ignore("device=, version=, features=, policy= or sees=", word);
  }

  Status sees(const Word& value, uint32_t& out) {
    std::string_view rest = value.text;
    out = 0;
    while (true) {
      const size_t bar = rest.find('|');
      const std::string_view name = rest.substr(0, bar);
      const std::optional<size_t> bit = find_name(kSeesNames, name);
      if (bit.has_value()) {
        out |= 1u << *bit;
      } else if (name != kAtQuiescence) {
        const Word word{name, value.column + static_cast<int>(name.data() - value.text.data())};
        const std::string what = std::string(kAtQuiescence) + ", " + one_of(kSeesNames);
        if (Status s = ignore(what, word); !s.ok()) return s;
      }
      if (bar == std::string_view::npos) return {};
      rest.remove_prefix(bar + 1);
    }
  }

  const bool strict_;
  Case& case_;
  Trace* const trace_;
  std::vector<std::string>* const warnings_;
  int line_ = 0;
  int repeat_line_ = 0;    // of the open repeat, 0 if there is none
  uint32_t marks_ = 0;     // expectations and observations behind the last operation
  bool header_ = false;    // the trace line was read
  bool returns_ = false;   // a carriage return was warned of
  bool observed_ = false;  // an observation was warned of
};

}  // namespace

void Case::clear() {
  program.clear();
  expectations.clear();
  notes.clear();
  lines.clear();
  rule.clear();
  needs_held = false;
}

Status parse_case(std::string_view text, Strictness strictness, Case& out, Trace* trace,
                  std::vector<std::string>* warnings) {
  return CaseParser(strictness, out, trace, warnings).run(text);
}

}  // namespace va
