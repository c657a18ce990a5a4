// A device under direct control: what the local runner needs in order to interpret a Program.
//
// Implemented by the reference adapter (in process) and by the guest agent (/dev/vhost-net). The
// runner executes driver operations itself, on the arena; it hands all others to execute().
//
// Execution is eager: execute() returns when the worker is at rest, except between `worker hold`
// and `worker run`. So a Program means the same on every device, and order is the Program's.
#pragma once

#include <cstdint>
#include <span>

#include "prog/ops.h"
#include "prog/program.h"
#include "trace/trace.h"

namespace va {

// Called by a port that has interleaving points while its worker runs.
class PointSink {
 public:
  virtual ~PointSink() = default;
  virtual void on_point(Point point) = 0;

  // Whether anything waits for a point. Changes between runs of the worker only, apart from going
  // to false.
  bool armed() const { return armed_; }

 protected:
  bool armed_ = false;
};

class Port {
 public:
  virtual ~Port() = default;

  // A clean device: closed and opened anew, arena zero, nothing staged, nothing held. Events of the
  // run go to `trace` from now on; `sink` (may be nullptr) is told of interleaving points.
  virtual void reset(Trace& trace, PointSink* sink) = 0;

  // Guest memory by arena offset (prog/layout.h). The driver writes through store() only, so that
  // the port knows what the guest touched.
  virtual std::span<const uint8_t> arena() const = 0;
  virtual std::span<uint8_t> store(uint32_t offset, uint32_t len) = 0;

  // Which operation the next events belong to.
  void set_op(uint32_t op) { op_ = op; }

  // Executes a control, backend or scheduling operation other than repeat, end and at; adds its
  // events. For kVring and for the default set-up the driver has written the ring's memory already.
  virtual void execute(const Op& op) = 0;

  // The features acked last with success (0 before): the driver's header length follows from them.
  virtual uint64_t acked_features() const = 0;

  // The epilogue: completes what is held, waits for pending control calls, settles, closes; adds
  // the last events (kAllocated where it is seen).
  virtual void finish() = 0;

 protected:
  uint32_t op_ = 0;
};

}  // namespace va
