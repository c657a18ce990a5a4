// A device under test, as the rest of the suite sees it: something that runs Programs.
#pragma once

#include <string>

#include "base/status.h"
#include "prog/program.h"
#include "trace/trace.h"

namespace va {

// How a run ended, beyond what the trace says.
enum class RunResult : uint8_t {
  kRan,           // the trace is what happened
  kInconclusive,  // it is not known what happened, or whether it would again
  kBroken,        // the suite or its environment failed
};

class Device {
 public:
  virtual ~Device() = default;

  // Runs `program` on a clean device. `budget` is the number of operations that may be executed.
  // `trace` is overwritten; its memory is reused.
  virtual RunResult run(const Program& program, uint32_t budget, Trace& trace) = 0;

  // Why the last run was kBroken or kInconclusive, in one sentence.
  virtual const std::string& problem() const = 0;
};

}  // namespace va
