// One QEMU process with the agent inside: boot, frames, console, end. Or the agent alone, as a
// process of this machine, on its own /dev/vhost-net.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agent/frames.h"
#include "device/kernel_image.h"

namespace va {

class Guest {
 public:
  enum class Wait : uint8_t {
    kFrame,     // type() and payload()
    kTimeout,   // nothing but heartbeats
    kSilent,    // not even a heartbeat for kBeatLimit
    kGone,      // QEMU has ended, or closed the channel
    kNonsense,  // what came is no frame
  };

  // Boots a guest and waits for the agent's hello. nullptr: one sentence in `error`. `name` tells
  // guests of one image apart (lock, logs); a guest of that name that another process runs is
  // waited for, for a while.
  static std::unique_ptr<Guest> boot(const GuestImage& image, const std::string& name,
                                     bool zerocopy, std::string& error);

  // Starts the agent on this machine's kernel. `folder` is for its lock and its log.
  static std::unique_ptr<Guest> local(const std::string& agent, const std::string& folder,
                                      std::string& error);

  ~Guest();  // ends QEMU, or the agent
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  const Hello& hello() const { return hello_; }

  // False: the guest is gone.
  bool send(FrameType type, std::span<const uint8_t> payload);

  // Waits for a frame that is no heartbeat.
  Wait wait(std::chrono::milliseconds limit);
  FrameType type() const { return reader_.type(); }
  std::span<const uint8_t> payload() const { return reader_.payload(); }

  // The lines of the console from the first complaint since the last call on, a few at most; empty
  // if there is none.
  std::string complaint();

  // The last lines of the console and of QEMU's own messages.
  std::string last_words() const;

 private:
  Guest() = default;

  bool lock(const std::string& path, std::string& error);
  bool start(const GuestImage& image, const std::string& accelerator, bool zerocopy,
             std::string& error);
  bool launch(const std::function<std::vector<std::string>(int channel)>& command,
              std::string& error);
  bool await_hello(std::chrono::seconds limit, std::string& error);
  void stop();
  Wait receive(std::chrono::milliseconds limit);

  pid_t qemu_ = -1;      // or the agent's
  int kernel_log_ = -1;  // this machine's, where there is no guest
  int channel_ = -1;
  int lock_ = -1;
  std::string console_;   // file
  std::string qemu_log_;  // file
  size_t console_read_ = 0;
  std::chrono::steady_clock::time_point last_beat_;
  FrameReader reader_;
  Hello hello_;
};

}  // namespace va
