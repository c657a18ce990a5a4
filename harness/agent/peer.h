// The packet peer behind /dev/vhost-net: taps whose packets wait in plugs until they are released.
//
// Theory. With zero-copy, vhost-net publishes a transmit buffer when the last reference to its
// pages is dropped (drivers/vhost/net.c, vhost_zerocopy_complete). So whoever decides when a packet
// is freed decides the order of completion:
//
//   tap, clsact ingress (a filter block shared by all taps of a kind)
//     holding taps:  flower on the ordinal in the destination MAC, modulo 64
//                      -> sample (the wire) -> mirred redirect to dummy<i>
//                    matchall (frames without ordinal) -> sample -> redirect to dummy64
//     direct taps:   matchall -> sample -> drop; the packet is freed before sendmsg returns
//     packet sockets: matchall on the clsact egress of the tap they send to -> sample -> gone
//   dummy<i>, root qdisc plug, blocked; `release` lets out what is queued and nothing else
//
// An ingress redirect neither clones nor copies, so the pages stay pinned while a packet waits. The
// wire is seen by the psample netlink group, which copies the bytes out; a packet socket would make
// the kernel copy the packet, and completion order would be lost.
//
// A full send buffer: vhost-net meets EAGAIN when the bytes that wait are no fewer than the bound
// (TUNSETSNDBUF). So that something waits, a frame of the agent's own, ballast, goes into a plug of
// its own, unseen by the wire; to let it go makes room, and the tap tells vhost-net so.
//
// Held here is not the same as in flight in vhost-net: a copied frame waits in its plug too, though
// its used entry is out.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/fd.h"
#include "agent/netlink.h"
#include "agent/tap.h"
#include "agent/wire.h"
#include "prog/frame.h"

namespace va::agent {

class Peer {
 public:
  Peer();

  // Makes taps, dummies, plugs and filters. False: problem() says which step failed, and why.
  bool set_up();
  const std::string& problem() const { return problem_; }

  // A tap of that kind, its link up, other than `not_this` (nullptr: any). `header_size` (10 or 12)
  // is what the driver puts in front of each frame; of no matter without `vnet`.
  Tap* tap(bool holds, bool vnet, int header_size, const Tap* not_this);

  // A packet socket other than `not_this`.
  Tap* packet(const Tap* not_this);

  void set_link(Tap& tap, bool up);
  // The send buffer of `tap` is full from now on, or not any more. False: it could not be made so.
  bool set_congested(Tap& tap, bool congested);

  // Takes the frames that the wire saw since the last call, in order. False: some were lost, and
  // what waits is not known any more.
  bool take_frames(std::vector<FrameFacts>& frames);

  // Frames with that ordinal (kNoOrdinal: without one) that wait now, as far as take_frames() saw
  // them.
  uint32_t held(uint32_t ordinal) const;
  bool anything_held() const { return !order_.empty(); }
  // True if frames of two ordinals wait in one plug, so that they can only be released together;
  // said once.
  bool take_collision() { return std::exchange(collision_, false); }
  // True if more frames should wait than there is room for, so that some were let go early or will
  // be. Said once.
  bool take_overflow() { return std::exchange(overflow_, false); }

  // Lets the frames of `ordinal` go and returns when they are freed. False: they did not go.
  bool release(uint32_t ordinal);
  // The same for the ordinal that was held first of those that are held now.
  bool release_oldest();

  // All links up, no send buffer full.
  void reset_links();
  // All links up, nothing held. False: a packet did not leave its plug.
  bool reset();

 private:
  static constexpr uint32_t kSlots = 64;
  static constexpr uint32_t kUnnamed = kSlots;
  static constexpr uint32_t kBallast = kSlots + 1;

  struct Plug {
    int ifindex = 0;
    uint32_t waiting = 0;  // frames in the plug
    uint64_t bytes = 0;    // of them
    uint32_t ordinal = 0;  // of the frames in it
  };

  // Bytes as a plug's queue counts them, with what segments will take.
  struct Count {
    uint64_t gone = 0;  // that left it, ever
    uint64_t queued = 0;
  };

  static uint32_t slot_of(uint32_t ordinal) {
    return ordinal == kNoOrdinal ? kUnnamed : ordinal % kSlots;
  }

  bool fail(const std::string& step, int error);
  bool set_up_plug(uint32_t slot);
  void make_dummy(const std::string& name);
  bool set_up_blocks();
  bool set_up_tap(bool holds, bool vnet, uint32_t number);
  bool set_up_packet(uint32_t number);
  // What becomes of a frame that was sampled.
  enum class Then : uint8_t { kWait, kDrop, kTake };
  void begin_filter(uint32_t block, uint32_t priority, const char* kind);
  void add_filter(uint32_t block, uint32_t slot, Then then);
  void add_ballast_filter(uint32_t block);
  void add_redirect(uint16_t number, uint32_t slot);
  bool count(const Plug& plug, Count& out);
  void note_held(const FrameFacts& frame);
  bool send_ballast(const Tap& tap);
  bool empty(const Plug& plug);
  bool wait_until_gone(const Plug& plug, uint64_t bytes);

  NlSocket route_;
  Wire wire_;
  NlBatch batch_;
  std::array<Plug, kSlots + 2> plugs_;
  std::vector<uint32_t> order_;  // ordinals held, in the order in which their frames came
  std::vector<std::unique_ptr<Tap>> taps_;
  std::vector<WireFrame> seen_;
  std::vector<uint8_t> reply_;
  bool collision_ = false;
  bool overflow_ = false;
  uint64_t waiting_ = 0;  // bytes in all plugs
  std::string problem_;
};

}  // namespace va::agent
