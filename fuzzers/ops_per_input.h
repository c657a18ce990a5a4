// Operations per input, printed when the process ends: an input rate alone says nothing.
#pragma once

#include <cstdint>
#include <cstdio>

namespace va {

struct OpsPerInput {
  uint64_t inputs = 0;
  uint64_t operations = 0;

  void add(uint64_t n) {
    ++inputs;
    operations += n;
  }
  ~OpsPerInput() {
    if (inputs == 0) return;
    std::fprintf(stderr, "ops_per_input: %.1f\n",
                 static_cast<double>(operations) / static_cast<double>(inputs));
  }
};

}  // namespace va
