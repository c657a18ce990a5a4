// The dirty log: what the device changed while logging was on is marked at the next settle.
//
//   LOG-01  each page that was written through a buffer (vhost-user, Migration; Linux
//           drivers/vhost/vhost.c, log_write)
//   LOG-02  each page of the used ring that was written, at the address that SET_VRING_ADDR gave
//           for it, where VHOST_VRING_F_LOG is set: entries, used idx, used flags, avail_event
//   LOG-04  all pages of a write that crosses pages
//   LOG-08  and from the moment when LOG_ALL is acked, also for buffers that were given before
//   LOG-09  nothing is marked once the rings are stopped (vhost-user, Migration)
//   LOG-10  the log's eventfd, if there is one, is signalled behind the last mark before a settle
//   LOG-12  nothing else is (NON-STRICT: to mark too much costs time, not data)
//
// The truth is what was stored, as the trace shows it; nothing is asked of the device. Marks are
// read and cleared at each settle, as a migration does between its rounds. A buffer that the device
// has may be written without being used; then it is the device's still, and its pages are demanded
// when it is used, if they were not marked before, and if there is the same log then. What is
// demanded depends on LOG_ALL, on where the log is and on each ring's flag; while a call that
// changes one of these is under way, and in a log other than the suite's own, nothing is. A trace
// that samples does not tell on which side of such a call a store was, so the whole interval is
// left out.
#pragma once

#include <array>
#include <vector>

#include "oracle/report.h"

namespace va::oracle {

class DirtyRules {
 public:
  void begin();
  // A control call begins; and `op` has returned, as the model knows by now. `number`: the event's.
  void call_begins(Opcode code);
  void call_returns(Context& context, const Op& op, bool ok, uint32_t number);
  bool keeps_log() const { return has_base_; }
  // The device stored into a buffer, or into a used ring. To be called before the model is told.
  void write(Context& context, const Event& event);
  void ring_store(Context& context, const Event& event);
  // A request became used.
  void used(Context& context, const Request& request);
  // The device marked a page.
  void marked(Context& context, const Event& event);
  // The log's eventfd was signalled.
  void signalled() { unsignalled_ = false; }
  void idle(Context& context) {
    if (touched_) return judge_interval(context);
    fd_changed_ = fd_changing_ != 0;
  }

 private:
  // Pages by number. Those of the arena are a word.
  class Pages {
   public:
    void clear();
    void add(uint64_t page);
    bool has(uint64_t page) const;
    bool empty() const { return arena_ == 0 && others_.empty(); }
    // The first page that `than` has not; false if there is none.
    bool first_beyond(const Pages& than, uint64_t& page) const;

   private:
    uint64_t arena_ = 0;
    std::vector<uint64_t> others_;
  };
  struct RingLog {
    bool on = false;
    uint64_t gpa = 0;
  };
  // A page that is to be marked; for a buffer once its request is used.
  struct Demand {
    Rule rule = Rule::kLog01;
    Queue queue = 0;
    uint32_t serial = 0;  // 0: of no request
    uint32_t op = 0;
    uint64_t page = 0;
  };

  void judge_interval(Context& context);
  void note_change(Context& context, const Op& op);
  bool demands(Context& context) const;
  void check_signal(Context& context);
  void demand(Context& context, const Demand& demand);
  void end_interval();
  void check_stopped(Context& context, const Event& event);

  bool touched_ = false;      // the Program has to do with a log: there is something to clear
  bool has_base_ = false;     // and it is the suite's own log
  bool has_fd_ = false;       // there is a log eventfd
  uint32_t fd_changing_ = 0;  // calls under way that change that
  bool fd_changed_ = false;   // one of them was, in this interval
  bool unsignalled_ = false;  // a page was marked, and behind it no signal
  uint32_t changing_ = 0;     // calls under way that change what is demanded
  bool changed_ = false;      // one of them returned in this interval
  bool started_ = false;      // a backend call was made in this interval
  uint32_t logs_since_ = 0;   // number of the event since when LOG_ALL is acked; 0: it is not
  std::array<RingLog, kQueues> rings_{};

  std::vector<Demand> demands_;
  Pages stored_;  // written in this interval, where it may be marked
  Pages marked_;
};

}  // namespace va::oracle
