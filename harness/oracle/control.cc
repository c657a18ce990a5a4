// The control plane as the model sees it: what a call that returned 0 has changed. A call that
// failed has changed nothing, except `vring`, which is several calls.
#include <algorithm>
#include <bit>

#include "base/hot.h"
#include "oracle/model.h"
#include "oracle/ranges.h"

namespace va::oracle {
namespace {

const Op kDefaultTable = [] {
  Op op;
  op.code = Opcode::kSetMemTable;
  return op;
}();
const std::array<Op, 2> kDefaultBackends = [] {
  std::array<Op, 2> ops;
  for (Op& op : ops) op.code = Opcode::kBackend;
  ops[kRx].queue = kRx;
  return ops;
}();

// Where the control plane is told that a ring lies.
RingAddr address_of(const RingLayout& ring) {
  return {user_of(ring.desc), user_of(ring.avail), user_of(ring.used)};
}

bool is_new_peer(const Op& op) {
  const BackendKind kind = backend_kind(op);
  return kind == BackendKind::kAsync || kind == BackendKind::kSync || kind == BackendKind::kPacket;
}

}  // namespace

// The default set-up supplies the calls that the Program did not make (runner: `vring`, then
// `backend async`, unless the operation at hand is a backend call itself). The ring that comes
// second keeps the features of the first.
void Model::on_setup(const Event& event) {
  const Queue queue = event.queue & 1;
  supplied_ = {};
  supplied_op_ = event.op;
  size_t n = 0;
  if (!vring_seen_[queue]) {
    Op& vring = default_vring_[queue];
    vring.code = Opcode::kVring;
    vring.queue = queue;
    const bool keeps = (queue == kRx || vring_seen_[kRx]) && features_ != 0;
    vring.arg[2] = keeps ? feature_names(features_) : 0;
    supplied_[n++] = &vring;
    set_up_view(vring, event.op);
    // Behind a call that waits the ring is set up later than the operation at hand is executed.
    if (!calls_.empty()) this->queue(queue).duty.breach(kKnown, event.op);
  }
  const Op& at_hand = op(event.op);
  if (!sets_backend(at_hand.code) || at_hand.queue != queue) {
    supplied_[n] = &kDefaultBackends[queue];
  }
  vring_seen_[queue] = set_up_ = true;
}

void Model::on_begin(const Event& event) {
  Call call{&op(event.op), event.op};
  if (supplied_[0] != nullptr && event.op == supplied_op_) {
    call.op = supplied_[0];
    supplied_ = {supplied_[1], nullptr};
  }
  const Op& op = *call.op;
  if (op.code == Opcode::kGetVringBase) call.life = queue(op.queue).life;
  append(calls_, call);
  if (was_deferred(call.index)) set_up_view(op, call.index);
  if (sets_backend(op.code)) {
    QueueModel& q = queue(op.queue);
    ++q.starting;
    q.backend_changed_at = event_;
    // One that waited for its point, behind the set-up of an operation that tells the backend
    // something: which of the backends was told is not known.
    const Opcode at_hand = this->op(supplied_op_).code;
    const bool told = at_hand == Opcode::kCongest || at_hand == Opcode::kLink;
    if (call.index < supplied_op_ && told) q.duty.breach(kKnown, call.index);
  }
  if (op.code == Opcode::kSetMemTable) {
    ++table_calls_;
    // What is staged may be something else by the time that a call behind another one is made.
    const bool known = calls_.size() == 1 || (staged_ == 0 && op.arg[0] == 0);
    if (!plain_table_ || !known || !stages_plain(op)) forget_table(call.index);
  }
  note_features(call);  // it may have its effect long before it returns
  if (calls_.size() == 1) first_call_starts();
}

// A call that sets features, if it does.
void Model::note_features(const Call& call) {
  const Op& op = *call.op;
  if (op.code == Opcode::kVring) note_features(feature_bits(op.arg[2]), call.index);
  if (op.code == Opcode::kSetFeatures) note_features(op.arg[0], call.index);
}

// The first call is the one that is being made; those behind it wait for their turn.
void Model::first_call_starts() {
  const Op& op = *calls_.front().op;
  if (op.code == Opcode::kSetMemTable) take_staged(op);
  if (!sets_backend(op.code)) return;
  QueueModel& q = queue(op.queue);
  q.swap_mark = q.submissions.size();
  // A ring begins anew, and its used flags are written, even if the backend is refused in the end.
  if (backend_kind(op) != BackendKind::kNone) note_straying(q, calls_.front().index);
  if (!is_new_peer(op)) return;
  // The new backend is at work from now on, even if the call waits for the old one's requests.
  q.started_at = q.exposed;
  q.kicked_since_start = q.avail_event_seen = false;
  q.call_exempt = true;
  q.congested_before = q.congested;
  q.link_down = q.room_untold = false;
}

// All calls of a Program come from one thread: they return in the order in which they were made.
Call Model::take_call() {
  if (calls_.empty()) return {};
  const Call call = calls_.front();
  calls_.erase(calls_.begin());
  return call;
}

void Model::on_done(const Event& event) {
  const Call call = take_call();
  if (call.op == nullptr) return;
  const Op& op = *call.op;
  if (sets_backend(op.code)) {
    --queue(op.queue).starting;
    // One that stood behind another call took effect just now.
    queue(op.queue).backend_changed_at = event_;
  }
  if (op.code == Opcode::kSetMemTable && --table_calls_ == 0) odd_table_ = false;
  // A backend behind which there is nothing is refused when the ring has begun anew.
  if (op.code == Opcode::kBackend && static_cast<BackendKind>(op.arg[0]) == BackendKind::kGone) {
    queue(op.queue).call_exempt = true;
  }
  if (event.arg[0] == 0) {
    finish_call(op, call.index);
  } else if (op.code == Opcode::kVring) {
    queue(op.queue);
    for (const Queue each : live_) queues_[each].duty.breach(kStableRing, call.index);
    // How far it came is not known; the features are set early on, for every ring of the device.
    if (feature_bits(op.arg[2]) != features_) lose_track(call.index);
  }
  if (!calls_.empty()) first_call_starts();
  // The set-up came before the operation at hand, and zeroed what that has stored.
  if (set_up_ && calls_.empty() && supplied_[0] == nullptr) {
    set_up_ = false;
    apply(supplied_op_);
  }
}

void Model::finish_call(const Op& op, uint32_t index) {
  QueueModel& q = queue(op.queue);
  const bool fresh = static_cast<FdKind>(op.arg[0]) == FdKind::kFresh;
  switch (op.code) {
    case Opcode::kVring:
      set_vring(op, index);
      break;
    case Opcode::kBackend:
    case Opcode::kBackendPacket:
      set_backend(op, index);
      break;
    case Opcode::kSetFeatures:
      note_features(op.arg[0], index);
      features_ = op.arg[0];
      break;
    case Opcode::kSetMemTable:
      set_mem_table(index);
      break;
    case Opcode::kSetVringNum:
      q.device_num = static_cast<uint32_t>(op.arg[0]);
      note_straying(q, index);
      break;
    case Opcode::kSetVringBase:
      q.device_base = op.arg[0];
      q.base_told = true;
      break;
    case Opcode::kSetVringAddr: {
      const RingAddr addr{op.arg[0], op.arg[1], op.arg[2]};
      if (q.running() && addr != q.device_addr) q.duty.breach(kStableRing, index);
      q.device_addr = addr;
      if (q.running()) note_feeding(q);
      note_straying(q, index);
      break;
    }
    case Opcode::kSetVringKick:
      q.has_kick = fresh;
      break;
    case Opcode::kSetVringCall:
      q.has_call = fresh;
      q.call_exempt = true;
      q.call_replaced = q.running();
      note_toggle(q);
      break;
    case Opcode::kResetOwner:
    case Opcode::kRelease:
      for (const Queue queue : live_) {
        stop(queues_[queue], op.code == Opcode::kRelease ? Stop::kRelease : Stop::kResetOwner);
        queues_[queue].device_num = 0;
        queues_[queue].device_addr = {};
        queues_[queue].device_base = 0;
        queues_[queue].base_told = true;
        queues_[queue].has_call = queues_[queue].has_kick = false;
      }
      features_ = 0;
      table_set_ = false;
      break;
    default:
      break;
  }
}

// Features are negotiated before buffers are (VIRTIO 1.2, 3.1.1); LOG_ALL is the host's.
void Model::note_features(uint64_t features, uint32_t index) {
  if (((features ^ features_) & ~kBitLogAll) == 0) return;
  features_op_ = index;
  for (const Queue queue : live_) {
    QueueModel& q = queues_[queue];
    if (q.may_act() || !q.order.empty()) q.duty.breach(kStableRing, index);
  }
}

void Model::set_vring(const Op& op, uint32_t index) {
  QueueModel& q = queue(op.queue);
  // A ring may have started since the call was made.
  note_features(feature_bits(op.arg[2]), index);
  features_ = feature_bits(op.arg[2]);
  q.device_num = q.num;
  q.device_base = q.exposed;
  q.base_told = true;
  q.device_addr = address_of(q.ring);
  q.has_call = q.has_kick = true;
  if (table_set_) return;
  take_staged(kDefaultTable);
  set_mem_table(index);
}

void Model::set_backend(const Op& op, uint32_t index) {
  QueueModel& q = queue(op.queue);
  if (backend_kind(op) == BackendKind::kNone) {
    stop(q, Stop::kBackend);
    return;
  }
  if (!is_new_peer(op)) return;
  check_start(op.queue % kQueues, index);
  q.stop = Stop::kRunning;
  for (const Call& behind : calls_) note_features(behind);
  q.asynchronous = backend_kind(op) == BackendKind::kAsync;
  q.base_told = false;
  if (q.congested_before) q.congested = false;  // that was the old backend
}

// A device that starts on another ring than the driver's, or at another place in it, cannot be held
// to anything.
void Model::check_start(Queue queue, uint32_t index) {
  QueueModel& q = queues_[queue];
  bool agrees = q.device_num == q.num && q.device_addr == address_of(q.ring);
  if (q.base_told) agrees = agrees && q.device_base == q.used_idx;
  const bool forgot = q.stop == Stop::kResetOwner || q.stop == Stop::kRelease;
  if (forgot && q.outstanding != 0) agrees = false;
  note_mapped_onto(index);
  if (!table_set_) q.duty.breach(kMapped, index);
  if (agrees) return;
  q.duty.breach(kStableRing, index);
  checked_ = true;  // what it writes from here on may go anywhere
  note_feeding(q);
}

bool Model::strays(const QueueModel& q) const {
  return q.device_addr.used != 0 &&
         (q.device_addr.used != address_of(q.ring).used || q.device_num > q.num);
}

// What the device writes there may be another ring's, and a store into a buffer there looks like
// one into this ring.
void Model::note_straying(const QueueModel& q, uint32_t index) {
  if (!strays(q)) return;
  for (const Queue each : live_) queues_[each].duty.breach(kApart, index);
}

// What the device writes into a buffer that the table leads there looks like a store into the ring.
void Model::note_mapped_onto(uint32_t index) {
  if (next_plain_) return;
  const auto mapped_onto = [this](Queue each) { return is_mapped_onto(queues_[each]); };
  if (std::none_of(live_.begin(), live_.end(), mapped_onto)) return;
  for (const Queue each : live_) queues_[each].duty.breach(kApart, index);
}

// The table leads buffers that lie elsewhere into this ring.
bool Model::is_mapped_onto(const QueueModel& q) const {
  const uint64_t size = q.ring_end - q.ring.desc;
  return std::any_of(next_table_.begin(), next_table_.end(), [&](const Region& region) {
    const bool shifted = !in_arena(region.gpa, region.size) || region.user != user_of(region.gpa);
    return shifted && ranges_meet(region.user, region.size, user_of(q.ring.desc), size);
  });
}

// A used ring that lies in an avail ring: what the device publishes makes more available, without
// end.
void Model::note_feeding(const QueueModel& started) {
  const auto feeds = [](const QueueModel& from, const QueueModel& to) {
    return ranges_meet(from.device_addr.used, 6 + uint64_t{8} * from.device_num,
                       to.device_addr.avail, 6 + uint64_t{2} * to.device_num);
  };
  for (const Queue each : live_) {
    const QueueModel& other = queues_[each];
    feeds_itself_ = feeds_itself_ || feeds(started, other) || feeds(other, started);
  }
}

void Model::stop(QueueModel& q, Stop why) {
  if (q.stop == Stop::kNeverStarted) return;
  q.stop = why;
  q.stop_settled = false;
  q.in_flight_at_stop = q.held;
}

// ---- memory table ----------------------------------------------------------------------------

// Whether the table that `op` makes maps the arena to itself: the default one, or pieces of its
// halves that do not meet.
bool Model::stages_plain(const Op& op) const {
  if (op.arg[0] == 0 && staged_ == 0) return true;
  const uint64_t count = op.arg[0] == 0 ? std::bit_width(staged_) : op.arg[0] - 1;
  uint64_t covered = 0;
  for (uint64_t i = 0; i < count; ++i) {
    // One that was left out is passed all the same, as an empty one.
    if (i >= staged_regions_.size() || (staged_ >> i & 1) == 0) return false;
    const Region& r = staged_regions_[i];
    if (!in_arena(r.gpa, r.size) || r.size == 0 || r.user != user_of(r.gpa)) return false;
    if ((r.gpa - kArenaGpa) / kHalf != (r.gpa - kArenaGpa + r.size - 1) / kHalf) return false;
    covered += r.size;
    for (uint64_t k = 0; k < i; ++k) {
      const Region& other = staged_regions_[k];
      if (ranges_meet(r.gpa, r.size, other.gpa, other.size)) return false;
    }
  }
  return covered == kArenaSize;
}

// Until the calls under way have returned, the arena may not be mapped to itself.
void Model::forget_table(uint32_t index) {
  odd_table_ = true;
  for (const Queue each : live_) {
    if (queues_[each].outstanding != 0) queues_[each].duty.breach(kStableRing, index);
  }
}

// What is staged when the call is made goes to the device, whatever is staged while it waits.
void Model::take_staged(const Op& op) {
  next_plain_ = stages_plain(op);
  next_table_.clear();
  if (next_plain_) return;
  const uint64_t limit = op.arg[0] == 0 ? staged_regions_.size() : op.arg[0] - 1;
  for (uint64_t i = 0; i < std::min<uint64_t>(limit, staged_regions_.size()); ++i) {
    if ((staged_ >> i & 1) != 0) append(next_table_, staged_regions_[i]);
  }
  note_mapped_onto(calls_.empty() ? 0 : calls_.front().index);
}

void Model::set_mem_table(uint32_t index) {
  table_set_ = true;
  plain_table_ = next_plain_;
  if (plain_table_) return table_.clear();
  table_ = next_table_;
  for (const Queue queue : live_) {
    QueueModel& q = queues_[queue];
    if (q.outstanding != 0) q.duty.breach(kStableRing, index);
  }
}

uint32_t Model::mapped(uint64_t gpa, uint64_t len) const {
  if (gpa + len < gpa) return kMapped;
  if (odd_table_) return kKnown;
  if (plain_table_) return in_arena(gpa, len) ? kNoDuties : uint32_t{kMapped};
  uint32_t broken = kNoDuties;
  while (len != 0) {
    const Region* in = nullptr;
    for (const Region& region : table_) {
      if (gpa - region.gpa >= region.size) continue;
      if (in != nullptr) return kKnown;  // overlapping regions: the device may take either
      in = &region;
    }
    if (in == nullptr) return broken | kMapped;
    const uint64_t user = in->user + (gpa - in->gpa);
    uint64_t n = std::min(len, in->size - (gpa - in->gpa));
    if (in_arena(gpa, 1)) {
      n = std::min(n, kHalf - (gpa - kArenaGpa) % kHalf);
      if (user != user_of(gpa)) return kKnown;  // not the guest's own bytes
    } else {
      // Elsewhere there is no memory, unless the region leads into the arena by another way.
      broken |= kMapped;
      if (ranges_meet(user, n, kArenaUser, kArenaSize)) return kMapped | kKnown;
    }
    gpa += n;
    len -= n;
  }
  return broken;
}

}  // namespace va::oracle
