#include "agent/netlink.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace va::agent {

void NlBatch::append(const void* data, size_t size) {
  const size_t at = bytes_.size();
  bytes_.resize(at + NLMSG_ALIGN(size));
  std::memcpy(bytes_.data() + at, data, size);
}

void NlBatch::attr(uint16_t type, const void* data, size_t size) {
  const nlattr header{static_cast<uint16_t>(NLA_HDRLEN + size), type};
  append(&header, sizeof header);
  append(data, size);
}

void NlBatch::attr_text(uint16_t type, std::string_view text) {
  const std::string terminated(text);
  attr(type, terminated.c_str(), terminated.size() + 1);
}

size_t NlBatch::nest(uint16_t type) {
  const size_t start = bytes_.size();
  const nlattr header{NLA_HDRLEN, static_cast<uint16_t>(type | NLA_F_NESTED)};
  append(&header, sizeof header);
  return start;
}

void NlBatch::end_nest(size_t start) {
  const auto size = static_cast<uint16_t>(bytes_.size() - start);
  std::memcpy(bytes_.data() + start, &size, sizeof size);
}

void NlBatch::finish() {
  header().nlmsg_len = static_cast<uint32_t>(bytes_.size() - message_);
}

NlSocket::NlSocket(int protocol) : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)) {}

NlSocket::~NlSocket() {
  ::close(fd_);
}

// Messages without NLM_F_ACK are answered only when they fail, so the first answer is the first
// failure or the acknowledgement of the last message; after a failure the rest is read and dropped.
int NlSocket::request(NlBatch& batch) {
  if (batch.empty()) return 0;
  batch.header().nlmsg_flags |= NLM_F_ACK;
  batch.header().nlmsg_seq = 1;
  const ssize_t sent = ::send(fd_, batch.bytes_.data(), batch.bytes_.size(), 0);
  batch.clear();
  if (sent < 0) return errno;
  int result = 0;
  std::array<uint8_t, 8192> answer;
  for (;;) {
    ssize_t left = ::recv(fd_, answer.data(), answer.size(), 0);
    if (left < 0) return errno;
    auto* header = reinterpret_cast<nlmsghdr*>(answer.data());
    for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type != NLMSG_ERROR) continue;
      const int error = -static_cast<nlmsgerr*>(NLMSG_DATA(header))->error;
      if (result == 0) result = error;
      if (header->nlmsg_seq == 1) return result;
    }
  }
}

int NlSocket::query(NlBatch& batch, std::vector<uint8_t>& reply) {
  const ssize_t sent = ::send(fd_, batch.bytes_.data(), batch.bytes_.size(), 0);
  batch.clear();
  if (sent < 0) return errno;
  std::array<uint8_t, 8192> answer;
  const ssize_t size = ::recv(fd_, answer.data(), answer.size(), 0);
  if (size < static_cast<ssize_t>(NLMSG_HDRLEN)) return size < 0 ? errno : EPROTO;
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer.data());
  if (header->nlmsg_type == NLMSG_ERROR) {
    return -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
  }
  reply.assign(answer.begin() + NLMSG_HDRLEN, answer.begin() + size);
  return 0;
}

}  // namespace va::agent
