// What keeps a hot path hot under a sanitizer.
//
// AddressSanitizer gives every function that has an object in memory a poisoned stack frame, made
// and unmade at each call, and it costs more than most of our functions do. So what runs for each
// event or operation keeps its locals in registers: no local's address is handed to a function
// that is not inlined. Two things bring such objects in by the back door, and are kept out here.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"

// For a helper that is given a local by reference: inlined, the local stays in registers.
#define VA_INLINE [[gnu::always_inline]] inline

// For what is done once in a campaign, as wording a finding is: its strings stay in a frame of
// their own and out of the caller's.
#define VA_COLD [[gnu::cold, gnu::noinline]]

// For what a switch hands on to: kept apart, its registers are not saved for the other cases too.
#define VA_APART [[gnu::noinline]]

namespace va {

// A sanitizer checks each access by itself, a byte's at twice the cost of a word's, and what may be
// unaligned twice. So members that are read or written together are one aligned word here; they are
// parts of a register then.
template <typename T>
VA_INLINE T load_word(const T& from) {
  static_assert(sizeof(T) == sizeof(uint64_t) && alignof(T) == alignof(uint64_t));
  return std::bit_cast<T>(load_le<uint64_t>(std::assume_aligned<alignof(T)>(&from)));
}
// Over the first members of `to`.
template <typename Word, typename T>
VA_INLINE void store_word(T& to, Word word) {
  static_assert(sizeof(Word) <= sizeof(T) && alignof(T) >= alignof(Word));
  store_le(std::assume_aligned<alignof(T)>(&to), word);
}

// As push_back(), which hands the address of `value` on to the code that grows the vector.
template <typename T>
void append(std::vector<T>& to, T value) {
  to.emplace_back() = value;
}

}  // namespace va
