// No publication before completion.
//
//   ASY-01  2.7.8.2  a buffer is published as used only after the backend is done with it
//   ASY-12  2.7.8.2  a request that failed is not published as data (len counts bytes written)
//   ASY-07  2.7      no more requests are in flight than the queue has entries
//   SPL-19  2.7.13   buffers are taken in the order of the avail ring
//   SPL-01  2.7.6    and not before avail idx has passed them
//   SPL-02  2.7.8    and once
//
// The device tells which requests its backend holds; nothing is concluded where it does not.
#pragma once

#include "oracle/report.h"

namespace va::oracle {

// The request is about to become used, with `len` in its entry.
void check_publication(Context& context, const QueueModel& q, const Request& request, uint64_t len);

// The backend took a request. To be called before the model is told.
void check_submission(Context& context, const QueueModel& q, const Event& event);

}  // namespace va::oracle
