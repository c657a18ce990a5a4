// Program x Port -> Trace.
//
// Walks the Program (repeat, at, budget), lets the simulated driver execute driver operations and
// the port all others.
//
// The default set-up of the transmit queue is due before the first operation that is not part of a
// set-up. It supplies what the Program did not: `vring tx` unless it has a vring or set_vring_*
// operation, then `backend tx async` unless it has a backend. A `backend` without a vring before it
// gets the vring first. With `bare` nothing is supplied. A kSetup event stands before what is.
//
// The receive queue is set up in the same way, before the first operation on it that is not part of
// a set-up; its default vring keeps the features that are acked. What came back on it the driver
// takes at `avail`, at the end of each settle and behind the epilogue.
//
// An `at` that cannot take the operation behind it (eight are waiting, it is the last, or that
// operation is at, repeat, end, step or settle) is a kNoop; the operation is executed in its turn.
// A deferred operation that was not reached is executed at the next settle or at the end, behind a
// kNoop of its own.
#pragma once

#include <cstdint>
#include <memory>

#include "device/port.h"
#include "prog/program.h"
#include "trace/trace.h"

namespace va {

class LocalRunner {
 public:
  // `port` must outlive the runner.
  explicit LocalRunner(Port& port);
  ~LocalRunner();
  LocalRunner(const LocalRunner&) = delete;
  LocalRunner& operator=(const LocalRunner&) = delete;

  // Executes at most `budget` operations. `trace` keeps its header; its events are overwritten.
  void run(const Program& program, uint32_t budget, Trace& trace);

  // Operations executed by the last run.
  uint32_t executed() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace va
