#include "guest/driver.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "base/bytes.h"
#include "base/hot.h"
#include "guest/parts.h"
#include "prog/frame.h"
#include "prog/ops.h"

namespace va {
namespace {

// VIRTIO 1.2, 2.7.5.
constexpr uint16_t kDescNext = 1;
constexpr uint16_t kDescWrite = 2;
constexpr uint16_t kDescIndirect = 4;
constexpr uint32_t kDescSize = 16;

constexpr uint32_t kNotStored = 0x10000;     // kExposed: avail idx was not stored
constexpr uint32_t kOrdinalsKept = 0x10000;  // as many as `#n` can name

// Default chain of `avail`: the header and the payload in descriptors of their own; to receive, one
// buffer as VIRTIO 1.2, 5.1.6.3.1, wants it.
constexpr std::array kDefaultSegs = {Seg{false, 0, 12}, Seg{false, 0, 1400}};
constexpr std::array kReceiveSegs = {Seg{true, 0, 1526}};

}  // namespace

void Driver::reset(Trace& trace) {
  trace_ = &trace;
  arena_ = port_.arena();
  index_ = 0;
  live_ = 0;
  area_.reset();
}

Driver::QueueState& Driver::state(Queue queue) {
  const Queue number = queue % kQueues;
  QueueState& q = queues_[number];
  if ((live_ >> number & 1) == 0) {
    live_ |= static_cast<uint8_t>(1u << number);
    q.ordinals = 0;
    start_view(q, number, kDefaultNum, 0);
  }
  return q;
}

void Driver::start_view(QueueState& q, Queue queue, uint32_t num, uint16_t base) {
  q.num = num;
  q.ring = ring_layout(queue, num);
  q.avail_idx = base;
  q.last_used = base;
  ++q.generation;
  q.free_count = num;
  q.ready_words = 0;
  q.lowest_word = 0;
  q.cursor = 0;
  if (q.chains.size() < num) {
    q.chains.resize(num);
    q.next.resize(num);
    q.free.resize((num + 63) / 64);
  }
}

void Driver::set_up(Queue queue, uint16_t num, uint16_t base) {
  QueueState& q = state(queue);
  // Taken chains are named by the descriptors that are not free. The view ends here, so what the
  // device does with them later is no use of memory that this driver knows of.
  for (uint32_t head = 0; head < std::min(q.num, q.ready_words * 64); ++head) {
    Chain& chain = q.chains[head];
    if (chain.generation != q.generation) continue;
    area_.release(chain.buffer);
    area_.release(chain.table);
  }
  start_view(q, queue % kQueues, num == 0 ? kDefaultNum : num, base);
  fill(q.ring.desc, 0, q.ring.used + 6 + uint64_t{8} * q.num - q.ring.desc);
  put16(q.ring.avail + 2, base);
  put16(q.ring.used + 2, base);
}

void Driver::execute(uint32_t index, const Op& op) {
  index_ = index;
  if (op.code == Opcode::kStore) {
    const uint64_t size = op.arg[2] == 0 ? 8 : std::min<uint64_t>(op.arg[2], 8);
    put(op.arg[0], &op.arg[1], size);
    return;
  }
  QueueState& q = state(op.queue);
  const RingLayout& ring = q.ring;
  const auto value = static_cast<uint16_t>(op.arg[0]);
  switch (op.code) {
    case Opcode::kAvail:
      avail(op.queue, op);
      break;
    case Opcode::kDesc:
      store_descriptor(op.queue, ring.desc + uint64_t{kDescSize} * value, op.arg[1],
                       static_cast<uint32_t>(op.arg[2]), static_cast<uint16_t>(op.arg[3]),
                       static_cast<uint16_t>(op.arg[4]));
      break;
    case Opcode::kAvailEntry:
      put16(ring.avail + 4 + uint64_t{2} * value, static_cast<uint16_t>(op.arg[1]));
      break;
    case Opcode::kAvailIdx:
      q.avail_idx = value;
      put16(ring.avail + 2, value);
      break;
    case Opcode::kAvailFlags:
      put16(ring.avail, value);
      break;
    case Opcode::kUsedEvent:
      put16(ring.avail + 4 + uint64_t{2} * q.num, value);
      break;
    case Opcode::kScribble:
      scribble(op.queue, q, static_cast<uint32_t>(op.arg[0]), static_cast<uint8_t>(op.arg[1]));
      break;
    default:
      break;
  }
}

// ---- avail -----------------------------------------------------------------------------------

void Driver::avail(Queue queue, const Op& op) {
  QueueState& q = state(queue);
  const uint32_t ordinal = q.ordinals++;
  acked_ = port_.acked_features();
  reclaim(queue, q);

  const bool receives = (queue & 1) != 0;
  if (op.nseg != 0) {
    shape_.segs = std::span<const Seg>(op.seg).first(std::min<size_t>(op.nseg, kMaxSegs));
  } else if (receives) {
    shape_.segs = kReceiveSegs;
  } else {
    shape_.segs = kDefaultSegs;
  }
  shape_.descriptors = 0;
  shape_.bytes = 0;
  for (const Seg& seg : shape_.segs) {
    shape_.descriptors += count_of(seg);
    shape_.bytes += uint64_t{count_of(seg)} * seg.len;
  }
  const auto mode = static_cast<AvailMode>(op.arg[1] & 3);
  const bool quiet = mode == AvailMode::kQuiet || mode == AvailMode::kIndirectQuiet;
  const bool forced = op.arg[0] != 0;
  const auto named = static_cast<uint16_t>(op.arg[0] - 1);
  if (forced && named >= q.num) {  // there is no such descriptor: the slot names it all the same
    expose(queue, q, ordinal, named, quiet);
    return;
  }
  if (!place(q, op)) {
    event(EventKind::kNoop, queue, static_cast<uint64_t>(NoopReason::kFull));
    return;
  }
  if (forced) take(q, named);
  const uint16_t head = forced ? named : take_next(q);
  store_chain(queue, q, head);
  const uint32_t header = header_length();
  if (receives) {
    prepare_buffer(header, ordinal);
  } else {
    store_frame(header, ordinal);
  }
  note_request(q, ordinal, head, header);
  expose(queue, q, ordinal, head, quiet);
}

void Driver::note_request(QueueState& q, uint32_t ordinal, uint16_t head, uint32_t header) {
  Chain& chain = q.chains[head];
  chain.generation = q.generation;
  chain.ordinal = ordinal;
  chain.descriptors = static_cast<uint16_t>(placement_.table.bytes != 0 ? 1 : shape_.descriptors);
  chain.buffer = placement_.buffer;
  chain.table = placement_.table;

  const size_t slot = ordinal % kOrdinalsKept;
  if (q.requests.size() <= slot) q.requests.resize(slot + 1);
  Request& request = q.requests[slot];
  request.ordinal = ordinal;
  request.generation = q.generation;
  request.nseg = static_cast<uint8_t>(shape_.segs.size());
  request.header = static_cast<uint8_t>(header);
  request.merges = merges();
  request.gpa = placement_.gpa;
  for (size_t i = 0; i < shape_.segs.size(); ++i) request.seg[i] = shape_.segs[i];
}

// Finds room for the chain; takes nothing where there is none.
bool Driver::place(QueueState& q, const Op& op) {
  const auto mode = static_cast<AvailMode>(op.arg[1] & 3);
  const bool indirect = mode == AvailMode::kIndirect || mode == AvailMode::kIndirectQuiet;
  const bool forced = op.arg[0] != 0;
  uint32_t wanted = indirect ? 1 : shape_.descriptors;
  if (wanted > q.num) return false;
  if (forced && !is_free(q, static_cast<uint16_t>(op.arg[0] - 1))) --wanted;
  if (wanted > q.free_count) return false;
  placement_.table = placement_.buffer = Extent{};
  if (indirect) {
    placement_.table = area_.allocate(uint64_t{kDescSize} * shape_.descriptors);
    if (placement_.table.bytes == 0) return false;
  }
  placement_.gpa = static_cast<uint32_t>(op.arg[2]);
  if (placement_.gpa != 0) return true;
  placement_.buffer = area_.allocate(shape_.bytes);
  placement_.gpa = placement_.buffer.gpa;
  if (placement_.buffer.bytes != 0) return true;
  area_.release(placement_.table);
  return false;
}

void Driver::store_chain(Queue queue, QueueState& q, uint16_t head) {
  const bool indirect = placement_.table.bytes != 0;
  uint64_t buf = placement_.gpa;
  uint32_t left = shape_.descriptors;
  uint32_t entry = 0;       // in the indirect table
  uint16_t current = head;  // in the descriptor table
  for (const Seg& seg : shape_.segs) {
    for (uint32_t i = 0; i < count_of(seg); ++i) {
      --left;
      const auto flags =
          static_cast<uint16_t>((seg.writable ? kDescWrite : 0) | (left != 0 ? kDescNext : 0));
      const uint64_t gpa = indirect ? placement_.table.gpa + uint64_t{kDescSize} * entry
                                    : q.ring.desc + uint64_t{kDescSize} * current;
      uint16_t next = 0;
      if (left != 0) next = indirect ? static_cast<uint16_t>(entry + 1) : take_next(q);
      store_descriptor(queue, gpa, buf, seg.len, flags, next);
      buf += seg.len;
      ++entry;
      if (indirect) continue;
      q.next[current] = next;
      current = next;
    }
  }
  if (indirect) {
    store_descriptor(queue, q.ring.desc + uint64_t{kDescSize} * head, placement_.table.gpa,
                     placement_.table.bytes, kDescIndirect, 0);
  }
}

void Driver::store_descriptor(Queue queue, uint64_t gpa, uint64_t buf, uint32_t len, uint16_t flags,
                              uint16_t next) {
  uint8_t* to = piece(gpa, kDescSize);  // aligned, so in one piece or outside of the arena
  if (to == nullptr) return;
  store_le(to, buf);
  store_le(to + 8, len | uint64_t{flags} << 32 | uint64_t{next} << 48);
  event(EventKind::kDescStored, queue, gpa, buf, len, flags | uint64_t{next} << 16);
}

// The readable bytes of the chain, in order, are header, frame head and fill (prog/frame.h);
// writable ones stay as they are. Readable neighbours lie side by side and are one run.
void Driver::store_frame(uint32_t header, uint32_t ordinal) {
  const uint64_t start_size = header + kFrameHead;
  uint64_t gpa = placement_.gpa;
  uint64_t done = 0;  // bytes of the stream that are stored
  for (size_t i = 0; i < shape_.segs.size();) {
    const bool writable = shape_.segs[i].writable;
    uint64_t run = 0;
    for (; i < shape_.segs.size() && shape_.segs[i].writable == writable; ++i) {
      run += uint64_t{count_of(shape_.segs[i])} * shape_.segs[i].len;
    }
    if (!writable) {
      const uint64_t first = done < start_size ? std::min(run, start_size - done) : 0;
      if (first != 0) put(gpa, frame_start(header, ordinal) + done, first);
      fill(gpa + first, fill_of(ordinal), run - first);
      done += run;
    }
    gpa += run;
  }
}

// Header and frame head of the request, until the next one.
const uint8_t* Driver::frame_start(uint32_t header, uint32_t ordinal) {
  write_frame_head(ordinal, std::span(start_).subspan(12).first<kFrameHead>());
  return start_.data() + 12 - header;  // the bytes before the head stay 0
}

void Driver::expose(Queue queue, QueueState& q, uint32_t ordinal, uint16_t head, bool quiet) {
  const uint32_t slot = q.avail_idx % q.num;
  put16(q.ring.avail + 4 + uint64_t{2} * slot, head);
  ++q.avail_idx;
  if (!quiet) {
    // The slot must be visible before the index (VIRTIO 1.2, 2.7.13.2).
    std::atomic_thread_fence(std::memory_order_release);
    put16(q.ring.avail + 2, q.avail_idx);
  }
  event(EventKind::kExposed, queue, ordinal, head, slot, quiet ? kNotStored : q.avail_idx);
}

// Frees the chains that the device gave back since the last time. What the device wrote is not
// believed: an id that names no outstanding head is passed over, and at most num entries are read.
void Driver::reclaim(Queue queue, QueueState& q) {
  const auto used_idx = get<uint16_t>(q.ring.used + 2);
  if (used_idx == q.last_used) return;
  std::atomic_thread_fence(std::memory_order_acquire);
  const bool receives = (queue & 1) != 0;
  filled_.clear();
  for (uint32_t n = 0; n < q.num && q.last_used != used_idx; ++n, ++q.last_used) {
    const uint64_t entry = q.ring.used + 4 + uint64_t{8} * (q.last_used % q.num);
    const auto id = get<uint32_t>(entry);
    if (id >= q.num || q.chains[id].generation != q.generation) continue;
    if (in_order()) n += skip_to(queue, q, id, used_idx);
    if (receives) note_filled(q, id, get<uint32_t>(entry + 4));
    free_chain(queue, q, static_cast<uint16_t>(id));
  }
  if (receives) take_packets(queue);
}

void Driver::free_chain(Queue queue, QueueState& q, uint16_t head) {
  Chain& chain = q.chains[head];
  uint16_t descriptor = head;
  for (uint16_t i = 0; i < chain.descriptors; ++i) {
    give_back(q, descriptor);
    descriptor = q.next[descriptor];
  }
  area_.release(chain.buffer);
  area_.release(chain.table);
  chain.generation = 0;
  Request& request = q.requests[chain.ordinal % kOrdinalsKept];
  if (request.ordinal == chain.ordinal) request.generation = 0;
  event(EventKind::kReclaimed, queue, head);
}

// Only while the buffer is the request's: once it is reclaimed it may be another's.
void Driver::scribble(Queue queue, const QueueState& q, uint32_t ordinal, uint8_t byte) {
  const Request* request = ordinal < q.requests.size() ? &q.requests[ordinal] : nullptr;
  if (request == nullptr || request->ordinal != ordinal || request->generation != q.generation) {
    event(EventKind::kNoop, queue, static_cast<uint64_t>(NoopReason::kNotHeld));
    return;
  }
  uint64_t skip = request->header + kFrameHead;  // readable bytes that are no payload
  uint64_t gpa = request->gpa;
  for (size_t i = 0; i < request->nseg; ++i) {
    const Seg& seg = request->seg[i];
    const uint64_t bytes = uint64_t{count_of(seg)} * seg.len;
    if (!seg.writable) {
      const uint64_t kept = std::min(skip, bytes);
      skip -= kept;
      fill(gpa + kept, byte, bytes - kept);
    }
    gpa += bytes;
  }
}

// struct virtio_net_hdr has num_buffers with either feature (VIRTIO 1.2, 5.1.6 and 5.1.6.1).
uint32_t Driver::header_length() const {
  return (acked_ & (kBitVersion1 | kBitMrgRxbuf)) != 0 ? 12 : 10;
}

// ---- free descriptors ------------------------------------------------------------------------
// A bitmap that is made valid word by word as it is reached, so that a ring of 32768 costs no more
// to set up than one of 8. The lowest free descriptor is taken first: deterministic, and reuse is
// quick, which is when a device that still holds a head hurts.

void Driver::ready(QueueState& q, uint32_t word) {
  for (; q.ready_words <= word; ++q.ready_words) {
    const uint32_t left = q.num - q.ready_words * 64;
    q.free[q.ready_words] = left >= 64 ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
  }
}

bool Driver::is_free(QueueState& q, uint16_t descriptor) {
  ready(q, descriptor / 64);
  return (q.free[descriptor / 64] >> (descriptor % 64) & 1) != 0;
}

void Driver::take(QueueState& q, uint16_t descriptor) {
  if (!is_free(q, descriptor)) return;
  q.free[descriptor / 64] &= ~(uint64_t{1} << (descriptor % 64));
  --q.free_count;
}

// There is one: free_count was looked at.
uint16_t Driver::take_lowest(QueueState& q) {
  for (;; ++q.lowest_word) {
    ready(q, q.lowest_word);
    const uint64_t word = q.free[q.lowest_word];
    if (word == 0) continue;
    const auto descriptor =
        static_cast<uint16_t>(q.lowest_word * 64 + static_cast<uint32_t>(std::countr_zero(word)));
    take(q, descriptor);
    return descriptor;
  }
}

void Driver::give_back(QueueState& q, uint16_t descriptor) {
  // A chain whose descriptors a forced head= took over may lead anywhere.
  if (descriptor >= q.num || is_free(q, descriptor)) return;
  q.free[descriptor / 64] |= uint64_t{1} << (descriptor % 64);
  ++q.free_count;
  q.lowest_word = std::min<uint32_t>(q.lowest_word, descriptor / 64);
}

// ---- guest memory ----------------------------------------------------------------------------

uint8_t* Driver::piece(uint64_t gpa, uint64_t len) {
  const uint64_t first = gpa - kArenaGpa;  // wraps, and so is too large, below the arena
  const uint64_t last = first + len - 1;
  if (first >= kArenaSize || last >= kArenaSize || ((first ^ last) & kHalf) != 0) return nullptr;
  return port_.store(static_cast<uint32_t>(first) ^ kHalf, static_cast<uint32_t>(len)).data();
}

void Driver::put(uint64_t gpa, const void* bytes, uint64_t len) {
  if (uint8_t* to = piece(gpa, len); to != nullptr) {
    std::memcpy(to, bytes, len);
    return;
  }
  each_part(gpa, len, [&](uint32_t offset, uint64_t at, uint32_t n) {
    std::memcpy(port_.store(offset, n).data(), static_cast<const uint8_t*>(bytes) + at, n);
  });
}

void Driver::put16(uint64_t gpa, uint16_t value) {
  if (uint8_t* to = piece(gpa, sizeof value); to != nullptr) {
    store_le(to, value);
  } else {
    put16_across(gpa, value);
  }
}

VA_COLD void Driver::put16_across(uint64_t gpa, uint16_t value) {
  const std::array<uint8_t, 2> bytes = {static_cast<uint8_t>(value),
                                        static_cast<uint8_t>(value >> 8)};
  put(gpa, bytes.data(), bytes.size());
}

void Driver::fill(uint64_t gpa, uint8_t byte, uint64_t len) {
  if (len == 0) return;
  if (uint8_t* to = piece(gpa, len); to != nullptr) {
    std::memset(to, byte, len);
    return;
  }
  each_part(gpa, len, [&](uint32_t offset, uint64_t, uint32_t n) {
    std::memset(port_.store(offset, n).data(), byte, n);
  });
}

template <typename T>
T Driver::get(uint64_t gpa) const {
  const uint64_t first = gpa - kArenaGpa;
  const uint64_t last = first + sizeof(T) - 1;
  if (first < kArenaSize && last < kArenaSize && ((first ^ last) & kHalf) == 0) {
    return load_le<T>(&arena_[first ^ kHalf]);
  }
  return static_cast<T>(get_across(gpa, sizeof(T)));
}

VA_COLD uint64_t Driver::get_across(uint64_t gpa, uint64_t len) const {
  std::array<uint8_t, sizeof(uint64_t)> bytes{};
  each_part(gpa, len, [&](uint32_t offset, uint64_t at, uint32_t n) {
    std::memcpy(bytes.data() + at, &arena_[offset], n);
  });
  return load_le<uint64_t>(bytes.data());
}

}  // namespace va
