// Theory. A trace is cut into segments at its `idle` and `busy` events; the epilogue is the last
// one. A segment holds what came to be known in it: for rings the state at its end, for calls and
// errors whether there was one, for lists their items in order. Segments of the two traces are then
// compared pair by pair.
//
// A used entry counts from the store of used idx that covers it: an entry stored twice before that
// was never visible in its first form. State that a device has not touched is what the set-up left
// there, so that a store that changes nothing equals no store at all.
#include "runner/compare.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "prog/ops.h"
#include "trace/case.h"

namespace va {
namespace {

struct UsedEntry {
  uint64_t slot;
  uint64_t id;
  uint64_t len;
};

struct QueueSegment {
  std::vector<UsedEntry> used;
  uint64_t used_idx = 0;
  uint64_t used_flags = 0;
  uint64_t avail_event = 0;
  bool called = false;
  bool error = false;
};

struct Range {
  uint64_t begin;
  uint64_t end;
};

struct Segment {
  EventKind end = EventKind::kNone;  // kIdle, kBusy, kDied; kNone: the end of the trace
  uint32_t op = 0;
  size_t limit = 0;  // number of the event behind it
  std::array<QueueSegment, kQueues> queues;
  std::vector<Event> calls;  // kDone, in order
  // In order; those of receive queues are what the driver read.
  std::array<std::vector<Event>, kQueues> frames;
  std::array<std::vector<Event>, kQueues> received;
  std::vector<Range> writes;
  std::vector<uint64_t> dirty;
  bool logged = false;
};

class Segmenter {
 public:
  Segmenter(const Program& program, const Trace& trace) : program_(program), trace_(trace) {}

  std::vector<Segment> run() {
    for (const Event& event : trace_.events) {
      ++taken_;
      take(event);
    }
    close(EventKind::kNone, static_cast<uint32_t>(program_.ops.size()));
    return std::move(segments_);
  }

 private:
  // What lives in ring memory goes on into the next segment.
  void close(EventKind end, uint32_t op) {
    current_.end = end;
    current_.op = op;
    current_.limit = taken_;
    Segment next;
    for (size_t i = 0; i < kQueues; ++i) {
      next.queues[i].used_idx = current_.queues[i].used_idx;
      next.queues[i].used_flags = current_.queues[i].used_flags;
      next.queues[i].avail_event = current_.queues[i].avail_event;
    }
    segments_.push_back(std::move(current_));
    current_ = std::move(next);
  }

  // `vring` and the default set-up write the ring's memory: the driver does, not the device.
  void set_up(Queue queue, uint64_t base) {
    QueueSegment& state = current_.queues[queue];
    state.used_idx = base;
    state.used_flags = 0;
    state.avail_event = 0;
    unpublished_[queue].clear();
  }

  void store_used(Queue queue, const UsedEntry& entry) {
    std::vector<UsedEntry>& stored = unpublished_[queue];
    for (UsedEntry& earlier : stored) {
      if (earlier.slot == entry.slot) {
        earlier = entry;
        return;
      }
    }
    stored.push_back(entry);
  }

  void publish(Queue queue, uint64_t idx) {
    QueueSegment& state = current_.queues[queue];
    for (const UsedEntry& entry : unpublished_[queue]) {
      // What a lap of the ring has overwritten no sample can show.
      const auto lapped =
          std::find_if(state.used.rbegin(), state.used.rend(),
                       [&entry](const UsedEntry& each) { return each.slot == entry.slot; });
      state.used.erase(state.used.begin(), lapped.base());
      state.used.push_back(entry);
    }
    unpublished_[queue].clear();
    state.used_idx = idx;
  }

  void take_control(const Event& event) {
    if (event.kind == EventKind::kDone) {
      current_.calls.push_back(event);
    } else if (event.op < program_.ops.size() && program_.ops[event.op].code == Opcode::kVring) {
      set_up(program_.ops[event.op].queue, program_.ops[event.op].arg[1]);
    }
  }

