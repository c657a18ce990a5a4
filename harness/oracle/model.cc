// Theory of the model.
//
// The oracle believes the driver's side of a trace (the runner wrote it) and doubts the device's.
// From the driver's side it rebuilds, per queue, what the device was given:
//
//   life         a ring from one set-up to the next. Serial numbers and life numbers grow from
//                Program to Program, so nothing is cleared: what carries an old number is not
//                there.
//   exposed      each entry that avail idx has passed is one Request, in `order`. Its chain is
//                walked at that moment; a driver that changes it later broke a duty.
//   used         a request stays outstanding until the trace shows its used entry behind used idx.
//   early        where the trace only samples, the driver may reclaim a head (and use it again)
//                before the trace shows it used: for the driver's duties it is free, for the
//                device's accounts it is not.
//   held         the backend has it: submitted and not complete, by count and, where chains carry
//                ordinals, by name.
//   stop, start  a queue may act from the begin of a backend call until it was stopped.
//
// Raw stores leave no event. The Program is replayed beside the trace (replay.h) and tells when
// each happened, except one that was deferred to an interleaving point: until it is told to have
// missed its point, or the next settle is over, the queue is `unsure`, and rules on notifications
// keep silent.
//
// Memory is bytes with knowledge (guest_bytes.h); a chain that leads through bytes which the trace
// does not tell counts as a breach (kKnown), so that no rule guesses.
//
// Deliberately absent: IOTLB, packed rings. Frames for the driver and dirty pages are accounts of
// the rules that judge them (rules/receive.h, rules/dirty.h).
//
// Tested by driver_duty_test.cc, replay_test.cc, and through the tests in rules/.
#include "oracle/model.h"

#include <algorithm>

#include "base/hot.h"
#include "oracle/ranges.h"

