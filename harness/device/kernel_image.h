// Where the parts of a guest are: QEMU, the image, the folder for locks and logs.
#pragma once

#include <string>

namespace va {

struct GuestImage {
  std::string folder;  // build/guest/<kernel>; holds all that follows, locks and logs
  std::string kernel;  // vmlinuz
  std::string initrd;
};

// Makes the image with ci/guest-image, which does nothing if it is up to date. `kernel` and
// `modules` as in KernelOptions. False: one sentence in `error`, with the package that is missing.
bool make_guest_image(const std::string& kernel, const std::string& modules, GuestImage& image,
                      std::string& error);

// The path of qemu-system-x86_64; empty: one sentence in `error`, with the package.
std::string find_qemu(std::string& error);

// The agent, for this machine's own kernel, and a folder for what it leaves behind.
bool find_local_agent(std::string& agent, std::string& folder, std::string& error);

}  // namespace va
