#include "agent/channel.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace va::agent {

bool Channel::send(FrameType type, std::span<const uint8_t> payload) {
  const std::lock_guard lock(sending_);
  out_.clear();
  append_frame_header(type, static_cast<uint32_t>(payload.size()), out_);
  out_.insert(out_.end(), payload.begin(), payload.end());
  for (size_t sent = 0; sent < out_.size();) {
    const ssize_t n = ::write(port_.get(), out_.data() + sent, out_.size() - sent);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    sent += static_cast<size_t>(n);
  }
  return true;
}

bool Channel::send_sentence(FrameType type, const std::string& sentence) {
  return send(type, {reinterpret_cast<const uint8_t*>(sentence.data()), sentence.size()});
}

bool Channel::receive() {
  std::array<uint8_t, 32768> bytes;
  for (;;) {
    switch (reader_.next()) {
      case FrameReader::State::kFrame:
        return true;
      case FrameReader::State::kBad:
        return false;
      case FrameReader::State::kMore:
        break;
    }
    const ssize_t n = ::read(port_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    reader_.feed(std::span<const uint8_t>(bytes).first(static_cast<size_t>(n)));
  }
}

}  // namespace va::agent
