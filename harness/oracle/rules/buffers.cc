#include "oracle/rules/buffers.h"

namespace va::oracle {
namespace {

BufferPlace place_in(Model& model, Request& r, uint64_t gpa) {
  uint64_t offset = 0;
  for (const Part& part : model.parts(r)) {
    if (!part.writable) continue;
    if (gpa - part.gpa < part.len) {
      return {&r, offset + (gpa - part.gpa), part.len - (gpa - part.gpa)};
    }
    offset += part.len;
  }
  return {};
}

}  // namespace

BufferPlace find_open_buffer(Model& model, uint64_t gpa) {
  for (const Queue queue : model.live_queues()) {
    if ((queue & 1) == 0) continue;
    const QueueModel& q = model.queue(queue);
    for (size_t i = q.first_open; i < q.order.size(); ++i) {
      Request& r = model.request(q.order[i]);
      if (r.used) continue;
      const BufferPlace place = place_in(model, r, gpa);
      if (place.request != nullptr) return place;
    }
  }
  return {};
}

BufferPlace find_used_buffer(Model& model, uint64_t gpa) {
  for (const Queue queue : model.live_queues()) {
    if ((queue & 1) == 0) continue;
    const QueueModel& q = model.queue(queue);
    for (size_t i = q.order.size(); i > 0; --i) {
      Request& r = model.request(q.order[i - 1]);
      if (!r.used) continue;
      const BufferPlace place = place_in(model, r, gpa);
      if (place.request != nullptr) return place;
    }
  }
  return {};
}

}  // namespace va::oracle
