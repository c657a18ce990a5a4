// Guest memory as a device sees it: bytes behind user addresses, and the memory table that maps
// guest physical addresses (GPA) onto them.
//
// The device loads and stores through this class only; every access is bounds-checked and every
// store of the device is told to an observer, so a trace holds each of them in order. It holds no
// policy: what an unmapped address means is the engine's matter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

#include "base/check.h"

namespace va {

// Told of each store that the device makes, after it was made. `user` is the address, `len` > 0;
// `value` is what was stored, little-endian, where that is a field of a ring, else 0.
class StoreObserver {
 public:
  virtual ~StoreObserver() = default;
  virtual void on_store(uint64_t user, uint32_t len, uint64_t value) = 0;
};

// `len` bytes at a user address. A GPA range translates into one or more.
struct Segment {
  uint64_t user = 0;
  uint32_t len = 0;
};

struct Region {
  uint64_t gpa = 0;
  uint64_t size = 0;
  uint64_t user = 0;

  uint64_t last() const { return gpa + size - 1; }
};

// The table of VHOST_SET_MEM_TABLE. Regions may touch and overlap; where they overlap the one that
// starts lowest wins.
class MemTable {
 public:
  static constexpr uint32_t kMaxRegions = 64;
  // A region of 2^64 bytes is kept in two halves (Linux, vhost_iotlb_add_range_ctx).
  static constexpr uint32_t kMaxEntries = 2 * kMaxRegions;

  void clear() { count_ = 0; }
  // At most kMaxEntries may be added; region.size is not 0 and the region does not wrap.
  void add(const Region& region);
  std::span<const Region> regions() const { return {regions_.data(), count_}; }

  // Splits [gpa, gpa + len) into segments, in address order. Returns how many (0 for len 0),
  // -EFAULT where a byte is not mapped, -ENOBUFS where more than out.size() would be needed.
  int translate(uint64_t gpa, uint32_t len, std::span<Segment> out) const;

  // The user address of [gpa, gpa + len), `len` > 0, where it is one segment.
  std::optional<uint64_t> flat(uint64_t gpa, uint32_t len) const;

 private:
  const Region* find(uint64_t first, uint64_t last) const;

  uint32_t count_ = 0;
  std::array<Region, kMaxEntries> regions_;  // by GPA; of equal ones the first added comes first
};

class GuestMemory {
 public:
  static constexpr uint32_t kPage = 4096;
  static constexpr uint32_t kMaxPages = 64;

  // `size` bytes (a multiple of kPage, at most kMaxPages pages) behind the addresses from
  // `user_base`. Under ASan a page on either side is poisoned.
  GuestMemory(uint64_t user_base, uint32_t size);
  ~GuestMemory();
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;

  // All bytes zero again; the cost is that of the granules touched since.
  void reset();

  // `observer` may be nullptr and must outlive its use.
  void set_observer(StoreObserver* observer) { observer_ = observer; }

  // ---- the device's side; false where [user, user + len) is not all memory, nothing is done then
  template <typename T>
  [[nodiscard]] bool load(uint64_t user, T& value) const {
    if (!mapped(user, sizeof(T))) return false;
    std::memcpy(&value, at(user), sizeof(T));
    return true;
  }
  [[nodiscard]] bool load(uint64_t user, std::span<uint8_t> bytes) const;
  // A field of a ring.
  template <typename T>
  [[nodiscard]] bool store(uint64_t user, T value) {
    static_assert(sizeof(T) <= sizeof(uint64_t));
    if (!mapped(user, sizeof(T))) return false;
    const uint32_t offset = static_cast<uint32_t>(user - user_base_);
    touch(offset, sizeof(T));
    std::memcpy(arena_ + offset, &value, sizeof(T));
    uint64_t word = 0;
    std::memcpy(&word, &value, sizeof(T));
    if (observer_ != nullptr) observer_->on_store(user, sizeof(T), word);
    return true;
  }
  // Bytes of a buffer.
  [[nodiscard]] bool store(uint64_t user, std::span<const uint8_t> bytes);

  // Stores `bytes` into the memory that `segments` name one after the other, from its byte `offset`
  // on, with one store a segment. False where a segment is not mapped or there is no room for all;
  // what comes before is stored then.
  [[nodiscard]] bool scatter(std::span<const Segment> segments, uint64_t offset,
                             std::span<const uint8_t> bytes);

  // The counterpart: loads up to out.size() bytes, and returns how many there were.
  uint32_t gather(std::span<const Segment> segments, uint64_t offset, std::span<uint8_t> out) const;

  // The bytes themselves, for a reader of whole segments; empty where not all is mapped.
  std::span<const uint8_t> view(uint64_t user, uint32_t len) const;

  bool mapped(uint64_t user, uint64_t len) const {
    return user >= user_base_ && len <= size_ && user - user_base_ <= size_ - len;
  }

  // ---- the guest's side, by offset from user_base
  std::span<const uint8_t> bytes() const { return {arena_, size_}; }
  // Writable bytes; [offset, offset + len) must lie inside.
  std::span<uint8_t> guest_store(uint32_t offset, uint32_t len) {
    VA_CHECK(offset <= size_ && len <= size_ - offset);
    if (len > 0) touch(offset, len);
    return {arena_ + offset, len};
  }

  // The first byte that is not zero in a granule that neither side touched: a store that went past
  // this class. -1 if there is none. Reads all memory.
  int64_t find_foreign_store() const;

 private:
  // What is cleared at once: a frame touches few of them, and a ring one or two.
  static constexpr uint32_t kGranule = 512;

  const uint8_t* at(uint64_t user) const { return arena_ + (user - user_base_); }
  // `len` > 0.
  void touch(uint32_t offset, uint32_t len) {
    const uint32_t first = offset / kGranule;
    const uint32_t last = (offset + len - 1) / kGranule;
    if (first == last) {
      touched_[first / 64] |= uint64_t{1} << first % 64;
      return;
    }
    for (uint32_t word = first / 64; word <= last / 64; ++word) {
      const uint32_t from = word == first / 64 ? first % 64 : 0;
      const uint32_t to = word == last / 64 ? last % 64 : 63;
      touched_[word] |= ~uint64_t{0} << from & ~uint64_t{0} >> (63 - to);
    }
  }

  uint64_t user_base_;
  uint32_t size_;
  std::array<uint64_t, kMaxPages * kPage / kGranule / 64> touched_{};  // bit i: granule i may hold
                                                                       // something other than zero
  StoreObserver* observer_ = nullptr;
  std::unique_ptr<uint8_t[]> storage_;  // a guard page, the arena, a guard page
  uint8_t* arena_;                      // inside storage_
};

}  // namespace va
