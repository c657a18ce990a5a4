// A split ring as bytes in guest memory (VIRTIO 1.2, 2.7): every field, by name, through the
// bounds-checked accessor. No state beyond where the ring lies, no policy.
//
//   table  num x { addr le64, len le32, flags le16, next le16 }
//   avail  { flags le16, idx le16, ring[num] le16, used_event le16 }
//   used   { flags le16, idx le16, ring[num] { id le32, len le32 }, avail_event le16 }
#pragma once

#include <cstdint>

#include "base/ring_index.h"
#include "ring/guest_memory.h"

namespace va {

inline constexpr uint16_t kDescNext = 1;
inline constexpr uint16_t kDescWrite = 2;
inline constexpr uint16_t kDescIndirect = 4;
inline constexpr uint16_t kAvailNoInterrupt = 1;
inline constexpr uint16_t kUsedNoNotify = 1;

struct Descriptor {
  uint64_t addr = 0;
  uint32_t len = 0;
  uint16_t flags = 0;
  uint16_t next = 0;
};
static_assert(sizeof(Descriptor) == 16);

// By words, which stay in registers; 16 bytes in one go would be a call under a sanitizer.
inline bool load_descriptor(const GuestMemory& memory, uint64_t user, Descriptor& value) {
  uint64_t shape = 0;
  if (!memory.load(user, value.addr) || !memory.load(user + 8, shape)) return false;
  value.len = static_cast<uint32_t>(shape);
  value.flags = static_cast<uint16_t>(shape >> 32);
  value.next = static_cast<uint16_t>(shape >> 48);
  return true;
}

struct UsedElem {
  uint32_t id = 0;
  uint32_t len = 0;
};
static_assert(sizeof(UsedElem) == 8);

// Functions return false where the field is not in mapped memory.
struct Vring {
  uint32_t num = 1;   // a power of two, 1 … 32768
  uint64_t desc = 0;  // user addresses
  uint64_t avail = 0;
  uint64_t used = 0;

  // Offsets in the used ring.
  static constexpr uint64_t kUsedFlagsAt = 0;
  static constexpr uint64_t kUsedIdxAt = 2;
  static constexpr uint64_t used_elem_at(uint32_t slot) { return 4 + uint64_t{8} * slot; }
  uint64_t avail_event_at() const { return used_elem_at(num); }

  uint64_t desc_size() const { return uint64_t{16} * num; }
  uint64_t avail_size(bool event_idx) const { return 4 + uint64_t{2} * num + (event_idx ? 2 : 0); }
  uint64_t used_size(bool event_idx) const { return 4 + uint64_t{8} * num + (event_idx ? 2 : 0); }

  bool load_desc(const GuestMemory& memory, uint32_t index, Descriptor& value) const {
    return load_descriptor(memory, desc + uint64_t{16} * index, value);
  }
  bool load_avail_flags(const GuestMemory& memory, uint16_t& value) const {
    return memory.load(avail, value);
  }
  bool load_avail_idx(const GuestMemory& memory, RingIndex& value) const {
    return memory.load(avail + 2, value.value);
  }
  bool load_avail_head(const GuestMemory& memory, RingIndex at, uint16_t& value) const {
    return memory.load(avail + 4 + uint64_t{2} * at.slot(num), value);
  }
  bool load_used_event(const GuestMemory& memory, RingIndex& value) const {
    return memory.load(avail + 4 + uint64_t{2} * num, value.value);
  }
  bool load_used_idx(const GuestMemory& memory, RingIndex& value) const {
    return memory.load(used + kUsedIdxAt, value.value);
  }
  bool store_used_flags(GuestMemory& memory, uint16_t value) const {
    return memory.store(used + kUsedFlagsAt, value);
  }
  bool store_used_idx(GuestMemory& memory, RingIndex value) const {
    return memory.store(used + kUsedIdxAt, value.value);
  }
  bool store_used_elem(GuestMemory& memory, RingIndex at, const UsedElem& value) const {
    return memory.store(used + used_elem_at(at.slot(num)), value);
  }
  bool store_avail_event(GuestMemory& memory, RingIndex value) const {
    return memory.store(used + avail_event_at(), value.value);
  }
};

}  // namespace va
