// The exit code of a command, gathered while it works: the first that applies of 130 interrupted,
// 3 BROKEN, 2 bad usage or an unreadable or missing case, 1 something was found, 77 nothing but
// UNSUPPORTED, 0.
#pragma once

#include "oracle/judge.h"

namespace va {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFound = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitBroken = 3;
inline constexpr int kExitUnsupported = 77;
inline constexpr int kExitInterrupted = 130;

class Outcome {
 public:
  explicit Outcome(bool strict) : strict_(strict) {}

  // A case was judged.
  void add(VerdictKind verdict) {
    switch (verdict) {
      case VerdictKind::kBroken:
        broken_ = true;
        break;
      case VerdictKind::kUnsupported:
        unsupported_ = true;
        break;
      case VerdictKind::kFail:
      case VerdictKind::kRobustness:
      case VerdictKind::kInconclusive:
        found_ = true;
        break;
      case VerdictKind::kNonStrict:
        (strict_ ? found_ : passed_) = true;
        break;
      case VerdictKind::kPass:
      case VerdictKind::kInformational:
        passed_ = true;
        break;
    }
  }
  void bad_input() { bad_input_ = true; }
  void interrupted() { interrupted_ = true; }

  int exit_code() const {
    if (interrupted_) return kExitInterrupted;
    if (broken_) return kExitBroken;
    if (bad_input_) return kExitUsage;
    if (found_) return kExitFound;
    if (passed_) return kExitOk;
    return unsupported_ ? kExitUnsupported : kExitUsage;  // zero cases are bad usage
  }

 private:
  bool strict_;
  bool interrupted_ = false;
  bool broken_ = false;
  bool bad_input_ = false;
  bool found_ = false;
  bool unsupported_ = false;
  bool passed_ = false;
};

}  // namespace va
