// A free-running 16-bit ring index: avail idx and used idx count modulo 2^16 and are never reduced
// to the ring size (VIRTIO 1.2, 2.7.6 and 2.7.8). A slot is an index modulo the ring size; the two
// are different types so that one is never taken for the other.
#pragma once

#include <cstdint>

namespace va {

struct RingIndex {
  uint16_t value = 0;

  friend bool operator==(RingIndex, RingIndex) = default;
  RingIndex& operator++() {
    ++value;
    return *this;
  }
  RingIndex& operator--() {
    --value;
    return *this;
  }
  RingIndex operator+(uint16_t n) const { return {static_cast<uint16_t>(value + n)}; }

  // How far `this` is ahead of `earlier`, 0 … 65535.
  uint16_t ahead_of(RingIndex earlier) const {
    return static_cast<uint16_t>(value - earlier.value);
  }

  // The slot of this index in a ring of `num` entries; num is a power of two, 1 … 32768.
  uint32_t slot(uint32_t num) const { return value & (num - 1); }
};

}  // namespace va
