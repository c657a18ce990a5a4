// Fuzzes the dirty log: LOG_ALL acked and dropped, the log's base and the used ring's place in it
// moved, with requests in flight. Every page that was stored to has to be told, by the rules on the
// log; the rest of the rules watch that nothing else changes. The mutator's profile of the same
// name makes the calls frequent and their addresses mostly good.
#include <cstddef>
#include <cstdint>

#include "fuzz_run.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static va::FuzzRun run("dirty_log");
  run.one({data, size});
  return 0;
}
