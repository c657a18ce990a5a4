#include "engine/dirty_log.h"

#include <algorithm>

#include "ring/guest_memory.h"

namespace va {

// Each page that [first, first + len) touches, lowest first, up to one that cannot be logged.
bool RingLog::pages(EngineHost& host, uint64_t first, uint64_t len) const {
  if (len == 0) return true;
  const uint64_t behind_page_start = first % GuestMemory::kPage + len;
  const uint64_t count = (behind_page_start + GuestMemory::kPage - 1) / GuestMemory::kPage;
  for (uint64_t i = 0; i < count; ++i) {
    if (!host.on_dirty(base, first / GuestMemory::kPage + i)) return false;
  }
  return true;
}

void RingLog::buffer_stored(EngineHost& host, std::span<const GuestRange> ranges,
                            uint64_t len) const {
  for (const GuestRange& range : ranges) {
    const uint64_t part = std::min<uint64_t>(range.len, len);
    if (!pages(host, range.gpa, part)) return;
    len -= part;
    if (len == 0) break;
  }
  signal(host);
}

}  // namespace va
