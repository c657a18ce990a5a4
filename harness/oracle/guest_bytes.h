// Guest memory as far as the trace tells it: what the driver stored as ring or table, byte by byte.
//
// A trace names every store to metadata and none to payload, so a byte is one of three: known (it
// was stored, or the arena is still zero there), payload (a frame was written over it and nothing
// since), and outside. What is read from payload is no knowledge, and whoever reads it must not
// judge by it. Addresses are the guest's (GPA); what lies outside the arena is not there.
//
// A Program begins by advancing the clock, not by clearing: a granule whose stamp is older than the
// Program counts as zero.
#pragma once

#include <array>
#include <cstdint>

#include "prog/layout.h"

namespace va::oracle {

class GuestBytes {
 public:
  // A new Program: all memory is known and zero.
  void begin();

  // A new moment: payload written in it is older than metadata stored in it, since the driver's
  // `avail` stores both and a chain whose own table lies in its buffer is found by other means.
  void tick() { ++clock_; }

  // Stores `len` bytes, as far as they lie in the arena.
  void store(uint64_t gpa, const void* bytes, uint64_t len);
  void zero(uint64_t gpa, uint64_t len);
  void payload(uint64_t gpa, uint64_t len);

  // A descriptor's 16 bytes, as two words.
  struct Pair {
    uint64_t low = 0;
    uint64_t high = 0;
  };
  void store16(uint64_t gpa, uint16_t value);
  void store_pair(uint64_t gpa, Pair pair);

  // Zero where there is no memory.
  uint16_t load16(uint64_t gpa) const;
  Pair load_pair(uint64_t gpa) const;
  void load(uint64_t gpa, void* bytes, uint32_t len) const;

  // Whether all of these bytes lie in the arena and none is payload.
  bool known(uint64_t gpa, uint64_t len) const {
    if (!in_arena(gpa, len)) return false;
    if (len == 0) return true;
    const auto from = static_cast<uint32_t>(gpa - kArenaGpa);
    const uint32_t last = (from + static_cast<uint32_t>(len) - 1) / kGranule;
    for (uint32_t granule = from / kGranule; granule <= last; ++granule) {
      if (!granule_known(granule)) return false;
    }
    return true;
  }

  // Who owns the 16-byte granule of `gpa`, as a number that means something to the caller; 0 if it
  // was not claimed. Claims outlive a Program: the caller's numbers grow from one to the next.
  uint32_t owner(uint64_t gpa) const {
    return in_arena(gpa, 1) ? owner_[(gpa - kArenaGpa) / kGranule] : 0;
  }
  void claim(uint64_t gpa, uint32_t owner) {
    if (in_arena(gpa, 1)) owner_[(gpa - kArenaGpa) / kGranule] = owner;
  }
  // The caller's numbers begin anew.
  void forget_owners() { owner_.fill(0); }

 private:
  static constexpr uint32_t kGranule = 16;
  static constexpr uint32_t kBlock = 64;  // payload is remembered by blocks

  // The same for what lies across granules or the arena's edge.
  void store_across(uint64_t gpa, Pair pair, uint32_t len);
  Pair load_across(uint64_t gpa, uint32_t len) const;
  uint8_t* fresh(uint32_t granule, bool whole);
  bool granule_known(uint32_t granule) const {
    const uint32_t frame = payload_[granule * kGranule / kBlock];
    return frame < start_ || stored_[granule] >= frame;
  }

  uint32_t clock_ = 2;
  uint32_t start_ = 2;  // the clock when the Program began
  std::array<uint8_t, kArenaSize> bytes_{};
  // By granule: clock of the last store of metadata to all of it.
  std::array<uint32_t, kArenaSize / kGranule> stored_{};
  std::array<uint32_t, kArenaSize / kBlock> payload_{};  // by block: clock of the last frame
  std::array<uint32_t, kArenaSize / kGranule> owner_{};
};

}  // namespace va::oracle
