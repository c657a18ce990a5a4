// The agent's end of the virtio-serial port.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "agent/fd.h"
#include "agent/frames.h"

namespace va::agent {

class Channel {
 public:
  explicit Channel(Fd port) : port_(std::move(port)) {}

  // Sends one frame; may be called from any thread. False: the host is gone.
  bool send(FrameType type, std::span<const uint8_t> payload);
  bool send_sentence(FrameType type, const std::string& sentence);

  // Waits for the next frame of the host. False: it is gone, or talks nonsense.
  bool receive();
  FrameType type() const { return reader_.type(); }
  std::span<const uint8_t> payload() const { return reader_.payload(); }

 private:
  Fd port_;
  std::mutex sending_;
  std::vector<uint8_t> out_;
  FrameReader reader_;
};

}  // namespace va::agent
