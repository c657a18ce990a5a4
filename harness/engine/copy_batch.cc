#include "engine/copy_batch.h"

#include "base/check.h"

namespace va {

CopyBatch::CopyBatch()
    : bytes_(std::make_unique_for_overwrite<uint8_t[]>(size_t{kFrames} * kPage)) {}

bool CopyBatch::add_frame(const GuestMemory& memory, std::span<const Segment> segments) {
  VA_CHECK(frames_ < kFrames);
  const std::span<uint8_t> room(bytes_.get() + size_t{frames_} * kPage, kPage);
  size_t at = 0;
  for (const Segment& segment : segments) {
    VA_CHECK(segment.len <= room.size() - at);
    if (!memory.load(segment.user, room.subspan(at, segment.len))) return false;
    at += segment.len;
  }
  len_[frames_++] = static_cast<uint32_t>(at);
  return true;
}

}  // namespace va
