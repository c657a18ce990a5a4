#include "cli/report.h"

#include <fmt/color.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "cli/case_list.h"

namespace va {
namespace {

fmt::text_style style_of(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::kPass:
      return fmt::fg(fmt::terminal_color::green);
    case VerdictKind::kFail:
    case VerdictKind::kRobustness:
    case VerdictKind::kBroken:
      return fmt::fg(fmt::terminal_color::red) | fmt::emphasis::bold;
    case VerdictKind::kInconclusive:
    case VerdictKind::kNonStrict:
      return fmt::fg(fmt::terminal_color::yellow);
    case VerdictKind::kInformational:
    case VerdictKind::kUnsupported:
      return fmt::fg(fmt::terminal_color::cyan);
  }
  return {};
}

// A long value is cut in the middle of a terminal line; JSON has it whole.
std::string shortened(const std::string& text) {
  static constexpr size_t kMost = 160;
  return text.size() <= kMost ? text : text.substr(0, kMost) + " …";
}

// Of two long lists, what they have in common at their beginning is of no interest.
void elide_common(std::string& left, std::string& right) {
  static constexpr size_t kLong = 60;
  if (std::max(left.size(), right.size()) <= kLong) return;
  const size_t shorter = std::min(left.size(), right.size());
  size_t same = 0;
  while (same < shorter && left[same] == right[same]) ++same;
  const bool frames = left.starts_with('[');
  const size_t item = left.rfind(frames ? " [" : " ", same);
  if (item == std::string::npos || item == 0) return;
  left = "…" + left.substr(item);
  right = "…" + right.substr(std::min(item, right.size()));
}

std::string place(const std::string& path, uint32_t op, uint32_t line, const std::string& text) {
  if (line > 0) return fmt::format("{}:{}: {}", path, line, text);
  return fmt::format("{}: operation {}: {}", path, op, text);
}

void field(std::string_view name, const std::string& value, size_t width = 12) {
  if (!value.empty()) fmt::print("    {:<{}} {}\n", name, width, value);
}

bool is_shown_in_full(VerdictKind kind) {
  return kind != VerdictKind::kPass && kind != VerdictKind::kInformational &&
         kind != VerdictKind::kUnsupported;
}

}  // namespace

std::string repeat_command(std::string_view command, const std::vector<std::string>& devices,
                           const std::string& arguments) {
  std::string text = fmt::format("vassay {}", command);
  for (const std::string& device : devices) text += " --device " + quoted(device);
  return text + " " + arguments;
}

std::string sees_text(uint32_t sees) {
  static constexpr std::string_view kNames[] = {"every store", "the wire",     "guest memory",
                                                "dirty pages", "worker steps", "calls",
                                                "submits",     "allocations",  "errors"};
  std::string text;
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if ((sees >> i & 1) == 0) continue;
    text += text.empty() ? "" : ", ";
    text += kNames[i];
  }
  return text;
}

const RuleInfo* find_judged(std::string_view id) {
  for (const RuleInfo& info : judged_rules()) {
    if (info.id == id) return &info;
  }
  return nullptr;
}

namespace {

ShownFinding shown_finding(const JudgedFinding& judged, const CaseFile& from, uint32_t sees,
                           const std::vector<Rule>& rules) {
  const Finding& what = judged.what;
  ShownFinding finding;
  finding.verdict = verdict_name(what.kind);
  finding.rule = what.rule;
  if (const Rule* rule = find_rule(rules, what.rule); rule != nullptr) {
    finding.requirement = rule->requirement;
    finding.clause = fmt::format("{} ({})", rule->clause, rule->level);
  }
  finding.expected = what.expected;
  finding.actual = what.actual;
  const RuleInfo* judged_by = find_judged(what.rule);
  if (what.kind == VerdictKind::kUnsupported && judged_by != nullptr) {
    const std::string missing = sees_text(judged_by->needs & ~sees);
    if (!missing.empty()) finding.actual = "not observable: the trace does not show " + missing;
  }
  if (judged.listed != nullptr) finding.listed = judged.listed->reason;
  finding.op = what.op;
  finding.line = line_number(from, what.op);
  finding.line_text = line_text(from, what.op);
  return finding;
}

}  // namespace

Shown shown_of(const std::string& device, const CaseFile& from, const CaseResult& result,
               const std::vector<Rule>& rules) {
  Shown shown;
  shown.path = from.path;
  shown.devices = {device};
  shown.verdict = result.verdict;
  shown.reason = result.reason;
  shown.evidence = result.evidence;
  shown.notices = result.notices;
  shown.traces = {print_case(from.content, &result.trace)};
  shown.seconds = result.seconds;
  for (const JudgedFinding& judged : result.findings) {
    shown.findings.push_back(shown_finding(judged, from, result.trace.header.sees, rules));
  }
  return shown;
}

