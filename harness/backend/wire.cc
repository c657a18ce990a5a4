#include "backend/wire.h"

#include <cerrno>
#include <cstring>

namespace va {
namespace {

bool in_one_piece(std::span<const Segment> segments) {
  for (size_t i = 1; i < segments.size(); ++i) {
    if (segments[i].user != segments[i - 1].user + segments[i - 1].len) return false;
  }
  return !segments.empty();
}

}  // namespace

int FrameBuffer::gather(const Packet& packet) {
  bytes_ = {};
  if (packet.len > kMaxFrame) return -EINVAL;
  if (!packet.copy.empty()) {
    bytes_ = packet.copy;
    return 0;
  }
  if (in_one_piece(packet.segments)) {
    bytes_ = packet.memory.view(packet.segments[0].user, packet.len);
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
