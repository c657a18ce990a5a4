// The control half of conforming Programs (generate.cc): calls that a host may make at any moment,
// with requests in flight, and that leave the ring what it is to the driver.
//
// They set again what was set (memory table, ring addresses, eventfds), switch the dirty log on and
// off, or are refused: a call that fails changes nothing. What may wait for requests is only queued
// behind; the reference has room for all that a Program makes.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "prog/ops.h"
#include "prog/program.h"

namespace va {

class ControlCalls {
 public:
  ControlCalls(Random& random, std::vector<Op>& ops) : random_(random), ops_(ops) {}

  // A ring as `vring` has just set it up with these features (FeatureName bits).
  void start_life(Queue queue, uint32_t num, uint64_t features);
  // One call or a few that belong together, about the device or about `queue`.
  void step(Queue queue);
  // One call, fit for an interleaving point.
  void single(Queue queue);

 private:
  Op& add(Opcode code, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0);
  Op& add_to_ring(Opcode code, Queue queue, uint64_t a = 0);
  void set_addr(Queue queue, bool logs);
  void replace_table();
  void toggle_log(Queue queue);
  void replace_fd(Queue queue);
  void ask_for_base(Queue queue);
  void fail_on_device();
  void fail_on_ring(Queue queue);

  Random& random_;
  std::vector<Op>& ops_;
  uint64_t features_ = 0;   // feature bits without LOG_ALL
  bool logs_ = false;       // LOG_ALL is acked
  bool has_base_ = false;   // the log's own memory was told
  uint32_t num_[2] = {};    // by queue
  bool logs_ring_[2] = {};  // and its own place in the log
};

}  // namespace va
