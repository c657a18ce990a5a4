#include "agent/wire.h"

#include <linux/genetlink.h>
#include <linux/psample.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace va::agent {
namespace {

constexpr int kSocketBuffer = 32 << 20;  // the kernel doubles it; 256 frames of 64 KiB take 32 MiB
constexpr size_t kLongestMessage = 128 << 10;
constexpr int kPriority = 10;

// The id of the sample group in the attributes of the answer to CTRL_CMD_GETFAMILY; 0: none.
uint32_t group_in(std::span<const uint8_t> family) {
  uint32_t found = 0;
  const auto on_group = [&found](std::span<const uint8_t> attrs) {
    uint32_t id = 0;
    std::string_view name;
    for_each_attr(attrs, [&](uint16_t type, std::span<const uint8_t> value) {
      if (type == CTRL_ATTR_MCAST_GRP_ID) read_attr(value, id);
      if (type == CTRL_ATTR_MCAST_GRP_NAME) name = reinterpret_cast<const char*>(value.data());
    });
    if (name == PSAMPLE_NL_MCGRP_SAMPLE_NAME) found = id;
  };
  for_each_attr(family, [&](uint16_t type, std::span<const uint8_t> groups) {
    if (type != CTRL_ATTR_MCAST_GROUPS) return;
    for_each_attr(groups, [&](uint16_t, std::span<const uint8_t> attrs) { on_group(attrs); });
  });
  return found;
}

}  // namespace

Wire::Wire() : socket_(NETLINK_GENERIC), message_(kLongestMessage) {}

bool Wire::set_up(std::string& problem) {
  uint32_t group = 0;
  int error = join(group);
  if (error == 0 && group == 0) error = ENOENT;
  if (error != 0) {
    problem = std::string("psample: ") + std::strerror(error);
    return false;
  }
  thread_ = std::thread([this] { loop(); });
  thread_.detach();  // it lives as long as the guest
  return true;
}

// The samples come by multicast from the generic netlink family psample.
int Wire::join(uint32_t& group) {
  NlBatch batch;
  batch.begin(GENL_ID_CTRL, 0, genlmsghdr{CTRL_CMD_GETFAMILY, 1, 0});
  batch.attr_text(CTRL_ATTR_FAMILY_NAME, PSAMPLE_GENL_NAME);
  batch.finish();
  std::vector<uint8_t> reply;
  const int error = socket_.query(batch, reply);
  if (error != 0) return error;
  group = group_in(std::span<const uint8_t>(reply).subspan(GENL_HDRLEN));
  if (group == 0) return ENOENT;
  const int fd = socket_.fd();
  const bool joined =
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer) == 0 &&
      ::setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0;
  return joined ? 0 : errno;
}

// The lock is held over reading and keeping, so that nobody sees a frame that is neither in the
// socket nor kept.
void Wire::loop() {
  const sched_param parameters{kPriority};
  ::sched_setscheduler(0, SCHED_FIFO, &parameters);
  for (;;) {
    pollfd ready{socket_.fd(), POLLIN, 0};
    ::poll(&ready, 1, -1);
    const std::lock_guard lock(mutex_);
    empty_socket();
  }
}

bool Wire::take(std::vector<WireFrame>& frames) {
  const std::lock_guard lock(mutex_);
  empty_socket();
  frames.insert(frames.end(), seen_.begin(), seen_.end());
  seen_.clear();
  return !std::exchange(lost_, false);
}

void Wire::empty_socket() {
  for (;;) {
    const ssize_t size = ::recv(socket_.fd(), message_.data(), message_.size(), MSG_DONTWAIT);
    if (size >= 0) {
      take_message(std::span<const uint8_t>(message_).first(static_cast<size_t>(size)));
    } else if (errno == ENOBUFS) {
      lost_ = true;
    } else {
      return;
    }
  }
}

// A gap in psample's own numbers is a loss that the socket was not told of.
void Wire::take_message(std::span<const uint8_t> message) {
  constexpr size_t kHead = NLMSG_HDRLEN + GENL_HDRLEN;
  if (message.size() < kHead) return;
  WireFrame frame;
  uint16_t origin = 0;
  uint32_t full_size = 0;
  uint32_t sequence = next_sequence_;
  for_each_attr(message.subspan(kHead), [&](uint16_t type, std::span<const uint8_t> value) {
    if (type == PSAMPLE_ATTR_DATA) frame.facts = read_frame(value);
    if (type == PSAMPLE_ATTR_IIFINDEX) read_attr(value, origin);
    if (type == PSAMPLE_ATTR_ORIGSIZE) read_attr(value, full_size);
    if (type == PSAMPLE_ATTR_GROUP_SEQ) read_attr(value, sequence);
  });
  lost_ |= sequence != next_sequence_;
  next_sequence_ = sequence + 1;
  frame.facts.len = std::max(frame.facts.len, full_size);
  frame.ifindex = origin;
  seen_.push_back(frame);
}

}  // namespace va::agent
