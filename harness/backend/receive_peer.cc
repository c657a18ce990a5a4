#include "backend/receive_peer.h"

#include <algorithm>
#include <cerrno>

namespace va {

void ReceivePeer::reset(PeerKind kind, uint32_t header_len, bool mergeable) {
  kind_ = kind;
  header_len_ = header_len;
  mergeable_ = mergeable;
  congested_ = false;
  link_up_ = true;
  refusals_ = 0;
  waiting_count_ = 0;
  held_count_ = 0;
  inside_count_ = 0;
}

// ---- frames ---------------------------------------------------------------------------------

bool ReceivePeer::inject(uint32_t ordinal, uint32_t len) {
  if (!link_up_ || waiting_count_ == kMaxWaiting) return false;
  waiting_[(first_waiting_ + waiting_count_++) % kMaxWaiting] = Frame{ordinal, len};
  return true;
}

uint32_t ReceivePeer::waiting() const {
  return waiting_count_ == 0 || congested_ ? 0 : waiting_[first_waiting_].len;
}

ReceivePeer::Frame ReceivePeer::take_waiting() {
  const Frame frame = waiting_[first_waiting_];
  first_waiting_ = (first_waiting_ + 1) % kMaxWaiting;
  --waiting_count_;
  return frame;
}

// Header (all zero: no offload, num_buffers is the device's to set) and frame.
std::span<const uint8_t> ReceivePeer::compose(Frame frame) {
  const std::span<uint8_t> packet = std::span(packet_).first(header_len_ + frame.len);
  std::fill_n(packet.begin(), header_len_, uint8_t{0});
  maker_(frame.ordinal, packet.subspan(header_len_));
  return packet;
}

int ReceivePeer::receive(const Buffer& buffer) {
  if (waiting() == 0) return -EAGAIN;
  const std::span<const uint8_t> packet = compose(take_waiting());
  if (refusals_ > 0) {
    --refusals_;
    return refusal_;
  }
  // A tap stores nothing where not even its header finds room (tun_put_user).
  if (buffer.len < header_len_) return -EINVAL;
  const size_t n = std::min<uint64_t>(buffer.len, packet.size());
  if (!buffer.memory.scatter(buffer.segments, buffer.offset, packet.first(n))) return -EFAULT;
  return static_cast<int>(packet.size());
}

// ---- posted buffers -------------------------------------------------------------------------

uint32_t ReceivePeer::name_of(const Buffer& buffer) const {
  std::array<uint8_t, 14> head{};
  const uint32_t n = buffer.memory.gather(buffer.segments, buffer.offset + header_len_, head);
  return namer_(std::span(head).first(n));
}

int ReceivePeer::post(const Buffer& buffer, RequestToken token) {
  if (congested_ || held_count_ == kMaxHeld) return -EAGAIN;
  if (refusals_ > 0 && !refuse_inside_) {
    --refusals_;
    return refusal_;
  }
  const uint32_t name = name_of(buffer);
  const uint32_t position = held_count_++;
  held_[position] = Held{name, token, buffer.offset + buffer.len, buffer.offset};
  observer_.on_posted(name);
  if (refusals_ > 0) {
    --refusals_;
    finish(position, RequestResult::kOk, 0);
    return refusal_;
  }
  Inside inside;
  if (take_inside(name, inside)) finish(position, inside.result, inside.made_len);
  return 0;
}

bool ReceivePeer::take_inside(uint32_t name, Inside& inside) {
  for (uint32_t i = 0; i < inside_count_; ++i) {
    if (inside_[i].name != name) continue;
    inside = inside_[i];
    inside_[i] = inside_[--inside_count_];
    return true;
  }
  return false;
}

void ReceivePeer::finish(uint32_t position, RequestResult result, uint32_t made_len) {
  if (result != RequestResult::kOk) return hand_over(position, 1, {});
  Frame frame;
  if (waiting_count_ > 0) {
    frame = take_waiting();
  } else {
    frame.len = made_len == 0 ? kMadeLen : made_len;
    frame.ordinal = observer_.on_frame_made(frame.len);
  }
  const std::span<const uint8_t> packet = compose(frame);
  uint32_t count = 1;
  if (mergeable_) {
    const uint64_t len = held_[position].header + packet.size();
    uint64_t room = held_[position].capacity;
    for (uint32_t i = position + 1; i < held_count_ && room < len; ++i, ++count) {
      room += held_[i].capacity;
    }
  }
  hand_over(position, count, packet);
}

void ReceivePeer::hand_over(uint32_t position, uint32_t count, std::span<const uint8_t> packet) {
  for (uint32_t i = 0; i < count; ++i) {
    names_[i] = held_[position + i].name;
    tokens_[i] = held_[position + i].token;
  }
  held_count_ -= count;
  for (uint32_t i = position; i < held_count_; ++i) held_[i] = held_[i + count];
  observer_.on_delivered(std::span(names_).first(count), std::span(tokens_).first(count), packet);
}

bool ReceivePeer::complete(uint32_t name, RequestResult result, uint32_t made_len) {
  for (uint32_t i = 0; i < held_count_; ++i) {
    if (held_[i].name != name) continue;
    finish(i, result, made_len);
    return true;
  }
  return false;
}

bool ReceivePeer::complete_inside(uint32_t name, RequestResult result, uint32_t made_len) {
  if (inside_count_ == kMaxInside) return false;
  inside_[inside_count_++] = Inside{name, result, made_len};
  return true;
}

bool ReceivePeer::complete_oldest() {
  if (held_count_ == 0) return false;
  finish(0, waiting_count_ > 0 ? RequestResult::kOk : RequestResult::kFailed, 0);
  return true;
}

void ReceivePeer::refuse(int error, uint32_t count, bool inside) {
  refusal_ = error;
  refusals_ = count;
  refuse_inside_ = inside;
}

}  // namespace va
