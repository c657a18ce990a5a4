// Trace x Trace -> differences: the oracle of `vassay diff`.
//
// Two devices are compared where both are at rest, and nowhere else. The reference shows each of
// its stores, a kernel is sampled when it has settled; so both are first brought to what a sample
// could have shown: used entries in order, the last value of used idx, used flags and avail_event,
// whether there was a call and whether an error was signalled (never how many: VIRTIO 1.2, 2.7.7
// makes no promise of a number), the changed bytes of guest memory, the frames, and the result of
// each control call. What a trace does not see is not compared.
//
// What a device does may be nobody's to say from some event on: the driver has broken a duty, and
// the devices differ as they may. Then the queue is not compared from the segment of that event on,
// nor what cannot be told apart by queue: guest bytes, dirty pages, frames. Control calls still
// are, but for the base that they read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "prog/program.h"
#include "trace/trace.h"

namespace va {

// One observation on which two devices disagree.
struct Difference {
  EventKind kind = EventKind::kNone;  // what was observed
  Queue queue = 0;                    // 0 where the event has no queue
  uint32_t settle = 0;                // number of the settle point, from 0
  uint32_t op = 0;                    // operation of the settle point; the call's own for kDone
  std::string left;                   // value on the first device; "-": nothing
  std::string right;

  friend bool operator==(const Difference&, const Difference&) = default;
};

// For each queue the number of the event of a trace from which on it is not compared.
using EventLimits = std::array<size_t, kQueues>;
EventLimits no_limits();

// Appends the differences to `out`, in the order of the settle points. Both traces are of `program`
// and of runs that went to their end (no kUnsupported, no kBudget). After one device died, or one
// was busy where the other was idle, nothing more can be compared: that difference is the last.
void compare(const Program& program, const Trace& left, const EventLimits& left_limits,
             const Trace& right, const EventLimits& right_limits, std::vector<Difference>& out);

}  // namespace va
