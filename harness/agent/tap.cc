#include "agent/tap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

namespace va::agent {

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

void set_header_size(const Tap& tap, int size) {
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
