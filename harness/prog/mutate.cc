// Mutation of Programs. Every edit leaves a Program that text and bytes can hold; what an edit
// breaks in the balance of repeats, or puts beyond the limits, tidy() takes out.
#include "prog/mutate.h"

#include <algorithm>
#include <array>

#include "prog/kernel_shape.h"
#include "prog/validate.h"
#include "prog/values.h"

namespace va {
namespace {

bool concerns_log(Opcode code) {
  return code == Opcode::kSetLogBase || code == Opcode::kSetVringAddr ||
         code == Opcode::kSetFeatures || code == Opcode::kVring;
}

bool concerns_notification(Opcode code) {
  return code == Opcode::kUsedEvent || code == Opcode::kAvailFlags || code == Opcode::kAt ||
         code == Opcode::kSettle;
}

// How often an operation is inserted, by profile. A profile dwells on its subject, and keeps enough
// of the rest that the subject is reached.
uint32_t weight_of(Opcode code, const MutateOptions& options) {
  const Profile profile = options.profile;
  if (profile == Profile::kDirtyLog && concerns_log(code)) return 10;
  if (profile == Profile::kLifecycle && op_info(code).is_control) return 5;
  if (profile == Profile::kNotification && concerns_notification(code)) return 20;
  switch (code) {
    case Opcode::kAvail:
      return 24;
    case Opcode::kKick:
      return 16;
    case Opcode::kDesc:
      return profile == Profile::kDescriptors ? 30 : 4;
    case Opcode::kAvailEntry:
      return profile == Profile::kAvailIndex || profile == Profile::kDescriptors ? 12 : 3;
    case Opcode::kAvailIdx:
      return profile == Profile::kAvailIndex ? 20 : 3;
    case Opcode::kComplete:
      return profile == Profile::kCompletionOrder ? 40 : 16;
    case Opcode::kAt:
      return profile == Profile::kCompletionOrder ? 12 : 6;
    case Opcode::kSettle:
    case Opcode::kUsedEvent:
      return 8;
    case Opcode::kStore:
    case Opcode::kVring:
    case Opcode::kBackend:
    case Opcode::kRefuse:
    case Opcode::kWorker:
    case Opcode::kStep:
      return 4;
    case Opcode::kScribble:
    case Opcode::kAvailFlags:
    case Opcode::kCongest:
    case Opcode::kLink:
    case Opcode::kFailAlloc:
    case Opcode::kRelease:
    case Opcode::kOpen:
    case Opcode::kResetOwner:
      return 2;
    case Opcode::kNop:
    case Opcode::kEnd:  // comes with its repeat
      return 0;
    case Opcode::kInject:
      return options.transmit_only ? 0 : profile == Profile::kReceive ? 30 : 2;
    case Opcode::kRace:
    case Opcode::kWatch:
      return options.transmit_only ? 0 : 1;
    default:
      return 1;
  }
}

// Weights in the order of all_ops().
using Weights = std::array<uint32_t, 64>;

const Weights& weights_for(const MutateOptions& options) {
  static const auto table = [] {
    std::array<std::array<Weights, kProfiles>, 2> out{};
    for (size_t i = 0; i < all_ops().size() && i < out[0][0].size(); ++i) {
      for (size_t profile = 0; profile < kProfiles; ++profile) {
        MutateOptions each;
        each.profile = static_cast<Profile>(profile);
        for (const bool transmit_only : {false, true}) {
          each.transmit_only = transmit_only;
          out[transmit_only][profile][i] = weight_of(all_ops()[i].code, each);
        }
      }
    }
    return out;
  }();
  return table[options.transmit_only][static_cast<size_t>(options.profile) % kProfiles];
}

class Mutator {
 public:
  Mutator(Program& program, Random& random, const MutateOptions& options)
      : program_(program), ops_(program.ops), random_(random), options_(options) {
    look_around();
  }

  void run() {
    uint32_t edits = 1;
    while (edits < 8 && random_.one_in(2)) ++edits;
    for (; edits > 0; --edits) edit();
    tidy();
  }

  void cross(const Program& other) {
    if (other.ops.empty()) return;
    const size_t from = random_.below(size(other.ops));
    const size_t n =
        1 + random_.below(std::min(size(other.ops) - static_cast<uint32_t>(from), 24u));
    const auto first = other.ops.begin() + static_cast<ptrdiff_t>(from);
    const auto last = first + static_cast<ptrdiff_t>(n);
    if (random_.one_in(3)) {  // the one's beginning, the other's end
      ops_.resize(place());
      ops_.insert(ops_.end(), first, other.ops.end());
    } else if (random_.one_in(2)) {
      ops_.insert(at(place()), first, last);
    } else {
      const size_t to = place();
      const size_t room = std::min(n, ops_.size() - to);
      std::copy_n(first, room, at(to));
    }
    tidy();
  }

