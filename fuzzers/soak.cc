// False alarms are worse than missed bugs: generates conforming programs, runs them on every
// policy and wants PASS for each. Those of odd seeds receive, too. The first that is anything
// else is printed with its seed, and ends the run.
//
//   va_soak [PROGRAMS [FIRST_SEED]]      100,000 from seed 0 by default
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/random.h"
#include "device/reference.h"
#include "oracle/judge.h"
#include "prog/mutate.h"
#include "trace/case.h"

namespace va {
namespace {

constexpr uint64_t kReportEvery = 100000;

void print_failure(uint64_t seed, const Program& program, const Trace& trace,
                   const Verdicts& verdicts) {
  Case from;
  from.program = program;
  std::printf("seed %llu on %s is not PASS\n%s", static_cast<unsigned long long>(seed),
              trace.header.device.c_str(), print_case(from, &trace).c_str());
  for (const Finding& finding : verdicts.findings) {
    std::printf("%s %s (operation %u)\n  expected: %s\n  actual:   %s\n",
                std::string(finding.rule).c_str(), std::string(verdict_name(finding.kind)).c_str(),
                finding.op, finding.expected.c_str(), finding.actual.c_str());
  }
}

int soak(uint64_t programs, uint64_t first_seed) {
  ReferenceDevice devices[] = {ReferenceDevice(Policy::kArrival, false),
                               ReferenceDevice(Policy::kInorder, false),
                               ReferenceDevice(Policy::kCopy, false)};
  Judge judge;
  Program program;
  Trace trace;
  Verdicts verdicts;
  MutateOptions options = conforming_options();
  uint64_t operations = 0;
  for (uint64_t i = 0; i < programs; ++i) {
    Random random(first_seed + i);
    options.transmit_only = (first_seed + i) % 2 == 0;
    generate_conforming(random, options, program);
    operations += program.ops.size();
    for (ReferenceDevice& device : devices) {
      device.run(program, kFuzzBudget, trace);
      judge.judge(program, trace, verdicts);
      if (verdicts.worst() == VerdictKind::kPass) continue;
      print_failure(first_seed + i, program, trace, verdicts);
      return 1;
    }
    if ((i + 1) % kReportEvery == 0) {
      std::fprintf(stderr, "%llu programs\n", static_cast<unsigned long long>(i) + 1);
    }
  }
  std::printf("%llu programs, %llu operations, on each policy: PASS\n",
              static_cast<unsigned long long>(programs),
              static_cast<unsigned long long>(operations));
  return 0;
}

}  // namespace
}  // namespace va

int main(int argc, char** argv) {
  const uint64_t programs = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100000;
  const uint64_t first_seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  return va::soak(programs, first_seed);
}
