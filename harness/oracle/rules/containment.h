// Where the device writes, and when it does anything at all.
//
//   SPL-07  2.7.5.1  device-readable buffers are never written
//   SPL-09  2.7.5.1  nor is the descriptor table
//   SPL-10  2.7.6    nor the avail ring
//   USD-09  2.7.5    nor any byte that no writable element names
//   USD-10  2.7.14   nor a receive buffer after it was used
//   NET-05  5.1.6.4.1  and num_buffers in it is final by then
//   LIF-02           a ring that was never started is not processed
//   LIF-18           after SET_BACKEND(-1) returned: no store, no call, no frame
//                    (Linux drivers/vhost/net.c, vhost_net_set_backend)
//   LIF-19           nor after RESET_OWNER or close (vhost_net_release)
//
// Clauses of VIRTIO 1.2. All of these hold against any driver. Where a trace only samples, what it
// shows at the first settle after a stop may have happened before it.
#pragma once

#include "oracle/report.h"

namespace va::oracle {

// The device changed guest bytes that are no field of a used ring.
void check_write(Context& context, const Event& event);

// The device did something on a queue where it may not act.
void report_activity(Context& context, Queue queue, const char* what, bool is_store);

// The device did something on a queue. `what` is for the reader; `is_store`: the queue is known by
// the place of a store alone.
inline void check_activity(Context& context, const QueueModel& q, Queue queue, const char* what,
                           bool is_store = true) {
  if (!q.may_act()) report_activity(context, queue, what, is_store);
}

// A settle is over.
void settle_stops(Model& model);

}  // namespace va::oracle
