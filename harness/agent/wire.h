// What goes over the wire: whole frames, as the psample netlink group tells them.
//
// A netlink socket's buffer is bounded, and what does not fit is lost. vhost's worker sends up to
// 256 packets or 512 KiB in one go before it lets others run (drivers/vhost/net.c,
// VHOST_NET_PKT_WEIGHT and VHOST_NET_WEIGHT), and then goes on, ring after ring, before a thread of
// idle priority has a turn. So a thread of real-time priority empties the socket each time that the
// worker lets it, and the buffer has room for what one such turn sends many times over.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/netlink.h"
#include "prog/frame.h"

namespace va::agent {

struct WireFrame {
  FrameFacts facts;
  int ifindex = 0;  // of the device that it came in by
};

class Wire {
 public:
  Wire();

  // Joins the group and starts the thread. False: `problem` says which step failed, and why.
  bool set_up(std::string& problem);

  // Moves what was seen since the last call to `frames`, in order. False: some were lost since.
  bool take(std::vector<WireFrame>& frames);

 private:
  int join(uint32_t& group);
  void empty_socket();
  void take_message(std::span<const uint8_t> message);
  [[noreturn]] void loop();

  NlSocket socket_;
  std::mutex mutex_;  // of all below
  std::vector<uint8_t> message_;
  std::vector<WireFrame> seen_;
  uint32_t next_sequence_ = 0;
  bool lost_ = false;
  std::thread thread_;
};

}  // namespace va::agent
