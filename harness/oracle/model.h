// The naive model: what the driver gave to the device, rebuilt from Program and events.
//
// It holds no opinion about the device. Rules (rules/) read it and tell it what they have judged;
// model.cc opens with the theory.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "oracle/driver_duty.h"
#include "oracle/guest_bytes.h"
#include "prog/frame.h"
#include "prog/layout.h"
#include "prog/ops.h"
#include "prog/program.h"
#include "trace/trace.h"

namespace va::oracle {

// A piece of a buffer, as a descriptor names it.
struct Part {
  uint64_t gpa;
  uint32_t len;
  bool writable;

  // Whoever makes one sets all; clearing it first would be a call of a sanitizer's.
  Part() {}  // NOLINT(cppcoreguidelines-pro-type-member-init,modernize-use-equals-default)
};

// Request::used_len of a chain that an entry for a whole batch stands for (VIRTIO 1.2, 2.7.9).
inline constexpr uint64_t kUnknownLen = ~uint64_t{0};

// One chain that the driver made available.
struct Request {
  uint32_t ordinal = kNoOrdinal;
  uint32_t op = 0;    // that exposed it
  uint32_t life = 0;  // of its queue
  uint16_t head = 0;
  uint16_t position = 0;  // the avail index of its entry
  Queue queue = 0;
  uint32_t first_part = 0;  // in Model::parts()
  uint32_t parts = 0;
  uint64_t frame_len = 0;   // readable bytes behind the virtio-net header
  uint64_t room = 0;        // writable bytes
  uint64_t used_len = 0;    // of its used entry; kUnknownLen where a batch left it out
  uint32_t exposed_at = 0;  // number of the event

  uint32_t toggles = 0;       // QueueModel::toggles when it was submitted
  uint32_t submitted_at = 0;  // number of the event
  uint32_t submitted_op = 0;
  uint32_t completed_at = 0;  // number of the event
  bool used : 1 = false;
  bool reclaimed : 1 = false;  // the driver took its used entry, whether the trace shows it or not
  bool submitted : 1 = false;
  bool completed : 1 = false;
  bool failed : 1 = false;        // completed so
  bool inside : 1 = false;        // complete as soon as it was submitted
  bool framed : 1 = false;        // seen on the wire
  bool content_void : 1 = false;  // the driver changed its bytes: what the wire shows says nothing
  bool wire_excused : 1 = false;  // the backend was taken away: it need not reach the wire
};

// A used entry that is stored and not published.
struct StagedEntry {
  uint32_t life = 0;
  uint32_t id = 0;
  uint64_t len = 0;
  uint16_t position = 0;  // used index that it will have
  bool fresh = false;     // not published yet
};

// A descriptor of the table, as a head.
struct HeadState {
  uint32_t request = 0;       // serial of the last request with this head; 0 none
  uint32_t waiting_life = 0;  // the life in which `avail` named it without exposing it
  uint32_t waiting_ordinal = 0;
  uint32_t waiting_op = 0;
};

// Why the device may do nothing on a queue.
enum class Stop : uint8_t { kNeverStarted, kRunning, kBackend, kResetOwner, kRelease };

// User addresses, as the control plane names them.
struct RingAddr {
  uint64_t desc = 0;
  uint64_t avail = 0;
  uint64_t used = 0;
  friend bool operator==(const RingAddr&, const RingAddr&) = default;
};

// The bit of a kind of store in QueueModel::contested; unique among the four that are kept there.
constexpr uint32_t contested_kind(Opcode code) {
  return 1u << (static_cast<uint32_t>(code) & 31);
}

struct QueueModel {
  bool live = false;  // touched in this Program
  uint32_t life = 0;  // grows with every set-up, over all Programs
  uint32_t num = kDefaultNum;
  RingLayout ring{};  // GPA, as the driver sees it
  uint64_t ring_end = 0;

  // As the control plane was told.
  uint32_t device_num = 0;
  bool base_told = false;  // a base that the next start begins at
  uint64_t device_base = 0;
  RingAddr device_addr;
  bool has_call = false;
  bool has_kick = false;
  Stop stop = Stop::kNeverStarted;
  uint32_t starting = 0;       // backend calls under way
  bool stop_settled = false;   // an idle was seen since the stop
  bool call_exempt = false;    // the first decision after a start may call in any case
  bool call_replaced = false;  // no call since SET_VRING_CALL on a running ring
  uint32_t in_flight_at_stop = 0;

