#include "agent/boot.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace va::agent {
namespace {

// One dummy for each ordinal modulo 64, one for frames without ordinal and one for ballast
// (agent/peer.h).
constexpr const char* kDummyParameters = "numdummies=66";

std::string parameters_of(const std::string& module, bool zerocopy) {
  if (module == "dummy") return kDummyParameters;
  if (module == "vhost_net") return zerocopy ? "experimental_zcopytx=1" : "experimental_zcopytx=0";
  return "";
}

}  // namespace

std::string boot_parameter(const std::string& name) {
  std::ifstream file("/proc/cmdline");
  const std::string prefix = "vassay." + name + "=";
  for (std::string word; file >> word;) {
    if (word.starts_with(prefix)) return word.substr(prefix.size());
  }
  return "";
}

void mount_file_systems() {
  ::mount("dev", "/dev", "devtmpfs", 0, nullptr);
  ::mount("proc", "/proc", "proc", 0, nullptr);
  ::mount("sys", "/sys", "sysfs", 0, nullptr);
}

bool load_modules(bool zerocopy, std::string& problem) {
  std::ifstream order("/modules/order");
  for (std::string name; order >> name;) {
    const Fd file(::open(("/modules/" + name + ".ko").c_str(), O_RDONLY | O_CLOEXEC));
    const std::string parameters = parameters_of(name, zerocopy);
    if (::syscall(SYS_finit_module, file.get(), parameters.c_str(), 0) != 0 && errno != EEXIST) {
      problem = "module " + name + ": " + std::strerror(errno);
      return false;
    }
  }
  return true;
}

// One processor: what is read off thread states holds where no two threads run at once.
bool separate_from_machine(std::string& problem) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    CPU_ZERO(&allowed);
    CPU_SET(cpu, &allowed);
    break;
  }
  if (::sched_setaffinity(0, sizeof allowed, &allowed) == 0 && ::unshare(CLONE_NEWNET) == 0) {
    return true;
  }
  problem =
      std::string("a network namespace of its own: ") + std::strerror(errno) + "; run as root";
  return false;
}

std::string module_parameter(const std::string& module, const std::string& name) {
  std::ifstream file("/sys/module/" + module + "/parameters/" + name);
  std::string value;
  file >> value;
  return value;
}

Fd open_host_port() {
  constexpr int kTries = 2000;
  for (int i = 0; i < kTries; ++i) {
    Fd port(::open("/dev/vport0p1", O_RDWR | O_CLOEXEC));
    if (port.valid()) return port;
    ::usleep(1000);
  }
  return Fd();
}

void power_off() {
  ::reboot(RB_POWER_OFF);
  for (;;) ::pause();
}

}  // namespace va::agent
