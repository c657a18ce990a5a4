#include "guest/buffer_area.h"

#include <algorithm>
#include <bit>

namespace va {

void BufferArea::reset() {
  taken_.fill(0);
  cursor_ = 0;
}

uint32_t BufferArea::find(bool taken, uint32_t from, uint32_t to) const {
  for (uint32_t at = from; at < to; at = (at | 63) + 1) {
    const uint64_t word = taken ? taken_[at / 64] : ~taken_[at / 64];
    const uint64_t rest = word >> (at % 64);
    if (rest != 0) return std::min(to, at + static_cast<uint32_t>(std::countr_zero(rest)));
  }
  return to;
}

void BufferArea::mark(bool taken, uint32_t from, uint32_t to) {
  for (uint32_t at = from; at < to;) {
    const uint32_t end = std::min(to, (at | 63) + 1);
    const uint64_t mask = (~uint64_t{0} >> (64 - (end - at))) << (at % 64);
    taken_[at / 64] = taken ? taken_[at / 64] | mask : taken_[at / 64] & ~mask;
    at = end;
  }
}

Extent BufferArea::allocate(uint64_t bytes) {
  if (bytes > uint64_t{kGranules} * kGranule) return {};
  const uint32_t size = static_cast<uint32_t>(std::max<uint64_t>(bytes, 1));
  const uint32_t n = (size + kGranule - 1) / kGranule;
  uint32_t at = find_room(cursor_, n);
  if (at == kGranules) at = find_room(0, n);
  if (at == kGranules) return {};
  mark(true, at, at + n);
  cursor_ = at + n;
  return {static_cast<uint32_t>(kBufferGpa) + at * kGranule, size};
}

uint32_t BufferArea::find_room(uint32_t from, uint32_t n) const {
  for (uint32_t at = from; at + n <= kGranules;) {
    const uint32_t obstacle = find(true, at, at + n);
    if (obstacle == at + n) return at;
    at = find(false, obstacle, kGranules);
  }
  return kGranules;
}

void BufferArea::release(Extent extent) {
  if (extent.bytes == 0) return;
  const uint32_t from = (extent.gpa - static_cast<uint32_t>(kBufferGpa)) / kGranule;
  mark(false, from, from + (extent.bytes + kGranule - 1) / kGranule);
}

}  // namespace va
