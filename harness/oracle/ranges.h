// Ranges of addresses.
#pragma once

#include <cstdint>

namespace va::oracle {

// Whether [a, a + a_len) and [b, b + b_len) have an address in common; neither wraps.
constexpr bool ranges_meet(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len) {
  return a_len != 0 && b_len != 0 && a < b + b_len && b < a + a_len;
}

}  // namespace va::oracle
