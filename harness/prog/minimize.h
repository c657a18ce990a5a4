// The smallest Program for which a predicate holds.
#pragma once

#include <cstdint>
#include <functional>

#include "prog/program.h"

namespace va {

using Keeps = std::function<bool(const Program&)>;

// Makes `program`, for which `keeps` holds, smaller while it holds: fewer operations, repeats
// unrolled, fewer segments, operands 0. Deterministic; `keeps` is called at most `max_calls` times,
// and only with valid Programs. Every accepted step makes the Program smaller in one order
// (repeats, operations, segments, operands), so it ends. Returns how often `keeps` was called.
uint32_t minimize(Program& program, const Keeps& keeps, uint32_t max_calls = 20'000);

}  // namespace va
