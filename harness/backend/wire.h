// What the peers of this folder tell about frames and requests, and the frame itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/backend.h"

namespace va {

// Told of what a peer does, in the order in which it does it.
class PeerObserver {
 public:
  virtual ~PeerObserver() = default;
  // The frame (behind the virtio-net header) is on the wire. Valid during the call only.
  virtual void on_frame(std::span<const uint8_t> frame) = 0;
  virtual void on_submitted(uint32_t name) = 0;
  // The peer is done with the request; whoever listens tells the engine.
  virtual void on_completed(uint32_t name, RequestToken token, RequestResult result) = 0;
};

// The longest frame that a peer takes. A tap has no limit of its own: it takes what the kernel can
// allocate in one piece, 4 MiB (drivers/net/tun.c, tun_alloc_skb). This one is shorter, and refuses
// for good what is longer.
inline constexpr size_t kMaxFrame = 1 << 20;

// A packet's bytes in one piece.
class FrameBuffer {
 public:
  // 0; -EFAULT if a segment is not mapped; -EINVAL if it is longer than kMaxFrame.
  int gather(const Packet& packet);
  std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  std::array<uint8_t, kMaxFrame> storage_;
  // Of the guest's memory where the segments are neighbours, of a copy, else of storage_.
  std::span<const uint8_t> bytes_;
};

}  // namespace va
