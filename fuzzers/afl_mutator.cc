// AFL++'s entry to the mutator: a shared object, for AFL++'s libFuzzer driver never calls a custom
// mutator. AFL++ ships no headers; these are the prototypes of its custom mutator interface.
// All three of the trim functions exist, for trimming bytes would destroy the structure.
#include <cstddef>
#include <cstdint>

#include "base/random.h"
#include "input_mutator.h"

namespace {

struct Mutator {
  explicit Mutator(unsigned seed) : seeds(seed) {}
  va::InputMutator input{va::Profile::kAll};
  va::Random seeds;
};

}  // namespace

extern "C" {

void* afl_custom_init(void*, unsigned seed) {
  return new Mutator(seed);  // owned by AFL++, given back by afl_custom_deinit
}

void afl_custom_deinit(void* mutator) {
  delete static_cast<Mutator*>(mutator);  // NOLINT(cppcoreguidelines-owning-memory)
}

size_t afl_custom_fuzz(void* mutator, uint8_t* data, size_t size, uint8_t** out, uint8_t*, size_t,
                       size_t max_size) {
  auto& self = *static_cast<Mutator*>(mutator);
  const std::span<const uint8_t> mutant =
      self.input.mutate({data, size}, max_size, self.seeds.next());
  *out = const_cast<uint8_t*>(mutant.data());
  return mutant.size();
}

int32_t afl_custom_init_trim(void*, uint8_t*, size_t) {
  return 0;  // no steps
}

size_t afl_custom_trim(void*, uint8_t** out) {
  static uint8_t nop = 0;
  *out = &nop;
  return 0;
}

int32_t afl_custom_post_trim(void*, unsigned char) {
  return 0;
}

}  // extern "C"
