// Case and Trace -> canonical text.
//
// A line per operation, in order; behind each its expectations, then its events; comments where
// they stood. Lines inside a repeat are indented by two blanks. Events keep the order of time:
// one that does not belong to the operation it stands behind carries `@k`, the index of its own
// operation. That is so for all that happens inside a repeat, which is printed after its `end`, for
// an operation that was put off by `at`, and for one that does not exist.
#include "prog/print.h"

#include <algorithm>
#include <numeric>

#include "prog/frame.h"
#include "prog/text.h"
#include "trace/case.h"
#include "trace/words.h"

namespace va {
namespace {

void print_operand(const EventOperand& operand, uint64_t value, std::string& out) {
  out += ' ';
  if (!operand.name.empty()) {
    out += operand.name;
    out += '=';
  }
  if (operand.ordinal) {
    out += value == kNoOrdinal ? "raw" : "#";
    if (value != kNoOrdinal) print_decimal(value, out);
  } else if (value < operand.names.size() && !operand.names[value].empty()) {
    out += operand.names[value];
  } else if (operand.hex) {
    print_hex(value, operand.digits, out);
  } else {
    print_decimal(value, out);
  }
}

// `given`: the operands to print; the quiet ones among them only where they are not 0, unless
// `all`.
void print_event(const Event& event, uint8_t given, bool all, std::string& out) {
  const EventInfo& info = event_info(event.kind);
  out += info.name;
  if (info.has_queue || event.queue != kTx) {
    out += ' ';
    print_queue(event.queue, out);
  }
  for (size_t i = 0; i < info.operands.size(); ++i) {
    const bool silent = info.operands[i].quiet && event.arg[i] == 0 && !all;
    if ((given >> i & 1) != 0 && !silent) print_operand(info.operands[i], event.arg[i], out);
  }
}

// A header's value: bare where it can be, else in quotes with \xNN for what is not plain.
void print_text(std::string_view text, std::string& out) {
  const bool bare = std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c <= '~' && c != '"' && c != '[' && c != '\\';
  });
  if (bare && !text.empty()) {
    out += text;
    return;
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= ' ' && byte <= '~' && c != '"' && c != '\\') {
      out += c;
    } else {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  out += '"';
}

void print_header(const TraceHeader& header, std::string& out) {
  out += "trace 1 device=";
  print_text(header.device, out);
  out += " version=";
  print_text(header.version, out);
  out += " features=";
  print_hex(header.features, 1, out);
  out += " policy=";
  out += kPolicyNames[static_cast<size_t>(header.policy) % kPolicyNames.size()];
  out += " sees=";
  out += (header.sees & kEveryStore) != 0 ? kSeesNames[0] : kAtQuiescence;
  for (size_t i = 1; i < kSeesNames.size(); ++i) {
    if ((header.sees >> i & 1) == 0) continue;
    out += '|';
    out += kSeesNames[i];
  }
  out += '\n';
}

constexpr std::string_view mark_text(Mark mark) {
  switch (mark) {
    case Mark::kMay:
      return ">? ";
    case Mark::kMustNot:
      return ">! ";
    default:
      return "> ";
  }
}

class Printer {
 public:
  Printer(const Case& from, const Trace* trace) : from_(from), trace_(trace) {
    order_.resize(from.expectations.size());
    std::iota(order_.begin(), order_.end(), 0u);
    std::stable_sort(order_.begin(), order_.end(), [&from](uint32_t a, uint32_t b) {
      return from.expectations[a].op < from.expectations[b].op;
    });
    find_anchors();
    has_rule_note_ = std::any_of(from.notes.begin(), from.notes.end(),
                                 [](const Note& note) { return is_rule(note); });
  }

  std::string run() {
    if (trace_ != nullptr) print_header(trace_->header, out_);
    marks(0);
    for (uint32_t i = 0; i < from_.program.ops.size(); ++i) {
      const Opcode code = from_.program.ops[i].code;
      if (code == Opcode::kEnd) indent_ = 0;
      start_line();
      print_op(from_.program.ops[i], out_);
      end_line(i, 0);
      if (code == Opcode::kRepeat) indent_ = 2;
      marks(i + 1);
    }
    pass_trailing(UINT32_MAX, UINT32_MAX);
    displaced();
    return std::move(out_);
  }

 private:
  static bool is_rule(const Note& note) {
    return !note.trailing && note.text.starts_with(kRulePrefix);
  }
  static bool is_directive(std::string_view comment) {
    return comment.starts_with(kRulePrefix) || comment.starts_with(kNeedsPrefix);
  }

