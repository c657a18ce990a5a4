// The driver's receive side: what it writes into a buffer before it hands it over, and what it
// finds in one that came back (prog/frame.h).
#include <algorithm>

#include "base/bytes.h"
#include "guest/driver.h"
#include "guest/parts.h"

namespace va {
namespace {

constexpr uint32_t kNumBuffersAt = 10;  // VIRTIO 1.2, 5.1.6: in a header of 12 bytes

// The bytes of `segs` that stand before the first writable one, and those of the writable run
// there.
struct Run {
  uint64_t before = 0;
  uint64_t bytes = 0;
};
Run writable_run(std::span<const Seg> segs) {
  Run run;
  for (const Seg& seg : segs) {
    const uint64_t bytes = uint64_t{count_of(seg)} * seg.len;
    if (!seg.writable && run.bytes != 0) break;
    (seg.writable ? run.bytes : run.before) += bytes;
  }
  return run;
}

}  // namespace

void Driver::prepare_buffer(uint32_t header, uint32_t ordinal) {
  std::array<uint8_t, 12 + kFrameHead> start;
  start.fill(kUnwrittenHeader);
  write_frame_head(ordinal, std::span(start).subspan(12).first<kFrameHead>());
  const Run run = writable_run(shape_.segs);
  const uint64_t bytes = std::min<uint64_t>(run.bytes, header + kFrameHead);
  put(placement_.gpa + run.before, start.data() + 12 - header, bytes);
}

void Driver::read_all(uint32_t index) {
  index_ = index;
  for (uint8_t queue = 1; queue < kQueues; queue += 2) {
    if ((live_ >> queue & 1) != 0) reclaim(queue, queues_[queue]);
  }
}

void Driver::note_filled(const QueueState& q, uint32_t id, uint32_t len) {
  const Chain& chain = q.chains[id];
  const Request& request = q.requests[chain.ordinal % q.requests.size()];
  if (request.ordinal != chain.ordinal) return;  // its name was given away since
  const Run run = writable_run(std::span(request.seg).first(request.nseg));
  const auto filled = static_cast<uint32_t>(std::min<uint64_t>(run.bytes, len));
  filled_.push_back({id, request.gpa + static_cast<uint32_t>(run.before), filled, request.header,
                     request.merges});
}

// With MRG_RXBUF packets are as long as their num_buffers says, as far as so many buffers are
// there; without it one buffer holds one, whatever its num_buffers says. A buffer that came back
// empty holds none.
void Driver::take_packets(Queue queue) {
  for (size_t at = 0; at < filled_.size();) {
    const Filled& first = filled_[at];
    if (first.len == 0) {
      ++at;
      continue;
    }
    uint16_t buffers = 1;
    if (first.header > kNumBuffersAt && first.len >= first.header) {
      std::array<uint8_t, 2> field;
      read(first.gpa + kNumBuffersAt, field);
      buffers = load_le<uint16_t>(field.data());
    }
    std::array<uint8_t, 8> fields{};
    if (first.len >= first.header) read(first.gpa, fields);
    event(EventKind::kReceived, queue, first.id, buffers, load_le<uint64_t>(fields.data()));
    const size_t wanted = first.merges ? std::max<size_t>(buffers, 1) : 1;
    const size_t there = std::min(wanted, filled_.size() - at);
    const std::span<const uint8_t> packet = join(std::span(filled_).subspan(at, there));
    const FrameFacts facts =
        read_frame(packet.subspan(std::min<size_t>(first.header, packet.size())));
    event(EventKind::kFrame, queue, facts.ordinal, facts.len, facts.fill);
    at += there;
  }
}

void Driver::read(uint64_t gpa, std::span<uint8_t> out) const {
  std::fill(out.begin(), out.end(), uint8_t{0});
  each_part(gpa, out.size(), [&](uint32_t offset, uint64_t at, uint32_t n) {
    std::memcpy(out.data() + at, &arena_[offset], n);
  });
}

// Valid until the next call.
std::span<const uint8_t> Driver::join(std::span<const Filled> buffers) {
  size_t bytes = 0;
  for (const Filled& each : buffers) bytes += each.len;
  if (packet_.size() < bytes) packet_.resize(bytes);
  size_t at = 0;
  for (const Filled& each : buffers) {
    read(each.gpa, std::span(packet_).subspan(at, each.len));
    at += each.len;
  }
  return std::span(packet_).first(bytes);
}

}  // namespace va