 private:
  static uint32_t size(const std::vector<Op>& ops) { return static_cast<uint32_t>(ops.size()); }
  std::vector<Op>::iterator at(size_t index) {
    return ops_.begin() + static_cast<ptrdiff_t>(index);
  }
  // Where an operation may be inserted, its end included; and where one is.
  size_t place() { return random_.below(size(ops_) + 1); }
  size_t some() { return random_.below(size(ops_)); }

  // Swarm testing: each round does without a quarter of the operations.
  void choose_operations() {
    const Weights& weights = weights_for(options_);
    const uint64_t out = random_.next() & random_.next();
    total_ = 0;
    for (size_t i = 0; i < all_ops().size(); ++i) {
      const OpInfo& info = all_ops()[i];
      const bool can = (info.devices & options_.device_kinds) == options_.device_kinds;
      const bool stays = info.code == Opcode::kAvail || (out >> (i % 64) & 1) == 0;
      weights_[i] = can && stays ? weights[i] : 0;
      total_ += weights_[i];
    }
  }

  void edit() {
    const uint32_t kind = ops_.empty() ? 0 : random_.below(24);
    if (kind < 5) {
      insert();
    } else if (kind < 12) {
      change_operand(ops_[some()]);
    } else if (kind < 14) {
      ops_.erase(at(some()));
    } else if (kind < 15) {
      const size_t from = some();
      ops_.erase(at(from), at(std::min(from + 1 + random_.below(8), ops_.size())));
    } else if (kind < 17) {
      const Op op = ops_[some()];
      ops_.insert(at(place()), op);
    } else if (kind < 18) {
      std::swap(ops_[some()], ops_[some()]);
    } else if (kind < 20) {
      move_one();
    } else if (kind < 22) {
      permute_completions();
    } else if (kind < 23) {
      wrap_in_repeat();
    } else {
      burst();
    }
  }

  // ---- new operations --------------------------------------------------------------------------

  Opcode some_code() {
    if (total_ == 0) choose_operations();
    uint32_t left = random_.below(total_);
    size_t i = 0;
    while (left >= weights_[i]) left -= weights_[i++];
    return all_ops()[i].code;
  }

  void insert() {
    const Opcode code = some_code();
    if (code == Opcode::kRepeat) return wrap_in_repeat();
    const size_t where = place();
    ops_.insert(at(where), make(code));
  }

  Op make(Opcode code) {
    Op op;
    op.code = code;
    const OpInfo& info = op_info(code);
    if (info.has_queue && random_.one_in(receives() ? 2 : 64)) op.queue = kRx;
    if (code == Opcode::kInject) op.queue = kRx;
    if (info.is_control) op.as_other = random_.one_in(16);
    for (size_t i = 0; i < info.operands.size(); ++i) {
      op.arg[i] = interesting_value(info, i, near(op), random_);
    }
    if (info.has_segs) {
      // A chain at a given place is a rare choice: most chains should be good ones.
      if (!random_.one_in(12)) op.arg[2] = 0;
      if (!random_.one_in(6)) op.arg[0] = 0;
      make_segs(op);
      if (op.queue == kRx) turn(op);
    }
    return op;
  }

  bool receives() const { return options_.profile == Profile::kReceive; }
  const Surroundings& near(const Op& op) const { return op.queue == kRx ? near_rx_ : near_; }
  void look_around() {
    near_ = look_at(program_, kTx);
    near_rx_ = look_at(program_, kRx);
  }

  // What the device reads to send, it writes to receive.
  static void turn(Op& op) {
    for (size_t i = 0; i < op.nseg; ++i) op.seg[i].writable = !op.seg[i].writable;
  }

  void make_segs(Op& op) {
    const uint32_t form = random_.below(4);
    if (form == 0) return;  // the default chain
    op.nseg = static_cast<uint8_t>(form == 1 ? 1 + random_.below(kMaxSegs) : 2);
    for (size_t i = 0; i < op.nseg; ++i) op.seg[i] = make_seg(i == 0);
  }

  Seg make_seg(bool first) {
    Seg seg;
    seg.writable = random_.one_in(24);
    if (random_.one_in(8)) seg.count = static_cast<uint8_t>(random_.below(20));
    seg.len = first && !random_.one_in(4) ? uint16_t{12} : interesting_len(random_);
    return seg;
  }

