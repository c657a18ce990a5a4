// diff: a case on two devices; differences that conformance/divergences.toml does not explain fail.
#include <fmt/core.h>

#include <map>

#include "cli/case_list.h"
#include "cli/execute.h"
#include "cli/outcome.h"
#include "cli/report.h"
#include "oracle/driver_duty.h"
#include "oracle/judge.h"
#include "prog/ops.h"
#include "runner/compare.h"

namespace va {
namespace {

// Behind a breach of one of these both devices may be right, whatever they do. With memory of the
// rings that is used twice, or rings laid out anew under a running device, what a sample shows
// depends on when it was taken. A transmit chain with a writable part, or with nothing but a
// header, cannot be sent: Linux takes its head, never uses it and stops until the next kick
// (drivers/vhost/net.c, get_tx_bufs), the reference uses it.
constexpr uint32_t kIncomparable = oracle::kApart | oracle::kOwnAreaOnly | oracle::kStableRing |
                                   oracle::kRightDirection | oracle::kHasPayload;

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
    if (result == RunResult::kInconclusive) {
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
    compare(from_.content.program, left.trace, limits(left.trace), right.trace, limits(right.trace),
            differences);
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
  EventLimits limits(const Trace& trace) const {
    return Judge().find_breaches(from_.content.program, trace, kIncomparable);
  }

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
    if (event_info(difference.kind).has_queue) shown.queue = queue_name(difference.queue);
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

class DiffSession {
 public:
  DiffSession(const Options& options, const Pair& pair, const std::vector<Divergence>& listed)
      : options_(options),
        pair_(pair),
        listed_(listed),
        reporter_(options),
        outcome_(options.strict) {}

  int run() {
    const std::vector<std::string> devices = {pair_.left->device(), pair_.right->device()};
    CaseList cases(options_, devices);
    for (const std::string& input : options_.inputs) {
      if (const Status status = cases.add(input); !status.ok()) bad_input(input, status);
    }
    if (cases.size() > 0) reporter_.heading(fmt::format("{} | {}", devices[0], devices[1]));
    for (uint64_t i = 0; i < cases.size() && !interrupted(); ++i) {
      Shown shown;
      shown.devices = devices;
      shown.repeat = repeat_command("diff", devices, cases.arguments(i));
      CaseFile from;
      if (const Status status = cases.read(i, from); status.ok()) {
        diff(from, shown);
      } else {
        bad_input(cases.name(i), status);
      }
    }
    if (interrupted()) outcome_.interrupted();
    say_what_was_listed();
    if (!reporter_.finish()) outcome_.bad_input();
    return outcome_.exit_code();
  }

 private:
  void bad_input(const std::string& path, const Status& status) {
    reporter_.input_error(path, status);
    outcome_.bad_input();
  }

  void diff(const CaseFile& from, Shown& shown) {
    shown.path = from.path;
    DiffCase diff(from, listed_, shown);
    Side left{pair_.left.get(), {}};
    Side right{pair_.right.get(), {}};
    if (diff.observe(left) && diff.observe(right)) diff.judge(left, right);
    for (const ShownDifference& difference : shown.differences) {
      if (!difference.explained.empty()) ++explained_[difference.explained];
    }
    outcome_.add(shown.verdict);
    reporter_.add(shown);
  }

  void say_what_was_listed() {
    for (const auto& [entry, count] : explained_) {
      reporter_.note(fmt::format("listed, seen {} times: {}", count, entry));
    }
  }

  const Options& options_;
  const Pair& pair_;
  const std::vector<Divergence>& listed_;
  Reporter reporter_;
  Outcome outcome_;
  std::map<std::string, uint64_t> explained_;
};

}  // namespace

int diff_command(const Options& options) {
  if (options.devices.size() != 2) {
    fmt::print(stderr, "vassay: diff compares two devices; expected --device A --device B\n");
    return kExitUsage;
  }
  if (options.inputs.empty() && options.generate == 0) {
    fmt::print(stderr, "vassay: no case; expected files, folders or rule ids, or --generate N\n");
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
  return DiffSession(options, pair, listed).run();
}

}  // namespace va
