// Fuzzes the control plane under traffic: every call of vhost-net at any moment, valid or not, by
// the owner and by a stranger, while requests are in flight, done, or waited for by the call
// before. What is lost, used twice, left behind or stored after the end is a rule's to find.
#include <cstddef>
#include <cstdint>

#include "fuzz_run.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static va::FuzzRun run("lifecycle");
  run.one({data, size});
  return 0;
}
