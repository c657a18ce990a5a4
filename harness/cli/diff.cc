// diff: a case on two devices; differences that conformance/divergences.toml does not explain fail.
#include <fmt/core.h>

#include <algorithm>

#include "cli/execute.h"
#include "cli/outcome.h"
#include "cli/report.h"
#include "prog/ops.h"
#include "runner/compare.h"

namespace va {
namespace {

struct Pair {
  std::unique_ptr<Bench> left;
  std::unique_ptr<Bench> right;
};

struct Side {
  Bench* bench = nullptr;
  Trace trace;
};

const Event* find_event(const Trace& trace, EventKind kind) {
  for (const Event& event : trace.events) {
    if (event.kind == kind) return &event;
  }
  return nullptr;
}

bool takes_queue(EventKind kind) {
  return event_info(kind).has_queue;
}

std::string queue_name(Queue queue) {
  const std::string name = queue % 2 == 0 ? "tx" : "rx";
  return queue < 2 ? name : fmt::format("{}{}", name, queue / 2);
}

class DiffCase {
 public:
  DiffCase(const CaseFile& from, const std::vector<Divergence>& listed, Shown& shown)
      : from_(from), listed_(listed), shown_(shown) {}

  // Runs the case on one side. False: there is nothing to compare, and `shown` says why.
  bool observe(Side& side) {
    std::string problem;
    const uint32_t budget = from_.bytes ? kFuzzBudget : kCaseBudget;
    const RunResult result =
        side.bench->observe(from_.content.program, budget, side.trace, problem);
    shown_.traces.push_back(print_case(from_.content, &side.trace));
    const std::string& device = side.bench->device();
    if (result == RunResult::kBroken) return end(VerdictKind::kBroken, device, problem);
    if (result == RunResult::kNotRepeated) {
      return end(VerdictKind::kInconclusive, device, problem);
    }
    if (find_event(side.trace, EventKind::kBudget) != nullptr) {
      return end(VerdictKind::kInconclusive, device, "budget");
    }
    if (const Event* event = find_event(side.trace, EventKind::kUnsupported); event != nullptr) {
      const std::string what =
          fmt::format("{} at {}", print_event(*event), line_text(from_, event->op));
      return end(VerdictKind::kUnsupported, device, what);
    }
    return true;
  }

  void judge(const Side& left, const Side& right) {
    std::vector<Difference> differences;
    compare(from_.content.program, left.trace, right.trace, differences);
    const std::string name = relative_to_root(from_.path);
    std::vector<bool> used(listed_.size(), false);
    for (const Difference& difference : differences) {
      const Divergence* entry = explanation(difference, left, right, used);
      shown_.differences.push_back(shown_difference(difference, entry));
      if (entry == nullptr) shown_.verdict = VerdictKind::kFail;
    }
    for (size_t i = 0; i < listed_.size(); ++i) {
      if (!used[i] && listed_[i].witness == name) missed(listed_[i], left, right);
    }
  }

 private:
  bool end(VerdictKind verdict, const std::string& device, const std::string& why) {
    shown_.verdict = verdict;
    shown_.reason = fmt::format("{}: {}", device, why);
    return false;
  }

  const Divergence* explanation(const Difference& difference, const Side& left, const Side& right,
                                std::vector<bool>& used) const {
    for (size_t i = 0; i < listed_.size(); ++i) {
      if (!explains(listed_[i], difference, from_.content.program, left.bench->device(),
                    right.bench->device())) {
        continue;
      }
      used[i] = true;
      return &listed_[i];
    }
    return nullptr;
  }

  ShownDifference shown_difference(const Difference& difference, const Divergence* entry) const {
    ShownDifference shown;
    shown.event = event_info(difference.kind).name;
    if (takes_queue(difference.kind)) shown.queue = queue_name(difference.queue);
    shown.left = difference.left;
    shown.right = difference.right;
    if (entry != nullptr) shown.explained = fmt::format("{} ({})", entry->id, entry->reason);
    shown.settle = difference.settle;
    shown.op = difference.op;
    shown.line = line_number(from_, difference.op);
    shown.line_text = line_text(from_, difference.op);
    return shown;
  }

  // An entry has to show in its witness, or a newer device has cured it.
  void missed(const Divergence& entry, const Side& left, const Side& right) {
    if (!speaks_of(entry, left.bench->device(), right.bench->device())) return;
    const bool straight = left.bench->device().starts_with(entry.on[0]);
    const std::string& version = (straight ? right : left).trace.header.version;
    const std::string text = fmt::format("divergence {} is listed and did not happen", entry.id);
    if (newer(version, entry.version)) {
      shown_.notices.push_back(text);
    } else {
      shown_.verdict = VerdictKind::kFail;
      shown_.reason = text;
    }
  }

  const CaseFile& from_;
  const std::vector<Divergence>& listed_;
  Shown& shown_;
};

Shown diff_case(const CaseFile& from, const Pair& pair, const std::vector<Divergence>& listed) {
  Shown shown;
  shown.path = from.path;
  shown.devices = {pair.left->device(), pair.right->device()};
  shown.repeat = repeat_command("diff", shown.devices, from.path);
  DiffCase diff(from, listed, shown);
  Side left{pair.left.get(), {}};
  Side right{pair.right.get(), {}};
  if (diff.observe(left) && diff.observe(right)) diff.judge(left, right);
  return shown;
}

// "12 cases compared, 3 of them with listed differences: DIV-01 4, DIV-02 1"
void print_account(Reporter& reporter, const std::map<std::string, uint64_t>& explained) {
  if (explained.empty()) return;
  std::string text;
  for (const auto& [entry, count] : explained) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", entry, count);
  }
  reporter.note(fmt::format("listed differences: {}", text));
}

}  // namespace

int diff_command(const Options& options) {
  if (options.devices.size() != 2) {
    fmt::print(stderr, "vassay: diff compares two devices; expected --device A --device B\n");
    return kExitUsage;
  }
  std::vector<Divergence> listed;
  if (const Status status = load_divergences(project_root(), listed); !status.ok()) {
    fmt::print(stderr, "{}\n", status.message());
    return kExitBroken;
  }
  std::string error;
  Pair pair;
  pair.left = Bench::make(options.devices[0], options, error);
  if (pair.left != nullptr) pair.right = Bench::make(options.devices[1], options, error);
  if (pair.right == nullptr) {
    fmt::print(stderr, "vassay: {}\n", error);
    return kExitUsage;
  }
  watch_for_interrupt();
  Reporter reporter(options);
  Outcome outcome(options.strict);
  std::vector<std::string> paths;
  for (const std::string& input : options.inputs) {
    const Status status = find_cases(input, paths);
    if (status.ok()) continue;
    reporter.input_error(input, status);
    outcome.bad_input();
  }
  if (!paths.empty()) {
    reporter.heading(fmt::format("{} | {}", pair.left->device(), pair.right->device()));
  }
  std::map<std::string, uint64_t> explained;
  for (const std::string& path : paths) {
    if (interrupted()) break;
    CaseFile from;
    if (const Status status = read_case(path, from); !status.ok()) {
      reporter.input_error(path, status);
      outcome.bad_input();
      continue;
    }
    const Shown shown = diff_case(from, pair, listed);
    for (const ShownDifference& difference : shown.differences) {
      if (!difference.explained.empty()) ++explained[difference.explained];
    }
    outcome.add(shown.verdict);
    reporter.add(shown);
  }
  if (interrupted()) outcome.interrupted();
  print_account(reporter, explained);
  if (!reporter.finish()) outcome.bad_input();
  return outcome.exit_code();
}

}  // namespace va
