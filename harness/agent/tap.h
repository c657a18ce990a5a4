// A tap device, as far as both sides of a device need one.
#pragma once

#include <cstdint>
#include <string>

#include "agent/fd.h"
#include "agent/netlink.h"

namespace va::agent {

// The queue fd is what VHOST_NET_SET_BACKEND takes; or a packet socket that is bound to the tap.
struct Tap {
  Fd fd;
  Fd carrier;  // the tap's queue where `fd` is a packet socket
  int ifindex = 0;
  bool holds = false;  // packets wait in plugs; otherwise they are gone at once
  bool vnet = false;   // the tap carries a virtio-net header (the device does not make it)
  bool is_down = false;
  bool is_full = false;  // there is no room in its send buffer
  int header_size = 0;

  bool is_packet() const { return carrier.valid(); }
};

// Index of the network interface called `name`; 0 if there is none.
int interface_index(const std::string& name);

// Makes the interface `name`; `tap.vnet` is set already. 0 or an errno.
int open_tap(const std::string& name, Tap& tap);

// Makes the interface `name`, with `tap.fd` a packet socket that sends to it and receives from it.
// 0 or an errno.
int open_packet(const std::string& name, Tap& tap);

// A packet socket keeps the error of an interface that was down, and vhost-net refuses it then.
void clear_error(const Tap& tap);

// How long the virtio-net header of each frame is (10 or 12); of no matter without `vnet`.
void set_header_size(Tap& tap, int size);

// Adds a request to `batch`: the link goes up or down; with `mtu` not 0 that is set too.
void change_link(NlBatch& batch, int ifindex, bool up, uint32_t mtu = 0);

}  // namespace va::agent