  // Chains, a kick, and their completions in some order: the middle of most findings.
  void burst() {
    const Queue queue = receives() && random_.one_in(2) ? kRx : kTx;
    const uint32_t n = 1 + random_.below(4);
    const uint32_t first = (queue == kRx ? near_rx_ : near_).avails;
    for (uint32_t i = 0; i < n; ++i) {
      Op op = make(Opcode::kAvail);
      if (op.queue != queue) turn(op);
      append(op, queue);
    }
    append(make(Opcode::kKick), queue);
    for (uint32_t i = 0; i < n && queue == kRx; ++i) append(make(Opcode::kInject), queue);
    for (uint32_t i = 0; i < n; ++i) {
      Op op = make(Opcode::kComplete);
      op.arg[0] = (first + random_.below(n)) & 0xffff;
      append(op, queue);
    }
    look_around();
  }

  void append(Op op, Queue queue) {
    op.queue = queue;
    ops_.push_back(op);
  }

  // ---- changes ---------------------------------------------------------------------------------

  void change_operand(Op& op) {
    const OpInfo& info = op_info(op.code);
    if (info.has_segs && random_.one_in(2)) return change_seg(op);
    if (info.is_control && random_.one_in(16)) op.as_other = !op.as_other;
    if (info.operands.empty()) return;
    const size_t index = random_.below(static_cast<uint32_t>(info.operands.size()));
    const bool nearby = random_.one_in(3) && info.operands[index].kind != OperandKind::kEnum &&
                        info.operands[index].kind != OperandKind::kFeatures &&
                        info.operands[index].limit == 0;
    const uint64_t old = op.arg[index];
    op.arg[index] = interesting_value(info, index, near(op), random_);
    // A step from where it was, if that still fits.
    if (nearby && old > 0 && old < 0xff) op.arg[index] = old + (random_.one_in(2) ? 1 : -1);
  }

  void change_seg(Op& op) {
    if (op.nseg == 0) return make_segs(op);
    Seg& seg = op.seg[random_.below(op.nseg)];
    switch (random_.below(5)) {
      case 0:
        seg.writable = !seg.writable;
        break;
      case 1:
        seg.count = static_cast<uint8_t>(random_.below(24));
        break;
      case 2:
        if (op.nseg < kMaxSegs) op.seg[op.nseg++] = make_seg(false);
        break;
      case 3:
        op.seg[--op.nseg] = Seg{};
        break;
      default:
        seg.len = interesting_len(random_);
    }
  }

  void move_one() {
    const size_t from = some();
    const Op op = ops_[from];
    ops_.erase(at(from));
    ops_.insert(at(place()), op);
  }

  // All completions of a stretch, in another order.
  void permute_completions() {
    std::array<uint32_t, 16> where;
    uint32_t n = 0;
    for (size_t i = some(); i < ops_.size() && n < where.size(); ++i) {
      if (ops_[i].code == Opcode::kComplete) where[n++] = static_cast<uint32_t>(i);
    }
    for (uint32_t i = n; i > 1; --i) std::swap(ops_[where[i - 1]], ops_[where[random_.below(i)]]);
  }

  void wrap_in_repeat() {
    const size_t begin = place();
    const size_t end = std::min(begin + 1 + random_.below(6), ops_.size());
    Op stop;
    stop.code = Opcode::kEnd;
    ops_.insert(at(end), stop);
    ops_.insert(at(begin), make(Opcode::kRepeat));
  }

  // ---- afterwards ------------------------------------------------------------------------------

  void tidy() {
    if (ops_.size() > options_.max_ops) {
      const size_t n = ops_.size() - options_.max_ops;
      const size_t from = random_.below(options_.max_ops + 1);
      ops_.erase(at(from), at(from + n));
    }
    balance_repeats(program_);
    if ((options_.device_kinds & kKernel) != 0) fit_kernel(program_);
    std::erase_if(ops_, [](const Op& op) { return op.code == Opcode::kNop; });
  }

  Program& program_;
  std::vector<Op>& ops_;
  Random& random_;
  const MutateOptions& options_;
  Surroundings near_;
  Surroundings near_rx_;
  Weights weights_;
  uint32_t total_ = 0;  // of weights_; 0 until they are chosen
};

}  // namespace

void mutate(Program& program, Random& random, const MutateOptions& options) {
  if (options.conforming) return generate_conforming(random, options, program);
  Mutator(program, random, options).run();
}

void crossover(Program& program, const Program& other, Random& random,
               const MutateOptions& options) {
  Mutator(program, random, options).cross(other);
}

}  // namespace va
