// In-process devices run in a forked child, so that a crash costs one case.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "device/device.h"

namespace va {

// Runs `program` on `device` in a child. A child that dies leaves a trace of what it had observed,
// ended by `died` with 128 + signal or the exit status; `evidence` is then what it said on stderr.
// A child that is not back after `timeout_s` is ended by SIGALRM.
RunResult run_isolated(Device& device, const Program& program, uint32_t budget, uint32_t timeout_s,
                       Trace& out, std::string& evidence);

// Calls good(0), good(1), … in one child for speed. Returns the first index for which it was false
// or during which the child died; `count` if there is none.
uint64_t first_bad(uint64_t count, const std::function<bool(uint64_t)>& good);

}  // namespace va
