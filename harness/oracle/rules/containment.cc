#include "oracle/rules/containment.h"

#include <algorithm>

#include "base/hot.h"
#include "oracle/ranges.h"
#include "oracle/rules/buffers.h"

namespace va::oracle {
namespace {

struct Place {
  Rule rule = Rule::kUsd09;
  Queue queue = 0;
  std::string what = "memory that is no buffer of its own";
};

// What the driver keeps at the address that was written.
Place find_place(Model& model, uint64_t gpa, uint64_t len) {
  for (const Queue queue : model.live_queues()) {
    const QueueModel& q = model.queue(queue);
    if (ranges_meet(gpa, len, q.ring.desc, uint64_t{16} * q.num)) {
      return {Rule::kSpl09, queue, "the descriptor table"};
    }
    if (ranges_meet(gpa, len, q.ring.avail, 6 + uint64_t{2} * q.num)) {
      return {Rule::kSpl10, queue, "the avail ring"};
    }
    for (size_t i = q.first_open; i < q.order.size(); ++i) {
      const Request& r = model.request(q.order[i]);
      for (const Part& part : model.parts(r)) {
        if (r.used || part.writable || !ranges_meet(gpa, len, part.gpa, part.len)) continue;
        return {Rule::kSpl07, queue, "the readable buffer of " + describe(r)};
      }
    }
  }
  return {};
}

// Breaches after which the model may not know all of the buffers that a queue has given. An entry
// that names no descriptor is one: the device may read it again, when the driver has mended it.
constexpr uint32_t kHidesBuffers =
    kAllDuties & ~(kNextInRange | kReadableFirst | kRightDirection | kBufferKept | kMapped |
                   kHasPayload | kNoEmptyPart | kNamed | kRoomForHeader | kRoomForName);

// The used ring is the device's; where a trace samples and the driver stored into it too, what was
// written there shows as bytes and not as entries.
bool in_used_ring(Model& model, uint64_t gpa, uint64_t len) {
  for (const Queue queue : model.live_queues()) {
    const QueueModel& q = model.queue(queue);
    if (gpa >= q.ring.used && gpa + len <= q.ring.used + 6 + uint64_t{8} * q.num) return true;
  }
  return false;
}

bool hides_buffers(Model& model) {
  for (const Queue queue : model.live_queues()) {
    const QueueModel& q = model.queue(queue);
    if ((queue & 1) != 0 && (q.duty.broken & kHidesBuffers) != 0) return true;
  }
  return false;
}

// Part of a buffer that the device does not have any more.
void speak_of_used(Context& context, const Event& event, const BufferPlace& place) {
  const Request& r = *place.request;
  constexpr uint64_t kNumBuffersAt = 10;  // in struct virtio_net_hdr
  const bool patch = place.offset >= kNumBuffersAt && place.offset < 12 && event.arg[1] <= 2;
  if (Finding* f = context.report.open(patch ? Rule::kNet05 : Rule::kUsd10, VerdictKind::kFail,
                                       r.queue, event.op)) {
    f->expected = patch ? "num_buffers of " + describe(r) + " is written before used idx covers it"
                        : describe(r) + " is left alone after it was used";
    f->actual = std::to_string(event.arg[1]) + " bytes at offset " + std::to_string(place.offset) +
                " were written behind it";
  }
}

// Receive queues give the device buffers to write. True if [gpa, gpa + len) lies in one, or was
// spoken of. What a trace that samples shows may have been written before the buffer was used.
bool in_buffer(Context& context, const Event& event) {
  Model& model = context.model;
  uint64_t gpa = event.arg[0];
  for (uint64_t left = event.arg[1]; left != 0;) {
    BufferPlace place = find_open_buffer(model, gpa);
    if (place.request == nullptr) {
      place = find_used_buffer(model, gpa);
      if (place.request == nullptr) return false;
      if (context.report.sees(kEveryStore)) {
        if (find_place(model, gpa, 1).rule != Rule::kUsd09) return false;
        speak_of_used(context, event, place);
        return true;
      }
    } else {
      const Queue queue = place.request->queue;
      check_activity(context, model.queue(queue), queue, "a store into a buffer");
    }
    const uint64_t n = std::min(left, place.len);
    gpa += n;
    left -= n;
  }
  return true;
}

}  // namespace

void check_write(Context& context, const Event& event) {
  Model& model = context.model;
  const uint64_t gpa = event.arg[0];
  const uint64_t len = event.arg[1];
  if (in_used_ring(model, gpa, len) || in_buffer(context, event) || hides_buffers(model)) return;
  const Place place = find_place(model, gpa, len);
  const bool foreign = place.rule == Rule::kUsd09;
  if (Finding* f =
          context.report.open(place.rule, foreign ? VerdictKind::kRobustness : VerdictKind::kFail,
                              place.queue, event.op)) {
    f->expected = "the device writes its used ring and writable buffers, nothing else";
    f->actual = std::to_string(len) + " bytes at " + hex16(gpa) + ", " + place.what;
  }
}

VA_COLD void report_activity(Context& context, Queue queue, const char* what, bool is_store) {
  const QueueModel& q = context.model.queue(queue);
  const bool every_store = context.report.sees(kEveryStore);
  Rule rule = Rule::kLif02;
  const char* stop = "the ring was started";
  switch (q.stop) {
    case Stop::kRunning:
      return;
    case Stop::kNeverStarted:
      break;
    case Stop::kBackend:
      rule = Rule::kLif18;
      stop = "the backend was taken away";
      break;
    case Stop::kResetOwner:
      rule = Rule::kLif19;
      stop = "RESET_OWNER returned";
      break;
    case Stop::kRelease:
      rule = Rule::kLif19;
      stop = "the device was closed";
      break;
  }
  // A store into a ring that shares memory with buffers may be that of a queue which runs.
  const auto queues = context.model.live_queues();
  const bool others = std::any_of(queues.begin(), queues.end(), [&](Queue each) {
    return each != queue && context.model.queue(each).may_act();
  });
  const bool shares = context.model.strays(q) || (q.duty.broken & kApart) != 0;
  if (is_store && others && shares) return;
  const bool before = q.stop == Stop::kNeverStarted;
  if (!every_store && !before && !q.stop_settled) return;
  if (Finding* f = context.report.open(rule, VerdictKind::kFail, queue, context.op)) {
    f->expected = std::string("nothing from the device ") + (before ? "before " : "after ") + stop;
    f->actual = what;
  }
}

void settle_stops(Model& model) {
  for (const Queue queue : model.live_queues()) model.queue(queue).stop_settled = true;
}

}  // namespace va::oracle
