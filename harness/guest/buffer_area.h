// Where the simulated driver puts buffers and indirect tables: a bump allocator over
// [kBufferGpa, kBufferEnd) that wraps around and steps over what is still taken.
//
// Bumping instead of first fit gives memory the longest possible rest before it is used again, so a
// device that reads or writes a buffer too late meets a stale byte and not, by luck, the right one.
// One bit stands for a granule of 64 bytes: 36 words in all, so a reset costs nothing.
#pragma once

#include <array>
#include <cstdint>

#include "prog/layout.h"

namespace va {

// Bytes at `gpa`; `bytes` 0 means no memory.
struct Extent {
  uint32_t gpa = 0;
  uint32_t bytes = 0;
};

class BufferArea {
 public:
  void reset();

  // Memory for `bytes` bytes (0 is rounded up to 1), aligned to 64; bytes 0 in the answer: no room.
  Extent allocate(uint64_t bytes);

  // `extent` came from allocate(), or is empty.
  void release(Extent extent);

 private:
  static constexpr uint32_t kGranule = 64;
  static constexpr uint32_t kGranules = static_cast<uint32_t>((kBufferEnd - kBufferGpa) / kGranule);
  static constexpr uint32_t kWords = (kGranules + 63) / 64;

  // The first granule in [from, to) whose state is `taken`; `to` if there is none.
  uint32_t find(bool taken, uint32_t from, uint32_t to) const;
  // The first of `n` free granules in a row, from `from` on; kGranules if there are none.
  uint32_t find_room(uint32_t from, uint32_t n) const;
  void mark(bool taken, uint32_t from, uint32_t to);

  std::array<uint64_t, kWords> taken_{};  // bit i: granule i belongs to an outstanding request
  uint32_t cursor_ = 0;                   // the granule behind the last allocation
};

}  // namespace va
