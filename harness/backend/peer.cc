#include "backend/peer.h"

#include <algorithm>
#include <cerrno>

#include "backend/tap_model.h"

namespace va {

void Peer::reset(PeerKind kind, uint32_t header_len) {
  kind_ = kind;
  header_len_ = header_len;
  congested_ = false;
  link_up_ = true;
  refusals_ = 0;
  first_held_ = held_count_ = 0;
  inside_count_ = 0;
}

int Peer::send(const Packet& packet, RequestToken token) {
  const int unreadable = buffer_.gather(packet);
  if (unreadable < 0) return unreadable;
  const std::span<const uint8_t> bytes = buffer_.bytes();
  // A batch gets past an interface that is down.
  const bool batched = !packet.copy.empty();
  if (!link_up_ && kind_ == PeerKind::kPacket) return -ENETDOWN;
  if (!link_up_ && !batched) return -EIO;
  if (congested_) return -EAGAIN;
  if (refusals_ > 0 && !refuse_inside_) {
    --refusals_;
    return refusal_;
  }
  const int unfit =
      batched ? tap_refuses_batched(bytes, header_len_) : tap_refuses(bytes, header_len_);
  if (unfit < 0) return unfit;
  const std::span<const uint8_t> frame = bytes.subspan(header_len_);
  if (kind_ == PeerKind::kPacket && frame.size() > kLongestPacket) return -EMSGSIZE;
  const uint32_t name = namer_(frame);
  observer_.on_frame(frame);
  const int taken = static_cast<int>(packet.len);
  if (!token) return taken;

  observer_.on_submitted(name);
  if (refusals_ > 0) {
    --refusals_;
    observer_.on_completed(name, token, RequestResult::kOk);
    return refusal_;
  }
  RequestResult result = RequestResult::kOk;
  if (!tap_keeps_pages(packet, header_len_)) {
    observer_.on_completed(name, token, RequestResult::kFailed);
  } else if (kind_ != PeerKind::kDeferred || take_inside(name, result) || held_count_ == kMaxHeld) {
    observer_.on_completed(name, token, result);
  } else {
    held_at(held_count_++) = Held{name, token};
  }
  return taken;
}

bool Peer::take_inside(uint32_t name, RequestResult& result) {
  for (uint32_t i = 0; i < inside_count_; ++i) {
    if (inside_[i].name != name) continue;
    result = inside_[i].result;
    inside_[i] = inside_[--inside_count_];
    return true;
  }
  return false;
}

void Peer::finish(uint32_t position, RequestResult result) {
  const Held done = held_at(position);
  // Those before it move up, most often none.
  for (uint32_t i = position; i > 0; --i) held_at(i) = held_at(i - 1);
  first_held_ = (first_held_ + 1) % kMaxHeld;
  --held_count_;
  observer_.on_completed(done.name, done.token, result);
}

bool Peer::complete(uint32_t name, RequestResult result) {
  for (uint32_t i = 0; i < held_count_; ++i) {
    if (held_at(i).name == name) {
      finish(i, result);
      return true;
    }
  }
  return false;
}

bool Peer::complete_inside(uint32_t name, RequestResult result) {
  if (inside_count_ == kMaxInside) return false;
  inside_[inside_count_++] = Inside{name, result};
  return true;
}

bool Peer::complete_oldest() {
  if (held_count_ == 0) return false;
  finish(0, RequestResult::kOk);
  return true;
}

void Peer::refuse(int error, uint32_t count, bool inside) {
  refusal_ = error;
  refusals_ = count;
  refuse_inside_ = inside;
}

}  // namespace va
