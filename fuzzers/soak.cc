// False alarms are worse than missed bugs: generates conforming programs, runs them on every
// policy and wants PASS for each. Those of odd seeds receive, too. Each kind of finding is printed
// once, with the first program that shows it; the run goes on, and fails at its end.
//
//   va_soak [PROGRAMS [FIRST_SEED]]      100,000 from seed 0 by default
//   va_soak --hostile [PROGRAMS [FIRST_SEED]]
//
// Hostile ones are mutated as fuzz targets do it, and are held to what those stop at: no FAIL and
// no ROBUSTNESS, for the engine is thought to be right and a judge that forgives a driver too
// little is found here at ten times the speed.
//
// What was in the programs is printed, too, for what they leave out proves nothing: features, and
// control calls by whether requests were in flight when they were made.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "base/random.h"
#include "device/reference.h"
#include "oracle/judge.h"
#include "prog/mutate.h"
#include "trace/case.h"

namespace va {
namespace {

constexpr uint64_t kReportEvery = 100000;
constexpr size_t kOpcodes = 256;
constexpr uint32_t kMutations = 12;  // of a hostile program

// What the programs consist of, on all policies together.
class Census {
 public:
  void count(const Program& program, const Trace& trace) {
    std::array<int64_t, kQueues> held{};
    for (const Event& event : trace.events) {
      if (event.kind == EventKind::kSubmitted) ++held[event.queue % kQueues];
      if (event.kind == EventKind::kCompleted) --held[event.queue % kQueues];
      if (event.kind != EventKind::kBegin || event.op >= program.ops.size()) continue;
      const Op& op = program.ops[event.op];
      if (!op_info(op.code).is_control) continue;  // of the default set-up
      Calls& calls = calls_[static_cast<size_t>(op.code)];
      ++calls.all;
      if (held[kTx] > 0) ++calls.transmitting;
      if (held[kRx] > 0) ++calls.receiving;
    }
  }
  void count(const Program& program) {
    uint64_t features = 0;
    bool receives = false;
    for (const Op& op : program.ops) {
      if (op.code == Opcode::kVring) features |= op.arg[2];
      receives = receives || op.code == Opcode::kInject;
    }
    for (uint32_t bit = 0; bit < features_.size(); ++bit) features_[bit] += features >> bit & 1;
    receiving_ += receives ? 1 : 0;
  }
  void print() const {
    constexpr const char* kNames[] = {"EVENT_IDX", "NOTIFY_ON_EMPTY", "MRG_RXBUF",   "LOG_ALL",
                                      "IN_ORDER",  "NET_HDR",         "NO_INDIRECT", "LEGACY"};
    std::printf("programs with receive traffic %s", number(receiving_).c_str());
    for (size_t i = 0; i < features_.size(); ++i) {
      std::printf(", %s %s", kNames[i], number(features_[i]).c_str());
    }
    std::printf("\n%-22s %12s %12s %12s\n", "control call", "made", "tx in flight", "rx posted");
    for (size_t code = 0; code < kOpcodes; ++code) {
      const Calls& calls = calls_[code];
      if (calls.all == 0) continue;
      std::printf("%-22s %12s %12s %12s\n",
                  std::string(op_info(static_cast<Opcode>(code)).name).c_str(),
                  number(calls.all).c_str(), number(calls.transmitting).c_str(),
                  number(calls.receiving).c_str());
    }
  }

 private:
  struct Calls {
    uint64_t all = 0;
    uint64_t transmitting = 0;
    uint64_t receiving = 0;
  };
  static std::string number(uint64_t value) { return std::to_string(value); }

  std::array<Calls, kOpcodes> calls_{};
  std::array<uint64_t, 8> features_{};
  uint64_t receiving_ = 0;
};

class Soak {
 public:
  explicit Soak(bool hostile) : hostile_(hostile) {}
  int run(uint64_t programs, uint64_t first_seed);

 private:
  void generate(uint64_t seed);
  void one(uint64_t seed);
  bool is_clean() const;
  void keep(uint64_t seed);

