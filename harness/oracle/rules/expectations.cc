#include "oracle/rules/expectations.h"

#include <algorithm>

namespace va::oracle {
namespace {

// What a trace must see to show what is expected.
uint32_t needs_of(const Expectation& expectation) {
  switch (expectation.pattern.kind) {
    case EventKind::kFrame:
      return kWire;
    case EventKind::kCall:
      return kCalls;
    case EventKind::kSubmitted:
    case EventKind::kCompleted:
      return kSubmits;
    case EventKind::kWrite:
    case EventKind::kForeign:
      return kMemory;
    case EventKind::kDirty:
      return kDirtyPages;
    case EventKind::kLogged:
      return kLogSignals;
    case EventKind::kSteps:
      return kStepCounts;
    case EventKind::kAllocated:
      return kAllocations;
    case EventKind::kError:
      return kErrors;
    case EventKind::kIdle:  // how many are in flight
      return expectation.given != 0 ? uint32_t{kSubmits} : 0;
    default:
      return 0;
  }
}

bool shown_at_settles_only(EventKind kind) {
  return (kind >= EventKind::kUsed && kind <= EventKind::kError) || kind == EventKind::kFrame ||
         kind == EventKind::kLogged;
}

// A value that stands in the ring until it is stored anew.
bool is_state(EventKind kind) {
  return kind == EventKind::kUsedIdx || kind == EventKind::kUsedFlags ||
         kind == EventKind::kAvailEvent;
}

bool is_about(const Expectation& expectation, const Event& event) {
  const Event& pattern = expectation.pattern;
  if (event.kind != pattern.kind) return false;
  return !event_info(pattern.kind).has_queue || event.queue == pattern.queue;
}

bool matches(const Expectation& expectation, const Event& event) {
  if (!is_about(expectation, event)) return false;
  const Event& pattern = expectation.pattern;
  for (size_t i = 0; i < pattern.arg.size(); ++i) {
    if ((expectation.given >> i & 1) != 0 && event.arg[i] != pattern.arg[i]) return false;
  }
  return true;
}

}  // namespace

void Expectations::begin(const Case* from, std::string_view rule) {
  from_ = from != nullptr && !from->expectations.empty() ? from : nullptr;
  rule_ = rule;
  window_ = 0;
  settled_ = false;
  if (from_ != nullptr) spoke_.assign(from_->expectations.size(), 0);
}

void Expectations::settled(Context& context, const Trace& trace, uint32_t op, size_t end) {
  if (from_ == nullptr || op >= from_->program.ops.size()) return;
  if (from_->program.ops[op].code != Opcode::kSettle || settled_) return;
  left(context, trace, op, end);
  settled_ = true;
}

void Expectations::left(Context& context, const Trace& trace, uint32_t op, size_t end) {
  if (from_ == nullptr) return;
  if (settled_) {  // was judged at its idle
    settled_ = false;
    return;
  }
  for (const Expectation& expectation : from_->expectations) {
    if (expectation.op == op) judge(context, trace, expectation, end);
  }
  if (from_->program.ops[op].code == Opcode::kSettle) window_ = end;
}

void Expectations::judge(Context& context, const Trace& trace, const Expectation& expectation,
                         size_t end) {
  if (expectation.mark == Mark::kMay) return;
  char& spoke = spoke_[static_cast<size_t>(&expectation - from_->expectations.data())];
  if (spoke != 0) return;
  const EventKind kind = expectation.pattern.kind;
  const bool settle = from_->program.ops[expectation.op].code == Opcode::kSettle;
  const bool too_early =
      !context.report.sees(kEveryStore) && shown_at_settles_only(kind) && !settle;
  const std::string wanted = print_expectation(expectation);
  if (!context.report.sees(needs_of(expectation)) || too_early) {
    spoke = 1;
    Finding& f = context.report.add(rule_, VerdictKind::kUnsupported, expectation.pattern.queue,
                                    expectation.op);
    f.expected = wanted;
    f.actual = too_early ? "the trace shows it at settles only" : "the trace does not show it";
    return;
  }
  const auto from = trace.events.begin() + static_cast<ptrdiff_t>(std::min(window_, end));
  const auto to = trace.events.begin() + static_cast<ptrdiff_t>(end);
  const auto seen =
      std::find_if(from, to, [&](const Event& event) { return matches(expectation, event); });
  const bool must = expectation.mark == Mark::kMust;
  if ((seen != to) == must) return;
  if (must && is_state(kind)) {
    // Stored before the window and not since: it is there to be seen.
    const auto last =
        std::find_if(std::make_reverse_iterator(to), trace.events.rend(),
                     [&](const Event& event) { return is_about(expectation, event); });
    if (last != trace.events.rend() && matches(expectation, *last)) return;
    // A sample shows what changes. What never did is as the set-up left it.
    const bool unchanged = last == trace.events.rend() && !context.report.sees(kEveryStore);
    if (unchanged && expectation.pattern.arg[0] == 0) return;
  }
  spoke = 1;
  Finding& f =
      context.report.add(rule_, VerdictKind::kFail, expectation.pattern.queue, expectation.op);
  f.expected = wanted;
  if (!must) {
    f.actual = print_event(*seen);
    return;
  }
  // What came nearest: the last event of that kind; of state, however long ago.
  const auto start = is_state(kind) ? trace.events.begin() : from;
  const auto nearest =
      std::find_if(std::make_reverse_iterator(to), std::make_reverse_iterator(start),
                   [&](const Event& event) { return is_about(expectation, event); });
  f.actual = nearest.base() == start ? "not observed" : print_event(*nearest);
}

}  // namespace va::oracle
