#include "agent/control.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "agent/proc.h"

namespace va::agent {
namespace {

// A call is given that many turns of the processor; after them it is looked at once a glance.
constexpr int kTurns = 16;
constexpr std::chrono::microseconds kGlance{500};
constexpr std::chrono::seconds kLongest{5};

// Requests in flight are waited for in a function of drivers/vhost/net.c (inlined differently from
// kernel to kernel: vhost_net_flush, vhost_net_ubuf_put_and_wait, vhost_net_ioctl). All other
// waits, a flush of the worker or a grace period, end when the worker and the kernel have had their
// turn.
bool waits_for_requests(pid_t tid) {
  return ThreadState(tid).read() == 'D' && wait_channel(tid).starts_with("vhost_net_");
}

}  // namespace

ControlThread::ControlThread()
    : shared_(static_cast<Shared*>(::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                                          MAP_SHARED | MAP_ANONYMOUS, -1, 0))),
      thread_([this] { loop(); }) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return tid_ != 0; });
  thread_.detach();  // it may never come back from a call: the agent ends by ending the guest
}

void ControlThread::start(std::function<CallResult()> call) {
  busy_ = true;
  const std::lock_guard lock(mutex_);
  call_ = std::move(call);
  done_ = false;
  caller_ = tid_;
  changed_.notify_all();
}

void ControlThread::loop() {
  std::unique_lock lock(mutex_);
  tid_ = static_cast<pid_t>(::syscall(SYS_gettid));
  changed_.notify_all();
  for (;;) {
    changed_.wait(lock, [this] { return call_ != nullptr; });
    lock.unlock();
    const CallResult result = call_();
    lock.lock();
    call_ = nullptr;
    result_ = result;
    done_ = true;
    changed_.notify_all();
  }
}

CallResult ControlThread::in_other_process(const std::function<CallResult()>& part) {
  const pid_t child = ::fork();
  if (child == 0) {
    shared_->result = part();
    ::_exit(0);
  }
  if (child < 0) return {errno, 0};
  caller_ = child;
  ::waitpid(child, nullptr, 0);
  return shared_->result;
}

bool ControlThread::done_within(std::chrono::microseconds limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return done_; });
}

// On one vCPU a thread that was woken is in state R, so one that is seen to wait for requests waits
// until someone acts. Most calls are done, or wait, after the first turn that they are given.
bool ControlThread::wait() {
  const auto limit = std::chrono::steady_clock::now() + kLongest;
  for (int turn = 0; std::chrono::steady_clock::now() < limit; ++turn) {
    if (done_within(turn < kTurns ? std::chrono::microseconds(0) : kGlance)) return true;
    const pid_t caller = caller_;
    if (caller != 0 && waits_for_requests(caller)) return false;
    ::sched_yield();
  }
  return false;
}

CallResult ControlThread::take() {
  const std::lock_guard lock(mutex_);
  busy_ = false;
  return result_;
}

}  // namespace va::agent
