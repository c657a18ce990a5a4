#include "ring/desc_chain.h"

#include <cerrno>
#include <cstring>

#include "base/hot.h"

namespace va {
namespace {

constexpr uint32_t kMaxTableEntries = 65536;

int add_buffer(const MemTable& table, Descriptor desc, DescChain& out) {
  const bool writable = (desc.flags & kDescWrite) != 0;
  // VIRTIO 1.2, 2.7.4.2: device-writable parts come after all device-readable ones.
  if (!writable && out.count > out.readable_count) return -EINVAL;
  const std::span<Segment> room = std::span(out.segments).subspan(out.count);
  const int n = table.translate(desc.addr, desc.len, room);
  if (n < 0) return n;
  out.count += static_cast<uint32_t>(n);
  if (writable) {
    out.writable_bytes += desc.len;
    if (n > 0) out.ranges[out.range_count++] = {desc.addr, desc.len};
  } else {
    out.readable_count = out.count;
    out.readable_bytes += desc.len;
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

// Into out.scratch.
int load_entry(const GuestMemory& memory, const MemTable& table, uint64_t gpa, DescChain& out) {
  const std::optional<uint64_t> user = table.flat(gpa, sizeof(Descriptor));
  if (!user) return load_split_entry(memory, table, gpa, out.scratch);
  return load_descriptor(memory, *user, out.scratch) ? 0 : -EFAULT;
}

int walk_table(const GuestMemory& memory, const MemTable& table, uint64_t addr, uint32_t len,
               DescChain& out) {
  if (len == 0 || len % sizeof(Descriptor) != 0) return -EINVAL;
  const uint32_t entries = len / static_cast<uint32_t>(sizeof(Descriptor));
  if (entries > kMaxTableEntries) return -E2BIG;
  uint32_t index = 0;
  for (uint32_t found = 0; found < entries; ++found) {
    if (index >= entries) return -EINVAL;
    const int loaded = load_entry(memory, table, addr + uint64_t{16} * index, out);
    if (loaded < 0) return loaded;
    const Descriptor desc = out.scratch;
    if ((desc.flags & kDescIndirect) != 0) return -EINVAL;
    const int r = add_buffer(table, desc, out);
    if (r < 0) return r;
    if ((desc.flags & kDescNext) == 0) return 0;
    index = desc.next;
  }
  return -EINVAL;
}

}  // namespace

int walk_chain(const Vring& ring, const GuestMemory& memory, const MemTable& table, uint16_t head,
               DescChain& out) {
  out.head = head;
  out.count = 0;
  out.readable_count = 0;
  out.readable_bytes = 0;
  out.writable_bytes = 0;
  out.range_count = 0;
  uint32_t index = head;
  for (uint32_t found = 0; found < ring.num; ++found) {
    if (index >= ring.num) return -EINVAL;
    if (!ring.load_desc(memory, index, out.scratch)) return -EFAULT;
    const Descriptor desc = out.scratch;
    const int r = (desc.flags & kDescIndirect) != 0
                      ? walk_table(memory, table, desc.addr, desc.len, out)
                      : add_buffer(table, desc, out);
    if (r < 0) return r;
    if ((desc.flags & kDescNext) == 0) return 0;
    index = desc.next;
  }
  return -EINVAL;  // longer than the table: a loop
}

}  // namespace va
