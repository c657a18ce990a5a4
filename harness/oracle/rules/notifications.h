// Used-buffer notifications (calls), and what the device writes to ask for kicks.
//
//   NUS-01  2.7.7.2   without EVENT_IDX and with avail flags 0, a used buffer is followed by a call
//   NUS-03  2.7.7.2   used_event has no effect then
//   NUS-02  2.7.7.2   with avail flags 1 there is none (SHOULD)
//   NUS-04  2.7.7.2   with EVENT_IDX a call follows when used idx steps over used_event
//   NUS-05  2.7.7.2   and none when it does not (SHOULD)
//   NUS-06  2.7.7.2   avail flags have no effect then
//   NUS-07  2.7.7.2   a batch that covers used_event calls, not only one that ends on it
//   NUS-08  2.7.7.2   so does one across 65535
//   NUS-10  2.7.7.2   a call sent only before used idx moved does not count
//   NUS-11  2.7.7.2   no call while nothing was used (SHOULD)
//   NUS-12  2.7.7.2   the last completion of a burst calls though no kick follows
//   NUS-13, ASY-15    after SET_VRING_CALL, calls go to the new eventfd only
//   ASY-02  2.7.7.2   requests in flight cause no call (at most NON-STRICT)
//   ASY-13  2.7.7.2   a completion after the driver asked for calls again wakes it
//   ASY-14  2.7.7.2   used_event inside a late batch of completions calls
//   NAV-01  2.7.10.2  without EVENT_IDX used flags are 0 or 1
//   NAV-02  2.7.10.2  with EVENT_IDX they are 0
//   NAV-05  2.7.10    avail_event lies between used idx and avail idx, in the device's own view
//
// Clauses of VIRTIO 1.2.
//
// Theory. A call is owed when used idx has stepped over used_event (or: was moved, and the driver
// has not set NO_INTERRUPT), by the driver's values at that moment. The debt is noted where used
// idx is stored, any later call on the current eventfd pays it, and at the next idle it must be
// paid: nothing but the device's own decision can come in between, since the device is at rest when
// the driver acts. One debt is named after what is special about it, by choose_rule().
//
// A trace that only samples shows used idx and "called since the last settle" once per settle. Then
// one stretch from settle to settle is judged as one batch, and only if the driver's values did not
// change in it after something had stirred the device.
//
// Suppression is not reliable (2.7.7), so a call too many is NON-STRICT at worst. It is allowed
// where a device must or may call by another rule: the first decision after a start or after a new
// call eventfd (Linux forgets what it signalled), and with NOTIFY_ON_EMPTY.
//
// Where a store was deferred to a point that the trace does not tell, nothing is owed (`unsure`).
#pragma once

#include <array>
#include <bit>
#include <vector>

#include "oracle/report.h"

namespace va::oracle {

class NotificationRules {
 public:
  void begin() {
    for (; touched_ != 0; touched_ &= touched_ - 1) states_[std::countr_zero(touched_)] = State{};
  }

  // used idx went from `old_idx` to `new_idx`; `requests` became used by that.
  void published(Context& context, QueueModel& q, Queue queue, uint16_t old_idx, uint16_t new_idx,
                 const std::vector<Request*>& requests);
  void call(Context& context, QueueModel& q, const Event& event);
  void idle(Context& context);

  static void used_flags(Context& context, QueueModel& q, const Event& event);
  static void avail_event(Context& context, QueueModel& q, const Event& event);

 private:
  struct State {
    uint32_t life = 0;  // of the queue
    bool owed = false;
    Rule rule = Rule::kNus01;  // by which it is owed
    uint16_t from = 0;         // used idx before and after the store that made the debt
    uint16_t to = 0;
    uint32_t op = 0;
    bool published = false;   // since the last call
    bool unknown = false;     // something was published while the queue was unsure
    bool early_call = false;  // a call came with nothing published before it
    // Since the last idle:
    bool moved = false;
    bool called = false;
    uint16_t settled_idx = 0;  // used idx at the beginning, if moved
    bool held = false;         // a request that became used was held by the backend
    bool toggled = false;      // the driver changed its mind while the backend had the request
  };

  static Rule choose_rule(const Context& context, const QueueModel& q, const State& state,
                          uint16_t from, uint16_t to);
  static bool owes(const Context& context, const QueueModel& q, uint16_t from, uint16_t to);
  static void complain(Context& context, Queue queue, const State& state);
  static void too_many(Context& context, Queue queue, bool published, uint32_t op);
  void idle_sampled(Context& context, Queue queue, State& state);

  State& state(const QueueModel& q, Queue queue);

  std::array<State, kQueues> states_{};
  uint32_t touched_ = 0;  // bit: that queue's state is not the initial one
};

}  // namespace va::oracle
