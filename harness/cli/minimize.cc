// minimize: the smallest Program of which a rule says the same.
#include "prog/minimize.h"

#include <fmt/core.h>

#include <algorithm>

#include "cli/case_list.h"
#include "cli/execute.h"
#include "cli/outcome.h"

namespace va {
namespace {

class Minimizer {
 public:
  Minimizer(Bench& bench, const Options& options) : bench_(bench), rule_(options.rule) {}

  // What the rule says of the whole case; without a rule, the worst finding chooses it. PASS:
  // nothing that could be kept.
  VerdictKind look(const Program& program, uint32_t budget) {
    budget_ = budget;
    run(program);
    for (const Finding& finding : verdicts_.findings) {
      const bool wanted = rule_.empty() ? finding.kind == verdicts_.worst() : finding.rule == rule_;
      if (!wanted || finding.kind <= verdict_) continue;
      verdict_ = finding.kind;
      found_ = finding.rule;
    }
    return verdict_;
  }

  bool keeps(const Program& program) {
    if (interrupted() || broken_) return false;
    run(program);
    return std::any_of(
        verdicts_.findings.begin(), verdicts_.findings.end(),
        [&](const Finding& finding) { return finding.rule == found_ && finding.kind == verdict_; });
  }

  const std::string& rule() const { return found_; }
  bool broken() const { return broken_; }
  const std::string& problem() const { return problem_; }

 private:
  void run(const Program& program) {
    verdicts_.clear();
    const RunResult result = bench_.observe(program, budget_, trace_, problem_);
    broken_ = result == RunResult::kBroken;
    if (result == RunResult::kRan) judge_.judge(program, trace_, verdicts_);
  }

  Bench& bench_;
  Judge judge_;
  const std::string rule_;
  std::string found_;
  VerdictKind verdict_ = VerdictKind::kPass;
  uint32_t budget_ = 0;
  bool broken_ = false;
  std::string problem_;
  Trace trace_;
  Verdicts verdicts_;
};

int usage_error(const std::string& message) {
  fmt::print(stderr, "vassay: {}\n", message);
  return kExitUsage;
}

}  // namespace

int minimize_command(const Options& options) {
  if (options.devices.size() > 1) return usage_error("minimize works on one --device");
  const std::string uri = options.devices.empty() ? "reference" : options.devices.front();
  CaseList cases(options, {uri});
  for (const std::string& input : options.inputs) {
    if (const Status status = cases.add(input); !status.ok()) return usage_error(status.at(input));
  }
  if (cases.size() != 1) return usage_error("minimize works on one case");
  CaseFile from;
  if (const Status status = cases.read(0, from); !status.ok()) {
    fmt::print(stderr, "{}\n", status.at(cases.name(0)));
    return kExitUsage;
  }
  std::string error;
  const std::unique_ptr<Bench> bench = Bench::make(uri, options, error);
  if (bench == nullptr) return usage_error(error);
  watch_for_interrupt();
  Minimizer minimizer(*bench, options);
  const VerdictKind verdict =
      minimizer.look(from.content.program, from.bytes ? kFuzzBudget : kCaseBudget);
  if (!minimizer.broken() && verdict == VerdictKind::kPass) {
    return usage_error(fmt::format("{}: no oracle finds fault on {}{}", cases.name(0),
                                   bench->device(),
                                   options.rule.empty() ? "" : " by " + options.rule));
  }
  Case smallest;
  smallest.program = from.content.program;
  const uint32_t tries =
      minimize(smallest.program, [&](const Program& program) { return minimizer.keeps(program); });
  if (minimizer.broken()) {
    fmt::print(stderr, "vassay: {}: {}\n", bench->device(), minimizer.problem());
    return kExitBroken;
  }
  smallest.rule = minimizer.rule();
  fmt::print("{}", print_case(smallest));
  fmt::print(stderr, "{} operations of {}, after {} runs; {} {}\n", smallest.program.ops.size(),
             from.content.program.ops.size(), tries, verdict_name(verdict), minimizer.rule());
  return interrupted() ? kExitInterrupted : kExitOk;
}

}  // namespace va