Reporter::Reporter(const Options& options)
    : options_(options),
      machine_(options.json || options.batch),
      colour_(isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr) {
  if (options_.json && !options_.batch) {
    fmt::print("{{\"schema\":{},\"results\":[", kJsonSchema);
  }
}

void Reporter::heading(const std::string& text) {
  if (!machine_) fmt::print("{}\n", text);
}

void Reporter::note(const std::string& text) {
  fmt::print(machine_ ? stderr : stdout, "{}\n", text);
}

void Reporter::print_json_row(const std::string& row) {
  if (options_.batch) {
    fmt::print("{}\n", row);
  } else {
    fmt::print("{}\n{}", rows_ == 0 ? "" : ",", row);
  }
  ++rows_;
  std::fflush(stdout);
}

void Reporter::count(VerdictKind verdict, uint64_t n) {
  if (n > 0) counts_[verdict] += n;
}

void Reporter::add(const Shown& shown) {
  ++counts_[shown.verdict];
  if (!options_.junit.empty()) for_junit_.push_back(shown);
  if (machine_) {
    print_json_row(to_json(shown, options_.timings));
  } else {
    print_text(shown);
    std::fflush(stdout);
  }
}

void Reporter::input_error(const std::string& path, const Status& status) {
  fmt::print(stderr, "{}\n", status.at(path));
  if (options_.batch) print_json_row(input_error_json(path, status.at(path)));
}

void Reporter::print_finding(const Shown& shown, const ShownFinding& finding) const {
  const std::string text = finding.requirement.empty() ? "" : ": " + finding.requirement;
  fmt::print("  {} {}{}\n", finding.verdict, finding.rule, text);
  field("clause", finding.clause);
  field("expected", shortened(finding.expected));
  field("actual", shortened(finding.actual));
  field("at", place(shown.path, finding.op, finding.line, finding.line_text));
  field("listed", finding.listed);
}

void Reporter::print_difference(const Shown& shown, const ShownDifference& difference) const {
  const std::string queue = difference.queue.empty() ? "" : " " + difference.queue;
  fmt::print("  {} {}{} at settle point {}\n",
             difference.explained.empty() ? "DIFFERENT" : "listed", difference.event, queue,
             difference.settle);
  const size_t width = std::max(shown.devices[0].size(), shown.devices[1].size());
  std::string left = difference.left;
  std::string right = difference.right;
  elide_common(left, right);
  field(shown.devices[0], shortened(left), width);
  field(shown.devices[1], shortened(right), width);
  field("at", place(shown.path, difference.op, difference.line, difference.line_text), width);
  field("listed", difference.explained, width);
}

void Reporter::print_text(const Shown& shown) const {
  const std::string name = fmt::format("{:<13}", verdict_name(shown.verdict));
  fmt::print("{} {}", colour_ ? fmt::format(style_of(shown.verdict), "{}", name) : name,
             shown.path);
  if (options_.timings) fmt::print("  {:.3f} s", shown.seconds);
  if (!shown.reason.empty()) fmt::print("  ({})", shown.reason);
  const bool full = is_shown_in_full(shown.verdict) || options_.verbose;
  if (!full && shown.reason.empty()) {
    for (const ShownFinding& finding : shown.findings) {
      if (finding.listed.empty() && finding.verdict == verdict_name(shown.verdict)) {
        fmt::print("  ({}: {})", finding.rule, shortened(finding.actual));
        break;
      }
    }
  }
  fmt::print("\n");
  for (const std::string& notice : shown.notices) fmt::print("  notice: {}\n", notice);
  if (full) {
    for (const ShownFinding& finding : shown.findings) print_finding(shown, finding);
    for (const ShownDifference& difference : shown.differences) print_difference(shown, difference);
    if (!shown.evidence.empty()) fmt::print("  it said:\n{}\n", shown.evidence);
    if (is_shown_in_full(shown.verdict)) field("repeat", shown.repeat);
  }
  if (!options_.verbose) return;
  for (const std::string& trace : shown.traces) fmt::print("\n{}", trace);
  fmt::print("\n");
}

bool Reporter::finish() {
  if (options_.json && !options_.batch) {
    fmt::print("\n],\"summary\":{}}}\n", summary_json(counts_));
  } else if (!machine_) {
    uint64_t all = 0;
    std::string parts;
    for (const auto& [kind, count] : counts_) {
      all += count;
      const std::string part = fmt::format("{} {}", count, verdict_name(kind));
      parts += parts.empty() ? "" : ", ";
      parts += colour_ ? fmt::format(style_of(kind), "{}", part) : part;
    }
    if (all > 0) fmt::print("\n{} {}: {}\n", all, all == 1 ? "result" : "results", parts);
  }
  std::fflush(stdout);
  if (options_.junit.empty()) return true;
  std::ofstream file(options_.junit);
  file << to_junit(for_junit_, options_.timings);
  file.close();
  if (!file.fail()) return true;
  fmt::print(stderr, "{}: cannot be written\n", options_.junit);
  return false;
}

}  // namespace va
