// libFuzzer's entry to the mutator; linked into every target whose input is a Program. Crossover is
// done inside, at the mutator's own rate: with a custom crossover libFuzzer would spend half of its
// time on it.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/random.h"
#include "input_mutator.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  static va::InputMutator mutator(va::Profile::VA_PROFILE);
  const std::span<const uint8_t> mutant = mutator.mutate({data, size}, max_size, seed);
  // Values that the target was seen to compare with reach an input only this way.
  if (va::Random(~uint64_t{seed}).one_in(16)) {
    const std::span<uint8_t> operands = mutator.some_operands(seed);
    if (!operands.empty()) LLVMFuzzerMutate(operands.data(), operands.size(), operands.size());
  }
  std::copy(mutant.begin(), mutant.end(), data);
  return mutant.size();
}
