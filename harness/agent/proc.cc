#include "agent/proc.h"

#include <fcntl.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace va::agent {
namespace {

// The first bytes of a small file; empty if it cannot be read.
std::string read_start(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[256];
  const ssize_t size = file.valid() ? ::read(file.get(), text, sizeof text) : 0;
  return std::string(text, static_cast<size_t>(std::max<ssize_t>(size, 0)));
}

// How many process ids below the youngest are tried.
constexpr pid_t kYoungest = 64;

}  // namespace

// Below task/, so that the times are the thread's own: a worker may be a thread of the agent's.
ThreadState::ThreadState(pid_t tid) {
  const std::string name = std::to_string(tid);
  stat_.reset(::open(("/proc/" + name + "/task/" + name + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
}

// "pid (name) S …": the name may hold anything, so the state follows the last parenthesis. Eleven
// fields behind it come user and system time.
char ThreadState::read(uint64_t* ticks) const {
  char text[256];
  const ssize_t size = stat_.valid() ? ::pread(stat_.get(), text, sizeof text - 1, 0) : 0;
  if (size <= 0) return 0;
  text[size] = '\0';
  const char* paren = std::strrchr(text, ')');
  if (paren == nullptr || paren[1] != ' ') return '\0';
  unsigned long user = 0;
  unsigned long system = 0;
  constexpr char kTimes[] = ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu";
  if (ticks != nullptr && std::sscanf(paren, kTimes, &user, &system) == 2) *ticks = user + system;
  return paren[2];
}

void yield_to_all(bool yield) {
  const sched_param parameters{};
  ::sched_setscheduler(0, (yield ? SCHED_IDLE : SCHED_OTHER) | SCHED_RESET_ON_FORK, &parameters);
}

std::string wait_channel(pid_t tid) {
  std::string name = read_start("/proc/" + std::to_string(tid) + "/wchan");
  if (name == "0") name.clear();
  return name;
}

// The last field of /proc/loadavg is the process id given out last. A thread's files below /proc
// are made when they are first opened, which takes long: one file tells both name and state.
ThreadState ThreadState::of_vhost_worker(pid_t owner) {
  const std::string load = read_start("/proc/loadavg");
  const size_t space = load.rfind(' ');
  if (space == std::string::npos) return ThreadState();
  const auto youngest = static_cast<pid_t>(std::atoi(load.c_str() + space));
  const std::string name = "(vhost-" + std::to_string(owner) + ")";
  for (pid_t tid = youngest; tid > std::max<pid_t>(youngest - kYoungest, 0); --tid) {
    ThreadState state(tid);
    char text[64] = {};
    if (::pread(state.stat_.get(), text, sizeof text - 1, 0) > 0 &&
        std::strstr(text, name.c_str()) != nullptr) {
      // Where it is a thread of the kernel's it would run on any processor.
      cpu_set_t own;
      if (::sched_getaffinity(0, sizeof own, &own) == 0) {
        ::sched_setaffinity(tid, sizeof own, &own);
      }
      return state;
    }
  }
  return ThreadState();
}

}  // namespace va::agent
