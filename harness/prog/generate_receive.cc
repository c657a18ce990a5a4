#include "prog/generate_receive.h"

#include <algorithm>

#include "prog/values.h"

namespace va {

Op& ReceiveTraffic::add(Opcode code, uint64_t a, uint64_t b, uint64_t c) {
  Op& op = ops_.emplace_back();
  op.code = code;
  op.queue = kRx;
  op.arg = {a, b, c, 0, 0, 0};
  return op;
}

void ReceiveTraffic::start_life(uint64_t features) {
  constexpr uint32_t kNums[] = {1, 2, 4, 8, 8, 16, 32, 64, 256};
  features_ = features;
  num_ = random_.pick(kNums);
  if ((features & kLegacy) != 0) num_ = std::max(num_, 2u);  // the header has a descriptor
  idx_ = static_cast<uint16_t>(random_.one_in(2) ? 0xfff8 + random_.below(8) : random_.below(3));
  add(Opcode::kVring, num_, idx_, features_);
  add(Opcode::kBackend, num(random_.one_in(2) ? BackendKind::kSync : BackendKind::kAsync));
  stopped_ = false;
  open_count_ = 0;
}

void ReceiveTraffic::step() {
  using Function = void (ReceiveTraffic::*)();
  // How often each comes up: by how often it stands here.
  constexpr Function kSteps[] = {&ReceiveTraffic::buffers,       &ReceiveTraffic::buffers,
                                 &ReceiveTraffic::buffers,       &ReceiveTraffic::buffers,
                                 &ReceiveTraffic::frames,        &ReceiveTraffic::frames,
                                 &ReceiveTraffic::frames,        &ReceiveTraffic::frames,
                                 &ReceiveTraffic::complete_some, &ReceiveTraffic::complete_some,
                                 &ReceiveTraffic::complete_some, &ReceiveTraffic::kick,
                                 &ReceiveTraffic::notify,        &ReceiveTraffic::swap,
                                 &ReceiveTraffic::disturb,       &ReceiveTraffic::interleave,
                                 &ReceiveTraffic::loop};
  (this->*random_.pick(kSteps))();
}

// ---- the driver --------------------------------------------------------------------------------

uint32_t ReceiveTraffic::buffer_len() {
  constexpr uint32_t kWhole[] = {1526, 1526, 1526, 1600, 2048, 4096, 9100, 65000};
  constexpr uint32_t kMerged[] = {26, 64, 100, 128, 200, 256, 512, 1024, 1526, 1526, 4096};
  return (features_ & kMrgRxbuf) != 0 ? random_.pick(kMerged) : random_.pick(kWhole);
}

// One chain of a few descriptors, and of num_ at most.
void ReceiveTraffic::avail(bool quiet) {
  const auto seg = [](uint32_t len, uint32_t count = 0) {
    return Seg{true, static_cast<uint8_t>(count), static_cast<uint16_t>(len)};
  };
  const bool legacy = (features_ & kLegacy) != 0;
  const uint32_t header = legacy && (features_ & kMrgRxbuf) == 0 ? 10 : 12;
  Op& op = add(Opcode::kAvail);
  const bool indirect = (features_ & kNoIndirect) == 0 && random_.one_in(3);
  op.arg[1] = num(indirect ? (quiet ? AvailMode::kIndirectQuiet : AvailMode::kIndirect)
                           : (quiet ? AvailMode::kQuiet : AvailMode::kDirect));
  const uint32_t len = buffer_len();
  const uint32_t form = legacy ? 1 : random_.below(5);
  if (form == 1 && num_ > 1) {
    op.nseg = 2;
    op.seg = {seg(header), seg(len - header)};
  } else if (form == 2 && num_ > 2) {
    const uint32_t first = 1 + random_.below(header + 8);
    const uint32_t second = 1 + random_.below(len - first - 1);
    op.nseg = 3;
    op.seg = {seg(first), seg(second), seg(len - first - second)};
  } else if (form == 3 && num_ > kPieces) {
    op.nseg = 1;
    op.seg = {seg(len / kPieces + 1, kPieces)};
  } else if (len != 1526 || random_.one_in(2)) {
    op.nseg = 1;
    op.seg = {seg(len)};
  }
  open_[open_count_++] = ordinals_++;
  ++idx_;
}

void ReceiveTraffic::buffers() {
  const uint32_t n = 1 + random_.below(random_.one_in(4) ? 8 : 3);
  if (open_count_ + n > kMaxOpen) drain();
  if (random_.one_in(6)) {
    const uint32_t status = random_.one_in(3) ? 1 : 0;
    add(Opcode::kComplete, ordinals_ + random_.below(3), status, num(CompletionTime::kInside));
  }
  const bool at_once = random_.one_in(4);
  for (uint32_t i = 0; i < n; ++i) avail(at_once && i + 1 < n);
  kick();
}

void ReceiveTraffic::notify() {
  if ((features_ & kEventIdx) == 0) {
    add(Opcode::kAvailFlags, random_.below(2));
    return;
  }
  constexpr uint32_t kAround[] = {0, 1, 2, 0xffff, 0xfffe, 0xfffd, 0x7fff, 0x8000};
  add(Opcode::kUsedEvent, (idx_ + random_.pick(kAround)) & 0xffff);
}

// Runs of equal groups; ordinals go on from pass to pass.
void ReceiveTraffic::loop() {
  const uint32_t times = 2 + random_.below(5);
  if (open_count_ + times > kMaxOpen) drain();
  Op& repeat = add(Opcode::kRepeat, times);
  repeat.queue = 0;  // has none
  avail(false);
  for (uint32_t i = 1; i < times; ++i, ++idx_) open_[open_count_++] = ordinals_++;
  if (random_.one_in(2)) frames();
  kick();
  Op& end = add(Opcode::kEnd);
  end.queue = 0;
}

// ---- the backend -------------------------------------------------------------------------------

void ReceiveTraffic::frames() {
  constexpr uint32_t kLens[] = {0, 14, 15, 60, 60, 100, 243, 500, 1000, 1514, 1514, 4000};
  for (uint32_t n = 1 + random_.below(4); n > 0; --n) {
    add(Opcode::kInject, random_.one_in(50) ? 9000 : random_.pick(kLens));
  }
}

void ReceiveTraffic::complete(uint32_t ordinal) {
  Op& op = add(Opcode::kComplete, ordinal, random_.one_in(8) ? num(CompletionStatus::kFailed) : 0);
  if (random_.one_in(4)) op.arg[3] = 1 + random_.below(1515);
}

// In order, in reverse or in any order. What cannot be held yet, or is not any more, is a no-op.
void ReceiveTraffic::complete_some() {
  const uint32_t order = random_.below(3);
  for (uint32_t n = open_count_ == 0 ? 0 : 1 + random_.below(std::min(open_count_, 6u)); n > 0;
       --n) {
    const uint32_t i = order == 0 ? 0 : order == 1 ? open_count_ - 1 : random_.below(open_count_);
    complete(open_[i]);
    if (open_count_ == 1 || random_.one_in(12)) continue;
    --open_count_;
    for (uint32_t k = i; k < open_count_; ++k) open_[k] = open_[k + 1];
  }
}

void ReceiveTraffic::swap() {
  const uint64_t peer = num(random_.one_in(2) ? BackendKind::kSync : BackendKind::kAsync);
  if (stopped_ || !random_.one_in(3)) {
    add(Opcode::kBackend, random_.one_in(4) && !stopped_ ? num(BackendKind::kSame) : peer);
    stopped_ = false;
    kick();
    return;
  }
  add(Opcode::kBackend, num(BackendKind::kNone));
  stopped_ = true;
  if (random_.one_in(2)) buffers();
  if (random_.one_in(2)) swap();
}

// Something goes wrong for a while. The kick at the end is the driver's.
void ReceiveTraffic::disturb() {
  const uint32_t kind = random_.below(3);
  ++disturbed_;
  if (kind == 0) {
    add(Opcode::kLink, num(LinkState::kDown));
  } else if (kind == 1) {
    add(Opcode::kCongest, 0);
  } else {
    add(Opcode::kRefuse, random_.below(6), random_.below(3), random_.below(2));
  }
  buffers();
  frames();
  if (random_.one_in(2)) complete_some();
  if (kind == 0) add(Opcode::kLink, num(LinkState::kUp));
  if (kind == 1) add(Opcode::kCongest, 1);
  --disturbed_;
  kick();
}

// An operation in the middle of the worker's run.
void ReceiveTraffic::interleave() {
  if (open_count_ + 8 > kMaxOpen) drain();
  Op& at = add(Opcode::kAt, random_.below(kPoints), random_.one_in(3) ? random_.below(3) : 0);
  at.queue = 0;  // has none
  const uint32_t kind = random_.below(5);
  if (kind == 0) {
    avail(false);
  } else if (kind == 1) {
    notify();
  } else if (kind == 2) {
    kick();
  } else if (kind == 3) {
    add(Opcode::kInject, 60 + random_.below(600));
  } else {
    complete(ordinals_ + random_.below(2));
  }
  buffers();
  frames();
  kick();
}

void ReceiveTraffic::drain() {
  if (!stopped_ && disturbed_ == 0) kick();
  for (uint32_t i = 0; i < open_count_; ++i) complete(open_[i]);
  Op& settle = add(Opcode::kSettle);
  settle.queue = 0;  // has none
  open_count_ = 0;
}

}  // namespace va