  const bool hostile_;
  std::array<ReferenceDevice, 3> devices_{ReferenceDevice(Policy::kArrival, false),
                                          ReferenceDevice(Policy::kInorder, false),
                                          ReferenceDevice(Policy::kCopy, false)};
  Judge judge_;
  Program program_;
  Trace trace_;
  Verdicts verdicts_;
  MutateOptions options_ = conforming_options();
  Census census_;
  uint64_t operations_ = 0;
  std::map<std::pair<std::string, std::string>, uint64_t> found_;  // by device and rule: how often
};

// The verdict is not PASS.
void Soak::keep(uint64_t seed) {
  bool is_new = false;
  for (const Finding& finding : verdicts_.findings) {
    is_new = found_[{trace_.header.device, std::string(finding.rule)}]++ == 0 || is_new;
  }
  if (!is_new) return;
  Case from;
  from.program = program_;
  std::printf("seed %s on %s is not PASS\n%s", std::to_string(seed).c_str(),
              trace_.header.device.c_str(), print_case(from, &trace_).c_str());
  for (const Finding& finding : verdicts_.findings) {
    std::printf("%s %s (operation %u)\n  expected: %s\n  actual:   %s\n",
                std::string(finding.rule).c_str(), std::string(verdict_name(finding.kind)).c_str(),
                finding.op, finding.expected.c_str(), finding.actual.c_str());
  }
  std::fflush(stdout);
}

void Soak::generate(uint64_t seed) {
  Random random(seed);
  options_.transmit_only = seed % 2 == 0;
  options_.profile = Profile::kAll;
  options_.conforming = !hostile_;
  generate_conforming(random, options_, program_);
  if (!hostile_) return;
  options_.profile = static_cast<Profile>(random.below(kProfiles));
  for (uint32_t n = 1 + random.below(kMutations); n > 0; --n) {
    mutate(program_, random, options_);
  }
}

bool Soak::is_clean() const {
  if (!hostile_) return verdicts_.worst() == VerdictKind::kPass;
  for (const Finding& finding : verdicts_.findings) {
    if (finding.kind == VerdictKind::kFail || finding.kind == VerdictKind::kRobustness) {
      return false;
    }
  }
  return true;
}

void Soak::one(uint64_t seed) {
  generate(seed);
  operations_ += program_.ops.size();
  census_.count(program_);
  for (ReferenceDevice& device : devices_) {
    device.run(program_, kFuzzBudget, trace_);
    census_.count(program_, trace_);
    judge_.judge(program_, trace_, verdicts_);
    if (!is_clean()) keep(seed);
  }
}

int Soak::run(uint64_t programs, uint64_t first_seed) {
  for (uint64_t i = 0; i < programs; ++i) {
    one(first_seed + i);
    if ((i + 1) % kReportEvery == 0) {
      std::fprintf(stderr, "%s programs\n", std::to_string(i + 1).c_str());
    }
  }
  census_.print();
  for (const auto& [what, times] : found_) {
    std::printf("%s %s: %s times\n", what.first.c_str(), what.second.c_str(),
                std::to_string(times).c_str());
  }
  std::printf("%s programs, %s operations, on each of %zu policies: %s\n",
              std::to_string(programs).c_str(), std::to_string(operations_).c_str(),
              devices_.size(), found_.empty() ? "PASS" : "not all PASS");
  return found_.empty() ? 0 : 1;
}

}  // namespace
}  // namespace va

int main(int argc, char** argv) {
  const bool hostile = argc > 1 && std::strcmp(argv[1], "--hostile") == 0;
  const int at = hostile ? 2 : 1;
  const uint64_t programs = argc > at ? std::strtoull(argv[at], nullptr, 10) : 100000;
  const uint64_t first_seed = argc > at + 1 ? std::strtoull(argv[at + 1], nullptr, 10) : 0;
  return va::Soak(hostile).run(programs, first_seed);
}
