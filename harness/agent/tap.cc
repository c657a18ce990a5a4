#include "agent/tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace va::agent {
namespace {

constexpr int kReceiveBuffer = 32 << 20;  // as many frames as a tap's queue holds, of any length

}  // namespace

int interface_index(const std::string& name) {
  const Fd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return ::ioctl(any.get(), SIOCGIFINDEX, &request) < 0 ? 0 : request.ifr_ifindex;
}

int open_tap(const std::string& name, Tap& tap) {
  tap.fd.reset(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!tap.fd.valid()) return errno;
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | (tap.vnet ? IFF_VNET_HDR : 0));
  if (::ioctl(tap.fd.get(), TUNSETIFF, &request) < 0) return errno;
  tap.ifindex = interface_index(name);
  return tap.ifindex == 0 ? ENODEV : 0;
}

// It sees nothing of what it sends itself, and what another socket sends has another interface.
int open_packet(const std::string& name, Tap& tap) {
  const int error = open_tap(name, tap);
  if (error != 0) return error;
  tap.carrier = std::move(tap.fd);
  tap.fd.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETH_P_ALL);
  to.sll_ifindex = tap.ifindex;
  if (!tap.fd.valid() || ::setsockopt(tap.fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer,
                                      sizeof kReceiveBuffer) < 0) {
    return errno;
  }
  return ::bind(tap.fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) < 0 ? errno : 0;
}

void clear_error(const Tap& tap) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(tap.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
}

void set_header_size(Tap& tap, int size) {
  tap.header_size = tap.vnet ? size : 0;
  if (tap.vnet) ::ioctl(tap.fd.get(), TUNSETVNETHDRSZ, &size);
}

void change_link(NlBatch& batch, int ifindex, bool up, uint32_t mtu) {
  ifinfomsg message{};
  message.ifi_index = ifindex;
  message.ifi_flags = up ? IFF_UP : 0;
  message.ifi_change = IFF_UP;
  batch.begin(RTM_NEWLINK, 0, message);
  if (mtu != 0) batch.attr_value(IFLA_MTU, mtu);
  batch.finish();
}

}  // namespace va::agent
