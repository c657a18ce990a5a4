// What the mutators of all engines do: bytes -> Program -> a changed Program -> bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "prog/mutate.h"
#include "prog/program.h"

namespace va {

class InputMutator {
 public:
  explicit InputMutator(Profile profile) : profile_(profile) {}

  // A mutant of `input`, at least 1 and at most `max_size` bytes (max_size > 0); valid until the
  // next call. What it is follows from the seed and from the inputs of earlier calls: some of them
  // are kept for crossover.
  std::span<const uint8_t> mutate(std::span<const uint8_t> input, size_t max_size, uint64_t seed);

  // Where the operands of a random operation of the last mutant stand, for an engine that mutates
  // bytes with what it saw compared. Empty if the operation has none.
  std::span<uint8_t> some_operands(uint64_t seed);

 private:
  static constexpr uint32_t kKept = 64;

  void keep(Random& random);
  void shorten();
  void fit(size_t max_size);

  Profile profile_;
  Program program_;
  std::vector<Program> kept_;
  std::vector<uint8_t> bytes_;
};

// Makes an input smaller, an operation less at a time, for an engine that tells whether it still
// does the same.
class InputTrimmer {
 public:
  // Returns the number of steps.
  uint32_t begin(std::span<const uint8_t> input);
  // What to try in this step, valid until the next call; never empty, nor longer than the input.
  std::span<const uint8_t> candidate();
  // Ends the step; a candidate that does the same is what goes on. Returns the number of steps
  // done.
  uint32_t next(bool same);

 private:
  Program program_;
  Program smaller_;
  std::vector<uint8_t> bytes_;
  uint32_t steps_ = 0;
  uint32_t done_ = 0;
};

}  // namespace va
