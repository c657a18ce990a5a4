#include "agent/frame_source.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "prog/frame.h"

namespace va::agent {
namespace {

constexpr uint32_t kLongestFrame = 65535;
constexpr int kTapsOfAKind = 2;  // one installed, one to swap to
constexpr int kSendBuffer = 1 << 20;

}  // namespace

FrameSource::FrameSource()
    : route_(NETLINK_ROUTE),
      socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      frame_(kLongestFrame) {}

bool FrameSource::set_up(std::string& problem) {
  const int on = 1;
  int error = 0;
  if (::setsockopt(socket_.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) < 0 ||
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof kSendBuffer) <
          0) {
    error = errno;
  }
  for (int number = 0; number < 2 * kTapsOfAKind && error == 0; ++number) {
    auto tap = std::make_unique<Tap>();
    tap->vnet = number % 2 == 0;
    error = open_tap("in" + std::to_string(number), *tap);
    change_link(batch_, tap->ifindex, true, kLongestFrame - ETH_HLEN);
    if (error == 0) error = route_.request(batch_);
    taps_.push_back(std::move(tap));
  }
  for (int number = 0; number < kTapsOfAKind && error == 0; ++number) {
    auto tap = std::make_unique<Tap>();
    error = open_packet("pin" + std::to_string(number), *tap);
    change_link(batch_, tap->ifindex, true, kLongestFrame - ETH_HLEN);
    if (error == 0) error = route_.request(batch_);
    taps_.push_back(std::move(tap));
  }
  if (error != 0) problem = std::string("a tap for frames to the driver: ") + std::strerror(error);
  return error == 0;
}

Tap* FrameSource::tap(bool vnet, int header_size, const Tap* not_this) {
  for (const auto& tap : taps_) {
    if (tap->is_packet() || tap->vnet != vnet || tap.get() == not_this) continue;
    set_header_size(*tap, header_size);
    if (tap->is_down) set_link(*tap, true);
    return empty(*tap);
  }
  return nullptr;
}

Tap* FrameSource::packet(const Tap* not_this) {
  for (const auto& tap : taps_) {
    if (!tap->is_packet() || tap.get() == not_this) continue;
    clear_error(*tap);
    return empty(*tap);
  }
  return nullptr;
}

Tap* FrameSource::empty(Tap& tap) {
  while (::read(tap.fd.get(), frame_.data(), frame_.size()) > 0) {
  }
  return &tap;
}

bool FrameSource::inject(const Tap& tap, uint32_t ordinal, uint32_t len) {
  const std::span<uint8_t> frame = std::span(frame_).first(len);
  write_frame(ordinal, frame);
  // What is written to its tap the packet socket receives.
  if (tap.is_packet()) {
    return ::write(tap.carrier.get(), frame.data(), len) == static_cast<ssize_t>(len);
  }
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = tap.ifindex;
  to.sll_halen = ETH_ALEN;
  return ::sendto(socket_.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to),
                  sizeof to) == static_cast<ssize_t>(frame.size());
}

void FrameSource::set_link(Tap& tap, bool up) {
  tap.is_down = !up;
  change_link(batch_, tap.ifindex, up);
  route_.request(batch_);
}

}  // namespace va::agent
