#include "backend/wire.h"

#include <cerrno>
#include <cstring>

namespace va {

int FrameBuffer::gather(const Packet& packet) {
  bytes_ = {};
  if (packet.len > kMaxFrame) return -EINVAL;
  if (packet.segments.size() == 1) {
    bytes_ = packet.memory.view(packet.segments[0].user, packet.segments[0].len);
    return bytes_.size() == packet.len ? 0 : -EFAULT;
  }
  size_t at = 0;
  for (const Segment& segment : packet.segments) {
    if (!packet.memory.load(segment.user, std::span(storage_).subspan(at, segment.len))) {
      return -EFAULT;
    }
    at += segment.len;
  }
  bytes_ = {storage_.data(), at};
  return 0;
}

}  // namespace va
