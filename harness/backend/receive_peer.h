// The scripted peer behind a receive ring: what has frames for the driver, under a Program's
// control.
//
//   synchronous  a frame that waits is taken when the device asks for it
//   deferred     buffers are posted, and stay with the peer until the Program has a frame put into
//                one of them, in any order, inside the submit or later, or lets it fail
//
// Frames wait in a queue with an end, like a tap's: what comes when it is full is dropped. What a
// frame looks like, and what a posted buffer is called, is the owner's to say (prog/frame.h).
// Nothing here allocates.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "backend/peer.h"
#include "backend/wire.h"
#include "engine/backend.h"

namespace va {

// Told of what a receive peer does, in the order in which it does it.
class ReceiveObserver {
 public:
  virtual ~ReceiveObserver() = default;
  // The peer makes a frame of `len` bytes by itself. Returns its ordinal.
  virtual uint32_t on_frame_made(uint32_t len) = 0;
  // The peer holds the buffer called `name` now.
  virtual void on_posted(uint32_t name) = 0;
  // The peer is done with these buffers: it puts `packet` into them, in order, or (empty) nothing.
  // Whoever listens tells the engine. Valid during the call only.
  virtual void on_delivered(std::span<const uint32_t> names, std::span<const RequestToken> tokens,
                            std::span<const uint8_t> packet) = 0;
};

// Writes the frame of that ordinal, all of it.
using FrameMaker = void (*)(uint32_t ordinal, std::span<uint8_t> frame);

class ReceivePeer : public Backend {
 public:
  static constexpr uint32_t kMaxWaiting = 256;
  static constexpr uint32_t kMaxHeld = 1024;
  static constexpr uint32_t kMadeLen = 60;  // of a frame that the peer makes, if not told

  // `observer` must outlive the peer. `namer` is given what stands in a posted buffer behind the
  // header, as far as there is something.
  ReceivePeer(ReceiveObserver& observer, FrameNamer namer, FrameMaker maker)
      : observer_(observer), namer_(namer), maker_(maker) {}

  // A new peer in this object's place: nothing waits, nothing is held. `header_len`: bytes of
  // virtio-net header that it puts in front of each frame, 0 to 12. `mergeable`: a frame may go on
  // from one posted buffer to the next.
  void reset(PeerKind kind, uint32_t header_len, bool mergeable);

  bool asynchronous() const override { return kind_ == PeerKind::kDeferred; }
  int send(const Packet&, RequestToken) override { return -EOPNOTSUPP; }
  bool writable() const override { return !congested_; }
  uint32_t waiting() const override;
  int receive(const Buffer& buffer) override;
  int post(const Buffer& buffer, RequestToken token) override;

  // A frame for the driver, 1 to 65,535 bytes. False: dropped, for the queue is full or the link
  // down.
  bool inject(uint32_t ordinal, uint32_t len);

  // Puts the frame that waits longest, or one of `made_len` (0: kMadeLen) bytes, into the buffer
  // held longest among those called `name`; or lets that fail. False if none is held.
  bool complete(uint32_t name, RequestResult result, uint32_t made_len);
  // The same inside the submit of that buffer. At most kMaxInside names are kept; else false.
  bool complete_inside(uint32_t name, RequestResult result, uint32_t made_len);
  // The buffer held longest takes what waits, or fails. False if none is held.
  bool complete_oldest();

  // The next `count` receives lose their frame and return `error` (negative); so do the next posts,
  // after filling the buffer if `inside`.
  void refuse(int error, uint32_t count, bool inside);
  // Nothing can be had, and nothing be posted.
  void set_congested(bool congested) { congested_ = congested; }
  void set_link(bool up) { link_up_ = up; }

  uint32_t held() const { return held_count_; }

 private:
  static constexpr uint32_t kMaxInside = 64;
  struct Frame {
    uint32_t ordinal = 0;
    uint32_t len = 0;
  };
  struct Held {
    uint32_t name = 0;
    RequestToken token;
    uint64_t capacity = 0;
    uint32_t header = 0;  // bytes of it for a header that the device makes, if a packet begins here
  };
  struct Inside {
    uint32_t name = 0;
    RequestResult result = RequestResult::kOk;
    uint32_t made_len = 0;
  };

  Frame take_waiting();
  std::span<const uint8_t> compose(Frame frame);
  uint32_t name_of(const Buffer& buffer) const;
  bool take_inside(uint32_t name, Inside& inside);
  void finish(uint32_t position, RequestResult result, uint32_t made_len);
  void hand_over(uint32_t position, uint32_t count, std::span<const uint8_t> packet);

  ReceiveObserver& observer_;
  FrameNamer namer_;
  FrameMaker maker_;
  PeerKind kind_ = PeerKind::kSynchronous;
  uint32_t header_len_ = 0;
  bool mergeable_ = false;
  bool congested_ = false;
  bool link_up_ = true;
  int refusal_ = 0;
  uint32_t refusals_ = 0;
  bool refuse_inside_ = false;
  uint32_t first_waiting_ = 0;  // in waiting_
  uint32_t waiting_count_ = 0;
  uint32_t held_count_ = 0;
  uint32_t inside_count_ = 0;
  std::array<Frame, kMaxWaiting> waiting_;  // a ring
  std::array<Held, kMaxHeld> held_;         // in order of submission
  std::array<Inside, kMaxInside> inside_;
  // What is handed over.
  std::array<uint32_t, kMaxHeld> names_;
  std::array<RequestToken, kMaxHeld> tokens_;
  std::array<uint8_t, kMaxFrame> packet_;
};

}  // namespace va
