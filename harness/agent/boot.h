// What init does: file systems, modules, and the port to the host.
#pragma once

#include <string>

#include "agent/fd.h"

namespace va::agent {

// The parameters that the host gives on the kernel's command line, as vassay.<name>=<value>;
// empty if it gives none.
std::string boot_parameter(const std::string& name);

// Mounts /dev, /proc and /sys.
void mount_file_systems();

// Loads /modules/<name>.ko in the order of /modules/order. False: `problem` names the module.
bool load_modules(bool zerocopy, std::string& problem);

// Opens the virtio-serial port to the host; it appears a moment after its driver is loaded.
Fd open_host_port();

// Ends the guest.
[[noreturn]] void power_off();

}  // namespace va::agent
