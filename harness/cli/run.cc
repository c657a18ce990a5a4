// run, judge, smoke and --batch: cases on devices, one verdict each.
#include <fmt/core.h>
#include <unistd.h>

#include <iostream>

#include "cli/case_list.h"
#include "cli/execute.h"
#include "cli/isolate.h"
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

  void bad_input(const std::string& path, const Status& status) {
    reporter_.input_error(path, status);
    outcome_.bad_input();
  }

  void add(const std::string& device, const CaseFile& from, const CaseResult& result,
           const std::string& repeat) {
    outcome_.add(result.verdict);
    Shown shown = shown_of(device, from, result, rules_);
    shown.repeat = repeat;
    reporter_.add(shown);
  }

  // What cannot be found is said and left out.
  CaseList cases(const std::vector<std::string>& devices) {
    CaseList list(options_, devices);
    for (const std::string& input : options_.inputs) {
      if (const Status status = list.add(input); !status.ok()) bad_input(input, status);
    }
    return list;
  }

  void run_all(Bench& bench, const CaseList& cases) {
    reporter_.heading(bench.device());
    broken_ = 0;
    for (uint64_t i = 0; i < cases.size(); ++i) {
      if (cases.is_generated() && bench.in_process()) i += pass_over(bench, cases, i);
      if (i == cases.size() || interrupted()) return;
      if (run_case(bench, cases, i)) continue;
      reporter_.note(
          fmt::format("{}: given up, {} cases not run", bench.device(), cases.size() - i - 1));
      return;
    }
  }

  // A case path a line on stdin, a JSON object a line on stdout.
  void run_batch(Bench& bench) {
    std::string path;
    while (!interrupted() && std::getline(std::cin, path)) {
      if (path.empty()) continue;
      CaseList one(options_, {bench.device()});
      const Status status = one.add(path);
      if (status.ok() && one.size() == 1) {
        run_case(bench, one, 0);
      } else {
        bad_input(path, status.ok() ? Status::error("expected one case a line") : status);
      }
    }
  }

  int finish() {
    if (interrupted()) outcome_.interrupted();
    if (!reporter_.finish()) outcome_.bad_input();
    return outcome_.exit_code();
  }

 private:
  // False: the device is not worth another case.
  bool run_case(Bench& bench, const CaseList& cases, uint64_t index) {
    CaseFile from;
    if (const Status status = cases.read(index, from); !status.ok()) {
      bad_input(cases.name(index), status);
      return true;
    }
    CaseResult result;
    bench.run(from, result);
    if (cases.is_generated() && result.verdict == VerdictKind::kPass && !options_.verbose) {
      count_passes(1);
    } else {
      add(bench.device(), from, result,
          repeat_command("run", {bench.device()}, cases.arguments(index)));
    }
    broken_ = result.verdict == VerdictKind::kBroken ? broken_ + 1 : 0;
    return broken_ < kBrokenInARow;
  }

  // Generated Programs that pass need no words and, in process, no child each. Returns how many
  // from `first` on passed.
  uint64_t pass_over(Bench& bench, const CaseList& cases, uint64_t first) {
    if (options_.verbose) return 0;
    Judge judge;
    Program program;
    Trace trace;
    Verdicts verdicts;
    const uint64_t passed = first_bad(cases.size() - first, [&](uint64_t i) {
      if (interrupted()) return false;
      alarm(options_.timeout_s);
      cases.generate(first + i, program);
      bench.raw_device().run(program, kFuzzBudget, trace);
      judge.judge(program, trace, verdicts);
      return verdicts.findings.empty();
    });
    count_passes(passed);
    return passed;
  }

  void count_passes(uint64_t n) {
    reporter_.count(VerdictKind::kPass, n);
    if (n > 0) outcome_.add(VerdictKind::kPass);
  }

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
  if (options.inputs.empty() && !options.batch && options.generate == 0) {
    return usage_error("no case; expected files, folders or rule ids, --generate N or --batch");
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
  const CaseList cases = session.cases(devices);
  for (const std::unique_ptr<Bench>& bench : benches) {
    if (!interrupted() && cases.size() > 0) session.run_all(*bench, cases);
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
  const CaseList traces = session.cases({});
  for (uint64_t i = 0; i < traces.size() && !interrupted(); ++i) {
    CaseFile from;
    CaseResult result;
    const std::string path = traces.name(i);
    if (const Status status = read_trace(path, from, result.trace); !status.ok()) {
      session.bad_input(path, status);
      continue;
    }
    judge_trace(judge, from, {}, result);
    session.add(result.trace.header.device, from, result,
                repeat_command("judge", {}, traces.arguments(i)));
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
