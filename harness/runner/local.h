// Program x Port -> Trace.
//
// Walks the Program (repeat, at, budget), lets the simulated driver execute driver operations and
// the port all others. The default set-up (`vring tx`, `backend tx async`) is applied before the
// first operation that is not part of a set-up, unless the Program has `bare` or set the queue up
// itself.
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
