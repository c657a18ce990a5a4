#include "cli/execute.h"

#include <fmt/core.h>
#include <signal.h>

#include <chrono>

#include "cli/isolate.h"
#include "device/registry.h"
#include "trace/words.h"

namespace va {
namespace {

volatile sig_atomic_t interrupt_seen = 0;

void on_interrupt(int) {
  interrupt_seen = 1;
}

bool has_event(const Trace& trace, EventKind kind) {
  for (const Event& event : trace.events) {
    if (event.kind == kind) return true;
  }
  return false;
}

std::string_view policy_name(const TraceHeader& header) {
  return kPolicyNames[static_cast<size_t>(header.policy) % kPolicyNames.size()];
}

// Marks the findings that are listed. A listed one that did not happen is a failure of its own,
// unless the device is newer than the entry: then the entry is due for a look.
void apply_expectations(const std::string& case_path, const std::vector<Expected>& expected,
                        CaseResult& result) {
  const std::string name = relative_to_root(case_path);
  for (const Expected& entry : expected) {
    if (!lists(entry, name)) continue;
    if (!entry.policy.empty() && entry.policy != policy_name(result.trace.header)) continue;
    bool happened = false;
    for (JudgedFinding& finding : result.findings) {
      if (finding.what.rule != entry.rule || finding.what.kind != entry.verdict) continue;
      finding.listed = &entry;
      happened = true;
    }
    if (happened) continue;
    const std::string text = fmt::format("{} for {} is listed and did not happen",
                                         verdict_name(entry.verdict), entry.rule);
    if (newer(result.trace.header.version, entry.version)) {
      result.notices.push_back(text);
    } else {
      result.verdict = VerdictKind::kFail;
      result.reason = text;
    }
  }
}

}  // namespace

void judge_trace(Judge& judge, const CaseFile& from, const std::vector<Expected>& expected,
                 CaseResult& result) {
  Verdicts verdicts;
  judge.judge(from.content, result.trace, verdicts);
  result.findings.clear();
  for (Finding& finding : verdicts.findings) result.findings.push_back({std::move(finding)});
  result.verdict = VerdictKind::kPass;
  result.reason.clear();
  apply_expectations(from.path, expected, result);
  for (const JudgedFinding& finding : result.findings) {
    if (finding.listed == nullptr && finding.what.kind > result.verdict) {
      result.verdict = finding.what.kind;
    }
  }
}

std::unique_ptr<Bench> Bench::make(const std::string& uri, const Options& options,
                                   std::string& error) {
  std::unique_ptr<Bench> bench(new Bench);
  bench->device_ = make_device(uri, DeviceOptions{options.timeout_s}, error);
  if (bench->device_ == nullptr) return nullptr;
  bench->device_uri_ = canonical_uri(uri);
  bench->in_process_ = runs_in_process(uri);
  bench->timeout_s_ = options.timeout_s;
  const Status status = load_expectations(project_root(), bench->device_uri_, bench->expected_);
  if (status.ok()) return bench;
  error = status.message();
  return nullptr;
}

RunResult Bench::observe(const Program& program, uint32_t budget, Trace& out,
                         std::string& problem) {
  if (in_process_) return run_isolated(*device_, program, budget, timeout_s_, out, problem);
  const RunResult result = device_->run(program, budget, out);
  problem = device_->problem();
  return result;
}

void Bench::run(const CaseFile& from, CaseResult& out) {
  const auto start = std::chrono::steady_clock::now();
  out.notices.clear();
  out.evidence.clear();
  std::string problem;
  const uint32_t budget = from.bytes ? kFuzzBudget : kCaseBudget;
  const RunResult result = observe(from.content.program, budget, out.trace, problem);
  if (result == RunResult::kRan) {
    judge_trace(judge_, from, expected_, out);
    if (has_event(out.trace, EventKind::kDied)) {
      out.evidence = problem;
      // The judge has spoken of it (SAF-02), unless the case needs what the device does not show.
      if (out.findings.empty()) out.verdict = std::max(out.verdict, VerdictKind::kRobustness);
    }
  } else {
    out.findings.clear();
    out.reason = problem;
    out.verdict = result == RunResult::kBroken ? VerdictKind::kBroken : VerdictKind::kInconclusive;
  }
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void watch_for_interrupt() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // a second Ctrl-C ends the tool at once
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() {
  return interrupt_seen != 0;
}

}  // namespace va
