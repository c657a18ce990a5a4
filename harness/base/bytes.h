// Little-endian access to bytes. Split-ring fields are little-endian with VERSION_1 (VIRTIO 1.2,
// 2.7); the suite runs on little-endian hosts only, so a legacy ring has the same bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace va {

static_assert(std::endian::native == std::endian::little, "big-endian hosts are not supported");

template <typename T>
inline T load_le(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <typename T>
inline void store_le(void* to, T value) {
  std::memcpy(to, &value, sizeof(T));
}

}  // namespace va
