// Control calls on threads of their own.
//
// A control call can wait for requests in flight, in uninterruptible sleep and holding the device's
// mutex: no signal and no timeout ends it, and the thread that issued it is lost until the requests
// complete. So the agent's main thread never issues one. At most one call waits and one more is
// queued behind it on the mutex; the agent has a thread for each.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace va::agent {

struct CallResult {
  int error = 0;  // errno; 0 is success
  uint64_t value = 0;
};

class ControlThread {
 public:
  ControlThread();

  // Issues a call. Only while idle.
  void start(std::function<CallResult()> call);

  // For use inside a call: makes a part of it in a forked process, which is not the device's owner
  // (vhost decides by mm).
  CallResult in_other_process(const std::function<CallResult()>& part);

  bool busy() const { return busy_; }

  // Returns true when the call is done, false when it waits for something that only another thread
  // of the agent can bring about (or has taken longer than any call should).
  bool wait();

  // After the call is done: its result; the thread is idle then.
  CallResult take();

  // The thread (or process) that issued the last call; a vhost worker is named after it.
  pid_t caller() const { return caller_; }

 private:
  struct Shared {  // with a forked process
    CallResult result;
  };

  [[noreturn]] void loop();
  bool done_within(std::chrono::microseconds limit);

  bool busy_ = false;  // main thread only
  std::atomic<pid_t> caller_ = 0;
  pid_t tid_ = 0;
  Shared* shared_;  // one anonymous shared page, mapped for the life of the agent
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<CallResult()> call_;  // set: there is work
  bool done_ = false;
  CallResult result_;
  std::thread thread_;
};

}  // namespace va::agent