  // The avail ring.
  uint16_t exposed = 0;      // avail idx in memory
  uint32_t outstanding = 0;  // exposed, not used
  uint16_t avail_flags = 0;
  uint16_t used_event = 0;
  uint16_t kicked = 0;      // avail idx at the last kick
  uint16_t started_at = 0;  // avail idx when the device started
  bool kicked_since_start = false;
  uint16_t kicked_before = 0;  // avail idx at the kick before that
  uint32_t toggles = 0;        // times avail flags or used_event changed
  // Of a trace that samples: since the last idle, something could make the device act.
  bool stirred = false;
  bool late_toggle = false;  // since the last idle, a toggle when it was stirred already

  // The used ring.
  uint16_t used_idx = 0;
  uint32_t staged = 0;  // entries stored behind used idx
  uint16_t used_flags = 0;
  uint16_t avail_event = 0;
  bool avail_event_seen = false;  // since the start

  // The backend.
  bool asynchronous = false;  // the installed one was asked for as `async`
  uint32_t held = 0;          // requests submitted and not complete
  bool congested = false;
  bool congested_before = false;  // it was, when the backend call under way began
  bool link_down = false;
  bool room_untold =
      false;  // room came while the link was down: a tap tells it when it is up again
  uint32_t drops_allowed = 0;       // frames that the Program tells the backend to refuse for good
  uint32_t retries_allowed = 0;     // and for now
  uint32_t backend_changed_at = 0;  // number of the event: what it had before may be lost

  DutyRecord duty;
  bool spoiled = false;    // the device broke the used ring: what follows from that is not judged
  bool unsure = false;     // a store deferred to a point may have happened or not
  uint32_t contested = 0;  // kinds of store whose last one is not known (contested_kind)
  bool by_hand = false;    // raw stores made it uncertain which frame a chain carries

  std::vector<uint32_t> order;        // serials of this life's requests, as exposed
  uint32_t first_open = 0;            // in `order`: all before it are used
  std::vector<uint32_t> early;        // reclaimed by the driver before the trace shows them used
  std::vector<uint32_t> scribbled;    // ordinals whose payload was changed before they were exposed
  std::vector<uint32_t> submissions;  // serials, as submitted
  uint32_t first_submission = 0;      // in `submissions`: all before it are used
  std::vector<uint32_t> finished;     // serials, as they became complete
  uint32_t first_finished = 0;        // in `finished`: all before it are used
  std::vector<uint32_t> unread;  // serials, used, of a receiving queue: the driver reads them next
  size_t swap_mark = 0;          // submissions when the backend call under way began
  std::vector<StagedEntry> entries;  // by slot
  std::vector<HeadState> heads;      // by descriptor

  uint32_t slot(uint16_t index) const { return num == 0 ? 0 : index % num; }
  bool running() const { return stop == Stop::kRunning; }
  bool was_scribbled(uint32_t ordinal) const {
    return std::any_of(scribbled.begin(), scribbled.end(),
                       [ordinal](uint32_t each) { return each == ordinal; });
  }
  bool may_act() const { return running() || starting != 0; }
};

// A control call that was issued and has not returned.
struct Call {
  const Op* op = nullptr;
  uint32_t index = 0;
  uint32_t life = 0;  // of its queue, when it was issued
};

class Model {
 public:
  // `samples`: the trace shows the device's stores at settles only.
  void begin(const Program& program, bool samples);
  // Number of the event that is judged now; to be told before it.
  void set_event(uint32_t number) { event_ = number; }
  uint32_t event() const { return event_; }

  // ---- the driver
  // The raw store, kick or script that operation `index` makes, at its moment.
  void apply(uint32_t index);
  // Operation `index` happens at a point, from here on; some leave no event when they do.
  void defer(uint32_t index);
  // An idle is over: all that was deferred and not told about has happened by now.
  void settle();
  void deferred_not_reached(uint32_t index);
  // It happened where no device could hear of it: the driver's half of it did.
  void deferred_without_device(uint32_t index);

  void on_setup(const Event& event);
  void on_desc_stored(const Event& event);
  void on_exposed(const Event& event);
  void on_reclaimed(const Event& event);

