// The frame that `avail` generates, and `inject` for the driver: what identifies a request on every
// device's wire.
//
//   virtio-net header  10 or 12 bytes, zero
//   destination MAC    02:00:00:00:hh:ll, the request's ordinal, big-endian
//   source MAC         02:ff:00:00:00:01
//   EtherType          0x88b5 (IEEE 802 local experimental)
//   payload            one fill byte, repeated
//
// A chain that is too short cuts the frame short. The ordinal stands where a kernel classifier can
// match it; one fill byte makes "are these the bytes that were submitted" one pass over the frame.
//
// A frame for the driver has an ordinal of its own: the n-th that the backend had, injected or made
// by itself. A receive buffer is handed over with 0xff where the header will be, so that a
// device which leaves a field out shows, and behind it the frame head of the buffer's own `avail`.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/bytes.h"

namespace va {

inline constexpr size_t kFrameHead = 14;
inline constexpr uint32_t kNoOrdinal = 0xffffffff;
inline constexpr uint32_t kMixed = 0x100;  // the payload is not one repeated byte

inline constexpr uint32_t kReceiveQueue = 256;  // frames that wait at a backend; more are dropped
inline constexpr uint8_t kUnwrittenHeader = 0xff;

// The length of the frame that `inject` with this operand makes, in bytes.
constexpr uint32_t injected_len(uint64_t operand) {
  if (operand == 0) return 60;  // ETH_ZLEN
  return operand < kFrameHead ? uint32_t{kFrameHead} : static_cast<uint32_t>(operand);
}

constexpr uint8_t fill_of(uint32_t ordinal) {
  return static_cast<uint8_t>(0x11 + ordinal * 0x25);
}

// Writes the kFrameHead first bytes of the frame of `ordinal`.
inline void write_frame_head(uint32_t ordinal, std::span<uint8_t, kFrameHead> head) {
  const uint64_t name = uint64_t{ordinal >> 8 & 0xff} << 32 | uint64_t{ordinal & 0xff} << 40;
  store_le(head.data(), uint64_t{0xff02'0000'0000'0002} | name);
  store_le(head.data() + 8, uint32_t{0x0100'0000});
  store_le(head.data() + 12, uint16_t{0xb588});
}

// Writes the frame of `ordinal`, all of it; one that is shorter than its head is cut.
inline void write_frame(uint32_t ordinal, std::span<uint8_t> frame) {
  std::array<uint8_t, kFrameHead> head;
  write_frame_head(ordinal, head);
  const size_t n = std::min(frame.size(), kFrameHead);
  std::memcpy(frame.data(), head.data(), n);
  std::memset(frame.data() + n, fill_of(ordinal), frame.size() - n);
}

// What an observer of the wire says of a frame (without virtio-net header).
struct FrameFacts {
  uint32_t ordinal = kNoOrdinal;  // kNoOrdinal: it does not carry the suite's MAC
  uint32_t len = 0;               // bytes on the wire
  uint32_t fill = 0;              // the payload's byte, 0 … 255; kMixed; 0 where there is none
};

// The ordinal that a frame carries; kNoOrdinal if it does not have the suite's MAC.
inline uint32_t read_ordinal(std::span<const uint8_t> frame) {
  if (frame.size() < 6 || frame[0] != 2 || (frame[1] | frame[2] | frame[3]) != 0) return kNoOrdinal;
  return static_cast<uint32_t>(frame[4]) << 8 | frame[5];
}

// Whether all of `bytes`, which are not empty, are the same. A sanitizer checks what is compared by
// memcmp() for longer than it takes to compare, so here the ends are looked at under its eyes, and
// what lies between them is read without.
[[gnu::no_sanitize_address]] inline bool is_uniform_between(const uint8_t* bytes, size_t size) {
  const uint64_t word = bytes[0] * uint64_t{0x0101010101010101};
  uint64_t differing = 0;
  size_t at = 0;
  for (; size - at >= sizeof word; at += sizeof word) {
    uint64_t next = 0;
    std::memcpy(&next, bytes + at, sizeof next);
    differing |= next ^ word;
  }
  for (; at < size; ++at) differing |= static_cast<uint64_t>(bytes[at] ^ bytes[0]);
  return differing == 0;
}
inline bool is_uniform(std::span<const uint8_t> bytes) {
  return bytes.front() == bytes.back() && is_uniform_between(bytes.data(), bytes.size());
}

inline FrameFacts read_frame(std::span<const uint8_t> frame) {
  FrameFacts facts;
  facts.ordinal = read_ordinal(frame);
  facts.len = static_cast<uint32_t>(frame.size());
  if (frame.size() > kFrameHead) {
    const std::span<const uint8_t> payload = frame.subspan(kFrameHead);
    facts.fill = is_uniform(payload) ? payload[0] : kMixed;
  }
  return facts;
}

}  // namespace va
