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

// For an agent that is no init: a network namespace of its own, in which interfaces may be made as
// wanted, and one processor for it and what it starts. False: `problem` says what is missing.
bool separate_from_machine(std::string& problem);

// A parameter of a loaded module; empty if it cannot be read.
std::string module_parameter(const std::string& module, const std::string& name);

}  // namespace va::agent
