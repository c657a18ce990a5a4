// Fuzzes avail idx, avail entries, base and wrap: what the device fetches, and how much of it.
// Any bytes are a Program; it runs on the reference engine and every rule judges the trace. What
// makes this target its own is the mutator's profile of the same name (mutator.cc).
#include <cstddef>
#include <cstdint>

#include "fuzz_run.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static va::FuzzRun run("avail_index");
  run.one({data, size});
  return 0;
}
