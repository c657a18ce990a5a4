// What the driver does to guest memory, and which duties it breaks by that.
#include <algorithm>

#include "base/bytes.h"
#include "base/hot.h"
#include "oracle/model.h"
#include "oracle/ranges.h"

namespace va::oracle {
namespace {

constexpr uint32_t kDescSize = 16;
constexpr uint64_t kFlagIndirect = 4;
constexpr uint64_t kNotStored = 0x10000;  // kExposed: avail idx was not stored

}  // namespace

// ---- a ring begins ---------------------------------------------------------------------------

void Model::start_life(Queue queue, uint32_t num, uint16_t base) {
  QueueModel& q = queues_[queue];
  q.life = next_life_++;
  q.num = num;
  q.ring = ring_layout(queue, num);
  q.ring_end = q.ring.used + 6 + uint64_t{8} * num;
  q.exposed = q.used_idx = q.kicked = q.kicked_before = q.started_at = base;
  q.outstanding = q.staged = 0;
  q.avail_flags = q.used_event = q.used_flags = q.avail_event = 0;
  q.avail_event_seen = q.kicked_since_start = false;
  q.duty = DutyRecord{};
  if (hidden_) q.duty.breach(kKnown, hidden_op_);
  if (lost_) q.duty.breach(kKnown, lost_op_);
  for (const Queue each : live_) {
    if (each != queue && strays(queues_[each])) q.duty.breach(kApart, 0);
  }
  note_mapped_onto(0);
  q.spoiled = q.by_hand = false;
  q.unsure = !deferred_.empty();
  q.order.clear();
  q.early.clear();
  q.scribbled.clear();
  q.submissions.clear();
  q.finished.clear();
  q.unread.clear();
  q.first_open = q.first_submission = q.first_finished = 0;
  q.swap_mark = 0;
  if (q.entries.size() < num) {
    q.entries.resize(num);
    q.heads.resize(num);
  }
  // A ring of the default places is alone there; a larger one, or a further queue, is not.
  if (num > 1024 || queue > kLastOwnRing) checked_ = true;
}

// `vring`: the driver zeroes the ring and starts anew, whatever the device is doing.
void Model::set_up_view(const Op& op, uint32_t index) {
  const Queue queue = op.queue % kQueues;
  const auto base = static_cast<uint16_t>(op.arg[1]);
  if (queue <= kRx) vring_seen_[queue] = true;
  std::erase(deferred_vrings_, index);
  QueueModel& q = this->queue(queue);
  const bool in_use = q.may_act();
  for (Deferred& each : deferred_) {
    const Op& other = this->op(each.index);
    const bool store = other.code == Opcode::kAvailFlags || other.code == Opcode::kUsedEvent;
    if (!store || other.queue != queue) continue;
    each.contested = true;  // the ring is zeroed before it or after it
    q.contested |= contested_kind(other.code);
  }
  const auto num = static_cast<uint16_t>(op.arg[0]);
  start_life(queue, num == 0 ? kDefaultNum : num, base);
  bytes_.zero(q.ring.desc, q.ring_end - q.ring.desc);
  bytes_.store16(q.ring.avail + 2, base);
  if (in_use) {
    q.duty.breach(kStableRing, index);
    checked_ = true;  // what it writes from here on may go anywhere
  }
  // A ring is one piece of the user's memory, where the arena's halves lie the other way round.
  const uint64_t last = q.ring_end - q.ring.desc - 1;
  if (user_of(q.ring.desc + last) != user_of(q.ring.desc) + last) q.duty.breach(kMapped, index);
  if (checked_) {
    check_neighbours(queue, index);
    void_buffers(q.ring.desc, q.ring_end - q.ring.desc, index);
    const uint64_t end = std::min(q.ring_end, kArenaGpa + kArenaSize);
    for (uint64_t at = q.ring.desc; at < end; at += kDescSize) check_owner(bytes_.owner(at), index);
  }
}

// A ring that is set up zeroes what lies in its place: another ring that reaches into it, a table
// or a buffer that `at=` put there.
void Model::check_neighbours(Queue queue, uint32_t op) {
  QueueModel& q = queues_[queue];
  for (const Queue each : live_) {
    QueueModel& other = queues_[each];
    if (each == queue || !ranges_meet(q.ring.desc, q.ring_end - q.ring.desc, other.ring.desc,
                                      other.ring_end - other.ring.desc)) {
      continue;
    }
    q.duty.breach(kApart, op);
    other.duty.breach(kApart, op);
  }
  void_buffers(q.ring.desc, q.ring_end - q.ring.desc, op);
  for (uint64_t at = q.ring.desc; at < q.ring_end; at += kDescSize) {
    check_owner(bytes_.owner(at), op);
  }
}

// ---- stores ----------------------------------------------------------------------------------

bool Model::is_outstanding(uint32_t serial) {
  if (serial < first_serial_ || serial - first_serial_ >= requests_.size()) return false;
  const Request& r = request(serial);
  return !r.used && !r.reclaimed && queues_[r.queue].life == r.life;
}

void Model::store(uint64_t gpa, const void* bytes, uint64_t len, uint32_t op) {
  check_store(gpa, len, op);
  bytes_.store(gpa, bytes, len);
}

// Descriptors and tables that the device has stay as they are.
void Model::check_store(uint64_t gpa, uint64_t len, uint32_t op) {
  check_owner(bytes_.owner(gpa), op);
  check_owner(bytes_.owner(gpa + len - 1), op);
}

void Model::check_owner(uint32_t owner, uint32_t op) {
  if (is_outstanding(owner)) queues_[request(owner).queue].duty.breach(kDescriptorKept, op);
}

// A frame was written: by `avail`, which keeps to memory of its own unless `at=` says otherwise.
void Model::store_payload(uint64_t gpa, uint64_t len, uint32_t op) {
  bytes_.payload(gpa, len);
  if (!checked_ || len == 0) return;
  check_rings(gpa, len, op);
  check_owners(gpa, len, op);
  void_buffers(gpa, len, op);
}

// What is no ring's was stored in [gpa, gpa + len).
void Model::check_rings(uint64_t gpa, uint64_t len, uint32_t op) {
  if (!overlaps_ring(gpa, len)) return;
  for (const Queue queue : live_) queues_[queue].duty.breach(kApart, op);
}

// All that the device has of descriptors in [gpa, gpa + len), which is not empty.
void Model::check_owners(uint64_t gpa, uint64_t len, uint32_t op) {
  const uint64_t end = std::min(gpa + len, kArenaGpa + kArenaSize);
  for (uint64_t at = std::max(gpa, kArenaGpa); at < end; at += kDescSize) {
    check_owner(bytes_.owner(at), op);
  }
  if (end > kArenaGpa) check_owner(bytes_.owner(end - 1), op);
}

// Bytes of buffers that the device has changed: what the wire shows of them says nothing.
void Model::void_buffers(uint64_t gpa, uint64_t len, uint32_t op) {
  for (const Queue queue : live_) {
    QueueModel& q = queues_[queue];
    for (size_t i = q.first_open; i < q.order.size(); ++i) {
      Request& r = request(q.order[i]);
      if (r.used) continue;
      for (const Part& part : parts(r)) {
        if (!ranges_meet(gpa, len, part.gpa, part.len)) continue;
        r.content_void = true;
        q.duty.breach(kNamed, op);
        break;
      }
    }
    if ((queue & 1) != 0) void_unread(q, gpa, len);
  }
}

// Receive buffers that are used, and that the driver may not have read yet.
void Model::void_unread(QueueModel& q, uint64_t gpa, uint64_t len) {
  for (const uint32_t serial : q.unread) {
    Request& r = request(serial);
    const std::span<const Part> all = parts(r);
    r.content_void = r.content_void || std::any_of(all.begin(), all.end(), [&](const Part& part) {
                       return ranges_meet(gpa, len, part.gpa, part.len);
                     });
  }
}

// A receive buffer that shares memory with what the device reads changes it.
void Model::on_device_write(uint64_t gpa, uint64_t len) {
  if (!checked_) return;
  bytes_.payload(gpa, len);
  const uint64_t end = std::min(gpa + len, kArenaGpa + kArenaSize);
  for (uint64_t at = std::max(gpa, kArenaGpa) & ~uint64_t{kDescSize - 1}; at < end;
       at += kDescSize) {
    const uint32_t owner = bytes_.owner(at);
    if (is_outstanding(owner)) queues_[request(owner).queue].duty.breach(kApart, request(owner).op);
  }
  for (const Queue queue : live_) {
    if ((queue & 1) != 0) continue;
    QueueModel& q = queues_[queue];
    for (size_t i = q.first_open; i < q.order.size(); ++i) {
      Request& r = request(q.order[i]);
      const std::span<const Part> all = parts(r);
      const bool meets = !r.used && std::any_of(all.begin(), all.end(), [&](const Part& part) {
        return ranges_meet(gpa, len, part.gpa, part.len);
      });
      if (!meets) continue;
      r.content_void = true;
      q.duty.breach(kApart, r.op);
    }
  }
}

// A raw store into a ring: which of its fields may be stored, and when.
void Model::check_ring_store(QueueModel& q, uint64_t gpa, uint64_t len, uint32_t op) {
  if (ranges_meet(gpa, len, q.ring.used, q.ring_end - q.ring.used)) {
    q.duty.breach(kOwnAreaOnly, op);
  }
  const uint64_t entries = q.ring.avail + 4;
  for (uint64_t at = gpa; at < gpa + len; ++at) {
    if (at < entries || at >= entries + uint64_t{2} * q.num) continue;
    const auto slot = static_cast<uint32_t>((at - entries) / 2);
    const uint32_t newest = q.slot(static_cast<uint16_t>(q.exposed - 1));
    const uint32_t back = (newest + q.num - slot) % q.num;
    if (back >= q.order.size()) continue;
    if (is_outstanding(q.order[q.order.size() - 1 - back])) {
      q.duty.breach(kDescriptorKept, op);
    }
  }
}

void Model::raw_store(const Op& op, uint32_t index) {
  const uint64_t size = op.arg[2] == 0 ? 8 : std::min<uint64_t>(op.arg[2], 8);
  uint64_t gpa = op.arg[0];
  uint64_t len = size;
  uint64_t value = op.arg[1];
  const bool raw_field = op.code != Opcode::kStore;
  if (raw_field) {
    const QueueModel& q = queues_[op.queue % kQueues];
    value = op.arg[0];
    len = 2;
    gpa = q.ring.avail;
    if (op.code == Opcode::kAvailIdx) gpa += 2;
    if (op.code == Opcode::kUsedEvent) gpa += 4 + uint64_t{2} * q.num;
    if (op.code == Opcode::kAvailEntry) {
      gpa += 4 + uint64_t{2} * (op.arg[0] & 0xffff);
      value = op.arg[1];
    }
  }
  if (gpa + len < gpa) return;  // beyond the end of the address space there is no memory
  // A queue that was never set up has no fields: what is stored there may be anything's.
  const bool live =
      std::find(live_.begin(), live_.end(), static_cast<Queue>(op.queue % kQueues)) != live_.end();
  const bool own_field = live && (op.code == Opcode::kAvailIdx || op.code == Opcode::kAvailFlags ||
                                  op.code == Opcode::kUsedEvent);
  if (!own_field) {
    checked_ = true;
    for (const Queue queue : live_) {
      queues_[queue].by_hand = true;
      check_ring_store(queues_[queue], gpa, len, index);
    }
    void_buffers(gpa, len, index);
    contest_fields(gpa, len);
  }
  uint8_t bytes[8];
  store_le(bytes, value);
  store(gpa, bytes, len, index);
  bytes_.tick();
  for (const Queue queue : live_) {
    const QueueModel& q = queues_[queue];
    if (ranges_meet(gpa, len, q.ring.avail, q.ring.used - q.ring.avail)) reread(queue, index);
  }
}

// The fields of the avail ring as they are now.
void Model::reread(Queue queue, uint32_t op) {
  QueueModel& q = queues_[queue];
  const uint16_t flags = bytes_.load16(q.ring.avail);
  const uint16_t event = bytes_.load16(q.ring.avail + 4 + uint64_t{2} * q.num);
  if (flags != q.avail_flags || event != q.used_event) note_toggle(q);
  q.avail_flags = flags;
  q.used_event = event;
  expose_up_to(queue, bytes_.load16(q.ring.avail + 2), op);
}

// Where a payload that is written again may lie over a ring. Where it lies is not known of one that
// was not made available, nor of a chain in breach.
void Model::check_scribble(const Request* r, uint32_t index) {
  if (!checked_) return;
  if (r == nullptr || r->parts == 0) return check_rings(kArenaGpa, kArenaSize, index);
  for (const Part& part : parts(*r)) check_rings(part.gpa, part.len, index);
}

void Model::scribble(const Op& op, uint32_t index) {
  Request* r = named(op.queue % kQueues, op.arg[0]);
  check_scribble(r, index);
  if (r == nullptr) queue(op.queue).scribbled.push_back(static_cast<uint32_t>(op.arg[0]));
  if (r == nullptr || r->reclaimed) return;
  for (const Part& part : checked_ ? parts(*r) : std::span<const Part>()) {
    void_buffers(part.gpa, part.len, index);  // another request's may be there as well
    check_owners(part.gpa, part.len, index);
  }
  if (r->used) return;
  r->content_void = true;
  queues_[r->queue].duty.breach(kBufferKept, index);
}

// ---- events ----------------------------------------------------------------------------------

void Model::on_desc_stored(const Event& event) {
  const Op& op = this->op(event.op);
  queue(event.queue);
  const uint64_t gpa = event.arg[0];
  const bool by_avail = op.code == Opcode::kAvail;
  if (!by_avail || op.arg[0] != 0 || op.arg[2] != 0) checked_ = true;
  if (!by_avail) {
    for (const Queue queue : live_) {
      QueueModel& q = queues_[queue];
      q.by_hand = true;
      check_ring_store(q, gpa, kDescSize, event.op);
    }
    contest_fields(gpa, kDescSize);
  }
  if (checked_) void_buffers(gpa, kDescSize, event.op);
  check_store(gpa, kDescSize, event.op);
  bytes_.store_pair(gpa, {event.arg[1], (event.arg[2] & 0xffffffff) | event.arg[3] << 32});
  if (by_avail && (event.arg[3] & kFlagIndirect) == 0) {
    store_payload(event.arg[1], event.arg[2], event.op);
  }
  if (!by_avail) {
    bytes_.tick();
    for (const Queue queue : live_) {
      const QueueModel& q = queues_[queue];
      if (ranges_meet(gpa, kDescSize, q.ring.avail, q.ring.used - q.ring.avail)) {
        reread(queue, event.op);
      }
    }
  }
}

void Model::on_exposed(const Event& event) {
  QueueModel& q = queue(event.queue);
  const auto head = static_cast<uint16_t>(event.arg[1]);
  // Entries not yet behind avail idx take room as well; a slot that is not free may be unread.
  const auto ahead = static_cast<uint32_t>((event.arg[2] + q.num - q.slot(q.exposed)) % q.num);
  if (ahead + q.outstanding >= q.num + q.early.size()) q.duty.breach(kDescriptorKept, event.op);
  bytes_.store16(q.ring.avail + 4 + 2 * event.arg[2], head);
  if (head < q.num) {
    q.heads[head].waiting_life = q.life;
    q.heads[head].waiting_ordinal = static_cast<uint32_t>(event.arg[0]);
    q.heads[head].waiting_op = event.op;
  }
  if (event.arg[3] < kNotStored) {
    const auto idx = static_cast<uint16_t>(event.arg[3]);
    bytes_.store16(q.ring.avail + 2, idx);
    expose_up_to(event.queue % kQueues, idx, event.op);
  }
  bytes_.tick();
}

void Model::expose_up_to(Queue queue, uint16_t idx, uint32_t op) {
  QueueModel& q = queues_[queue];
  const auto more = static_cast<uint16_t>(idx - q.exposed);
  if (more == 0) return;
  const auto room = static_cast<int64_t>(q.num) - static_cast<int64_t>(q.outstanding) +
                    static_cast<int64_t>(q.early.size());
  if (more > room) {
    q.duty.breach(kIdxForward, op);
    q.exposed = idx;
    return;
  }
  for (uint16_t i = 0; i < more; ++i) expose_one(queue, q.exposed, op);
}

void Model::expose_one(Queue queue, uint16_t position, uint32_t op) {
  QueueModel& q = queues_[queue];
  ++q.exposed;
  const uint16_t head = bytes_.load16(q.ring.avail + 4 + uint64_t{2} * q.slot(position));
  if (head >= q.num) {
    q.duty.breach(kHeadInRange, op);
    return;
  }
  HeadState& state = q.heads[head];
  if (is_outstanding(state.request) && request(state.request).queue == queue &&
      request(state.request).head == head) {
    q.duty.breach(kNoRepublish, op);
  }
  const auto serial = first_serial_ + static_cast<uint32_t>(requests_.size());
  Request& r = requests_.emplace_back();
  r.op = op;
  r.life = q.life;
  r.head = head;
  r.position = position;
  r.exposed_at = event_;
  r.queue = queue;
  if (state.waiting_life == q.life) r.ordinal = state.waiting_ordinal;
  // What was built earlier may have been written over since, where memory is shared, or was built
  // for a header of another length.
  const bool old = state.waiting_op != op && (checked_ || state.waiting_op < features_op_);
  if (r.ordinal == kNoOrdinal || q.by_hand || old) q.duty.breach(kNamed, op);
  r.content_void = old || q.was_scribbled(r.ordinal);
  state.waiting_life = 0;
  state.request = serial;
  append(q.order, serial);
  ++q.outstanding;
  if (r.ordinal != kNoOrdinal) {
    auto& names = by_ordinal_[queue];
    const uint32_t name = r.ordinal & 0xffff;
    if (names.size() <= name) names.resize(name + 1);
    names[name] = serial;
  }
  walk_chain(queue, serial);
}

// The driver saw the used entry. Where the trace samples, this comes before the trace shows it.
void Model::on_reclaimed(const Event& event) {
  QueueModel& q = queue(event.queue);
  q.unread.clear();  // it takes all that there are, and reads them at once
  if (!samples_ || event.arg[0] >= q.num) return;
  const uint32_t serial = q.heads[event.arg[0]].request;
  if (!is_outstanding(serial) || request(serial).queue != event.queue) return;
  request(serial).reclaimed = true;
  append(q.early, serial);
}

}  // namespace va::oracle
