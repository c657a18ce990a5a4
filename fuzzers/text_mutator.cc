// libFuzzer's mutator for text: half of the time it changes the Program that the text holds and
// prints it, which bytes alone would hardly ever do; else, and behind that, bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/random.h"
#include "prog/mutate.h"
#include "trace/case.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  va::Random random(seed);
  if (random.one_in(2)) {
    va::Case from;
    va::Trace trace;
    const std::string text(reinterpret_cast<const char*>(data), size);
    // As much as can be read is kept: an error ends the case, it does not empty it.
    static_cast<void>(va::parse_case(text, va::Strictness::kLenient, from, &trace, nullptr));
    va::mutate(from.program, random, va::MutateOptions{});
    const std::string printed = va::print_case(from, random.one_in(2) ? &trace : nullptr);
    size = std::min(printed.size(), max_size);
    std::copy_n(printed.begin(), size, data);
    if (random.one_in(2) && size > 0) return size;
  }
  return LLVMFuzzerMutate(data, size, max_size);
}
