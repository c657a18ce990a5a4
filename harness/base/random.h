// Seeded random numbers that are the same on every standard library (std distributions are not).
#pragma once

#include <cstddef>
#include <cstdint>

namespace va {

// splitmix64: any seed is good, 8 bytes of state, one multiply chain a number.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // 0 … bound-1; bound 0 gives 0. The bias of the modulo is of no matter for test input.
  uint32_t below(uint32_t bound) {
    return bound == 0 ? 0 : static_cast<uint32_t>((next() >> 32) % bound);
  }

  bool one_in(uint32_t n) { return below(n) == 0; }

  template <typename T, size_t N>
  T pick(const T (&values)[N]) {
    return values[below(N)];
  }

 private:
  uint64_t state_;
};

}  // namespace va
