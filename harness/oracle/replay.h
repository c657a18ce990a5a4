// The Program beside its trace: which operation the next event belongs to, and what was done in
// between that leaves no event.
//
// Mirrors how a runner walks a Program (docs/program_syntax.md: repeat, at, settle), driven by the
// operation numbers that events carry. Two kinds of event do not move the walk: those of an
// operation that was deferred to a point, and the return of a control call that was waiting.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "oracle/model.h"
#include "prog/program.h"
#include "trace/trace.h"

namespace va::oracle {

// What the driver finds when the device has settled; it stands behind the idle.
inline bool is_read_back(const Event& event) {
  return event.kind == EventKind::kReclaimed || event.kind == EventKind::kReceived ||
         (event.kind == EventKind::kFrame && (event.queue & 1) != 0);
}

class Replay {
 public:
  void begin(const Program& program, Model& model) {
    ops_ = program.ops;
    model_ = &model;
    pc_ = executed_ = waiting_ = 0;
    repeated_ = 0;
    current_ = kNowhere;
    repeating_ = idle_seen_ = false;
    deferred_.clear();
  }

  // Whether an event of operation `op` is of the operation at hand, whatever else it is.
  bool stays(uint32_t op) const { return op == current_ && !repeating_; }

  // Walks to the operation of `event`. Calls `leave(op)` for each operation that is left behind.
  template <typename Leave>
  void advance(const Event& event, Leave leave) {
    const bool again = idle_seen_ && repeating_ && left_ != 0;  // a settle settles once
    if (event.op == current_ && (!again || is_read_back(event))) return;
    if (event.kind == EventKind::kDone && model_->is_pending(event.op)) return;
    while (deferred_.empty()) {  // as in most Programs: nothing to look for
      if (!step(leave) || current_ == event.op) return;
    }
    while (!was_deferred(event.op)) {
      if (!step(leave) || current_ == event.op) return;
    }
    if (repeating_ && left_ != 0) model_->lose_track(event.op);  // in which pass is not told
    if (event.kind != EventKind::kNoop ||
        event.arg[0] != static_cast<uint64_t>(NoopReason::kNotReached)) {
      return;
    }
    // An operation that missed its point is executed at the beginning of the next settle.
    while (!begins_settle() && step(leave)) {
    }
  }

  // The device has settled, in the operation at hand.
  void settled() { idle_seen_ = true; }

  // The operation that was entered last; a number that no operation has before the first.
  uint32_t current() const { return static_cast<uint32_t>(current_); }
  // Operations passed so far at the most. Of a repeat all passes count at once: which of them an
  // event belongs to can not always be told.
  uint64_t executed() const { return executed_ + repeated_; }

  // Walks to the end.
  template <typename Leave>
  void finish(Leave leave) {
    while (step(leave)) {
    }
  }

 private:
  static constexpr uint64_t kNowhere = 0xffffffff;
  static constexpr size_t kMaxDeferred = 8;  // that wait at once, in a runner

  bool was_deferred(uint32_t op) const {
    return std::find(deferred_.begin(), deferred_.end(), op) != deferred_.end();
  }
  bool begins_settle() const {
    return current_ != kNowhere && ops_[current_].code == Opcode::kSettle && waiting_ == 0 &&
           !idle_seen_;
  }

  // Executes the next operation; false at the end.
  template <typename Leave>
  bool step(Leave leave) {
    if (current_ != kNowhere) leave(static_cast<uint32_t>(current_));
    idle_seen_ = false;
    if (pc_ == ops_.size() && repeating_) end_repeat();
    const uint64_t index = pc_;
    if (index == ops_.size() || executed_ == kCaseBudget) {
      current_ = kNowhere;
      return false;
    }
    pc_ = index + 1;
    ++executed_;
    current_ = index;
    const Op& op = ops_[index];
    switch (op.code) {
      case Opcode::kRepeat:
        begin_repeat(op);
        break;
      case Opcode::kEnd:
        end_repeat();
        break;
      case Opcode::kAt:
        defer();
        break;
      case Opcode::kSettle:
        waiting_ = 0;
        [[fallthrough]];
      default:
        model_->apply(static_cast<uint32_t>(index));
        break;
    }
    return true;
  }

  void begin_repeat(const Op& op);
  void end_repeat();
  bool hides_stores() const;
  void defer();

  std::span<const Op> ops_;  // of the Program
  Model* model_ = nullptr;
  // Whole words: they are read for each event (base/hot.h).
  uint64_t pc_ = 0;
  uint64_t executed_ = 0;
  uint64_t current_ = kNowhere;
  uint64_t repeated_ = 0;   // operations of all passes of the repeats so far
  bool idle_seen_ = false;  // in the operation at hand
  uint32_t waiting_ = 0;    // operations deferred since the last settle
  bool repeating_ = false;
  uint64_t body_ = 0;
  uint32_t left_ = 0;
  std::vector<uint32_t> deferred_;  // every operation that ever was
};

}  // namespace va::oracle
