// Which receive buffer a guest address lies in.
#pragma once

#include "oracle/model.h"
#include "oracle/report.h"

namespace va::oracle {

// A place in the writable part of a request.
struct BufferPlace {
  Request* request = nullptr;  // nullptr: there is none
  uint64_t offset = 0;         // from the first writable byte
  uint64_t len = 0;            // bytes from the address to the end of its element
};

// The first buffer at `gpa` that the device has; of any receive queue.
BufferPlace find_open_buffer(Model& model, uint64_t gpa);
// The last buffer at `gpa` that was used, in this life of its queue.
BufferPlace find_used_buffer(Model& model, uint64_t gpa);

// Whether the installed receive backend gets its buffers ahead: how the policies differ is in
// docs/program_syntax.md.
inline bool posts_ahead(const QueueModel& q, const Context& context) {
  return q.asynchronous && uses_on_arrival(context);
}

}  // namespace va::oracle
