// Where things lie in the guest memory of every Program, on every device.
//
// The guest has one arena of 256 KiB. Guest physical address (GPA) and user address differ on
// purpose, and the two halves of the arena are adjacent in GPA but swapped in user address, so that
// the default memory table has two regions and a buffer that crosses kHalf crosses regions.
// Rings, buffers and tables are placed by this file alone, so addresses in Programs are portable.
#pragma once

#include <cstdint>

#include "prog/program.h"

namespace va {

inline constexpr uint64_t kArenaGpa = 0x100000;
inline constexpr uint64_t kArenaUser = 0x200000000000;
inline constexpr uint32_t kArenaSize = 0x40000;
inline constexpr uint32_t kHalf = 0x20000;
inline constexpr uint32_t kPageSize = 4096;

// The arena's byte (offset from kArenaUser) that the guest sees at `gpa`. The guest's own view
// never changes; what the device sees depends on its memory table. `gpa` lies within the arena.
constexpr uint32_t arena_offset(uint64_t gpa) {
  return static_cast<uint32_t>(gpa - kArenaGpa) ^ kHalf;
}
constexpr uint64_t arena_gpa(uint32_t offset) {
  return kArenaGpa + (offset ^ kHalf);
}
constexpr bool in_arena(uint64_t gpa, uint64_t len) {
  return gpa >= kArenaGpa && len <= kArenaSize && gpa - kArenaGpa <= kArenaSize - len;
}

// The dirty log has memory of its own, outside of the guest's: one bit for each 4096 bytes from GPA
// 0 on. Its bits are told and cleared at each settle point. A log elsewhere cannot be written.
inline constexpr uint64_t kLogUser = 0x210000000000;
inline constexpr uint32_t kLogSize = 4096;

// What the operand of `set_log_base` stands for.
constexpr uint64_t log_base(uint64_t operand) {
  return operand == 0 ? kLogUser : operand;
}

// The default memory table, as (gpa, size, user).
struct DefaultRegion {
  uint64_t gpa;
  uint64_t size;
  uint64_t user;
};
inline constexpr DefaultRegion kDefaultRegions[2] = {
    {kArenaGpa, kHalf, kArenaUser + kHalf},
    {kArenaGpa + kHalf, kHalf, kArenaUser},
};

// Rings that `vring` sets up. Queues 0 to 3 have a place of their own; num up to 1024 fits. A
// larger num or a further queue gets addresses that overlap what follows: legal bytes, hostile
// layout.
struct RingLayout {
  uint64_t desc;   // GPA; 16-byte aligned
  uint64_t avail;  // GPA; directly behind the table
  uint64_t used;   // GPA; 4-byte aligned
};
inline constexpr uint32_t kRingStride = 0x7000;
inline constexpr Queue kLastOwnRing = 3;  // the rings of further queues lie where buffers do
inline constexpr uint32_t kDefaultNum = 8;

constexpr RingLayout ring_layout(Queue queue, uint32_t num) {
  const uint64_t desc = kArenaGpa + uint64_t{queue} * kRingStride;
  const uint64_t avail = desc + uint64_t{16} * num;
  const uint64_t used = (avail + 6 + uint64_t{2} * num + 3) & ~uint64_t{3};
  return {desc, avail, used};
}
constexpr uint64_t user_of(uint64_t gpa) {
  return kArenaUser + arena_offset(gpa);
}

// Buffers and indirect tables that `avail` places.
inline constexpr uint64_t kBufferGpa = kArenaGpa + 4 * uint64_t{kRingStride};
inline constexpr uint64_t kBufferEnd = kArenaGpa + kArenaSize;

}  // namespace va
