// run, judge, smoke and --batch: cases on devices, one verdict each.
#include <fmt/core.h>

#include <iostream>

#include "cli/execute.h"
#include "cli/outcome.h"
#include "cli/report.h"
#include "prog/ops.h"

namespace va {
namespace {

// A device that is broken twice in a row will not get better: the rest of the cases is not run.
constexpr int kBrokenInARow = 2;

constexpr std::string_view kSmoke =
    "vring tx\n"
    "backend tx async\n"
    "avail tx\n"
    "kick tx\n"
    "settle\n"
    "complete tx #0\n"
    "settle\n"
    "> used_idx tx 0x0001\n";

int usage_error(const std::string& message) {
  fmt::print(stderr, "vassay: {}\n", message);
  return kExitUsage;
}

std::vector<std::string> devices_of(const Options& options) {
  return options.devices.empty() ? std::vector<std::string>{"reference"} : options.devices;
}

std::string feature_text(uint64_t features) {
  struct Bit {
    uint64_t mask;
    std::string_view name;
  };
  static constexpr Bit kBits[] = {{kBitMrgRxbuf, "MRG_RXBUF"},
                                  {kBitNotifyOnEmpty, "NOTIFY_ON_EMPTY"},
                                  {kBitLogAll, "LOG_ALL"},
                                  {kBitNetHdr, "NET_HDR"},
                                  {kBitIndirectDesc, "INDIRECT_DESC"},
                                  {kBitEventIdx, "EVENT_IDX"},
                                  {kBitVersion1, "VERSION_1"},
                                  {kBitInOrder, "IN_ORDER"}};
  std::string text = fmt::format("{:#x}", features);
  for (const Bit& bit : kBits) {
    if ((features & bit.mask) != 0) text += fmt::format(" {}", bit.name);
  }
  return text;
}

class Session {
 public:
  Session(const Options& options, const std::vector<Rule>& rules)
      : options_(options), rules_(rules), reporter_(options), outcome_(options.strict) {}

  Reporter& reporter() { return reporter_; }
  Outcome& outcome() { return outcome_; }

  // Expands the CASE arguments; what cannot be found is said and left out.
  std::vector<std::string> paths() {
    std::vector<std::string> found;
    for (const std::string& input : options_.inputs) {
      if (const Status status = find_cases(input, found); !status.ok()) bad_input(input, status);
    }
    return found;
  }

  void bad_input(const std::string& path, const Status& status) {
    reporter_.input_error(path, status);
    outcome_.bad_input();
  }

  // False: the device is not worth another case.
  bool run_case(Bench& bench, const std::string& path) {
    CaseFile from;
    if (const Status status = read_case(path, from); !status.ok()) {
      bad_input(path, status);
      return true;
    }
    CaseResult result;
    bench.run(from, result);
    outcome_.add(result.verdict);
    reporter_.add(shown_of(bench.device(), from, result, rules_));
    broken_ = result.verdict == VerdictKind::kBroken ? broken_ + 1 : 0;
    return broken_ < kBrokenInARow;
  }

  void run_all(Bench& bench, const std::vector<std::string>& paths) {
    reporter_.heading(bench.device());
    broken_ = 0;
    for (size_t i = 0; i < paths.size(); ++i) {
      if (interrupted()) return;
      if (run_case(bench, paths[i])) continue;
      reporter_.note(
          fmt::format("{}: given up, {} cases not run", bench.device(), paths.size() - i - 1));
      return;
    }
  }

  // A case path a line on stdin, a JSON object a line on stdout.
  void run_batch(Bench& bench) {
    std::string path;
    while (!interrupted() && std::getline(std::cin, path)) {
      if (!path.empty()) run_case(bench, path);
    }
  }

  int finish() {
    if (interrupted()) outcome_.interrupted();
    if (!reporter_.finish()) outcome_.bad_input();
    return outcome_.exit_code();
  }

