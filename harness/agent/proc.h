// What /proc says of a thread: enough to tell work from waiting. Exact on a guest with one vCPU,
// where a thread that is not in state R has nothing to do until someone else acts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "agent/fd.h"

namespace va::agent {

// The state of a thread: R, S, D, …; 0 if it is gone, or none was given.
class ThreadState {
 public:
  ThreadState() = default;
  explicit ThreadState(pid_t tid);

  // The vhost worker of the device whose owner's thread is `owner` (it is named after it). To be
  // called right after SET_OWNER: the youngest threads are looked at first. Empty if there is none.
  static ThreadState of_vhost_worker(pid_t owner);

  // `ticks`, where it is given, becomes the processor time that it has used, in hundredths of a
  // second.
  char read(uint64_t* ticks = nullptr) const;

 private:
  Fd stat_;
};

// Idle priority for the calling thread: whoever is woken by something it does (vhost's worker, a
// control call, the soft interrupt that frees packets) runs before it goes on, and is at rest again
// when the system call is back, more often than not. Threads made later are not concerned, vhost's
// own among them. Against a worker that does not come to rest it needs its share (false).
void yield_to_all(bool yield);

// The kernel function that a thread waits in; empty if it does not wait.
std::string wait_channel(pid_t tid);

}  // namespace va::agent
