// Delta debugging by halves over operations, then simplification of each one, until a whole round
// changes nothing. Removing an `avail` renumbers the requests behind it, so each removal is tried
// twice: with `#n` as it stands, and with `#n` following its request.
#include "prog/minimize.h"

#include <algorithm>
#include <array>

#include "prog/ops.h"
#include "prog/validate.h"

namespace va {
namespace {

class Minimizer {
 public:
  Minimizer(Program& program, const Keeps& keeps, uint32_t max_calls)
      : program_(program), keeps_(keeps), left_(max_calls), max_(max_calls) {}

  uint32_t run() {
    bool smaller = true;
    while (smaller && left_ > 0) {
      smaller = drop_operations();
      smaller |= unroll();
      smaller |= simplify();
    }
    return max_ - left_;
  }

 private:
  // Takes the candidate over if the predicate holds for it.
  bool accept() {
    if (left_ == 0) return false;
    --left_;
    if (!keeps_(candidate_)) return false;
    std::swap(program_, candidate_);
    return true;
  }

  bool drop_operations() {
    bool smaller = false;
    for (size_t size = std::max<size_t>(program_.ops.size() / 2, 1); size > 0; size /= 2) {
      // From the end: what comes last is needed least.
      for (size_t end = program_.ops.size(); end > 0;) {
        const size_t begin = end > size ? end - size : 0;
        if (drop(begin, end, false) || drop(begin, end, true)) smaller = true;
        end = std::min(begin, program_.ops.size());
      }
    }
    return smaller;
  }

  bool drop(size_t begin, size_t end, bool renumber) {
    candidate_ = program_;
    if (renumber && !renumber_behind(begin, end)) return false;
    const auto first = candidate_.ops.begin();
    candidate_.ops.erase(first + static_cast<ptrdiff_t>(begin),
                         first + static_cast<ptrdiff_t>(end));
    balance_repeats(candidate_);
    return accept();
  }

  // Lets `#n` follow its request when the operations [begin, end) go. Requests are counted as the
  // text has them; inside a repeat that is only a guess, which the predicate judges.
  bool renumber_behind(size_t begin, size_t end) {
    std::array<uint64_t, kQueues> first{};
    std::array<uint64_t, kQueues> gone{};
    bool changed = false;
    for (size_t i = 0; i < end; ++i) {
      const Op& op = candidate_.ops[i];
      if (op.code == Opcode::kAvail) ++(i < begin ? first : gone)[op.queue];
    }
    for (Op& op : candidate_.ops) {
      if (op.code != Opcode::kComplete && op.code != Opcode::kScribble) continue;
      const uint64_t lost = gone[op.queue];
      if (lost == 0 || op.arg[0] < first[op.queue] + lost) continue;
      op.arg[0] -= lost;
      changed = true;
    }
    return changed;
  }

  // A repeat becomes its body, as often as it says, or once.
  bool unroll() {
    for (size_t i = 0; i < program_.ops.size(); ++i) {
      if (program_.ops[i].code != Opcode::kRepeat) continue;
      const uint64_t times = program_.ops[i].arg[0];
      if (unroll_at(i, 1) || (times > 1 && times <= kUnrolled && unroll_at(i, times))) return true;
    }
    return false;
  }

  bool unroll_at(size_t repeat, uint64_t times) {
    size_t end = repeat;
    while (program_.ops[end].code != Opcode::kEnd) ++end;
    candidate_.ops.assign(program_.ops.begin(),
                          program_.ops.begin() + static_cast<ptrdiff_t>(repeat));
    for (; times > 0; --times) {
      for (size_t i = repeat + 1; i < end; ++i) candidate_.ops.push_back(program_.ops[i]);
    }
    candidate_.ops.insert(candidate_.ops.end(),
                          program_.ops.begin() + static_cast<ptrdiff_t>(end) + 1,
                          program_.ops.end());
    return accept();
  }

  bool simplify() {
    bool smaller = false;
    for (size_t i = 0; i < program_.ops.size(); ++i) {
      smaller |= change(i, [](Op& op) { op.as_other = false; });
      smaller |= change(i, [](Op& op) { op.queue = 0; });
      while (change(i, drop_last_seg)) smaller = true;
      for (size_t seg = 0; seg < program_.ops[i].nseg; ++seg) {
        smaller |= change(i, [seg](Op& op) { op.seg[seg].count = 0; });
      }
      for (size_t arg = 0; arg < kMaxArgs; ++arg) smaller |= lower(i, arg);
    }
    return smaller;
  }

  static void drop_last_seg(Op& op) {
    if (op.nseg > 0) op.seg[--op.nseg] = Seg{};
  }

  bool lower(size_t index, size_t arg) {
    if (change(index, [arg](Op& op) { op.arg[arg] = 0; })) return true;
    bool smaller = false;
    while (change(index, [arg](Op& op) { op.arg[arg] /= 2; })) smaller = true;
    return smaller;
  }

  template <typename F>
  bool change(size_t index, F f) {
    Op op = program_.ops[index];
    f(op);
    if (op == program_.ops[index]) return false;
    candidate_ = program_;
    candidate_.ops[index] = op;
    return accept();
  }

  static constexpr uint64_t kUnrolled = 8;

  Program& program_;
  Program candidate_;
  const Keeps& keeps_;
  uint32_t left_;
  const uint32_t max_;
};

}  // namespace

uint32_t minimize(Program& program, const Keeps& keeps, uint32_t max_calls) {
  return Minimizer(program, keeps, max_calls).run();
}

}  // namespace va
