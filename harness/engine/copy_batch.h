// Frames that were copied out of guest memory and are sent together: the batch of XDP buffers of
// Linux (drivers/vhost/net.c, vhost_net_build_xdp), and the used entries of all that was taken
// since it was last sent.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "ring/desc_chain.h"
#include "ring/vring.h"

namespace va {

class CopyBatch {
 public:
  static constexpr uint32_t kFrames = 64;  // VHOST_NET_BATCH

  // Allocates the memory for the frames; it is not touched before they are.
  CopyBatch();

  void clear() { frames_ = heads_ = 0; }

  // The longest frame that is batched, by the bytes of virtio-net header in it that are the
  // backend's (0, 10 or 12): a buffer and what Linux keeps around it make one page (x86-64: 320
  // bytes of skb_shared_info, 64 of headroom and the header rounded up to a cache line).
  static constexpr uint32_t longest(uint32_t header_len) {
    return kPage - 320 - (header_len == 0 ? 64 : 128);
  }

  // Copies a frame of at most longest() bytes. False, and nothing is added, where it cannot be
  // read. There are fewer than kFrames.
  [[nodiscard]] bool add_frame(const GuestMemory& memory, std::span<const Segment> segments);
  uint32_t frames() const { return frames_; }
  std::span<const uint8_t> frame(uint32_t i) const {
    return {bytes_.get() + size_t{i} * kPage, len_[i]};
  }

  // `head` was taken; it is used when the batch is. At most kFrames are kept.
  bool full() const { return heads_ == kFrames; }
  void add_head(uint16_t head) { used_[heads_++] = UsedElem{head, 0}; }
  std::span<const UsedElem> used() const { return {used_.data(), heads_}; }

 private:
  static constexpr uint32_t kPage = 4096;

  uint32_t frames_ = 0;
  uint32_t heads_ = 0;
  std::array<uint32_t, kFrames> len_{};
  std::array<UsedElem, kFrames> used_;
  std::unique_ptr<uint8_t[]> bytes_;
};

}  // namespace va