  void take(const Event& event) {
    const Queue queue = event.queue % kQueues;
    QueueSegment& state = current_.queues[queue];
    switch (event.kind) {
      case EventKind::kSetup:
        return set_up(queue, 0);
      case EventKind::kBegin:
      case EventKind::kDone:
        return take_control(event);
      case EventKind::kUsed:
        return store_used(queue, {event.arg[0], event.arg[1], event.arg[2]});
      case EventKind::kUsedIdx:
        return publish(queue, event.arg[0]);
      case EventKind::kUsedFlags:
        state.used_flags = event.arg[0];
        return;
      case EventKind::kAvailEvent:
        state.avail_event = event.arg[0];
        return;
      case EventKind::kCall:
        state.called = true;
        return;
      case EventKind::kError:
        state.error = true;
        return;
      case EventKind::kWrite:
        current_.writes.push_back({event.arg[0], event.arg[0] + event.arg[1]});
        return;
      case EventKind::kDirty:
        current_.dirty.push_back(event.arg[0]);
        return;
      case EventKind::kLogged:
        current_.logged = true;
        return;
      case EventKind::kFrame:
        current_.frames[queue].push_back(event);
        return;
      case EventKind::kReceived:
        current_.received[queue].push_back(event);
        return;
      case EventKind::kIdle:
      case EventKind::kBusy:
      case EventKind::kDied:
        return close(event.kind, event.op);
      default:
        return;
    }
  }