  // ---- the control plane
  void on_begin(const Event& event);
  // The call that began last. One is pending.
  Opcode newest_call() const { return calls_.back().op->code; }
  // The call that returns next; nullptr if none is pending.
  const Op* returning() const { return calls_.empty() ? nullptr : calls_.front().op; }
  // Whether the driver has begun that call's ring anew since it was issued.
  bool is_outlived(const QueueModel& q) const {
    return !calls_.empty() && calls_.front().life != q.life;
  }
  void on_done(const Event& event);
  size_t pending_calls() const { return calls_.size(); }
  bool is_pending(uint32_t op) const;
  // The device was told of a used ring that may reach into what is another ring's, or a buffer.
  bool strays(const QueueModel& q) const;

  // ---- the backend
  // The request, or nullptr where the name means none.
  Request* on_submitted(QueueModel& q, const Event& event);
  Request* on_completed(QueueModel& q, const Event& event);
  void on_injected() { ++work_; }
  // The device stored into the guest's buffers. Matters where the driver lets memory be shared.
  void on_device_write(uint64_t gpa, uint64_t len);

  // ---- the device, as the rules judge it
  // The outstanding request whose head is `id`; nullptr if there is none.
  Request* outstanding(QueueModel& q, Queue queue, uint32_t id);
  void mark_used(QueueModel& q, Request& request);
  // The first exposed request that is not used; nullptr if all are.
  Request* oldest_open(QueueModel& q);
  // Whether the last request with this head was used, in this life.
  bool was_used(Queue queue, uint32_t head);

  // ---- lookup
  QueueModel& queue(Queue queue) {
    QueueModel& q = queues_[queue % kQueues];
    return q.live ? q : touch(queue % kQueues);
  }
  std::span<const Queue> live_queues() const { return live_; }
  // The last request of that name; ordinals on the wire are 16 bits wide.
  Request* named(Queue queue, uint64_t ordinal);
  Request& request(uint32_t serial) { return requests_[serial - first_serial_]; }
  uint32_t serial(const Request& request) const {
    return first_serial_ + static_cast<uint32_t>(&request - requests_.data());
  }
  std::span<const Part> parts(const Request& request) const {
    return {parts_.data() + request.first_part, request.parts};
  }
  uint64_t acked_features() const { return features_; }
  bool event_idx() const { return (features_ & kBitEventIdx) != 0; }
  uint32_t header_length() const;
  // Whether the driver laid rings so that the device's own stores give it work: no bound holds.
  bool feeds_itself() const { return feeds_itself_; }
  // Chains, completions and refusals so far: what can make a device work.
  uint64_t work_given() const { return requests_.size() + work_; }
  const Op& op(uint32_t index) const;

  // The whole trace is no longer what the model assumes.
  void lose_track(uint32_t op);

 private:
  struct Region {
    uint64_t gpa = 0;
    uint64_t size = 0;
    uint64_t user = 0;
  };

  struct Descriptor {
    uint64_t addr = 0;
    uint32_t len = 0;
    uint16_t flags = 0;
    uint16_t next = 0;
  };
  struct Walk {
    Queue queue = 0;
    uint32_t serial = 0;
    uint32_t broken = 0;
    uint32_t descriptors = 0;
    uint64_t table = 0;  // GPA of the indirect table
    uint64_t table_len = 0;
    uint64_t readable = 0;
    uint64_t writable = 0;
  };

  QueueModel& touch(Queue queue);
  void renumber();
  Call take_call();

  // chain_walk.cc
  void walk_chain(Queue queue, uint32_t serial);
  void claim(Walk& walk, uint64_t gpa);
  bool read_descriptor(Walk& walk, uint64_t gpa, Descriptor& out);
  void add_part(Walk& walk, const Descriptor& desc);
  void walk_table(Walk& walk, uint64_t table, uint32_t table_len);
  void end_walk(Walk& walk, uint32_t first_part);
  bool was_deferred(uint32_t vring) const {
    return std::find(deferred_vrings_.begin(), deferred_vrings_.end(), vring) !=
           deferred_vrings_.end();
  }
  bool overlaps_ring(uint64_t gpa, uint64_t len) const;

