// Does nothing: what the fuzzing engine itself costs. ci/bench holds the other targets against it.
#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t*, size_t) {
  return 0;
}
