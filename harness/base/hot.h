// What keeps a hot path hot under a sanitizer.
//
// AddressSanitizer gives every function that has an object in memory a poisoned stack frame, made
// and unmade at each call, and it costs more than most of our functions do. So what runs for each
// event or operation keeps its locals in registers: no local's address is handed to a function
// that is not inlined. Two things bring such objects in by the back door, and are kept out here.
#pragma once

#include <vector>

// For what is done once in a campaign, as wording a finding is: its strings stay in a frame of
// their own and out of the caller's.
#define VA_COLD [[gnu::cold, gnu::noinline]]

namespace va {

// As push_back(), which hands the address of `value` on to the code that grows the vector.
template <typename T>
void append(std::vector<T>& to, T value) {
  to.emplace_back() = value;
}

}  // namespace va
