// A target that must fail: proof that a campaign would notice. The device is sound, but its trace
// is told with one call missing as soon as a request completes before one that was submitted
// earlier. A campaign in which this is not found within its share of the time has failed.
#include <cstddef>
#include <cstdint>

#include "fuzz_run.h"

namespace {

void lose_call(va::Trace& trace) {
  uint64_t highest = 0;
  bool overtaken = false;
  for (va::Event& event : trace.events) {
    if (event.kind == va::EventKind::kCompleted) {
      overtaken |= event.arg[0] < highest;
      if (event.arg[0] > highest) highest = event.arg[0];
    }
    if (overtaken && event.kind == va::EventKind::kCall) event.kind = va::EventKind::kNone;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static va::FuzzRun run("canary");
  run.one_with({data, size}, lose_call);
  return 0;
}
