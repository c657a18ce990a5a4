#include "backend/tap_model.h"

#include <cerrno>

#include "base/bytes.h"

namespace va {
namespace {

constexpr uint32_t kEthHead = 14;
constexpr uint32_t kCopied = 128;       // GOODCOPY_LEN: this much of a frame is copied in any case
constexpr uint32_t kMaxFragments = 17;  // MAX_SKB_FRAGS
constexpr uint64_t kPage = 4096;

constexpr uint8_t kNeedsCsum = 1;  // VIRTIO 1.2, 5.1.6: struct virtio_net_hdr
constexpr uint8_t kGsoNone = 0;
constexpr uint8_t kGsoTcp4 = 1;
constexpr uint8_t kGsoUdp = 3;
constexpr uint8_t kGsoTcp6 = 4;
constexpr uint8_t kGsoUdpL4 = 5;
constexpr uint8_t kGsoEcn = 0x80;

}  // namespace

int tap_refuses(std::span<const uint8_t> frame, uint32_t header_len) {
  if (frame.size() < header_len) return -EINVAL;
  const size_t len = frame.size() - header_len;
  if (len < kEthHead) return -EINVAL;
  if (header_len == 0) return 0;
  const uint8_t flags = frame[0];
  const uint8_t gso_type = frame[1];
  const uint32_t gso_size = load_le<uint16_t>(&frame[4]);
  const uint32_t csum_start = load_le<uint16_t>(&frame[6]);
  const uint32_t csum_end = csum_start + load_le<uint16_t>(&frame[8]) + 2;
  uint32_t hdr_len = load_le<uint16_t>(&frame[2]);
  if ((flags & kNeedsCsum) != 0 && csum_end > hdr_len) hdr_len = csum_end;
  if (hdr_len > len) return -EINVAL;
  if (hdr_len != 0 && hdr_len < kEthHead) return -EINVAL;
  if (gso_type == kGsoNone) return 0;
  switch (gso_type & ~kGsoEcn) {
    case kGsoTcp4:
    case kGsoTcp6:
    case kGsoUdp:
    case kGsoUdpL4:
      return gso_size == 0 ? -EINVAL : 0;
    default:
      return -EINVAL;
  }
}

bool tap_keeps_pages(const Packet& packet, uint32_t header_len) {
  uint64_t skip = header_len + kCopied;
  uint64_t pages = 0;
  for (const Segment& segment : packet.segments) {
    if (skip >= segment.len) {
      skip -= segment.len;
      continue;
    }
    const uint64_t first = (segment.user + skip) / kPage;
    const uint64_t last = (segment.user + segment.len - 1) / kPage;
    pages += last - first + 1;
    skip = 0;
  }
  return pages <= kMaxFragments;
}

}  // namespace va
