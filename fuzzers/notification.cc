// Fuzzes both sides of notification: used_event and avail flags moved at every point of the
// worker's run, kicks that come late, twice or not at all, around the wrap of the indices. A
// notification too many is never a finding, one too few always is.
#include <cstddef>
#include <cstdint>

#include "fuzz_run.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static va::FuzzRun run("notification");
  run.one({data, size});
  return 0;
}
