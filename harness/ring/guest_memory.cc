#include "ring/guest_memory.h"

#include <bit>
#include <cerrno>

#include "base/check.h"
#include "base/poison.h"

namespace va {

void MemTable::add(const Region& region) {
  VA_CHECK(count_ < kMaxEntries);
  VA_CHECK(region.size > 0 && region.last() >= region.gpa);
  uint32_t at = count_++;
  for (; at > 0 && regions_[at - 1].gpa > region.gpa; --at) regions_[at] = regions_[at - 1];
  regions_[at] = region;
}

const Region* MemTable::find(uint64_t first, uint64_t last) const {
  for (const Region& region : regions()) {
    if (region.gpa > last) break;
    if (region.last() >= first) return &region;
  }
  return nullptr;
}

int MemTable::translate(uint64_t gpa, uint32_t len, std::span<Segment> out) const {
  size_t n = 0;
  while (len > 0) {
    if (n == out.size()) return -ENOBUFS;
    // A range that passes the end of the address space cannot be mapped, whatever lies at its
    // start.
    const uint64_t last = gpa + len - 1;
    if (last < gpa) return -EFAULT;
    const Region* region = find(gpa, last);
    if (region == nullptr || region->gpa > gpa) return -EFAULT;
    const uint64_t room = region->last() - gpa + 1;
    const uint32_t part = room < len ? static_cast<uint32_t>(room) : len;
    out[n++] = {region->user + (gpa - region->gpa), part};
    gpa += part;
    len -= part;
  }
  return static_cast<int>(n);
}

std::optional<uint64_t> MemTable::flat(uint64_t gpa, uint32_t len) const {
  const uint64_t last = gpa + len - 1;
  if (last < gpa) return std::nullopt;
  const Region* region = find(gpa, last);
  if (region == nullptr || region->gpa > gpa || region->last() < last) return std::nullopt;
  return region->user + (gpa - region->gpa);
}

GuestMemory::GuestMemory(uint64_t user_base, uint32_t size)
    : user_base_(user_base),
      size_(size),
      storage_(std::make_unique<uint8_t[]>(size + 2 * size_t{kPage})),
      arena_(storage_.get() + kPage) {
  VA_CHECK(size % kPage == 0 && size <= kMaxPages * kPage);
  poison(storage_.get(), kPage);
  poison(arena_ + size_, kPage);
}

GuestMemory::~GuestMemory() {
  unpoison(storage_.get(), kPage);
  unpoison(arena_ + size_, kPage);
}

void GuestMemory::reset() {
  for (uint32_t word = 0; word < touched_.size(); ++word) {
    uint8_t* const start = arena_ + size_t{word} * 64 * kGranule;
    for (uint64_t& left = touched_[word]; left != 0;) {
      // Neighbours are cleared in one go.
      const auto first = static_cast<uint32_t>(std::countr_zero(left));
      const auto run = static_cast<uint32_t>(std::countr_one(left >> first));
      std::memset(start + size_t{first} * kGranule, 0, size_t{run} * kGranule);
      left = first + run == 64 ? 0 : left & ~uint64_t{0} << (first + run);
    }
  }
}

bool GuestMemory::load(uint64_t user, std::span<uint8_t> bytes) const {
  if (!mapped(user, bytes.size())) return false;
  std::memcpy(bytes.data(), at(user), bytes.size());
  return true;
}

bool GuestMemory::store(uint64_t user, std::span<const uint8_t> bytes) {
  if (!mapped(user, bytes.size())) return false;
  const uint32_t offset = static_cast<uint32_t>(user - user_base_);
  const uint32_t len = static_cast<uint32_t>(bytes.size());
  if (len == 0) return true;
  touch(offset, len);
  std::memcpy(arena_ + offset, bytes.data(), len);
  if (observer_ != nullptr) observer_->on_store(user, len, 0);
  return true;
}

bool GuestMemory::scatter(std::span<const Segment> segments, uint64_t offset,
                          std::span<const uint8_t> bytes) {
  for (const Segment& segment : segments) {
    if (bytes.empty()) break;
    if (offset >= segment.len) {
      offset -= segment.len;
      continue;
    }
    const size_t n = std::min<size_t>(segment.len - offset, bytes.size());
    if (!store(segment.user + offset, bytes.first(n))) return false;
    bytes = bytes.subspan(n);
    offset = 0;
  }
  return bytes.empty();
}

uint32_t GuestMemory::gather(std::span<const Segment> segments, uint64_t offset,
                             std::span<uint8_t> out) const {
  size_t at = 0;
  for (const Segment& segment : segments) {
    if (at == out.size()) break;
    if (offset >= segment.len) {
      offset -= segment.len;
      continue;
    }
    const size_t n = std::min<size_t>(segment.len - offset, out.size() - at);
    if (!load(segment.user + offset, out.subspan(at, n))) break;
    at += n;
    offset = 0;
  }
  return static_cast<uint32_t>(at);
}

std::span<const uint8_t> GuestMemory::view(uint64_t user, uint32_t len) const {
  if (!mapped(user, len)) return {};
  return {at(user), len};
}

int64_t GuestMemory::find_foreign_store() const {
  for (uint32_t offset = 0; offset < size_; ++offset) {
    const uint32_t granule = offset / kGranule;
    if ((touched_[granule / 64] >> (granule % 64) & 1) != 0) {
      offset |= kGranule - 1;  // on to the next one
    } else if (arena_[offset] != 0) {
      return offset;
    }
  }
  return -1;
}

}  // namespace va
