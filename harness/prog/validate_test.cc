#include "prog/validate.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "prog/decode.h"
#include "prog/encode.h"
#include "prog/ops.h"

namespace va {
namespace {

Op make(Opcode code, uint64_t a = 0, uint64_t b = 0) {
  Op op;
  op.code = code;
  op.arg = {a, b};
  return op;
}

TEST(Validate, WhatDecodeMakesIsValid) {
  Random random(5);
  std::vector<uint8_t> bytes(200);
  Program program;
  for (int i = 0; i < 5'000; ++i) {
    for (uint8_t& byte : bytes) {
      byte = static_cast<uint8_t>(random.one_in(2) ? random.next() : random.below(73));
    }
    decode(bytes, program);
    const Status status = validate(program);
    ASSERT_TRUE(status.ok()) << status.message();
  }
}

TEST(Validate, NamesTheFirstOperationThatIsWrong) {
  Op many = make(Opcode::kAvail);
  many.nseg = 9;
  Op behind = make(Opcode::kAvail);
  behind.seg[0].len = 1;
  Op segs = make(Opcode::kKick);
  segs.nseg = 1;
  Op other = make(Opcode::kKick);
  other.as_other = true;
  Op queue = make(Opcode::kSettle);
  queue.queue = 1;
  Op far = make(Opcode::kKick);
  far.queue = 8;
  struct Bad {
    std::vector<Op> ops;
    const char* message;
  };
  const Bad cases[] = {
      {{make(Opcode::kNop), many}, "operation 1 (avail): 9 segments, at most 8"},
      {{behind}, "operation 0 (avail): a segment behind the last one is not empty"},
      {{segs}, "operation 0 (kick): it has no segments"},
      {{other}, "operation 0 (kick): as other, but not a control call"},
      {{queue}, "operation 0 (settle): it has no queue"},
      {{far}, "operation 0 (kick): queue 8 of 8"},
      {{make(static_cast<Opcode>(200))}, "operation 0 (nop): opcode 200 is not assigned"},
      {{make(Opcode::kKick, 1)}, "operation 0 (kick): operand 0 is not 0, and it has none"},
      {{make(Opcode::kVring, 0x10000)}, "operation 0 (vring): num= is out of range: 65536"},
      {{make(Opcode::kBackend, 7)}, "operation 0 (backend): operand 0 is out of range: 7"},
      {{make(Opcode::kRegion, 64)}, "operation 0 (region): operand 0 is out of range: 64"},
      {{make(Opcode::kEnd)}, "operation 0 (end): no repeat is open"},
      {{make(Opcode::kRepeat, 2)}, "operation 0 (repeat): without its end"},
      {{make(Opcode::kRepeat), make(Opcode::kRepeat)},
       "operation 1 (repeat): inside the repeat of 0"},
  };
  for (const Bad& bad : cases) {
    EXPECT_EQ(validate({bad.ops}).message(), bad.message);
  }
}

}  // namespace
}  // namespace va
