// vassay-agent: /init of the guest. Drives /dev/vhost-net as Programs say and answers with what it
// saw. One Program at a time; when the device cannot be brought back to a clean state, or a step of
// the start fails, it says so in an error frame and the host starts the guest anew.
//
// With `--channel=FD` it is no init but a program of this machine, as root: it drives the
// machine's own /dev/vhost-net in a network namespace of its own, and goes when the host does.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "agent/boot.h"
#include "agent/channel.h"
#include "agent/frame_source.h"
#include "agent/linux_port.h"
#include "agent/peer.h"
#include "agent/proc.h"
#include "agent/vhost_ioctl.h"
#include "base/bytes.h"
#include "prog/decode.h"
#include "runner/local.h"

namespace va::agent {
namespace {

// The agent is alive as long as its beats come; the host allows many to be missed.
constexpr unsigned kBeatSeconds = 1;

[[noreturn]] void give_up(Channel& channel, const std::string& why,
                          FrameType type = FrameType::kError) {
  std::fprintf(stderr, "vassay-agent: %s\n", why.c_str());
  channel.send_sentence(type, why);
  for (;;) ::pause();
}

bool make_hello(bool zerocopy, std::vector<uint8_t>& out) {
  const Fd device(::open("/dev/vhost-net", O_RDWR | O_CLOEXEC));
  Hello hello;
  if (::ioctl(device.get(), VHOST_GET_FEATURES, &hello.features) < 0) return false;
  ::ioctl(device.get(), VHOST_GET_BACKEND_FEATURES, &hello.backend_features);
  hello.zerocopy = zerocopy;
  utsname name{};
  ::uname(&name);
  hello.release = name.release;
  encode_hello(hello, out);
  return true;
}

// Answers runs until the host is gone.
void serve(Channel& channel, LinuxPort& port) {
  LocalRunner runner(port);
  Program program;
  Trace trace;
  std::vector<uint8_t> answer;
  while (channel.receive()) {
    const std::span<const uint8_t> payload = channel.payload();
    if (channel.type() != FrameType::kRun || payload.size() < sizeof(uint32_t)) return;
    const auto budget = load_le<uint32_t>(payload.data());
    decode(payload.subspan(sizeof(uint32_t)), program);
    runner.run(program, budget, trace);
    if (!port.problem().empty()) {
      give_up(channel, port.problem(), port.is_blind() ? FrameType::kBlind : FrameType::kError);
    }
    answer.clear();
    encode_events(trace, answer);
    if (!channel.send(port.stuck() ? FrameType::kLastResult : FrameType::kResult, answer)) return;
  }
}

// Answers runs with what `problem` (empty: nothing) lets it. Returns when the host is gone.
void work(Channel& channel, bool zerocopy, std::string problem) {
  if (!problem.empty()) give_up(channel, problem);
  Peer peer;
  if (!peer.set_up()) give_up(channel, peer.problem());
  FrameSource source;
  if (!source.set_up(problem)) give_up(channel, problem);
  std::vector<uint8_t> hello;
  if (!make_hello(zerocopy, hello)) give_up(channel, "/dev/vhost-net cannot be used");
  yield_to_all(true);
  LinuxPort port(peer, source);
  channel.send(FrameType::kHello, hello);
  std::thread([&channel] {
    while (channel.send(FrameType::kHeartbeat, {})) ::sleep(kBeatSeconds);
  }).detach();
  serve(channel, port);
  // Whoever waits for a packet that is held could not be ended with this process.
  peer.reset();
}

void run_guest() {
  mount_file_systems();
  const bool zerocopy = boot_parameter("zerocopy") != "0";
  std::string problem;
  load_modules(zerocopy, problem);
  Channel channel(open_host_port());
  work(channel, zerocopy, problem);
}

void run_local(int fd) {
  Channel channel{Fd(fd)};
  std::string problem;
  separate_from_machine(problem);
  const Fd loads(::open("/dev/vhost-net", O_RDWR | O_CLOEXEC));  // the module, where it is not
  work(channel, module_parameter("vhost_net", "experimental_zcopytx") != "0", problem);
}

// The number behind `--channel=`; -1: none.
int channel_of(int argc, char** argv) {
  constexpr char kOption[] = "--channel=";
  constexpr size_t kLength = sizeof kOption - 1;
  return argc > 1 && std::strncmp(argv[1], kOption, kLength) == 0 ? std::atoi(argv[1] + kLength)
                                                                  : -1;
}

}  // namespace
}  // namespace va::agent

int main(int argc, char** argv) {
  const int channel = va::agent::channel_of(argc, argv);
  if (channel >= 0) {
    va::agent::run_local(channel);
    ::_exit(0);
  }
  va::agent::run_guest();
  va::agent::power_off();
}
