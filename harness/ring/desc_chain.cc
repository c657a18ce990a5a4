#include "ring/desc_chain.h"

#include <cerrno>
#include <cstring>

namespace va {
namespace {

constexpr uint32_t kMaxTableEntries = 65536;

class Walk {
 public:
  Walk(const Vring& ring, const GuestMemory& memory, const MemTable& table, DescChain& out)
      : ring_(ring), memory_(memory), table_(table), out_(out) {}

  int run(uint16_t head) {
    uint32_t index = head;
    for (uint32_t found = 0; found < ring_.num; ++found) {
      if (index >= ring_.num) return -EINVAL;
      Descriptor desc;
      if (!ring_.load_desc(memory_, index, desc)) return -EFAULT;
      const int r = (desc.flags & kDescIndirect) != 0 ? indirect(desc) : buffer(desc);
      if (r < 0) return r;
      if ((desc.flags & kDescNext) == 0) return 0;
      index = desc.next;
    }
    return -EINVAL;  // longer than the table: a loop
  }

 private:
  int buffer(const Descriptor& desc) {
    const bool writable = (desc.flags & kDescWrite) != 0;
    // VIRTIO 1.2, 2.7.4.2: device-writable parts come after all device-readable ones.
    if (!writable && out_.count > out_.readable_count) return -EINVAL;
    const std::span<Segment> room = std::span(out_.segments).subspan(out_.count);
    const int n = table_.translate(desc.addr, desc.len, room);
    if (n < 0) return n;
    out_.count += static_cast<uint32_t>(n);
    if (writable) {
      out_.writable_bytes += desc.len;
      if (n > 0) out_.ranges[out_.range_count++] = {desc.addr, desc.len};
    } else {
      out_.readable_count = out_.count;
      out_.readable_bytes += desc.len;
    }
    return 0;
  }

  int indirect(const Descriptor& pointer) {
    if (pointer.len == 0 || pointer.len % sizeof(Descriptor) != 0) return -EINVAL;
    const uint32_t entries = pointer.len / static_cast<uint32_t>(sizeof(Descriptor));
    if (entries > kMaxTableEntries) return -E2BIG;
    uint32_t index = 0;
    for (uint32_t found = 0; found < entries; ++found) {
      if (index >= entries) return -EINVAL;
      Descriptor desc;
      const int loaded = load_entry(pointer.addr + uint64_t{16} * index, desc);
      if (loaded < 0) return loaded;
      if ((desc.flags & kDescIndirect) != 0) return -EINVAL;
      const int r = buffer(desc);
      if (r < 0) return r;
      if ((desc.flags & kDescNext) == 0) return 0;
      index = desc.next;
    }
    return -EINVAL;
  }

  // A table needs no alignment (2.7.5.3 states none), so one entry may lie in several regions.
  int load_entry(uint64_t gpa, Descriptor& desc) const {
    Segment whole;
    if (table_.translate(gpa, sizeof(Descriptor), {&whole, 1}) == 1) {
      return memory_.load(whole.user, desc) ? 0 : -EFAULT;
    }
    std::array<uint8_t, sizeof(Descriptor)> bytes;
    std::array<Segment, sizeof(Descriptor)> parts;
    const int n = table_.translate(gpa, sizeof(Descriptor), parts);
    if (n < 0) return n;
    size_t at = 0;
    for (const Segment& part : std::span(parts).first(static_cast<size_t>(n))) {
      if (!memory_.load(part.user, std::span(bytes).subspan(at, part.len))) return -EFAULT;
      at += part.len;
    }
    std::memcpy(&desc, bytes.data(), sizeof desc);
    return 0;
  }

  const Vring& ring_;
  const GuestMemory& memory_;
  const MemTable& table_;
  DescChain& out_;
};

}  // namespace

int walk_chain(const Vring& ring, const GuestMemory& memory, const MemTable& table, uint16_t head,
               DescChain& out) {
  out.head = head;
  out.count = 0;
  out.readable_count = 0;
  out.readable_bytes = 0;
  out.writable_bytes = 0;
  out.range_count = 0;
  return Walk(ring, memory, table, out).run(head);
}

}  // namespace va
