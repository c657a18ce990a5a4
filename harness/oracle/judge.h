// Program and Trace -> Verdicts. Knows no device and shares no code with the engine.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "prog/program.h"
#include "trace/case.h"
#include "trace/trace.h"

namespace va {

// In the order in which the worst of several is chosen (later is worse).
enum class VerdictKind : uint8_t {
  kPass,
  kInformational,
  kUnsupported,
  kNonStrict,
  kInconclusive,
  kFail,
  kRobustness,
  kBroken,
};
std::string_view verdict_name(VerdictKind kind);  // "PASS", "NON-STRICT", …

// One thing that a rule has to say. PASS is the absence of findings.
struct Finding {
  VerdictKind kind = VerdictKind::kPass;
  std::string_view rule;  // id, static storage
  uint32_t op = 0;        // index of the operation it happened in
  Queue queue = 0;
  std::string expected;
  std::string actual;
};

struct Verdicts {
  std::vector<Finding> findings;
  VerdictKind worst() const;
  void clear() { findings.clear(); }
};

// A rule as the judge knows it; text and clause live in conformance/rules.
struct RuleInfo {
  std::string_view id;
  uint32_t needs;   // Sees bits
  uint32_t duties;  // that it presumes of the driver (oracle/driver_duty.h)
};
std::span<const RuleInfo> judged_rules();

class Judge {
 public:
  Judge();
  ~Judge();
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;

  // Overwrites `out`. Allocates nothing once warm, unless there are findings.
  void judge(const Program& program, const Trace& trace, Verdicts& out);

  // The same, and the case's own expectations.
  void judge(const Case& from, const Trace& trace, Verdicts& out);

  // For each queue the number of the first event at which its driver was seen to have broken one of
  // `duties` (oracle/driver_duty.h); SIZE_MAX where it kept them.
  std::array<size_t, kQueues> find_breaches(const Program& program, const Trace& trace,
                                            uint32_t duties);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace va
