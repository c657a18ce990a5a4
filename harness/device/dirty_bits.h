// The memory that a dirty log is kept in, at kLogUser (prog/layout.h): bits that the device sets,
// and that user space reads and clears at each settle point, as a migration does between its
// rounds.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "prog/layout.h"

namespace va {

class DirtyBits {
 public:
  // Sets bit `bit` (0 to 7) of the byte at the user address `at`. kNoMemory: it lies elsewhere.
  enum class Set : uint8_t { kNew, kAlready, kNoMemory };
  Set set(uint64_t at, uint32_t bit) {
    if (at < kLogUser || at - kLogUser >= kLogSize) return Set::kNoMemory;
    const uint64_t offset = at - kLogUser;
    touched_ |= uint64_t{1} << offset / kBlock;
    uint8_t& byte = bytes_[offset];
    const uint8_t mask = static_cast<uint8_t>(1u << bit);
    if ((byte & mask) != 0) return Set::kAlready;
    byte |= mask;
    return Set::kNew;
  }

  // All bits clear; the cost is that of what was set, and a branch if nothing was.
  void clear() {
    for (; touched_ != 0; touched_ &= touched_ - 1) {
      const uint32_t block = static_cast<uint32_t>(std::countr_zero(touched_));
      for (uint32_t i = 0; i < kBlock; ++i) bytes_[block * kBlock + i] = 0;
    }
  }

 private:
  static constexpr uint32_t kBlock = 64;
  static_assert(kLogSize == 64 * kBlock, "a bit of touched_ for each block");

  uint64_t touched_ = 0;  // bit i: block i may hold a set bit
  std::array<uint8_t, kLogSize> bytes_{};
};

}  // namespace va
