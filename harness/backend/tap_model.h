// What a Linux tap refuses, and what it does not keep (drivers/net/tun.c, tun_get_user; checked
// against 6.1 and 6.12). A device that hands frames to a tap meets these errors in its users'
// hands.
#pragma once

#include <cstdint>
#include <span>

#include "engine/backend.h"

namespace va {

// `frame` starts with `header_len` bytes of virtio-net header (0: the tap has none). Returns 0, or
// -EINVAL for what the tap refuses: shorter than the header or than an Ethernet head, a header
// length behind the frame's end, an unknown GSO type, a GSO size of 0, a checksum field outside,
// the head of segments outside of the frame, or TCP's checksum elsewhere than TCP has it.
int tap_refuses(std::span<const uint8_t> frame, uint32_t header_len);

// The same for a frame of a batch (tun_xdp_one). The header length is not looked at there.
int tap_refuses_batched(std::span<const uint8_t> frame, uint32_t header_len);

// Whether the tap keeps the guest's pages. Beyond MAX_SKB_FRAGS of them it copies the frame, at
// once, and reports the request failed.
bool tap_keeps_pages(const Packet& packet, uint32_t header_len);

}  // namespace va
