// A tap device, as far as both sides of a device need one.
#pragma once

#include <cstdint>
#include <string>

#include "agent/fd.h"
#include "agent/netlink.h"

namespace va::agent {

// The queue fd is what VHOST_NET_SET_BACKEND takes.
struct Tap {
  Fd fd;
  int ifindex = 0;
  bool holds = false;  // packets wait in plugs; otherwise they are gone at once
  bool vnet = false;   // the tap carries a virtio-net header (the device does not make it)
  bool is_down = false;
};

// Index of the network interface called `name`; 0 if there is none.
int interface_index(const std::string& name);

// Makes the interface `name`; `tap.vnet` is set already. 0 or an errno.
int open_tap(const std::string& name, Tap& tap);

// How long the virtio-net header of each frame is (10 or 12); of no matter without `vnet`.
void set_header_size(const Tap& tap, int size);

// Adds a request to `batch`: the link goes up or down; with `mtu` not 0 that is set too.
void change_link(NlBatch& batch, int ifindex, bool up, uint32_t mtu = 0);

}  // namespace va::agent