  const Program& program_;
  const Trace& trace_;
  size_t taken_ = 0;
  Segment current_;
  std::vector<Segment> segments_;
  std::array<std::vector<UsedEntry>, kQueues> unpublished_;
};

// ---- values as text ----------------------------------------------------------------------------

std::string hex(uint64_t value) {
  std::string text;
  do {
    text.insert(text.begin(), "0123456789abcdef"[value % 16]);
    value /= 16;
  } while (value != 0);
  return "0x" + text;
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

template <typename Items, typename Print>
std::string join(const Items& items, Print print) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += ' ';
    text += print(item);
  }
  return or_dash(text);
}

std::string used_text(const std::vector<UsedEntry>& used) {
  return join(used, [](const UsedEntry& entry) {
    return std::to_string(entry.id) + ":" + std::to_string(entry.len);
  });
}

std::string frames_text(const std::vector<Event>& frames) {
  return join(frames, [](const Event& frame) {
    Event shown = frame;
    shown.op = 0;
    return "[" + print_event(shown) + "]";
  });
}

// In order of their addresses; overlapping and adjacent ranges are one.
std::vector<Range> merge(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  std::vector<Range> merged;
  for (const Range& range : ranges) {
    if (!merged.empty() && range.begin <= merged.back().end) {
      merged.back().end = std::max(merged.back().end, range.end);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

// Whether each of `ranges` lies in one of `merged`.
bool within(const std::vector<Range>& ranges, const std::vector<Range>& merged) {
  return std::all_of(ranges.begin(), ranges.end(), [&merged](const Range& range) {
    return std::any_of(merged.begin(), merged.end(), [&range](const Range& each) {
      return each.begin <= range.begin && range.end <= each.end;
    });
  });
}

std::string writes_text(const std::vector<Range>& merged) {
  return join(merged, [](const Range& range) {
    return hex(range.begin) + "+" + std::to_string(range.end - range.begin);
  });
}

std::string dirty_text(std::vector<uint64_t> pages) {
  std::sort(pages.begin(), pages.end());
  pages.erase(std::unique(pages.begin(), pages.end()), pages.end());
  return join(pages, hex);
}

// ---- the comparison ----------------------------------------------------------------------------

class Comparer {
 public:
  Comparer(const Program& program, uint32_t left_sees, uint32_t right_sees,
           std::vector<Difference>& out)
      : program_(program),
        both_see_(left_sees & right_sees),
        left_stores_((left_sees & kEveryStore) != 0),
        right_stores_((right_sees & kEveryStore) != 0),
        out_(out) {}

  void run(const std::vector<Segment>& left, const EventLimits& left_limits,
           const std::vector<Segment>& right, const EventLimits& right_limits) {
    for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
      settle_ = static_cast<uint32_t>(i);
      op_ = left[i].op;
      for (size_t queue = 0; queue < kQueues; ++queue) {
        given_up_[queue] = given_up_[queue] || left_limits[queue] < left[i].limit ||
                           right_limits[queue] < right[i].limit;
      }
      if (left[i].end != right[i].end) {
        differ(left[i].end == EventKind::kNone ? right[i].end : left[i].end, 0,
               end_text(left[i].end), end_text(right[i].end));
        return;
      }
      segments(left[i], right[i]);
    }
  }

 private:
  static std::string end_text(EventKind end) {
    return end == EventKind::kNone ? "-" : std::string(event_info(end).name);
  }

  void differ(EventKind kind, Queue queue, std::string left, std::string right) {
    if (left == right) return;
    out_.push_back({kind, queue, settle_, op_, std::move(left), std::move(right)});
  }

  void segments(const Segment& left, const Segment& right) {
    calls(left.calls, right.calls);
    for (uint8_t i = 0; i < kQueues; ++i) {
      if (given_up_[i]) continue;
      queues(i, left.queues[i], right.queues[i]);
      if ((both_see_ & kWire) == 0) continue;
      received(i, left.received[i], right.received[i]);
      differ(EventKind::kFrame, i, frames_text(left.frames[i]), frames_text(right.frames[i]));
    }
    if (std::find(given_up_.begin(), given_up_.end(), true) != given_up_.end()) return;
    if ((both_see_ & kMemory) != 0) writes(merge(left.writes), merge(right.writes));
    if ((both_see_ & kDirtyPages) != 0) {
      differ(EventKind::kDirty, 0, dirty_text(left.dirty), dirty_text(right.dirty));
    }
    if ((both_see_ & kLogSignals) != 0) {
      differ(EventKind::kLogged, 0, left.logged ? "yes" : "no", right.logged ? "yes" : "no");
    }
  }

  // A store that leaves a byte as it was is in no sample.
  void writes(const std::vector<Range>& left, const std::vector<Range>& right) {
    if (left_stores_ && !right_stores_ && within(right, left)) return;
    if (right_stores_ && !left_stores_ && within(left, right)) return;
    differ(EventKind::kWrite, 0, writes_text(left), writes_text(right));
  }

  // Packet by packet, so that one that differs can be told from the others.
  void received(Queue queue, const std::vector<Event>& left, const std::vector<Event>& right) {
    for (size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
      const auto text = [i](const std::vector<Event>& packets) {
        return i < packets.size() ? "buffers=" + std::to_string(packets[i].arg[1]) : "-";
      };
      differ(EventKind::kReceived, queue, text(left), text(right));
    }
  }

  using Values = std::pair<uint64_t, uint64_t>;
  struct Seen {
    Values used_idx, used_flags, avail_event;
  };

  // State stands until it is stored again: a difference is said once, where it comes about.
  void state(EventKind kind, Queue queue, uint64_t left, uint64_t right, Values& seen) {
    const Values now = {left, right};
    if (now != seen) differ(kind, queue, hex(left), hex(right));
    seen = now;
  }

  void queues(Queue queue, const QueueSegment& left, const QueueSegment& right) {
    differ(EventKind::kUsed, queue, used_text(left.used), used_text(right.used));
    Seen& seen = seen_[queue];
    state(EventKind::kUsedIdx, queue, left.used_idx, right.used_idx, seen.used_idx);
    state(EventKind::kUsedFlags, queue, left.used_flags, right.used_flags, seen.used_flags);
    state(EventKind::kAvailEvent, queue, left.avail_event, right.avail_event, seen.avail_event);
    if ((both_see_ & kCalls) != 0) {
      differ(EventKind::kCall, queue, left.called ? "yes" : "no", right.called ? "yes" : "no");
    }
    if ((both_see_ & kErrors) != 0) {
      differ(EventKind::kError, queue, left.error ? "yes" : "no", right.error ? "yes" : "no");
    }
  }

  // Which features are offered is each device's own affair, errno and base are not.
  std::string call_text(const Event& done) const {
    Event shown;
    shown.kind = EventKind::kDone;
    shown.arg[0] = done.arg[0];
    if (done.op >= program_.ops.size()) return print_event(shown);
    const Op& op = program_.ops[done.op];
    const bool has_base = op.code == Opcode::kGetVringBase && !given_up_[op.queue % kQueues];
    if (has_base) shown.arg[1] = done.arg[1];
    return std::string(op_info(op.code).name) + " " + print_event(shown);
  }

  void calls(const std::vector<Event>& left, const std::vector<Event>& right) {
    const uint32_t settle_op = op_;
    for (size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
      const Event& some = i < left.size() ? left[i] : right[i];
      op_ = some.op;
      differ(EventKind::kDone, some.queue, i < left.size() ? call_text(left[i]) : "-",
             i < right.size() ? call_text(right[i]) : "-");
    }
    op_ = settle_op;
  }

  const Program& program_;
  const uint32_t both_see_;
  const bool left_stores_;
  const bool right_stores_;
  std::vector<Difference>& out_;
  std::array<Seen, kQueues> seen_{};
  std::array<bool, kQueues> given_up_{};
  uint32_t settle_ = 0;
  uint32_t op_ = 0;
};

}  // namespace

EventLimits no_limits() {
  EventLimits limits;
  limits.fill(SIZE_MAX);
  return limits;
}

void compare(const Program& program, const Trace& left, const EventLimits& left_limits,
             const Trace& right, const EventLimits& right_limits, std::vector<Difference>& out) {
  Comparer comparer(program, left.header.sees, right.header.sees, out);
  comparer.run(Segmenter(program, left).run(), left_limits, Segmenter(program, right).run(),
               right_limits);
}

}  // namespace va
