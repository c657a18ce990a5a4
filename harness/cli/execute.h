// One case on one device: run, judge, hold against what is expected of the device.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/cases.h"
#include "cli/data.h"
#include "cli/options.h"
#include "device/device.h"
#include "oracle/judge.h"

namespace va {

struct JudgedFinding {
  Finding what;
  const Expected* listed = nullptr;  // the expectation that it meets
};

struct CaseResult {
  VerdictKind verdict = VerdictKind::kPass;  // with expectations applied
  std::string reason;                        // of what no finding explains: one sentence
  std::string evidence;                      // what a dying device said
  std::vector<JudgedFinding> findings;
  std::vector<std::string> notices;  // an expectation outdated by a newer device
  Trace trace;
  double seconds = 0;
};

// A device with what is expected of it.
class Bench {
 public:
  // `canonical` is the device's full URI. The message of an error is one sentence.
  static std::unique_ptr<Bench> make(const std::string& uri, const Options& options,
                                     std::string& error);

  const std::string& device() const { return device_uri_; }

  // Runs and judges. Overwrites `out`.
  void run(const CaseFile& from, CaseResult& out);

  // Runs only: no expectations, no judge.
  RunResult observe(const Program& program, uint32_t budget, Trace& out, std::string& problem);

  Device& raw_device() { return *device_; }
  bool in_process() const { return in_process_; }

 private:
  Bench() = default;

  std::string device_uri_;
  std::unique_ptr<Device> device_;
  bool in_process_ = true;
  uint32_t timeout_s_ = 0;
  std::vector<Expected> expected_;
  Judge judge_;
};

// Judges a trace that is there already. `expected` may be empty.
void judge_trace(Judge& judge, const CaseFile& from, const std::vector<Expected>& expected,
                 CaseResult& result);

// Has the user pressed Ctrl-C? Commands look between two cases and end with what they have.
void watch_for_interrupt();
bool interrupted();

}  // namespace va
