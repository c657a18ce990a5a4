// One input through decode, run and judge: what every target on the engine shares.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "device/reference.h"
#include "oracle/judge.h"
#include "prog/program.h"
#include "trace/trace.h"

namespace va {

// Which policy an input runs on, by its length, so that a mutation that only grows or shrinks an
// input tries them all. Copying, where little can happen, has one length in five.
Policy policy_of(std::span<const uint8_t> input);

class FuzzRun {
 public:
  // `target` is printed with what is found; static storage.
  explicit FuzzRun(std::string_view target);
  // Prints `ops_per_input`.
  ~FuzzRun();
  FuzzRun(const FuzzRun&) = delete;
  FuzzRun& operator=(const FuzzRun&) = delete;

  // Runs and judges. Where a rule is broken (FAIL, ROBUSTNESS) it prints the finding with the
  // trace, rule first, and aborts.
  void one(std::span<const uint8_t> input);

  // The same, with a fault put into the trace before it is judged: the canary.
  using Fault = void (*)(Trace&);
  void one_with(std::span<const uint8_t> input, Fault fault);

  // decode, run and judge, without a word: what `one` does before it looks at the verdicts.
  const Verdicts& judge(std::span<const uint8_t> input, Fault fault = nullptr);

 private:
  void report(const Finding& finding) const;
  ReferenceDevice& device_of(Policy policy);

  std::string_view target_;
  ReferenceDevice arrival_;
  ReferenceDevice inorder_;
  ReferenceDevice copy_;
  Judge judge_;
  Program program_;
  Trace trace_;
  Verdicts verdicts_;
  uint64_t inputs_ = 0;
  uint64_t operations_ = 0;
};

}  // namespace va