  // Behind which operation the events of each stand: its own, or the end of its repeat.
  void find_anchors() {
    const std::vector<Op>& ops = from_.program.ops;
    anchors_.resize(ops.size());
    uint32_t end = 0;
    bool inside = false;
    for (size_t i = ops.size(); i-- > 0;) {
      if (ops[i].code == Opcode::kEnd) {
        end = static_cast<uint32_t>(i);
        inside = true;
      }
      anchors_[i] = inside ? end : static_cast<uint32_t>(i);
      if (ops[i].code == Opcode::kRepeat) inside = false;
    }
  }

  void start_line() { out_.append(indent_, ' '); }

  // Ends the line of operation `op` or of the `line`-th mark behind it, with its comment.
  void end_line(uint32_t op, uint32_t line) {
    const Note* own = pass_trailing(op, line);
    if (own != nullptr) out_ += "  " + own->text;
    out_ += '\n';
  }

  // The comment behind the line, if there is one; those behind lines that have moved (an event that
  // stood elsewhere) become lines of their own.
  const Note* pass_trailing(uint32_t op, uint32_t line) {
    for (; trailing_ < from_.notes.size(); ++trailing_) {
      const Note& note = from_.notes[trailing_];
      if (!note.trailing) continue;
      if (note.op > op || (note.op == op && note.after > line)) break;
      if (note.op == op && note.after == line) return &from_.notes[trailing_++];
      displaced_.push_back(&note);
    }
    return nullptr;
  }

  void displaced() {
    for (const Note* note : displaced_) {
      start_line();
      if (is_directive(note->text)) out_ += "# ";  // behind a line it was none
      out_ += note->text + '\n';
    }
    displaced_.clear();
  }

  // Comments and blank lines of `region` that stand before its mark number `mark`.
  void notes(uint32_t region, uint32_t mark) {
    displaced();
    for (; note_ < from_.notes.size(); ++note_) {
      const Note& note = from_.notes[note_];
      if (note.trailing) continue;
      if (note.op > region || (note.op == region && note.after > mark)) return;
      if (is_rule(note)) {
        rule();
        continue;
      }
      if (!note.text.empty()) start_line();
      out_ += note.text + '\n';
    }
  }

  void rule() {
    if (from_.rule.empty()) return;
    start_line();
    out_ += kRulePrefix;
    out_ += ' ' + from_.rule + '\n';
  }

  // What stands behind operation `region` - 1 (0: before the first one) and before the next.
  void marks(uint32_t region) {
    uint32_t mark = 0;
    const auto line = [&](auto print) {
      notes(region, mark++);
      start_line();
      print();
      if (region > 0) {
        end_line(region - 1, mark);
      } else {
        out_ += '\n';
      }
    };
    const bool last = region == from_.program.ops.size();
    for (; next_ < order_.size() && region > 0; ++next_) {
      const Expectation& expectation = from_.expectations[order_[next_]];
      if (expectation.op >= region && !last) break;
      line([&] {
        out_ += mark_text(expectation.mark);
        print_event(expectation.pattern, expectation.given, true, out_);
      });
    }
    while (trace_ != nullptr && event_ < trace_->events.size()) {
      const Event& event = trace_->events[event_];
      if (!last && (region == 0 || anchor(event.op) >= region)) break;
      ++event_;
      line([&] { observed(event, region); });
    }
    if (region == 0 && !has_rule_note_) rule();
    notes(region, UINT32_MAX);
  }

  uint32_t anchor(uint32_t op) const { return op < anchors_.size() ? anchors_[op] : UINT32_MAX; }

  void observed(const Event& event, uint32_t region) {
    out_ += "< ";
    if (event.op + 1 != region || region == 0) {
      out_ += '@';
      print_decimal(event.op, out_);
      out_ += ' ';
    }
    print_event(event, 0xff, false, out_);
  }

  const Case& from_;
  const Trace* trace_;
  std::vector<uint32_t> order_;    // expectations by operation
  std::vector<uint32_t> anchors_;  // by operation
  bool has_rule_note_ = false;
  size_t next_ = 0;
  size_t event_ = 0;
  size_t note_ = 0;      // the next note on a line of its own
  size_t trailing_ = 0;  // the next note behind something
  std::vector<const Note*> displaced_;
  size_t indent_ = 0;
  std::string out_;
};

}  // namespace

std::string print_event(const Event& event) {
  std::string out;
  print_event(event, 0xff, false, out);
  return out;
}

std::string print_expectation(const Expectation& expectation) {
  std::string out(mark_text(expectation.mark));
  print_event(expectation.pattern, expectation.given, true, out);
  return out;
}

std::string print_case(const Case& from, const Trace* trace) {
  return Printer(from, trace).run();
}

}  // namespace va
