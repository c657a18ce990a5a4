// Bytes <-> Program.
#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"
#include "prog/decode.h"
#include "prog/encode.h"
#include "prog/ops.h"
#include "prog/wire.h"

namespace va {
namespace {

using Bytes = std::vector<uint8_t>;

Program decoded(const Bytes& bytes) {
  Program program;
  decode(bytes, program);
  return program;
}

Bytes encoded(const Program& program) {
  Bytes bytes;
  encode(program, bytes);
  return bytes;
}

TEST(Bytes, NothingIsTheEmptyProgram) {
  EXPECT_TRUE(decoded({}).ops.empty());
}

TEST(Bytes, AnyBytesAreAProgramThatRoundTrips) {
  Random random(1);
  Bytes bytes;
  Bytes again;
  Program program;
  Program copy;
  for (int i = 0; i < 100'000; ++i) {
    bytes.resize(random.below(96));
    // Half of the opcodes are assigned ones, so that operands are reached as well.
    for (uint8_t& byte : bytes) {
      byte = static_cast<uint8_t>(random.one_in(2) ? random.next() : random.below(73));
    }
    decode(bytes, program);
    encode(program, again);
    decode(again, copy);
    ASSERT_EQ(program, copy) << "round " << i;
  }
}

TEST(Bytes, ARecordCutShortReadsAsZeros) {
  for (const OpInfo& info : all_ops()) {
    if (info.code == Opcode::kRepeat || info.code == Opcode::kEnd) continue;
    Bytes full(kMaxRecord, 0x01);
    full[0] = static_cast<uint8_t>(info.code);
    for (size_t cut = 1; cut < wire_table()[full[0]].size; ++cut) {
      Bytes zeros(full.begin(), full.begin() + static_cast<ptrdiff_t>(cut));
      const Program program = decoded(zeros);
      zeros.resize(kMaxRecord, 0);
      ASSERT_EQ(program.ops.size(), 1u);
      EXPECT_EQ(program.ops[0], decoded(zeros).ops[0]) << info.name << " cut at " << cut;
    }
  }
}

TEST(Bytes, AnUnassignedOpcodeIsANopOfOneByte) {
  const Program program = decoded({0xff, 0x0f, 0x00, 0x02, 0x00});
  ASSERT_EQ(program.ops.size(), 4u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(program.ops[i], Op{});
  EXPECT_EQ(program.ops[3].code, Opcode::kKick);
}

TEST(Bytes, EnumeratedOperandsAreTakenModuloTheirNames) {
  const Op op = decoded({17, 0x80, 7 * 3 + 1}).ops.at(0);  // backend
  EXPECT_EQ(op.arg[0], static_cast<uint64_t>(BackendKind::kSync));
  EXPECT_TRUE(op.as_other);
}

TEST(Bytes, WhatHasNoMeaningIsDropped) {
  const Op kick = decoded({2, 0xff}).ops.at(0);
  EXPECT_EQ(kick.queue, 7);
  EXPECT_FALSE(kick.as_other);  // not a control call
  const Op owner = decoded({20, 0xff}).ops.at(0);
  EXPECT_EQ(owner.queue, 0);  // has no queue
  EXPECT_TRUE(owner.as_other);
}

TEST(Bytes, RepeatsAreBalanced) {
  const auto codes = [](const Bytes& bytes) {
    std::vector<Opcode> out;
    for (const Op& op : decoded(bytes).ops) out.push_back(op.code);
    return out;
  };
  using Codes = std::vector<Opcode>;
  const Bytes repeat = {69, 2, 0, 0, 0};
  Bytes nested = repeat;
  nested.insert(nested.end(), repeat.begin(), repeat.end());
  nested.insert(nested.end(), {70, 70});
  EXPECT_EQ(codes(nested), (Codes{Opcode::kRepeat, Opcode::kNop, Opcode::kEnd, Opcode::kNop}));
  EXPECT_EQ(codes({70, 69, 1, 0, 0, 0, 65}), (Codes{Opcode::kNop, Opcode::kNop, Opcode::kSettle}));
}

TEST(Bytes, TheCapOnOperationsHolds) {
  Program program;
  decode(Bytes(1000, 65), program, 7);
  EXPECT_EQ(program.ops.size(), 7u);
  decode(Bytes(8, 65), program, 7);
  EXPECT_EQ(program.ops.size(), 7u);
}

TEST(Bytes, ReuseNeitherAllocatesNorRemembers) {
  Program program;
  decode(Bytes(200, 65), program);
  const Op* const data = program.ops.data();
  decode(Bytes(10, 1), program);
  EXPECT_EQ(program.ops.data(), data);
  EXPECT_EQ(program, decoded(Bytes(10, 1)));
}

TEST(Bytes, NothingOfTheProgramBeforeIsLeft) {
  Random random(14);
  Bytes bytes;
  Program reused;
  for (int i = 0; i < 5'000; ++i) {
    bytes.resize(random.below(200));
    for (uint8_t& byte : bytes)
      byte = static_cast<uint8_t>(random.below(random.one_in(2) ? 73 : 4));
    decode(bytes, reused);
    ASSERT_EQ(reused, decoded(bytes));
  }
}

TEST(Bytes, TheSizeOfARecordIsKnown) {
  Random random(2);
  Bytes bytes(4000);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.below(73));
  for (const Op& op : decoded(bytes).ops) {
    EXPECT_EQ(encoded({{op}}).size(), encoded_size(op));
    EXPECT_LE(encoded_size(op), kMaxRecord);
  }
}

}  // namespace
}  // namespace va
