#include "prog/minimize.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "prog/decode.h"
#include "prog/ops.h"
#include "prog/parse.h"
#include "prog/print.h"
#include "prog/validate.h"

namespace va {
namespace {

Program program_of(std::initializer_list<const char*> lines) {
  Program program;
  for (const char* line : lines) {
    EXPECT_TRUE(parse_op(line, program.ops.emplace_back()).ok()) << line;
  }
  return program;
}

std::string text_of(const Program& program) {
  std::string out;
  for (const Op& op : program.ops) out += print_op(op) + "; ";
  return out;
}

size_t count(const Program& program, Opcode code) {
  return static_cast<size_t>(std::count_if(program.ops.begin(), program.ops.end(),
                                           [code](const Op& op) { return op.code == code; }));
}

TEST(Minimize, KeepsOnlyWhatThePredicateNeeds) {
  Program program =
      program_of({"vring tx num=256 base=0xfffe", "backend tx async", "avail tx [r 12][w 9]",
                  "kick tx", "complete tx #0 failed inside", "settle", "kick rx"});
  minimize(program, [](const Program& p) {
    return count(p, Opcode::kKick) >= 1 && count(p, Opcode::kAvail) >= 1;
  });
  EXPECT_EQ(text_of(program), "avail tx; kick tx; ");
}

TEST(Minimize, OrdinalsFollowTheirRequests) {
  Program program = program_of({"avail tx", "avail tx", "avail tx [r 77]", "complete tx #2"});
  // The predicate wants the long request to be the one that is completed.
  minimize(program, [](const Program& p) {
    uint64_t ordinal = 0;
    uint64_t wanted = UINT64_MAX;
    for (const Op& op : p.ops) {
      if (op.code == Opcode::kAvail) {
        if (op.seg[0].len == 77) wanted = ordinal;
        ++ordinal;
      }
      if (op.code == Opcode::kComplete && op.arg[0] == wanted) return true;
    }
    return false;
  });
  EXPECT_EQ(text_of(program), "avail tx [r 77]; complete tx #0; ");
}

TEST(Minimize, RepeatsAreUnrolled) {
  Program program = program_of({"repeat 3", "kick tx", "settle", "end"});
  minimize(program, [](const Program& p) {
    uint64_t kicks = 0;
    uint64_t times = 1;
    for (const Op& op : p.ops) {
      if (op.code == Opcode::kRepeat) times = op.arg[0];
      if (op.code == Opcode::kEnd) times = 1;
      if (op.code == Opcode::kKick) kicks += times;
    }
    return kicks >= 3;
  });
  EXPECT_EQ(text_of(program), "kick tx; kick tx; kick tx; ");
}

TEST(Minimize, OperandsAreLoweredAsFarAsTheyGo) {
  Program program = program_of({"avail tx indirect head=9 at=0x1000 [r 12 x3][w 5]"});
  minimize(program, [](const Program& p) { return !p.ops.empty() && p.ops[0].arg[2] >= 0x100; });
  EXPECT_EQ(text_of(program), "avail tx at=0x100; ");
}

TEST(Minimize, IsBoundedDeterministicAndAsksAboutValidProgramsOnly) {
  Random random(6);
  std::vector<uint8_t> bytes(400);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.below(73));
  Program first;
  decode(bytes, first);
  Program second = first;
  const Keeps keeps = [](const Program& p) {
    EXPECT_TRUE(validate(p).ok());
    return count(p, Opcode::kAvail) % 2 == 0;
  };
  const uint32_t calls = minimize(first, keeps, 500);
  EXPECT_LE(calls, 500u);
  EXPECT_EQ(minimize(second, keeps, 500), calls);
  EXPECT_EQ(first, second);
}

}  // namespace
}  // namespace va
