#include "oracle/rules/dirty.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/hot.h"
#include "oracle/rules/buffers.h"
#include "prog/layout.h"

namespace va::oracle {
namespace {

constexpr uint64_t kFirstPage = kArenaGpa / kPageSize;
static_assert(kArenaSize / kPageSize == 64, "an arena's pages are a word");

bool changes_log(Opcode code) {
  switch (code) {
    case Opcode::kVring:
    case Opcode::kSetFeatures:
    case Opcode::kSetLogBase:
    case Opcode::kSetVringAddr:
    case Opcode::kResetOwner:
    case Opcode::kRelease:
      return true;
    default:
      return false;
  }
}

bool changes_fd(Opcode code) {
  return code == Opcode::kSetLogFd || code == Opcode::kResetOwner || code == Opcode::kRelease;
}

bool in_log(uint64_t page) {
  return page / 8 < kLogSize;
}

}  // namespace

// ---- pages -----------------------------------------------------------------------------------

void DirtyRules::Pages::clear() {
  arena_ = 0;
  others_.clear();
}

void DirtyRules::Pages::add(uint64_t page) {
  if (page - kFirstPage < 64) {
    arena_ |= uint64_t{1} << (page - kFirstPage);
  } else if (!has(page)) {
    others_.push_back(page);
  }
}

bool DirtyRules::Pages::has(uint64_t page) const {
  if (page - kFirstPage < 64) return (arena_ >> (page - kFirstPage) & 1) != 0;
  return std::find(others_.begin(), others_.end(), page) != others_.end();
}

bool DirtyRules::Pages::first_beyond(const Pages& than, uint64_t& page) const {
  const uint64_t beyond = arena_ & ~than.arena_;
  if (beyond != 0) {
    page = kFirstPage + static_cast<uint64_t>(std::countr_zero(beyond));
    return true;
  }
  for (const uint64_t each : others_) {
    page = each;
    if (!than.has(each)) return true;
  }
  return false;
}

// ---- what is demanded ------------------------------------------------------------------------

void DirtyRules::begin() {
  changing_ = fd_changing_ = 0;
  changed_ = started_ = has_fd_ = fd_changed_ = unsignalled_ = false;
  if (!touched_) return;
  touched_ = has_base_ = false;
  logs_since_ = 0;
  rings_ = {};
  demands_.clear();
  end_interval();
}

void DirtyRules::end_interval() {
  started_ = false;
  stored_.clear();
  marked_.clear();
  changed_ = changing_ != 0;
  unsignalled_ = false;
}

void DirtyRules::call_begins(Opcode code) {
  started_ = started_ || sets_backend(code);
  if (changes_fd(code)) {
    ++fd_changing_;
    fd_changed_ = true;
  }
  if (!changes_log(code)) return;
  ++changing_;
  changed_ = true;
}

void DirtyRules::call_returns(Context& context, const Op& op, bool ok, uint32_t number) {
  if (changes_fd(op.code)) {
    if (fd_changing_ != 0) --fd_changing_;
    if (ok) has_fd_ = op.code == Opcode::kSetLogFd && op.arg[0] == 0;
  }
  if (!changes_log(op.code)) return;
  if (changing_ != 0) --changing_;
  const bool acked = (context.model.acked_features() & kBitLogAll) != 0;
  if (acked != (logs_since_ != 0)) logs_since_ = acked ? number + 1 : 0;
  if (ok) note_change(context, op);
  // What the driver does not have yet would be marked when it is used: in no log, by now.
  if (logs_since_ != 0 && has_base_) return;
  std::erase_if(demands_, [&](const Demand& each) {
    return each.serial != 0 && !context.model.request(each.serial).used;
  });
}

// A call has returned 0.
void DirtyRules::note_change(Context& context, const Op& op) {
  const bool acked = logs_since_ != 0;
  touched_ = touched_ || acked || op.code == Opcode::kSetLogBase || op.arg[4] != 0;
  RingLog& ring = rings_[op.queue % kQueues];
  switch (op.code) {
    case Opcode::kVring:
      ring = {acked, context.model.queue(op.queue).ring.used};
      has_base_ = has_base_ || acked;
      break;
    case Opcode::kSetLogBase:
      has_base_ = log_base(op.arg[0]) == kLogUser;
      break;
    case Opcode::kSetVringAddr:
      ring = {(op.arg[4] & 1) != 0, op.arg[3]};
      break;
    case Opcode::kResetOwner:
    case Opcode::kRelease:
      has_base_ = false;
      rings_ = {};
      break;
    default:
      break;
  }
}

bool DirtyRules::demands(Context& context) const {
  if (logs_since_ == 0 || !has_base_ || changing_ != 0) return false;
  return !changed_ || context.report.sees(kEveryStore);
}

// What is void now stays so when the ring, and its record of duties, begins anew before the settle.
void DirtyRules::demand(Context& context, const Demand& demand) {
  if (!in_log(demand.page) || !context.report.may_judge(demand.rule, demand.queue)) return;
  if (!demands_.empty()) {
    const Demand& last = demands_.back();
    if (last.page == demand.page && last.serial == demand.serial) return;
  }
  demands_.push_back(demand);
}

// ---- stores ----------------------------------------------------------------------------------

void DirtyRules::write(Context& context, const Event& event) {
  if (!has_base_) return;
  const bool demanded = demands(context);
  uint64_t gpa = event.arg[0];
  bool further = false;
  for (uint64_t left = event.arg[1]; left != 0;) {
    BufferPlace place = find_open_buffer(context.model, gpa);
    if (place.request == nullptr) place = find_used_buffer(context.model, gpa);
    if (place.request == nullptr) return;
    const Request& r = *place.request;
    const uint64_t n = std::min(left, place.len);
    const bool earlier = r.submitted && r.submitted_at < logs_since_;
    const uint32_t serial = context.model.serial(r);
    for (uint64_t page = gpa / kPageSize; page <= (gpa + n - 1) / kPageSize; ++page) {
      if (logs_since_ != 0) stored_.add(page);
      const Rule rule = earlier ? Rule::kLog08 : further ? Rule::kLog04 : Rule::kLog01;
      if (demanded) demand(context, {rule, r.queue, serial, event.op, page});
      further = true;
    }
    gpa += n;
    left -= n;
  }
}

void DirtyRules::ring_store(Context& context, const Event& event) {
  const RingLog& ring = rings_[event.queue % kQueues];
  if (!ring.on || !has_base_) return;
  uint64_t offset = 4 + uint64_t{8} * event.arg[0];
  uint64_t len = 8;
  if (event.kind != EventKind::kUsed) {
    const uint64_t behind = 4 + uint64_t{8} * context.model.queue(event.queue).num;
    offset = event.kind == EventKind::kUsedIdx     ? 2
             : event.kind == EventKind::kUsedFlags ? 0
                                                   : behind;
    len = 2;
  }
  const uint64_t gpa = ring.gpa + offset;
  const bool demanded = demands(context);
  for (uint64_t page = gpa / kPageSize; page <= (gpa + len - 1) / kPageSize; ++page) {
    stored_.add(page);
    if (demanded) demand(context, {Rule::kLog02, event.queue, 0, event.op, page});
  }
}

// What it holds may be marked now, whenever it was written; where a call is under way, in the log
// of before or in that of behind it.
void DirtyRules::used(Context& context, const Request& request) {
  if (changing_ != 0 && !demands_.empty()) {
    const uint32_t serial = context.model.serial(request);
    std::erase_if(demands_, [serial](const Demand& each) { return each.serial == serial; });
  }
  if (logs_since_ == 0) return;
  for (const Part& part : context.model.parts(request)) {
    if (!part.writable || part.len > kArenaSize) continue;
    for (uint64_t page = part.gpa / kPageSize; page <= (part.gpa + part.len - 1) / kPageSize;
         ++page) {
      stored_.add(page);
    }
  }
}

void DirtyRules::marked(Context& context, const Event& event) {
  touched_ = true;
  if (!started_) check_stopped(context, event);
  marked_.add(event.arg[0]);
  unsignalled_ = true;
}

// Since the last settle no ring had a backend, or was given one.
VA_COLD void DirtyRules::check_stopped(Context& context, const Event& event) {
  const auto queues = context.model.live_queues();
  const bool stopped = std::all_of(queues.begin(), queues.end(), [&](Queue queue) {
    const QueueModel& q = context.model.queue(queue);
    return !q.may_act() && q.stop_settled && context.report.may_judge(Rule::kLog09, queue);
  });
  if (!stopped || queues.empty()) return;
  if (Finding* f =
          context.report.open(Rule::kLog09, VerdictKind::kFail, queues.front(), event.op)) {
    f->expected = "no page is marked any more: the rings are stopped";
    f->actual = "page " + hex16(event.arg[0]) + " is";
  }
}

// ---- the end of an interval ------------------------------------------------------------------

void DirtyRules::check_signal(Context& context) {
  const bool changed = std::exchange(fd_changed_, fd_changing_ != 0);
  if (!has_fd_ || !unsignalled_ || changed) return;
  const auto queues = context.model.live_queues();
  const bool judged = std::all_of(queues.begin(), queues.end(), [&](Queue queue) {
    return context.report.may_judge(Rule::kLog10, queue);
  });
  if (!judged) return;
  if (Finding* f = context.report.open(Rule::kLog10, VerdictKind::kFail, kTx, context.op)) {
    f->expected = "the log's eventfd is signalled when pages are marked";
    f->actual = "no signal behind the last mark";
  }
}

void DirtyRules::judge_interval(Context& context) {
  check_signal(context);
  uint64_t page = 0;
  size_t kept = 0;
  for (const Demand& each : demands_) {
    if (marked_.has(each.page)) continue;
    const bool open = each.serial != 0 && !context.model.request(each.serial).used;
    if (open) {
      demands_[kept++] = each;
    } else if (Finding* f =
                   context.report.open(each.rule, VerdictKind::kFail, each.queue, each.op)) {
      f->expected =
          "page " + hex16(each.page) + " is marked: " +
          (each.serial == 0 ? "the used ring" : describe(context.model.request(each.serial))) +
          " was written there";
      f->actual = "it is clean";
    }
  }
  demands_.resize(kept);
  const auto queues = context.model.live_queues();
  const bool judged = std::all_of(queues.begin(), queues.end(), [&](Queue queue) {
    return context.report.may_judge(Rule::kLog12, queue);
  });
  if (judged && !changed_ && marked_.first_beyond(stored_, page)) {
    if (Finding* f = context.report.open(Rule::kLog12, VerdictKind::kNonStrict, kTx, context.op)) {
      f->expected = "pages are marked that were written while they are logged";
      f->actual = "page " + hex16(page) + " is marked";
    }
  }
  end_interval();
}

}  // namespace va::oracle
