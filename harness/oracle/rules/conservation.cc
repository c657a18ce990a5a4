#include "oracle/rules/conservation.h"

#include "base/hot.h"
#include "oracle/rules/order.h"
#include "oracle/rules/publication.h"

namespace va::oracle {
namespace {

VA_COLD void say_head(Finding& f, const QueueModel& q, uint64_t id) {
  f.expected =
      "no used entry for a head that is no descriptor (queue size " + std::to_string(q.num) + ")";
  f.actual = "a used entry with id " + std::to_string(id);
}

VA_COLD void say_len(Finding& f, uint64_t id, uint64_t len) {
  f.expected = "len 0: a transmit chain has no writable part";
  f.actual = "len " + std::to_string(len) + " for id " + std::to_string(id);
}

VA_COLD void say_slot(Finding& f, const QueueModel& q, uint64_t slot, uint64_t id) {
  f.expected = "used entries for the " + std::to_string(q.outstanding) +
               " chains that the device has, from slot " + std::to_string(q.slot(q.used_idx)) +
               " on";
  f.actual = "slot " + std::to_string(slot) + " was written (id " + std::to_string(id) + ")";
}

// The entry was published already, for the same chain: what is new is its len.
bool only_len_differs(const QueueModel& q, uint64_t slot, uint64_t id, uint64_t len) {
  const StagedEntry& there = q.entries[slot];
  return there.life == q.life && !there.fresh && there.id == id && there.len != len;
}

VA_COLD void say_batch(Finding& f, const QueueModel& q, uint16_t position, uint16_t end) {
  f.expected = "used idx moves over a batch whose entry lies in slot " +
               std::to_string(q.slot(position)) + ", its first";
  f.actual = "used idx " + hex16(end) + ", and no entry there";
}

VA_COLD void say_tail(Finding& f, const Request& last, uint32_t skipped, uint32_t id) {
  f.expected = "an entry for " + std::to_string(skipped + 1) + " chains names the last of them, " +
               describe(last);
  f.actual = "id " + std::to_string(id);
}

VA_COLD void say_skipped(Finding& f, const Request& request) {
  f.expected = describe(request) + ", which the entry of a batch skips, is done with";
  f.actual = "the backend holds it";
}

VA_COLD void say_idx(Finding& f, const QueueModel& q, uint16_t value) {
  f.expected = "used idx from " + hex16(q.used_idx) + " to at most " +
               hex16(static_cast<uint16_t>(q.used_idx + q.outstanding)) + ": the device has " +
               std::to_string(q.outstanding) + " chains";
  f.actual = "used idx " + hex16(value);
}

VA_COLD void say_hole(Finding& f, const QueueModel& q, uint16_t position, uint16_t end) {
  f.expected = "used idx moves over entries that were stored, " + std::to_string(q.staged) +
               " from " + hex16(q.used_idx) + " on";
  f.actual =
      "used idx " + hex16(end) + ", and no entry in slot " + std::to_string(q.slot(position));
}

}  // namespace

void Conservation::entry(Context& context, QueueModel& q, const Event& event) {
  const uint64_t slot = event.arg[0];
  const uint64_t id = event.arg[1];
  const uint64_t len = event.arg[2];
  if (id >= q.num && (q.duty.broken & kHeadInRange) != 0) {
    if (Finding* f = context.report.open(Rule::kSpl11, VerdictKind::kFail, event.queue, event.op)) {
      say_head(*f, q, id);
    }
  }
  if (slot >= q.num) return;
  if ((event.queue & 1) == 0 && len != 0) {
    if (Finding* f =
            context.report.open(Rule::kUsd05, VerdictKind::kNonStrict, event.queue, event.op)) {
      say_len(*f, id, len);
    }
  }
  const auto ahead = static_cast<uint32_t>((slot + q.num - q.slot(q.used_idx)) % q.num);
  if (ahead >= q.outstanding && context.report.may_judge(Rule::kUsd08, event.queue)) {
    const bool late = context.report.sees(kEveryStore) && only_len_differs(q, slot, id, len);
    const Rule rule = late ? Rule::kUsd02 : Rule::kUsd08;
    if (Finding* f = context.report.open(rule, VerdictKind::kFail, event.queue, event.op)) {
      say_slot(*f, q, slot, id);
    }
    q.spoiled = true;
  }
  StagedEntry& staged = q.entries[slot];
  const auto position = static_cast<uint16_t>(q.used_idx + ahead);
  if (staged.life != q.life || staged.position != position || !staged.fresh) ++q.staged;
  staged.life = q.life;
  staged.id = static_cast<uint32_t>(id);
  staged.len = len;
  staged.position = position;
  staged.fresh = true;
}

bool Conservation::index_is_legal(Context& context, const QueueModel& q, Queue queue,
                                  uint16_t value) {
  const auto steps = static_cast<uint16_t>(value - q.used_idx);
  if (steps <= q.outstanding) return true;
  const auto back = static_cast<uint16_t>(q.used_idx - value);
  const bool wraps = uint32_t{q.used_idx} + q.staged > 0xffff;
  const bool backward = back <= q.num || (!wraps && value < q.used_idx);
  const Rule rule = wraps ? Rule::kSpl03 : backward ? Rule::kUsd08 : Rule::kUsd07;
  if (Finding* f = context.report.open(rule, VerdictKind::kFail, queue, context.op)) {
    say_idx(*f, q, value);
  }
  return false;
}

// Why `id` names no chain that the device has.
VA_COLD void Conservation::blame(Context& context, Queue queue, uint32_t id) {
  Model& model = context.model;
  const QueueModel& q = model.queue(queue);
  Rule rule = Rule::kUsd01;
  const char* what = ", which is no head that the driver exposed";
  if (id < q.num) {
    const HeadState& head = q.heads[id];
    if (head.waiting_life == q.life && head.waiting_ordinal != kNoOrdinal) {
      rule = Rule::kSpl01;
      what = ", which avail idx has not passed yet";
    } else if (model.was_used(queue, id)) {
      rule = Rule::kSpl02;
      what = " a second time";
    }
  }
  if (Finding* f = context.report.open(rule, VerdictKind::kFail, queue, context.op)) {
    f->expected =
        "the head of one of the " + std::to_string(q.outstanding) + " chains that the device has";
    f->actual = "id " + std::to_string(id) + what;
  }
}

void Conservation::check_skipped(Context& context, const QueueModel& q, const Request& request) {
  if (!request.submitted || request.completed) return check_publication(context, q, request, 0);
  if (Finding* f =
          context.report.open(Rule::kIor03, VerdictKind::kFail, request.queue, context.op)) {
    say_skipped(*f, request);
  }
}

// Whether `r`, which the entry names, is the chain behind those that it skipped.
bool Conservation::ends_batch(Context& context, QueueModel& q, const Request* r, uint32_t skipped,
                              uint32_t id) {
  const Request* last = context.model.oldest_open(q);
  if (last == nullptr || last == r) return true;
  if (Finding* f = context.report.open(Rule::kIor02, VerdictKind::kFail, last->queue, context.op)) {
    say_tail(*f, *last, skipped, id);
  }
  return false;
}

// With IN_ORDER one entry, in the slot of the first, may stand for a batch (2.7.9): then it names
// the last, and the slots of the others are skipped. Returns the position behind the batch; kBad
// where a rule spoke.
uint32_t Conservation::publish_one(Context& context, QueueModel& q, Queue queue, uint16_t position,
                                   uint16_t end) {
  Model& model = context.model;
  StagedEntry& entry = q.entries[q.slot(position)];
  const bool batches = (model.acked_features() & kBitInOrder) != 0;
  if (entry.life != q.life || entry.position != position || !entry.fresh) {
    if (batches && static_cast<uint16_t>(end - position) > 1) {
      if (Finding* f = context.report.open(Rule::kIor02, VerdictKind::kFail, queue, context.op)) {
        say_batch(*f, q, position, end);
      }
      return kBad;
    }
    const bool wraps = position == 0xffff || end < position;
    const Rule rule = wraps ? Rule::kSpl03 : Rule::kUsd06;
    if (Finding* f = context.report.open(rule, VerdictKind::kFail, queue, context.op)) {
      say_hole(*f, q, position, end);
    }
    return kBad;
  }
  entry.fresh = false;
  if (q.staged != 0) --q.staged;
  auto next = static_cast<uint16_t>(position + 1);
  if (batches) {
    while (next != end) {
      const StagedEntry& skipped = q.entries[q.slot(next)];
      if (skipped.life == q.life && skipped.position == next && skipped.fresh) break;
      Request* r = model.oldest_open(q);
      if (r == nullptr) break;
      check_skipped(context, q, *r);
      r->used_len = kUnknownLen;
      model.mark_used(q, *r);
      append(published_, r);
      ++next;
    }
  }
  Request* r = model.outstanding(q, queue, entry.id);
  const auto skipped = static_cast<uint16_t>(next - position - 1);
  if (skipped != 0 && !ends_batch(context, q, r, skipped, entry.id)) return kBad;
  if (r == nullptr) {
    blame(context, queue, entry.id);
    return kBad;
  }
  check_order(context, q, *r);
  check_publication(context, q, *r, entry.len);
  r->used_len = entry.len;
  model.mark_used(q, *r);
  append(published_, r);
  return next;
}

// Where a trace samples, it shows the last lap of the ring only. The entries before it are gone,
// but the driver has reclaimed them, or it could not have made as many chains available.
void Conservation::skip_laps(Model& model, QueueModel& q, uint16_t steps) {
  uint32_t skipped = steps - q.num;
  q.used_idx = static_cast<uint16_t>(q.used_idx + skipped);
  for (; skipped != 0 && !q.early.empty(); --skipped) {
    Request& r = model.request(q.early.front());
    model.mark_used(q, r);
    append(published_, &r);
  }
  for (uint32_t i = 0; i < q.num; ++i) {
    const auto position = static_cast<uint16_t>(q.used_idx + i);
    q.entries[q.slot(position)].position = position;
  }
}

const std::vector<Request*>& Conservation::publish(Context& context, QueueModel& q,
                                                   const Event& event) {
  published_.clear();
  const Queue queue = event.queue;
  const auto value = static_cast<uint16_t>(event.arg[0]);
  const bool judged = context.report.may_judge(Rule::kUsd06, queue);
  bool good = index_is_legal(context, q, queue, value);
  const auto steps = static_cast<uint16_t>(value - q.used_idx);
  if (good && steps > q.num && !context.report.sees(kEveryStore)) {
    skip_laps(context.model, q, steps);
  }
  for (uint16_t at = q.used_idx; good && at != value;) {
    const uint32_t next = publish_one(context, q, queue, at, value);
    good = next != kBad;
    at = static_cast<uint16_t>(next);
  }
  q.used_idx = value;
  if (!good) q.staged = 0;
  if (!good && judged) q.spoiled = true;
  return published_;
}

}  // namespace va::oracle
