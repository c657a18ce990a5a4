#include "oracle/replay.h"

namespace va::oracle {
namespace {

bool can_be_deferred(Opcode code) {
  return code != Opcode::kAt && code != Opcode::kRepeat && code != Opcode::kEnd &&
         code != Opcode::kStep && code != Opcode::kSettle;
}

}  // namespace

void Replay::begin_repeat(const Op& op) {
  if (repeating_) return;  // not nested
  const auto times = static_cast<uint32_t>(op.arg[0]);
  if (times == 0) {
    while (pc_ < ops_.size() && ops_[pc_].code != Opcode::kEnd) ++pc_;
    if (pc_ < ops_.size()) ++pc_;
    return;
  }
  repeating_ = pc_ < ops_.size();
  if (times > 1 && hides_stores()) model_->lose_track(static_cast<uint32_t>(pc_));
  body_ = pc_;
  left_ = times - 1;
  size_t end = pc_;
  while (end < ops_.size() && ops_[end].code != Opcode::kEnd) ++end;
  repeated_ += uint64_t{times} * (end - pc_ + 1);
}

// Events tell one pass of the body from the next only where operations of both leave some. A store
// that leaves none, or a region that is staged, may then be placed in the wrong pass, unless each
// pass settles.
bool Replay::hides_stores() const {
  bool hidden = false;
  for (size_t i = pc_; i < ops_.size(); ++i) {
    switch (ops_[i].code) {
      case Opcode::kSettle:
        return false;
      case Opcode::kEnd:
        return hidden;
      case Opcode::kAvailEntry:
      case Opcode::kAvailIdx:
      case Opcode::kAvailFlags:
      case Opcode::kUsedEvent:
      case Opcode::kStore:
      case Opcode::kScribble:
      case Opcode::kRegion:
      case Opcode::kCongest:
      case Opcode::kLink:
      case Opcode::kRefuse:
      case Opcode::kAt:  // what happens at a point may belong to either pass
        hidden = true;
        break;
      default:
        break;
    }
  }
  return hidden;
}

void Replay::end_repeat() {
  if (!repeating_) return;
  if (left_ == 0) {
    repeating_ = false;
  } else {
    --left_;
    pc_ = body_;
  }
}

// A runner has a few places for operations that wait. Whether one is free cannot always be told
// from the trace; when it matters, nothing can be said of this Program any more.
void Replay::defer() {
  if (pc_ == ops_.size() || !can_be_deferred(ops_[pc_].code)) return;
  if (++waiting_ > kMaxDeferred) model_->lose_track(static_cast<uint32_t>(pc_));
  const auto index = static_cast<uint32_t>(pc_++);
  ++executed_;
  if (std::find(deferred_.begin(), deferred_.end(), index) == deferred_.end()) {
    deferred_.push_back(index);
  }
  model_->defer(index);
}

}  // namespace va::oracle