 private:
  const Options& options_;
  const std::vector<Rule>& rules_;
  Reporter reporter_;
  Outcome outcome_;
  int broken_ = 0;
};

// Observations are part of a trace, and of a trace only.
Status read_trace(const std::string& path, CaseFile& from, Trace& trace) {
  from.path = path;
  if (const Status status = read_file(path, from.text); !status.ok()) return status;
  std::vector<std::string> warnings;
  const Status status =
      parse_case(from.text, Strictness::kLenient, from.content, &trace, &warnings);
  for (const std::string& warning : warnings) fmt::print(stderr, "{}:{}\n", path, warning);
  if (status.ok() && trace.header.device.empty()) {
    return Status::error("expected a trace, which opens with `trace 1`; this is a case", 1, 1);
  }
  return status;
}

}  // namespace

int run_command(const Options& options) {
  std::vector<Rule> rules;
  if (const Status status = load_rules(project_root(), rules); !status.ok()) {
    fmt::print(stderr, "{}\n", status.message());
    return kExitBroken;
  }
  const std::vector<std::string> devices = devices_of(options);
  if (options.inputs.empty() && !options.batch) {
    return usage_error("no case; expected files, folders or rule ids, or --batch");
  }
  if (options.batch && devices.size() > 1) return usage_error("--batch serves one --device");
  std::vector<std::unique_ptr<Bench>> benches;
  for (const std::string& uri : devices) {
    std::string error;
    benches.push_back(Bench::make(uri, options, error));
    if (benches.back() == nullptr) return usage_error(error);
  }
  watch_for_interrupt();
  Session session(options, rules);
  if (options.batch) {
    session.run_batch(*benches[0]);
    return session.finish();
  }
  const std::vector<std::string> paths = session.paths();
  for (const std::unique_ptr<Bench>& bench : benches) {
    if (!interrupted() && !paths.empty()) session.run_all(*bench, paths);
  }
  return session.finish();
}

int judge_command(const Options& options) {
  std::vector<Rule> rules;
  if (const Status status = load_rules(project_root(), rules); !status.ok()) {
    fmt::print(stderr, "{}\n", status.message());
    return kExitBroken;
  }
  watch_for_interrupt();
  Session session(options, rules);
  Judge judge;
  for (const std::string& path : session.paths()) {
    if (interrupted()) break;
    CaseFile from;
    CaseResult result;
    if (const Status status = read_trace(path, from, result.trace); !status.ok()) {
      session.bad_input(path, status);
      continue;
    }
    judge_trace(judge, from, {}, result);
    session.outcome().add(result.verdict);
    Shown shown = shown_of(result.trace.header.device, from, result, rules);
    shown.repeat = repeat_command("judge", {}, path);
    session.reporter().add(shown);
  }
  return session.finish();
}

int smoke_command(const Options& options) {
  Outcome outcome(options.strict);
  for (const std::string& uri : devices_of(options)) {
    std::string error;
    const std::unique_ptr<Bench> bench = Bench::make(uri, options, error);
    if (bench == nullptr) return usage_error(error);
    CaseFile from;
    from.path = "smoke";
    from.text = kSmoke;
    const Status status = parse_case(kSmoke, Strictness::kStrict, from.content, nullptr, nullptr);
    if (!status.ok()) return usage_error(status.at("smoke"));
    CaseResult result;
    bench->run(from, result);
    outcome.add(result.verdict);
    const TraceHeader& header = result.trace.header;
    fmt::print("{:<13} {}\n", verdict_name(result.verdict), bench->device());
    if (result.verdict == VerdictKind::kBroken) {
      fmt::print("    {}\n", result.reason);
      continue;
    }
    fmt::print("    version   {}\n    features  {}\n", header.version,
               feature_text(header.features));
    if (options.timings) fmt::print("    seconds   {:.3f}\n", result.seconds);
    for (const JudgedFinding& finding : result.findings) {
      fmt::print("    {} {}: expected {}, actual {}\n", verdict_name(finding.what.kind),
                 finding.what.rule, finding.what.expected, finding.what.actual);
    }
    if (options.verbose) fmt::print("\n{}\n", print_case(from.content, &result.trace));
  }
  return outcome.exit_code();
}

}  // namespace va