  // driver_view.cc
  void set_up_view(const Op& op, uint32_t index);
  void check_neighbours(Queue queue, uint32_t op);
  void start_life(Queue queue, uint32_t num, uint16_t base);
  void store(uint64_t gpa, const void* bytes, uint64_t len, uint32_t op);
  void store_payload(uint64_t gpa, uint64_t len, uint32_t op);
  void check_store(uint64_t gpa, uint64_t len, uint32_t op);
  void check_owner(uint32_t owner, uint32_t op);
  void check_scribble(const Request* r, uint32_t index);
  void check_rings(uint64_t gpa, uint64_t len, uint32_t op);
  void check_owners(uint64_t gpa, uint64_t len, uint32_t op);
  void check_ring_store(QueueModel& q, uint64_t gpa, uint64_t len, uint32_t op);
  void void_buffers(uint64_t gpa, uint64_t len, uint32_t op);
  void void_unread(QueueModel& q, uint64_t gpa, uint64_t len);
  void reread(Queue queue, uint32_t op);
  void expose_up_to(Queue queue, uint16_t idx, uint32_t op);
  void expose_one(Queue queue, uint16_t position, uint32_t op);
  void scribble(const Op& op, uint32_t index);
  bool is_outstanding(uint32_t serial);
  void raw_store(const Op& op, uint32_t index);
  void apply_plain(const Op& op, uint32_t index);
  void apply_script(const Op& op);
  void note_toggle(QueueModel& q);
  void contest(uint32_t index);
  void contest_fields(uint64_t gpa, uint64_t len);
  bool stages_before_settle(uint32_t index) const;

  // control.cc
  void first_call_starts();
  void finish_call(const Op& op, uint32_t index);
  void set_vring(const Op& op, uint32_t index);
  void set_backend(const Op& op, uint32_t index);
  void set_mem_table(uint32_t index);
  void forget_table(uint32_t index);
  bool stages_plain(const Op& op) const;
  void take_staged(const Op& op);
  void note_features(uint64_t features, uint32_t index);
  void note_features(const Call& call);
  void stop(QueueModel& q, Stop why);
  void check_start(Queue queue, uint32_t index);
  void note_feeding(const QueueModel& started);
  void note_straying(const QueueModel& q, uint32_t index);
  void note_mapped_onto(uint32_t index);
  bool is_mapped_onto(const QueueModel& q) const;
  // Whether [gpa, gpa + len) is mapped, and to the guest's own memory: 0 or the duty broken.
  uint32_t mapped(uint64_t gpa, uint64_t len) const;

  const Program* program_ = nullptr;
  GuestBytes bytes_;
  uint64_t features_ = 0;
  uint32_t features_op_ = 0;  // the operation that last changed them
  bool checked_ = false;      // the Program does more than `avail` alone: look for shared memory

  std::array<QueueModel, kQueues> queues_;
  std::vector<Queue> live_;
  uint32_t next_life_ = 1;

  bool samples_ = false;
  uint32_t event_ = 0;
  uint64_t work_ = 0;
  uint32_t first_serial_ = 1;
  std::vector<Request> requests_;
  std::vector<Part> parts_;
  std::array<std::vector<uint32_t>, kQueues> by_ordinal_;  // serials by ordinal modulo 2^16

  std::vector<Call> calls_;
  std::array<const Op*, 2> supplied_{};  // calls of the default set-up still to come
  std::array<Op, 2> default_vring_;      // by queue
  uint32_t supplied_op_ = 0;
  std::array<bool, 2> vring_seen_{};  // by queue
  bool hidden_ = false;  // a store into the avail ring waits for a point that leaves no event
  uint32_t hidden_op_ = 0;
  bool lost_ = false;  // lose_track() was called: until the end of the Program
  uint32_t lost_op_ = 0;
  std::vector<uint32_t> deferred_vrings_;  // `vring` operations that wait for their point
  bool set_up_ = false;                    // the default set-up is under way
  struct Deferred {
    uint32_t index = 0;
    bool contested = false;  // another store of its kind may have come before or after it
  };
  std::vector<Deferred> deferred_;  // operations that leave no event

  std::array<Region, 64> staged_regions_{};
  uint64_t staged_ = 0;  // bit: the region is staged
  bool feeds_itself_ = false;
  bool table_set_ = false;
  uint32_t table_calls_ = 0;  // SET_MEM_TABLE under way
  bool odd_table_ = false;    // behind one of those the arena may not be mapped to itself
  bool plain_table_ = true;   // maps the arena to itself
  std::vector<Region> table_;
  bool next_plain_ = true;  // the same of the table that the call under way makes
  std::vector<Region> next_table_;
};

}  // namespace va::oracle
