// Guest memory by GPA, cut up where the arena's halves meet (prog/layout.h).
#pragma once

#include <algorithm>
#include <cstdint>

#include "prog/layout.h"

namespace va {

// Calls `f(offset, at, len)` for the parts of [gpa, gpa + len) that lie in the arena, in order;
// `offset` is the arena's, `at` counts from gpa. There is at most one part per half
// (prog/layout.h).
template <typename F>
void each_part(uint64_t gpa, uint64_t len, F f) {
  constexpr uint64_t kEnd = kArenaGpa + kArenaSize;
  if (gpa >= kEnd || len == 0) return;
  const uint64_t end = len > kEnd - gpa ? kEnd : gpa + len;
  uint64_t from = std::max(gpa, kArenaGpa);
  while (from < end) {
    const uint64_t middle = kArenaGpa + kHalf;
    const uint64_t to = from < middle ? std::min(middle, end) : end;
    f(arena_offset(from), from - gpa, static_cast<uint32_t>(to - from));
    from = to;
  }
}

}  // namespace va
