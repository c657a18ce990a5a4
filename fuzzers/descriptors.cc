// Fuzzes descriptor tables, direct and indirect, as a driver should and should not write them.
// Any bytes are a Program; it runs on the reference engine and every rule judges the trace. What
// makes this target its own is the mutator's profile of the same name (mutator.cc).
#include <cstddef>
#include <cstdint>

#include "fuzz_run.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static va::FuzzRun run("descriptors");
  run.one({data, size});
  return 0;
}
