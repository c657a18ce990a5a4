// Poisoning by hand. A pool hides use after release from AddressSanitizer and an arena hides
// overflow into the neighbour, unless what must not be touched is poisoned. Without ASan these do
// nothing.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define VA_HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VA_HAS_ASAN 1
#endif
#endif

#ifdef VA_HAS_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace va {

inline void poison([[maybe_unused]] const void* at, [[maybe_unused]] size_t len) {
#ifdef VA_HAS_ASAN
  ASAN_POISON_MEMORY_REGION(at, len);
#endif
}

inline void unpoison([[maybe_unused]] const void* at, [[maybe_unused]] size_t len) {
#ifdef VA_HAS_ASAN
  ASAN_UNPOISON_MEMORY_REGION(at, len);
#endif
}

}  // namespace va