namespace va::oracle {
namespace {

const Op kNothing{};

}  // namespace

const Op& Model::op(uint32_t index) const {
  return index < program_->ops.size() ? program_->ops[index] : kNothing;
}

// Serials and lives are 32 bits wide, which a long campaign uses up: then everything that could
// hold an old number is cleared once.
void Model::renumber() {
  first_serial_ = next_life_ = 1;
  for (QueueModel& q : queues_) {
    std::fill(q.heads.begin(), q.heads.end(), HeadState{});
    std::fill(q.entries.begin(), q.entries.end(), StagedEntry{});
    q.life = 0;
  }
  for (auto& names : by_ordinal_) names.clear();
  bytes_.forget_owners();
}

void Model::begin(const Program& program, bool samples) {
  program_ = &program;
  samples_ = samples;
  first_serial_ += static_cast<uint32_t>(requests_.size());
  if (first_serial_ > 0xf0000000u || next_life_ > 0xf0000000u) renumber();
  bytes_.begin();
  for (const Queue queue : live_) queues_[queue].live = false;
  live_.clear();
  requests_.clear();
  parts_.clear();
  calls_.clear();
  deferred_.clear();
  supplied_ = {};
  features_ = 0;
  features_op_ = 0;
  event_ = 0;
  work_ = 0;
  deferred_vrings_.clear();
  checked_ = false;
  vring_seen_ = {};
  set_up_ = false;
  supplied_op_ = 0;
  staged_ = 0;
  table_set_ = feeds_itself_ = false;
  table_calls_ = 0;
  odd_table_ = hidden_ = lost_ = false;
  plain_table_ = next_plain_ = true;
}

QueueModel& Model::touch(Queue queue) {
  QueueModel& q = queues_[queue];
  q.live = true;
  live_.push_back(queue);
  q.device_num = 0;
  q.device_base = 0;
  q.device_addr = {};
  q.base_told = true;
  q.has_call = q.has_kick = false;
  q.stop = Stop::kNeverStarted;
  q.starting = 0;
  q.stop_settled = q.call_exempt = false;
  q.in_flight_at_stop = 0;
  q.toggles = 0;
  q.stirred = q.late_toggle = q.call_replaced = false;
  q.held = 0;
  q.congested = q.congested_before = q.link_down = q.room_untold = false;
  q.drops_allowed = q.retries_allowed = 0;
  q.backend_changed_at = 0;
  q.asynchronous = false;
  q.contested = 0;
  start_life(queue, kDefaultNum, 0);
  if (checked_) reread(queue, 0);  // fields that were stored before anything was said of the queue
  // What is stored in a ring that lies where buffers do is not followed into the buffers.
  if (queue > kLastOwnRing) lose_track(0);
  return q;
}

uint32_t Model::header_length() const {
  return (features_ & (kBitVersion1 | kBitMrgRxbuf)) != 0 ? 12 : 10;
}

Request* Model::named(Queue queue, uint64_t ordinal) {
  if (ordinal == kNoOrdinal) return nullptr;
  const uint32_t name = static_cast<uint32_t>(ordinal) & 0xffff;
  const auto& names = by_ordinal_[queue % kQueues];
  if (name >= names.size()) return nullptr;
  const uint32_t serial = names[name];
  if (serial < first_serial_ || serial - first_serial_ >= requests_.size()) return nullptr;
  Request& r = request(serial);
  const bool current = r.queue == queue && r.life == queues_[queue].life;
  return current && (r.ordinal & 0xffff) == name ? &r : nullptr;
}

void Model::lose_track(uint32_t op) {
  // Rings that begin later are no clearer: the default set-up may stand inside a repeat.
  lost_ = true;
  lost_op_ = op;
  for (const Queue queue : live_) queues_[queue].duty.breach(kKnown, op);
}

bool Model::is_pending(uint32_t op) const {
  return std::any_of(calls_.begin(), calls_.end(),
                     [op](const Call& call) { return call.index == op; });
}

// ---- the Program -----------------------------------------------------------------------------

void Model::apply(uint32_t index) {
  // A default set-up that waits for a call: the operation that it stands before did not wait.
  if (set_up_ && index != supplied_op_) {
    set_up_ = false;
    apply(supplied_op_);
  }
  const Op& op = this->op(index);
  switch (op.code) {
    case Opcode::kNop:
    case Opcode::kAvail:
    case Opcode::kDesc:
      return;
    case Opcode::kAvailFlags:
    case Opcode::kUsedEvent:
    case Opcode::kCongest:
    case Opcode::kLink:
      contest(index);
      [[fallthrough]];
    default:
      apply_plain(op, index);
      return;
  }
}

void Model::apply_plain(const Op& op, uint32_t index) {
  switch (op.code) {
    case Opcode::kAvailEntry:
    case Opcode::kAvailIdx:
    case Opcode::kAvailFlags:
    case Opcode::kUsedEvent:
      queue(op.queue);
      raw_store(op, index);
      break;
    case Opcode::kStore:
      raw_store(op, index);
      break;
    case Opcode::kScribble:
      queue(op.queue);
      scribble(op, index);
      break;
    case Opcode::kVring:
      set_up_view(op, index);
      break;
    case Opcode::kRegion: {
      const size_t i = op.arg[0];
      if (i >= staged_regions_.size()) break;
      staged_regions_[i] = {op.arg[1], op.arg[2], op.arg[3]};
      staged_ |= uint64_t{1} << i;
      // A table that waits for its turn, behind another call, takes what is staged by then.
      if (table_calls_ != 0 && calls_.size() > 1) forget_table(index);
      break;
    }
    default:
      apply_script(op);
      break;
  }
}

// Kicks, and what the backend is told to do. There is one backend behind a pair of queues.
void Model::apply_script(const Op& op) {
  if (samples_) {
    for (const Queue queue : live_) queues_[queue].stirred = true;
  }
  switch (op.code) {
    case Opcode::kKick: {
      QueueModel& q = queue(op.queue);
      if (!q.has_kick) break;  // there is no eventfd that would carry it
      q.kicked_before = q.kicked;
      q.kicked = q.exposed;
      q.kicked_since_start = true;
      break;
    }
    case Opcode::kCongest: {
      QueueModel& q = queue(op.queue);
      q.room_untold = q.link_down && op.arg[0] != 0 && (q.congested || q.room_untold);
      q.congested = op.arg[0] == 0;
      q.congested_before = false;
      break;
    }
    case Opcode::kLink:
      // What is sent while the link is down is dropped; how much that will be is not known.
      queue(op.queue).link_down = static_cast<LinkState>(op.arg[0]) == LinkState::kDown;
      if (!queue(op.queue).link_down) {
        queue(op.queue).room_untold = false;
        break;
      }
      queue(op.queue).drops_allowed = UINT32_MAX / 2;
      break;
    case Opcode::kRefuse: {
      const auto error = static_cast<RefuseError>(op.arg[0]);
      const bool transient = error == RefuseError::kAgain || error == RefuseError::kNoMem ||
                             error == RefuseError::kNoBufs;
      const bool inside = static_cast<CompletionTime>(op.arg[2]) == CompletionTime::kInside;
      const auto times = op.arg[1] == 0 ? 1 : static_cast<uint32_t>(op.arg[1]);
      work_ += times;
      // A frame for the driver is lost with any error.
      const bool receives = (op.queue & 1) != 0;
      const bool for_good = !transient || inside || receives;
      (for_good ? queue(op.queue).drops_allowed : queue(op.queue).retries_allowed) += times;
      break;
    }
    default:
      break;
  }
}

// What a deferred operation does when it is executed is told by events, but for these: the driver's
// plain stores and what the backend is told.
void Model::defer(uint32_t index) {
  const Op& op = this->op(index);
  QueueModel& q = queue(op.queue);
  switch (op.code) {
    case Opcode::kAvailFlags:
    case Opcode::kUsedEvent:
    case Opcode::kScribble:
    case Opcode::kCongest:
    case Opcode::kLink:
      if (op.code == Opcode::kScribble) {
        check_scribble(named(op.queue % kQueues, op.arg[0]), index);
      } else {
        contest(index);
      }
      deferred_.push_back({index, (q.contested & contested_kind(op.code)) != 0});
      q.unsure = true;
      break;
    case Opcode::kAvailEntry:
    case Opcode::kAvailIdx:
    case Opcode::kStore:
      hidden_ = true;
      hidden_op_ = index;
      lose_track(index);
      break;
    case Opcode::kRefuse:
      apply(index);
      break;
    case Opcode::kVring:
      append(deferred_vrings_, index);
      break;
    case Opcode::kSetMemTable:
      if (stages_before_settle(index)) lose_track(index);
      break;
    case Opcode::kRegion:  // which call takes it is not told
      lose_track(index);
      break;
    default:
      break;
  }
}

// Whether a region is staged that a call which waits for its point may take or not.
bool Model::stages_before_settle(uint32_t index) const {
  for (uint32_t i = index; i < program_->ops.size(); ++i) {
    if (op(i).code == Opcode::kSettle) return false;
    if (op(i).code == Opcode::kRegion) return true;
  }
  return false;
}

// Operation `index` happens, or is deferred: which of it and of those of its kind that wait comes
// last is not known. One that happens with none waiting settles the matter.
void Model::contest(uint32_t index) {
  const Op& op = this->op(index);
  const Queue place = op.queue;
  bool waiting = false;
  for (Deferred& each : deferred_) {
    const Op& other = this->op(each.index);
    if (other.code != op.code || other.queue != place) continue;
    waiting = each.contested = true;
  }
  QueueModel& q = queue(place);
  const uint32_t bit = contested_kind(op.code);
  q.contested = waiting ? q.contested | bit : q.contested & ~bit;
}

// A store by hand into [gpa, gpa + len): the same of the fields that it meets.
void Model::contest_fields(uint64_t gpa, uint64_t len) {
  for (Deferred& each : deferred_) {
    const Op& other = op(each.index);
    QueueModel& q = queue(other.queue);
    const bool flags = other.code == Opcode::kAvailFlags;
    if (!flags && other.code != Opcode::kUsedEvent) continue;
    const uint64_t field = q.ring.avail + (flags ? 0 : 4 + uint64_t{2} * q.num);
    if (!ranges_meet(gpa, len, field, 2)) continue;
    each.contested = true;
    q.contested |= contested_kind(other.code);
  }
}

void Model::deferred_not_reached(uint32_t index) {
  const auto at = std::find_if(deferred_.begin(), deferred_.end(),
                               [index](const Deferred& each) { return each.index == index; });
  if (at != deferred_.end()) deferred_.erase(at);
  apply(index);
}

void Model::deferred_without_device(uint32_t index) {
  if (was_deferred(index)) set_up_view(op(index), index);
}

void Model::settle() {
  for (const Deferred& each : deferred_) {
    if (!each.contested) apply_plain(op(each.index), each.index);
  }
  deferred_.clear();
  hidden_ = false;
  for (const Queue queue : live_) {
    QueueModel& q = queues_[queue];
    q.unsure = q.contested != 0;
    q.stirred = q.late_toggle = false;
  }
}

void Model::note_toggle(QueueModel& q) {
  ++q.toggles;
  q.late_toggle = q.late_toggle || q.stirred;
}

// ---- the backend -----------------------------------------------------------------------------

Request* Model::on_submitted(QueueModel& q, const Event& event) {
  ++q.held;
  Request* r = named(event.queue % kQueues, event.arg[0]);
  if (r == nullptr) return nullptr;
  if (!r->submitted) append(q.submissions, serial(*r));
  r->submitted = true;
  r->completed = false;
  r->inside = false;
  r->submitted_at = event_;
  r->submitted_op = event.op;
  r->toggles = q.toggles;
  return r;
}

Request* Model::on_completed(QueueModel& q, const Event& event) {
  if (q.held != 0) --q.held;
  ++work_;
  Request* r = named(event.queue % kQueues, event.arg[0]);
  if (r == nullptr) return nullptr;
  if (!r->completed) append(q.finished, serial(*r));
  r->completed = true;
  r->failed = event.arg[1] != 0;
  r->completed_at = event_;
  r->inside = r->submitted && r->submitted_at + 1 == event_ && r->submitted_op == event.op;
  return r;
}

// ---- the used ring ---------------------------------------------------------------------------

Request* Model::outstanding(QueueModel& q, Queue queue, uint32_t id) {
  if (id >= q.num) return nullptr;
  for (const uint32_t serial : q.early) {
    if (request(serial).head == id) return &request(serial);
  }
  const uint32_t serial = q.heads[id].request;
  if (serial < first_serial_ || serial - first_serial_ >= requests_.size()) return nullptr;
  Request& r = request(serial);
  return r.life == q.life && r.queue == queue && r.head == id && !r.used ? &r : nullptr;
}

Request* Model::oldest_open(QueueModel& q) {
  return q.first_open < q.order.size() ? &request(q.order[q.first_open]) : nullptr;
}

bool Model::was_used(Queue queue, uint32_t head) {
  const QueueModel& q = this->queue(queue);
  const uint32_t serial = q.heads[head].request;
  if (serial < first_serial_ || serial - first_serial_ >= requests_.size()) return false;
  const Request& r = request(serial);
  return r.life == q.life && r.queue == queue && r.used;
}

void Model::mark_used(QueueModel& q, Request& r) {
  r.used = true;
  if ((r.queue & 1) != 0) append(q.unread, serial(r));
  if (q.outstanding != 0) --q.outstanding;
  if (r.reclaimed) {
    const auto at = std::find(q.early.begin(), q.early.end(), serial(r));
    if (at != q.early.end()) q.early.erase(at);
  }
  const auto pass_used = [this](const std::vector<uint32_t>& serials, uint32_t& first) {
    while (first < serials.size() && request(serials[first]).used) ++first;
  };
  pass_used(q.order, q.first_open);
  if (!r.submitted && !r.completed) return;  // it stands in neither of the others
  pass_used(q.submissions, q.first_submission);
  pass_used(q.finished, q.first_finished);
}

}  // namespace va::oracle
