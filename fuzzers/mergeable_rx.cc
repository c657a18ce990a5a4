// Fuzzes receive: buffers of all sizes, frames over many of them, num_buffers, posting ahead.
// Any bytes are a Program; it runs on the reference engine and every rule judges the trace. What
// makes this target its own is the mutator's profile kReceive (prog/mutate.cc).
#include <cstddef>
#include <cstdint>

#include "fuzz_run.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static va::FuzzRun run("mergeable_rx");
  run.one({data, size});
  return 0;
}
