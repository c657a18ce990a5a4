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

}  // namespace va
