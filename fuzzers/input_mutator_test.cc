#include "input_mutator.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "prog/decode.h"
#include "prog/encode.h"
#include "prog/kernel_shape.h"

namespace va {
namespace {

TEST(InputMutator, HonoursTheSizeAndNeverReturnsNothing) {
  InputMutator mutator(Profile::kAll);
  std::vector<uint8_t> input;
  for (uint32_t i = 0; i < 20'000; ++i) {
    const size_t max_size = 1 + i % 600;
    const std::span<const uint8_t> mutant = mutator.mutate(input, max_size, i);
    ASSERT_GE(mutant.size(), 1u);
    ASSERT_LE(mutant.size(), max_size);
    // Whole records only: what comes out is what encode would write.
    Program program;
    std::vector<uint8_t> again;
    decode(mutant, program);
    encode(program, again);
    ASSERT_TRUE(std::equal(mutant.begin(), mutant.end(), again.begin(), again.end()));
    input.assign(mutant.begin(), mutant.end());
  }
}

TEST(InputMutator, OperandBytesLieBehindAnOpcode) {
  InputMutator mutator(Profile::kDescriptors);
  std::vector<uint8_t> input;
  for (uint32_t i = 0; i < 2'000; ++i) {
    const std::span<const uint8_t> mutant = mutator.mutate(input, 400, i);
    Program before;
    decode(mutant, before);
    const std::span<uint8_t> operands = mutator.some_operands(i);
    for (uint8_t& byte : operands) byte = static_cast<uint8_t>(byte + 1);
    Program after;
    decode(mutant, after);
    ASSERT_GE(after.ops.size(), 1u);
    input.assign(mutant.begin(), mutant.end());
  }
}

TEST(InputMutator, AQuarterFitsTheKernelAtLeast) {
  InputMutator mutator(Profile::kAll);
  std::vector<uint8_t> input;
  uint32_t fit = 0;
  constexpr uint32_t kInputs = 8'000;
  for (uint32_t i = 0; i < kInputs; ++i) {
    const std::span<const uint8_t> mutant = mutator.mutate(input, 600, i);
    Program program;
    decode(mutant, program);
    Program shaped = program;
    fit_kernel(shaped);
    if (shaped == program) ++fit;
    input.assign(mutant.begin(), mutant.end());
  }
  EXPECT_GE(fit * 4, kInputs * 9 / 10);
}

TEST(InputMutator, ProgramsGrowToManyOperations) {
  InputMutator mutator(Profile::kCompletionOrder);
  std::vector<uint8_t> input;
  uint64_t operations = 0;
  constexpr uint32_t kInputs = 4'000;
  for (uint32_t i = 0; i < kInputs; ++i) {
    const std::span<const uint8_t> mutant = mutator.mutate(input, 1024, i);
    Program program;
    decode(mutant, program);
    operations += program.ops.size();
    input.assign(mutant.begin(), mutant.end());
  }
  EXPECT_GE(operations, uint64_t{kInputs} * 25);
}

TEST(InputTrimmer, DropsWhatIsNotNeededAndNothingElse) {
  InputMutator mutator(Profile::kAll);
  InputTrimmer trimmer;
  std::vector<uint8_t> input;
  Program program;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const std::span<const uint8_t> mutant = mutator.mutate(input, 1024, seed);
    input.assign(mutant.begin(), mutant.end());
    const auto kicks = [&program](std::span<const uint8_t> bytes) {
      decode(bytes, program);
      return std::count_if(program.ops.begin(), program.ops.end(),
                           [](const Op& op) { return op.code == Opcode::kKick; });
    };
    const auto wanted = kicks(input);
    std::vector<uint8_t> trimmed = input;
    const uint32_t steps = trimmer.begin(input);
    for (uint32_t done = 0; done < steps;) {
      const std::span<const uint8_t> candidate = trimmer.candidate();
      ASSERT_FALSE(candidate.empty());
      ASSERT_LE(candidate.size(), input.size());
      const bool same = kicks(candidate) == wanted;
      if (same) trimmed.assign(candidate.begin(), candidate.end());
      done = trimmer.next(same);
    }
    ASSERT_EQ(kicks(trimmed), wanted);
    if (steps != 0) {
      ASSERT_EQ(program.ops.size(), static_cast<size_t>(std::max<ptrdiff_t>(wanted, 1)));
    }
  }
}

}  // namespace
}  // namespace va
