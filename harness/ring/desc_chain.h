// Descriptor chain -> segments of memory.
//
// Every guest word is read once; nothing is parsed again later. Loops are bounded by the table's
// size. Where the standard leaves the reaction to a driver's mistake open, the walk refuses with an
// errno and changes nothing; two mistakes are tolerated, as Linux does: INDIRECT without having
// negotiated it, and INDIRECT together with NEXT (the chain goes on behind the table).
// Entries of an indirect table are followed by their next fields (VIRTIO 1.2, 2.7.5.3), and the
// WRITE flag of the descriptor that points to the table is ignored (2.7.5.3.2).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "ring/guest_memory.h"
#include "ring/vring.h"

namespace va {

// `len` bytes of guest memory as the driver names them.
struct GuestRange {
  uint64_t gpa = 0;
  uint32_t len = 0;
};

// One fetched chain. Reused from fetch to fetch; only the first `count` segments mean anything.
struct DescChain {
  static constexpr uint32_t kMaxSegments = 1024;  // UIO_MAXIOV: struct vhost_virtqueue's iov

  uint16_t head = 0;
  uint32_t count = 0;           // segments in all
  uint32_t readable_count = 0;  // of these the first are device-readable, the others writable
  uint64_t readable_bytes = 0;
  uint64_t writable_bytes = 0;
  Descriptor scratch;  // the walk's own: a descriptor that lies across regions
  std::array<Segment, kMaxSegments> segments;
  // The writable part again, by guest address and in chain order: what the dirty log needs to know,
  // captured here because nothing is read twice. Empty descriptors are left out.
  uint32_t range_count = 0;
  std::array<GuestRange, kMaxSegments> ranges;

  std::span<const Segment> readable() const { return {segments.data(), readable_count}; }
  std::span<const Segment> writable() const {
    return {segments.data() + readable_count, count - readable_count};
  }
  std::span<const GuestRange> writable_ranges() const { return {ranges.data(), range_count}; }
};

// Walks the chain that starts at `head`. Returns 0, or
//   -EINVAL  head or next out of range, a loop or a chain longer than the table, a readable
//            descriptor behind a writable one, a bad or nested indirect table
//   -EFAULT  a descriptor, table or buffer that is not mapped
//   -ENOBUFS more than kMaxSegments segments
//   -E2BIG   an indirect table of more than 65,536 entries
int walk_chain(const Vring& ring, const GuestMemory& memory, const MemTable& table, uint16_t head,
               DescChain& out);

}  // namespace va
