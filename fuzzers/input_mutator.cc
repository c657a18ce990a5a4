#include "input_mutator.h"

#include <algorithm>

#include "prog/decode.h"
#include "prog/encode.h"
#include "prog/validate.h"

namespace va {
namespace {

// Short Programs run often; what needs more operations than these is rare.
constexpr uint32_t kMaxOps = 32;
constexpr uint32_t kRepeated = 32;   // operations that a repeat may come to
constexpr uint8_t kCount = 4;        // descriptors that one part of a chain may come to
constexpr uint16_t kNum = 1024;      // entries of a ring
constexpr uint32_t kLongRuns = 128;  // one in so many may be as long as the budget allows

}  // namespace

std::span<const uint8_t> InputMutator::mutate(std::span<const uint8_t> input, size_t max_size,
                                              uint64_t seed) {
  Random random(seed);
  decode(input, program_, kFuzzBudget);
  MutateOptions options;
  options.profile = profile_;
  options.max_ops = kMaxOps;
  options.transmit_only = profile_ != Profile::kAll && profile_ != Profile::kReceive;
  // A quarter of what a campaign makes can be executed by the kernel.
  if (random.one_in(4)) options.device_kinds |= kKernel;
  keep(random);
  if (random.one_in(program_.ops.size() < 4 ? 4 : 64)) {
    generate_conforming(random, options, program_);
  } else if (!kept_.empty() && random.one_in(6)) {
    const uint32_t other = random.below(static_cast<uint32_t>(kept_.size()));
    crossover(program_, kept_[other], random, options);
  }
  va::mutate(program_, random, options);
  if (!random.one_in(kLongRuns)) shorten();
  fit(max_size);
  return bytes_;
}

void InputMutator::keep(Random& random) {
  if (program_.ops.empty() || !random.one_in(8)) return;
  if (kept_.size() < kKept) {
    kept_.push_back(program_);
  } else {
    kept_[random.below(kKept)] = program_;
  }
}

// One operation can cost what a hundred Programs do: a repeat, a chain of two thousand descriptors,
// a ring as large as all memory. Most inputs are kept from them, so that most of a campaign's time
// goes into what is different and not into what is long.
void InputMutator::shorten() {
  for (size_t i = 0; i < program_.ops.size(); ++i) {
    Op& op = program_.ops[i];
    if (op.code == Opcode::kRepeat) {
      size_t end = i + 1;
      while (end < program_.ops.size() && program_.ops[end].code != Opcode::kEnd) ++end;
      op.arg[0] = std::min(op.arg[0], std::max<uint64_t>(kRepeated / (end - i), 2));
    }
    if (op.code == Opcode::kVring && op.arg[0] > kNum) op.arg[0] = kNum;
    for (size_t part = 0; part < op.nseg; ++part) {
      op.seg[part].count = std::min(op.seg[part].count, kCount);
    }
  }
}

// Honours the size by dropping operations from the end, never bytes: what is left is what it was.
void InputMutator::fit(size_t max_size) {
  size_t size = 0;
  size_t kept = 0;
  while (kept < program_.ops.size() && size + encoded_size(program_.ops[kept]) <= max_size) {
    size += encoded_size(program_.ops[kept++]);
  }
  program_.ops.resize(kept);
  balance_repeats(program_);
  if (program_.ops.empty()) program_.ops.emplace_back();  // a nop: engines want no empty input
  encode(program_, bytes_);
}

uint32_t InputTrimmer::begin(std::span<const uint8_t> input) {
  decode(input, program_, kFuzzBudget);
  encode(program_, bytes_);
  done_ = 0;
  // One that ends in the middle of an operation is longer when it is whole.
  const bool fits = bytes_.size() <= input.size() && program_.ops.size() > 1;
  steps_ = fits ? static_cast<uint32_t>(program_.ops.size()) : 0;
  return steps_;
}

std::span<const uint8_t> InputTrimmer::candidate() {
  smaller_ = program_;
  const size_t at = steps_ - 1 - done_;  // from the end on, so those before it stay where they are
  if (smaller_.ops.size() > 1 && at < smaller_.ops.size()) {
    smaller_.ops.erase(smaller_.ops.begin() + static_cast<ptrdiff_t>(at));
    balance_repeats(smaller_);
  }
  if (smaller_.ops.empty()) smaller_.ops.emplace_back();
  encode(smaller_, bytes_);
  return bytes_;
}

uint32_t InputTrimmer::next(bool same) {
  if (same) program_ = smaller_;
  return ++done_;
}

std::span<uint8_t> InputMutator::some_operands(uint64_t seed) {
  Random random(seed);
  const size_t chosen = random.below(static_cast<uint32_t>(program_.ops.size()));
  size_t at = 0;
  for (size_t i = 0; i < chosen; ++i) at += encoded_size(program_.ops[i]);
  return std::span(bytes_).subspan(at + 1, encoded_size(program_.ops[chosen]) - 1);
}

}  // namespace va
