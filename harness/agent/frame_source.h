// The other end of a receive ring: taps that bring frames to the driver.
//
// A frame is sent into its tap by a packet socket of protocol 0, which sends and never receives, so
// that nothing is copied for it, past the tap's queue discipline. From there it is vhost-net's: it
// takes frames 64 at a time into a queue of its own and gives back what it has not used when its
// backend changes (drivers/vhost/net.c, vhost_net_buf_produce and _unproduce).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/netlink.h"
#include "agent/tap.h"

namespace va::agent {

class FrameSource {
 public:
  FrameSource();

  // Makes the taps. False: `problem` says which step failed, and why.
  bool set_up(std::string& problem);

  // A packet socket, no frame in it, other than `not_this`.
  Tap* packet(const Tap* not_this);

  // A tap of that kind, its link up, no frame in it, other than `not_this` (nullptr: any).
  Tap* tap(bool vnet, int header_size, const Tap* not_this);

  // A frame of `len` bytes (14 to 65535) for the driver, of that ordinal. False: it was dropped.
  bool inject(const Tap& tap, uint32_t ordinal, uint32_t len);

  void set_link(Tap& tap, bool up);

 private:
  Tap* empty(Tap& tap);

  NlSocket route_;
  NlBatch batch_;
  Fd socket_;
  std::vector<std::unique_ptr<Tap>> taps_;  // the packet sockets' among them
  std::vector<uint8_t> frame_;
};

}  // namespace va::agent
