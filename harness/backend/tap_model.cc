#include "backend/tap_model.h"

#include <algorithm>
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
constexpr uint32_t kTcpHead = 20;
constexpr uint32_t kUdpHead = 8;
constexpr uint32_t kTcpChecksumAt = 16;

}  // namespace

namespace {

// Both lie inside: the header and an Ethernet head.
bool long_enough(std::span<const uint8_t> frame, uint32_t header_len) {
  return frame.size() >= header_len + kEthHead;
}

uint32_t checksum_end(std::span<const uint8_t> frame) {
  const bool wanted = (frame[0] & kNeedsCsum) != 0;
  return wanted ? load_le<uint16_t>(&frame[6]) + load_le<uint16_t>(&frame[8]) + 2u : 0;
}

// Where the checksum is the backend's to make, the whole transport head lies in the frame, and
// TCP's checksum is where it is in its head.
int refuses_transport(std::span<const uint8_t> frame, uint32_t header_len, bool tcp) {
  if ((frame[0] & kNeedsCsum) == 0) return 0;
  const uint32_t end = load_le<uint16_t>(&frame[6]) + (tcp ? kTcpHead : kUdpHead);
  if (end > frame.size() - header_len) return -EINVAL;
  return tcp && load_le<uint16_t>(&frame[8]) != kTcpChecksumAt ? -EINVAL : 0;
}

// virtio_net_hdr_to_skb
int refuses_segmentation(std::span<const uint8_t> frame, uint32_t header_len) {
  const uint8_t gso_type = frame[1];
  if (gso_type == kGsoNone) return 0;
  const uint32_t gso_size = load_le<uint16_t>(&frame[4]);
  switch (gso_type & ~kGsoEcn) {
    case kGsoTcp4:
    case kGsoTcp6:
      return gso_size == 0 ? -EINVAL : refuses_transport(frame, header_len, true);
    case kGsoUdp:
    case kGsoUdpL4:  // not known to Linux before 6.2
      return gso_size == 0 ? -EINVAL : refuses_transport(frame, header_len, false);
    default:
      return -EINVAL;
  }
}

}  // namespace

int tap_refuses(std::span<const uint8_t> frame, uint32_t header_len) {
  if (!long_enough(frame, header_len)) return -EINVAL;
  if (header_len == 0) return 0;
  const uint32_t hdr_len = std::max<uint32_t>(load_le<uint16_t>(&frame[2]), checksum_end(frame));
  if (hdr_len > frame.size() - header_len) return -EINVAL;
  if (hdr_len != 0 && hdr_len < kEthHead) return -EINVAL;
  return refuses_segmentation(frame, header_len);
}

int tap_refuses_batched(std::span<const uint8_t> frame, uint32_t header_len) {
  if (!long_enough(frame, header_len)) return -EINVAL;
  if (header_len == 0) return 0;
  if (checksum_end(frame) > frame.size() - header_len) return -EINVAL;
  return refuses_segmentation(frame, header_len);
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
