// The scripted peer: a tap's other end under a Program's control.
//
//   synchronous  a frame is on the wire, and its request complete, when send() returns
//   deferred     a request stays with the peer until the Program completes it, in any order, inside
//                the submit or later, with success or failure, or not before the end of the run
//   failing      whatever its kind, the next submits can be refused, before or after completing
//                them; the send buffer can be full; the link can be down
//
// Requests are named by the ordinal in the frame (prog/frame.h writes it, the name is what the wire
// shows), as behind a real tap. Nothing here allocates.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "backend/wire.h"
#include "engine/backend.h"

namespace va {

// kPacket is a synchronous peer that takes frames as an AF_PACKET socket does: it keeps no pages,
// its send buffer has a bound, and what an interface could not carry it refuses.
enum class PeerKind : uint8_t { kSynchronous, kDeferred, kPacket };

// Names a frame: what identifies it on the wire.
using FrameNamer = uint32_t (*)(std::span<const uint8_t> frame);

class Peer : public Backend {
 public:
  static constexpr uint32_t kMaxHeld = 1024;

  // `observer` must outlive the peer.
  Peer(PeerObserver& observer, FrameNamer namer) : observer_(observer), namer_(namer) {}

  // A new peer in this object's place: holds nothing, refuses nothing. `header_len`: bytes of
  // virtio-net header in front of each frame, 0 to 12.
  void reset(PeerKind kind, uint32_t header_len);

  bool asynchronous() const override { return kind_ == PeerKind::kDeferred; }
  int send(const Packet& packet, RequestToken token) override;
  bool writable() const override { return !congested_ && link_up_; }
  // What refuses a submit says so for one packet at a time.
  bool bounded() const override {
    return congested_ || refusals_ > 0 || kind_ == PeerKind::kPacket;
  }
  bool keeps_pages() const override { return kind_ != PeerKind::kPacket; }

  // Completes the request held longest among those called `name`; false if none is held.
  bool complete(uint32_t name, RequestResult result);
  // The request called `name` completes inside its submit. At most kMaxInside names are kept.
  bool complete_inside(uint32_t name, RequestResult result);
  // The request held longest, whatever its name; false if none is held.
  bool complete_oldest();

  // The next `count` submits return `error` (negative), after completing the request if `inside`.
  void refuse(int error, uint32_t count, bool inside);
  void set_congested(bool congested) { congested_ = congested; }
  void set_link(bool up) { link_up_ = up; }

  uint32_t held() const { return held_count_; }

 private:
  static constexpr uint32_t kMaxInside = 64;
  static constexpr size_t kLongestPacket = 65535;  // what the interface carries, its head included
  struct Held {
    uint32_t name = 0;
    RequestToken token;
  };
  struct Inside {
    uint32_t name = 0;
    RequestResult result = RequestResult::kOk;
  };

  bool take_inside(uint32_t name, RequestResult& result);
  // The one held `i`-th longest.
  Held& held_at(uint32_t i) { return held_[(first_held_ + i) % kMaxHeld]; }
  void finish(uint32_t position, RequestResult result);

  PeerObserver& observer_;
  FrameNamer namer_;
  PeerKind kind_ = PeerKind::kSynchronous;
  uint32_t header_len_ = 0;
  bool congested_ = false;
  bool link_up_ = true;
  int refusal_ = 0;
  uint32_t refusals_ = 0;
  bool refuse_inside_ = false;
  uint32_t first_held_ = 0;
  uint32_t held_count_ = 0;
  uint32_t inside_count_ = 0;
  std::array<Held, kMaxHeld> held_;  // in order of submission, from first_held_ around
  std::array<Inside, kMaxInside> inside_;
  FrameBuffer buffer_;
};

}  // namespace va
