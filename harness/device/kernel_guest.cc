#include "device/kernel_guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>
#include <vector>

namespace va {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kHelloLimit{120};  // some seconds, but a minute on a machine that is overloaded
constexpr seconds kProbeLimit{5};    // a boot with an accelerator takes a second or two
constexpr seconds kBeatLimit{8};
constexpr seconds kLockLimit{60};
constexpr seconds kLeaveLimit{3};
constexpr milliseconds kConsoleGlance{200};
constexpr size_t kComplaintBytes = 4096;
constexpr size_t kLastWords = 1024;

// What a kernel says when something in it went wrong.
constexpr std::array<const char*, 6> kComplaints = {
    "Oops", "BUG:", "WARNING:", "Call Trace", "Kernel panic", "general protection fault"};

// The command line of the guest's kernel. rcu_expedited makes opening and closing the device fast;
// without ipv6.disable frames of its own wait on every tap; loglevel=5 lets warnings through.
constexpr char kKernelArguments[] =
    "console=ttyS0 loglevel=5 panic=-1 rcupdate.rcu_expedited=1 mitigations=off ipv6.disable=1 "
    "preempt=none vassay.zerocopy=";

std::string read_from(const std::string& path, size_t offset) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// What is new in a kernel log, a record a read.
std::string read_records(int fd) {
  std::string all;
  std::array<char, 8192> record{};
  for (;;) {
    const ssize_t n = ::read(fd, record.data(), record.size());
    if (n > 0) all.append(record.data(), static_cast<size_t>(n));
    if (n == 0 || (n < 0 && errno != EPIPE && errno != EINTR)) return all;
  }
}

// One vCPU: with two, orders are not repeatable. TCG executes `rep stosb` and its like byte by
// byte; without ERMS and FSRM the guest clears and copies pages with other instructions, and a
// Program takes two thirds of the time. Without LA57 user space ends where it does on most
// machines, and where the engine has its end.
std::vector<std::string> command_line(const std::string& qemu, const GuestImage& image,
                                      const std::string& accelerator, const std::string& console,
                                      int channel, bool zerocopy) {
  return {qemu,
          "-M",
          "q35",
          "-nodefaults",
          "-nic",
          "none",
          "-accel",
          accelerator,
          "-cpu",
          accelerator == "kvm" ? "host" : "max,-erms,-fsrm,-la57",
          "-smp",
          "1",
          "-m",
          "512",
          "-display",
          "none",
          "-no-reboot",
          "-kernel",
          image.kernel,
          "-initrd",
          image.initrd,
          "-append",
          std::string(kKernelArguments) + (zerocopy ? "1" : "0"),
          "-serial",
          "file:" + console,
          "-device",
          "virtio-serial-pci",
          "-chardev",
          "socket,id=agent,fd=" + std::to_string(channel),
          "-device",
          "virtserialport,chardev=agent,name=vassay.agent"};
}

// In the child, before QEMU: it goes when its parent goes, and is no part of Ctrl-C. An agent
// without a guest goes by itself when its channel is closed, after letting go what it holds.
[[noreturn]] void become(const std::vector<std::string>& command, int log, pid_t parent,
                         bool with_parent) {
  if (with_parent) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (with_parent && ::getppid() != parent) ::_exit(127);
  ::setpgid(0, 0);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const std::string& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

std::string tail(const std::string& text, size_t size) {
  return text.size() <= size ? text : text.substr(text.size() - size);
}

std::string last_line(const std::string& text) {
  const size_t end = text.find_last_not_of(" \r\n");
  if (end == std::string::npos) return "it said nothing";
  const size_t begin = text.find_last_of("\r\n", end);
  return "it said last: " + text.substr(begin + 1, end - begin);
}

// Which accelerator a real boot has shown to work; empty if none was tried yet. /dev/kvm can exist
// and a machine be made, and still no kernel boots on it.
std::string remembered_accelerator(const std::string& file) {
  std::string name;
  std::ifstream(file) >> name;
  return name;
}

}  // namespace

std::unique_ptr<Guest> Guest::boot(const GuestImage& image, const std::string& name, bool zerocopy,
                                   std::string& error) {
  std::unique_ptr<Guest> guest(new Guest);
  const std::string base = image.folder + "/" + name;
  guest->console_ = base + ".console";
  guest->qemu_log_ = base + ".qemu";
  if (!guest->lock(base + ".lock", error)) return nullptr;
  const std::string memory = image.folder + "/accelerator";
  std::string accelerator = remembered_accelerator(memory);
  if (accelerator.empty()) {
    const bool kvm = ::access("/dev/kvm", R_OK | W_OK) == 0 &&
                     guest->start(image, "kvm", zerocopy, error) &&
                     guest->await_hello(kProbeLimit, error);
    accelerator = kvm ? "kvm" : "tcg";
    std::ofstream(memory) << accelerator << '\n';
    if (kvm) return guest;
    guest->stop();
  }
  if (!guest->start(image, accelerator, zerocopy, error) ||
      !guest->await_hello(kHelloLimit, error)) {
    return nullptr;
  }
  return guest;
}

std::unique_ptr<Guest> Guest::local(const std::string& agent, const std::string& folder,
                                    std::string& error) {
  std::unique_ptr<Guest> guest(new Guest);
  guest->console_ = folder + "/local.console";
  guest->qemu_log_ = folder + "/local.agent";
  if (!guest->lock(folder + "/local.lock", error)) return nullptr;
  guest->kernel_log_ = ::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (guest->kernel_log_ < 0) guest->kernel_log_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::lseek(guest->kernel_log_, 0, SEEK_END);
  const auto command = [&](int channel) {
    return std::vector<std::string>{agent, "--channel=" + std::to_string(channel)};
  };
  if (!guest->launch(command, error) || !guest->await_hello(kHelloLimit, error)) return nullptr;
  return guest;
}

Guest::~Guest() {
  stop();
  if (lock_ >= 0) ::close(lock_);
  if (kernel_log_ >= 0) ::close(kernel_log_);
}

bool Guest::lock(const std::string& path, std::string& error) {
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  const auto limit = Clock::now() + kLockLimit;
  while (lock_ < 0 || ::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    if (lock_ < 0 || errno != EWOULDBLOCK) {
      error = path + ": " + std::strerror(errno);
      return false;
    }
    if (Clock::now() > limit) {
      error = "the guest is in use by another process of this checkout (lock " + path + ")";
      return false;
    }
    std::this_thread::sleep_for(kConsoleGlance);
  }
  return true;
}

bool Guest::start(const GuestImage& image, const std::string& accelerator, bool zerocopy,
                  std::string& error) {
  const std::string qemu = find_qemu(error);
  if (qemu.empty()) return false;
  return launch(
      [&](int channel) {
        return command_line(qemu, image, accelerator, console_, channel, zerocopy);
      },
      error);
}

bool Guest::launch(const std::function<std::vector<std::string>(int channel)>& command_for,
                   std::string& error) {
  std::array<int, 2> ends{};
  const int log = ::open(qemu_log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  const int console = ::open(console_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  ::close(console);
  if (log < 0 || console < 0 ||
      ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    error = std::string("cannot start QEMU or the agent: ") + std::strerror(errno);
    ::close(log);
    return false;
  }
  const std::vector<std::string> command = command_for(ends[1]);
  const pid_t parent = ::getpid();
  qemu_ = ::fork();
  if (qemu_ == 0) {
    ::fcntl(ends[1], F_SETFD, 0);
    become(command, log, parent, kernel_log_ < 0);
  }
  ::close(ends[1]);
  ::close(log);
  channel_ = ends[0];
  console_read_ = 0;
  last_beat_ = Clock::now();
  reader_.reset();
  return qemu_ > 0;
}

void Guest::stop() {
  if (kernel_log_ >= 0 && channel_ >= 0) {
    ::close(std::exchange(channel_, -1));
    const auto limit = Clock::now() + kLeaveLimit;
    while (Clock::now() < limit && ::waitpid(qemu_, nullptr, WNOHANG) == 0) {
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
  if (qemu_ > 0) {
    ::kill(qemu_, SIGKILL);
    while (::waitpid(qemu_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  qemu_ = -1;
  if (channel_ >= 0) ::close(channel_);
  channel_ = -1;
}

bool Guest::await_hello(seconds limit, std::string& error) {
  last_beat_ = Clock::now() + limit;  // no heartbeat before the hello
  const Wait got = wait(limit);
  if (got == Wait::kFrame && type() == FrameType::kHello && decode_hello(payload(), hello_)) {
    last_beat_ = Clock::now();
    if (hello_.protocol == kAgentProtocol) return true;
    error = "the agent in the guest speaks another protocol";
    return false;
  }
  if (got == Wait::kFrame && type() == FrameType::kError) {
    error = "the agent cannot go on: " + std::string(payload().begin(), payload().end());
    return false;
  }
  error = got == Wait::kGone
              ? "QEMU ended before the guest was up"
              : "the guest did not come up within " + std::to_string(limit.count()) + " s";
  error += "; " + last_line(last_words()) + " (console: " + console_ + ")";
  return false;
}

bool Guest::send(FrameType type, std::span<const uint8_t> payload) {
  std::vector<uint8_t> bytes;
  append_frame_header(type, static_cast<uint32_t>(payload.size()), bytes);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = ::send(channel_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    sent += static_cast<size_t>(n);
  }
  return true;
}

Guest::Wait Guest::wait(milliseconds limit) {
  const auto end = Clock::now() + limit;
  for (;;) {
    const auto now = Clock::now();
    if (now >= end) return Wait::kTimeout;
    if (now > last_beat_ + kBeatLimit) return Wait::kSilent;
    const auto left = std::chrono::duration_cast<milliseconds>(end - now) + milliseconds(1);
    const Wait got = receive(std::min(left, kConsoleGlance));
    if (got == Wait::kFrame && type() == FrameType::kHeartbeat) continue;
    if (got != Wait::kTimeout) return got;
  }
}

// The next frame, heartbeats among them, or what happened within a glance's time.
Guest::Wait Guest::receive(milliseconds limit) {
  for (;;) {
    switch (reader_.next()) {
      case FrameReader::State::kFrame:
        last_beat_ = std::max(last_beat_, Clock::now());
        return Wait::kFrame;
      case FrameReader::State::kBad:
        return Wait::kNonsense;
      case FrameReader::State::kMore:
        break;
    }
    pollfd ready{channel_, POLLIN, 0};
    const int count = ::poll(&ready, 1, static_cast<int>(limit.count()));
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) return Wait::kTimeout;
    std::array<uint8_t, 65536> bytes;
    const ssize_t n = ::recv(channel_, bytes.data(), bytes.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Wait::kGone;
    reader_.feed(std::span<const uint8_t>(bytes).first(static_cast<size_t>(n)));
  }
}

std::string Guest::complaint() {
  const std::string fresh =
      kernel_log_ >= 0 ? read_records(kernel_log_) : read_from(console_, console_read_);
  size_t first = std::string::npos;
  for (const char* word : kComplaints) first = std::min(first, fresh.find(word));
  console_read_ += fresh.size();
  if (first == std::string::npos) return "";
  const size_t line = fresh.rfind('\n', first);
  return fresh.substr(line == std::string::npos ? 0 : line + 1, kComplaintBytes);
}

std::string Guest::last_words() const {
  return tail(read_from(console_, 0), kLastWords) + tail(read_from(qemu_log_, 0), kLastWords);
}

}  // namespace va
