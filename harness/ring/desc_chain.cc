#include "ring/desc_chain.h"

#include <cerrno>
#include <cstring>

#include "base/hot.h"

namespace va {
namespace {

constexpr uint32_t kMaxTableEntries = 65536;

// What a chain has so far, in registers until it is complete.
struct Tally {
  uint32_t count = 0;
  uint32_t readable_count = 0;
  uint32_t range_count = 0;
  uint64_t readable_bytes = 0;
  uint64_t writable_bytes = 0;
};

VA_INLINE int add_buffer(const MemTable& table, Descriptor desc, DescChain& out, Tally& sum) {
  const bool writable = (desc.flags & kDescWrite) != 0;
  // VIRTIO 1.2, 2.7.4.2: device-writable parts come after all device-readable ones.
  if (!writable && sum.count > sum.readable_count) return -EINVAL;
  const std::span<Segment> room = std::span(out.segments).subspan(sum.count);
  const int n = table.translate(desc.addr, desc.len, room);
  if (n < 0) return n;
  sum.count += static_cast<uint32_t>(n);
  if (writable) {
    sum.writable_bytes += desc.len;
    if (n > 0) out.ranges[sum.range_count++] = {desc.addr, desc.len};
  } else {
    sum.readable_count = sum.count;
    sum.readable_bytes += desc.len;
  }
  return 0;
}

// A table needs no alignment (2.7.5.3 states none), so one entry may lie in several regions.
VA_COLD int load_split_entry(const GuestMemory& memory, const MemTable& table, uint64_t gpa,
                             Descriptor& desc) {
  std::array<uint8_t, sizeof(Descriptor)> bytes;
  std::array<Segment, sizeof(Descriptor)> parts;
  const int n = table.translate(gpa, sizeof(Descriptor), parts);
  if (n < 0) return n;
  size_t at = 0;
  for (const Segment& part : std::span(parts).first(static_cast<size_t>(n))) {
    if (!memory.load(part.user, std::span(bytes).subspan(at, part.len))) return -EFAULT;
    at += part.len;
  }
  std::memcpy(&desc, bytes.data(), sizeof desc);
  return 0;
}

VA_INLINE int load_entry(const GuestMemory& memory, const MemTable& table, uint64_t gpa,
                         DescChain& out, Descriptor& desc) {
  if (const std::optional<uint64_t> user = table.flat(gpa, sizeof(Descriptor))) {
    return load_descriptor(memory, *user, desc) ? 0 : -EFAULT;
  }
  const int loaded = load_split_entry(memory, table, gpa, out.scratch);
  desc = out.scratch;
  return loaded;
}

VA_INLINE int walk_table(const GuestMemory& memory, const MemTable& table, uint64_t addr,
                         uint32_t len, DescChain& out, Tally& sum) {
  if (len == 0 || len % sizeof(Descriptor) != 0) return -EINVAL;
  const uint32_t entries = len / static_cast<uint32_t>(sizeof(Descriptor));
  if (entries > kMaxTableEntries) return -E2BIG;
  uint32_t index = 0;
  for (uint32_t found = 0; found < entries; ++found) {
    if (index >= entries) return -EINVAL;
    Descriptor desc;
    const int loaded = load_entry(memory, table, addr + uint64_t{16} * index, out, desc);
    if (loaded < 0) return loaded;
    if ((desc.flags & kDescIndirect) != 0) return -EINVAL;
    const int r = add_buffer(table, desc, out, sum);
    if (r < 0) return r;
    if ((desc.flags & kDescNext) == 0) return 0;
    index = desc.next;
  }
  return -EINVAL;
}

}  // namespace

int walk_chain(const Vring& ring, const GuestMemory& memory, const MemTable& table, uint16_t head,
               DescChain& out) {
  Tally sum;
  int result = -EINVAL;  // longer than the table: a loop
  uint32_t index = head;
  const uint32_t num = ring.num;
  for (uint32_t found = 0; found < num; ++found) {
    if (index >= num) break;
    Descriptor desc;
    if (!ring.load_desc(memory, index, desc)) {
      result = -EFAULT;
      break;
    }
    const int r = (desc.flags & kDescIndirect) != 0
                      ? walk_table(memory, table, desc.addr, desc.len, out, sum)
                      : add_buffer(table, desc, out, sum);
    if (r < 0 || (desc.flags & kDescNext) == 0) {
      result = r;
      break;
    }
    index = desc.next;
  }
  out.head = head;
  out.count = sum.count;
  out.readable_count = sum.readable_count;
  out.readable_bytes = sum.readable_bytes;
  out.writable_bytes = sum.writable_bytes;
  out.range_count = sum.range_count;
  return result;
}

}  // namespace va
