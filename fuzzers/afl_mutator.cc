// AFL++'s entry to the mutator: a shared object, for AFL++'s libFuzzer driver never calls a custom
// mutator. AFL++ ships no headers; these are the prototypes of its custom mutator interface.
//
// Trimming drops operations from the end to the beginning, one at a time, and keeps what takes the
// same path without one: bytes that are cut out of the middle would be another Program. A secondary
// instance trims, a main one does not.
//
// VASSAY_PROFILE in the environment names what mutations dwell on, as the target's PROFILE in
// CMakeLists.txt; all of it where it is not set.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <span>
#include <string_view>

#include "base/random.h"
#include "input_mutator.h"

namespace {

va::Profile named_profile() {
  constexpr std::string_view kNames[] = {
      "kAll",     "kDescriptors", "kAvailIndex", "kCompletionOrder",
      "kReceive", "kDirtyLog",    "kLifecycle",  "kNotification",
  };
  static_assert(std::size(kNames) == va::kProfiles);
  const char* const wanted = std::getenv("VASSAY_PROFILE");
  for (uint32_t i = 0; wanted != nullptr && i < va::kProfiles; ++i) {
    if (kNames[i] == wanted) return static_cast<va::Profile>(i);
  }
  return va::Profile::kAll;
}

struct Mutator {
  explicit Mutator(unsigned seed) : seeds(seed) {}
  va::InputMutator input{named_profile()};
  va::InputTrimmer trimmer;
  va::Random seeds;
};

Mutator& as_mutator(void* mutator) {
  return *static_cast<Mutator*>(mutator);
}

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
  Mutator& self = as_mutator(mutator);
  const std::span<const uint8_t> mutant =
      self.input.mutate({data, size}, max_size, self.seeds.next());
  *out = const_cast<uint8_t*>(mutant.data());
  return mutant.size();
}

// How many steps there are.
int32_t afl_custom_init_trim(void* mutator, uint8_t* data, size_t size) {
  return static_cast<int32_t>(as_mutator(mutator).trimmer.begin({data, size}));
}

size_t afl_custom_trim(void* mutator, uint8_t** out) {
  const std::span<const uint8_t> candidate = as_mutator(mutator).trimmer.candidate();
  *out = const_cast<uint8_t*>(candidate.data());
  return candidate.size();
}

// Whether the candidate took the same path; the number of steps that are done.
int32_t afl_custom_post_trim(void* mutator, unsigned char success) {
  return static_cast<int32_t>(as_mutator(mutator).trimmer.next(success != 0));
}

}  // extern "C"
