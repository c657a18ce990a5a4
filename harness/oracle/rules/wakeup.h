// Nothing waits for ever: when the device is idle, work at hand has someone who will come for it.
//
//   SPL-02  2.7.8     no head is lost: one that was passed over is never used
//   ASY-03  2.7.8     nor is a completion, when others after it were published
//   ASY-20  2.7.7.2   a completion wakes the device, kick or no kick
//   NAV-03  2.7.13.4  a kick that was asked for is enough for progress
//   NAV-04  2.7.10    and where none was asked for, none is needed
//   NAV-07  2.7.13.4  one kick is enough for many buffers
//   NUS-14            a device without a call eventfd goes on using buffers
//   NAV-06  2.7.10.2  a kick with nothing to do is harmless
//   SPL-05  2.7.4.1   no chain that the clauses allow is an error
//
// Clauses of VIRTIO 1.2. At idle, work may rest for these reasons only: the backend holds requests
// (a bound on those in flight, or the order of publication), its send buffer is full, a control
// call is waiting, the driver owes a kick that the device asked for, or the buffers were exposed
// before the device started and no kick followed.
#pragma once

#include "oracle/report.h"

namespace va::oracle {

void check_progress(Context& context);

// The ring's error eventfd was signalled.
void check_error(Context& context, const Event& event);

}  // namespace va::oracle
