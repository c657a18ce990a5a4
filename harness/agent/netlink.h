// Just enough netlink for the agent: build requests with nested attributes, send them, read the
// answer. Hand-made because it is smaller than libnl and links statically.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace va::agent {

// A run of netlink messages that are sent with one system call. Only the last is acknowledged.
class NlBatch {
 public:
  // Starts a message; `fixed` is the header that follows nlmsghdr (ifinfomsg, tcmsg, genlmsghdr).
  template <typename Fixed>
  void begin(uint16_t type, uint16_t flags, const Fixed& fixed) {
    message_ = bytes_.size();
    bytes_.resize(message_ + NLMSG_HDRLEN);
    header().nlmsg_type = type;
    header().nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    append(&fixed, sizeof fixed);
  }

  void attr(uint16_t type, const void* data, size_t size);
  void attr_text(uint16_t type, std::string_view text);  // with its NUL
  template <typename T>
  void attr_value(uint16_t type, const T& value) {
    attr(type, &value, sizeof value);
  }

  // Attributes between nest() and end_nest(returned value) are inside attribute `type`.
  size_t nest(uint16_t type);
  void end_nest(size_t start);

  // Completes the message begun last.
  void finish();

  void clear() { bytes_.clear(); }
  bool empty() const { return bytes_.empty(); }

 private:
  friend class NlSocket;
  nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(bytes_.data() + message_); }
  void append(const void* data, size_t size);

  std::vector<uint8_t> bytes_;
  size_t message_ = 0;  // where the message begun last starts
};

// Calls `visit(type, payload)` for each attribute of a run of them.
template <typename Visit>
void for_each_attr(std::span<const uint8_t> bytes, Visit visit) {
  while (bytes.size() >= sizeof(nlattr)) {
    nlattr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.nla_len < NLA_HDRLEN || header.nla_len > bytes.size()) return;
    visit(static_cast<uint16_t>(header.nla_type & NLA_TYPE_MASK),
          bytes.subspan(NLA_HDRLEN, header.nla_len - NLA_HDRLEN));
    bytes = bytes.subspan(std::min<size_t>(NLA_ALIGN(header.nla_len), bytes.size()));
  }
}

// An attribute's value, where it is long enough; `out` keeps its own otherwise.
template <typename T>
void read_attr(std::span<const uint8_t> value, T& out) {
  if (value.size() >= sizeof out) std::memcpy(&out, value.data(), sizeof out);
}

class NlSocket {
 public:
  explicit NlSocket(int protocol);  // NETLINK_ROUTE, NETLINK_GENERIC
  ~NlSocket();
  NlSocket(const NlSocket&) = delete;
  NlSocket& operator=(const NlSocket&) = delete;

  // Sends the batch, clears it, and waits for the answer: 0 or an errno, the first that any of its
  // messages failed with.
  int request(NlBatch& batch);

  // Like request(), but the answer is a message, which `reply` receives (from behind nlmsghdr).
  int query(NlBatch& batch, std::vector<uint8_t>& reply);

  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace va::agent
