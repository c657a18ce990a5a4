// Feature bits of vhost-net (VIRTIO 1.2, 6; linux/vhost_types.h, linux/virtio_net.h).
#pragma once

#include <cstdint>

namespace va {

inline constexpr uint64_t kFeatureMrgRxbuf = uint64_t{1} << 15;
inline constexpr uint64_t kFeatureNotifyOnEmpty = uint64_t{1} << 24;
inline constexpr uint64_t kFeatureLogAll = uint64_t{1} << 26;  // VHOST_F_LOG_ALL
// The device makes the virtio-net header. VIRTIO_F_ANY_LAYOUT has the same number; any layout is
// accepted whether or not the bit is acked.
inline constexpr uint64_t kFeatureNetHdr = uint64_t{1} << 27;
inline constexpr uint64_t kFeatureIndirect = uint64_t{1} << 28;
inline constexpr uint64_t kFeatureEventIdx = uint64_t{1} << 29;
inline constexpr uint64_t kFeatureVersion1 = uint64_t{1} << 32;
inline constexpr uint64_t kFeatureInOrder = uint64_t{1} << 35;

inline constexpr uint64_t kOfferedFeatures = kFeatureMrgRxbuf | kFeatureNotifyOnEmpty |
                                             kFeatureLogAll | kFeatureNetHdr | kFeatureIndirect |
                                             kFeatureEventIdx | kFeatureVersion1 | kFeatureInOrder;

// VHOST_BACKEND_F_IOTLB_MSG_V2, the one backend feature that needs no IOTLB to be acked.
inline constexpr uint64_t kOfferedBackendFeatures = uint64_t{1} << 1;

// Bytes of the virtio-net header (VIRTIO 1.2, 5.1.6 and 5.1.6.1): 12 with VERSION_1 or MRG_RXBUF.
constexpr uint32_t net_header_len(uint64_t features) {
  return (features & (kFeatureVersion1 | kFeatureMrgRxbuf)) != 0 ? 12 : 10;
}

}  // namespace va
