#include "runner/compare.h"

#include <gtest/gtest.h>

namespace va {
namespace {

Program settles(int n) {
  Program program;
  for (int i = 0; i < n; ++i) program.ops.push_back(Op{Opcode::kSettle});
  return program;
}

Trace seeing(uint32_t sees) {
  Trace trace;
  trace.header.sees = sees;
  return trace;
}

std::vector<Difference> differences(const Program& program, const Trace& left, const Trace& right) {
  std::vector<Difference> out;
  compare(program, left, no_limits(), right, no_limits(), out);
  return out;
}

TEST(Compare, EveryStoreEqualsItsSampleAtTheSettlePoint) {
  Trace stores = seeing(kEveryStore | kCalls);
  stores.add(0, EventKind::kUsedFlags, kTx, 1);
  stores.add(0, EventKind::kUsed, kTx, 0, 3, 0);
  stores.add(0, EventKind::kUsedIdx, kTx, 1);
  stores.add(0, EventKind::kCall, kTx);
  stores.add(0, EventKind::kUsed, kTx, 1, 5, 0);
  stores.add(0, EventKind::kUsedIdx, kTx, 2);
  stores.add(0, EventKind::kCall, kTx);
  stores.add(0, EventKind::kUsedFlags, kTx, 0);
  stores.add(0, EventKind::kIdle);
  Trace sample = seeing(kCalls);
  sample.add(0, EventKind::kUsed, kTx, 0, 3, 0);
  sample.add(0, EventKind::kUsed, kTx, 1, 5, 0);
  sample.add(0, EventKind::kUsedIdx, kTx, 2);
  sample.add(0, EventKind::kCall, kTx);
  sample.add(0, EventKind::kIdle);
  EXPECT_TRUE(differences(settles(1), stores, sample).empty());
}

TEST(Compare, ASlotStoredTwiceBeforeUsedIdxCountsOnce) {
  Trace twice = seeing(0);
  twice.add(0, EventKind::kUsed, kTx, 0, 7, 0);
  twice.add(0, EventKind::kUsed, kTx, 0, 3, 0);
  twice.add(0, EventKind::kUsedIdx, kTx, 1);
  twice.add(0, EventKind::kIdle);
  Trace once = seeing(0);
  once.add(0, EventKind::kUsed, kTx, 0, 3, 0);
  once.add(0, EventKind::kUsedIdx, kTx, 1);
  once.add(0, EventKind::kIdle);
  EXPECT_TRUE(differences(settles(1), twice, once).empty());
}

TEST(Compare, EntriesThatALapOverwroteAreNotCompared) {
  Trace stores = seeing(kEveryStore);
  for (uint64_t i = 0; i < 7; ++i) {
    stores.add(0, EventKind::kUsed, kTx, i % 4, i, 0);
    stores.add(0, EventKind::kUsedIdx, kTx, i + 1);
  }
  stores.add(0, EventKind::kIdle);
  Trace sample = seeing(0);
  for (uint64_t i = 3; i < 7; ++i) sample.add(0, EventKind::kUsed, kTx, i % 4, i, 0);
  sample.add(0, EventKind::kUsedIdx, kTx, 7);
  sample.add(0, EventKind::kIdle);
  EXPECT_TRUE(differences(settles(1), stores, sample).empty());
}

TEST(Compare, OrderOfUsedEntriesIsADifference) {
  Trace left = seeing(0);
  left.add(0, EventKind::kIdle);
  left.add(1, EventKind::kUsed, kTx, 0, 1, 0);
  left.add(1, EventKind::kUsed, kTx, 1, 0, 0);
  left.add(1, EventKind::kUsedIdx, kTx, 2);
  left.add(1, EventKind::kIdle);
  Trace right = seeing(0);
  right.add(0, EventKind::kIdle);
  right.add(1, EventKind::kUsed, kTx, 0, 0, 0);
  right.add(1, EventKind::kUsed, kTx, 1, 1, 0);
  right.add(1, EventKind::kUsedIdx, kTx, 2);
  right.add(1, EventKind::kIdle);
  const std::vector<Difference> expected = {{EventKind::kUsed, kTx, 1, 1, "1:0 0:0", "0:0 1:0"}};
  EXPECT_EQ(differences(settles(2), left, right), expected);
}

TEST(Compare, StateThatStaysDifferentIsSaidOnce) {
  Trace left = seeing(0);
  left.add(0, EventKind::kUsedFlags, kTx, 1);
  left.add(0, EventKind::kIdle);
  left.add(1, EventKind::kIdle);
  Trace right = seeing(0);
  right.add(0, EventKind::kIdle);
  right.add(1, EventKind::kIdle);
  const std::vector<Difference> expected = {{EventKind::kUsedFlags, kTx, 0, 0, "0x1", "0x0"}};
  EXPECT_EQ(differences(settles(2), left, right), expected);
}

TEST(Compare, CallsAreComparedAsWhetherAndOnlyWhereBothSee) {
  Trace left = seeing(kCalls);
  left.add(0, EventKind::kCall, kTx);
  left.add(0, EventKind::kIdle);
  Trace right = seeing(kCalls);
  right.add(0, EventKind::kIdle);
  const std::vector<Difference> expected = {{EventKind::kCall, kTx, 0, 0, "yes", "no"}};
  EXPECT_EQ(differences(settles(1), left, right), expected);
  right.header.sees = 0;
  EXPECT_TRUE(differences(settles(1), left, right).empty());
}

TEST(Compare, TheBaseOfVringIsWhereUsedIdxStarts) {
  Program program = settles(1);
  Op vring{Opcode::kVring};
  vring.arg[1] = 0xfffe;
  program.ops.insert(program.ops.begin(), vring);
  Trace rewritten = seeing(0);
  rewritten.add(0, EventKind::kBegin, kTx);
  rewritten.add(0, EventKind::kDone, kTx);
  rewritten.add(0, EventKind::kUsedIdx, kTx, 0xfffe);
  rewritten.add(1, EventKind::kIdle);
  Trace untouched = seeing(0);
  untouched.add(0, EventKind::kBegin, kTx);
  untouched.add(0, EventKind::kDone, kTx);
  untouched.add(1, EventKind::kIdle);
  EXPECT_TRUE(differences(program, rewritten, untouched).empty());
}

TEST(Compare, ErrnoOfAControlCallNamesTheCall) {
  Program program = settles(1);
  program.ops.insert(program.ops.begin(), Op{Opcode::kSetVringBase});
  Trace left = seeing(0);
  left.add(0, EventKind::kDone, kTx, 0);
  left.add(1, EventKind::kIdle);
  Trace right = seeing(0);
  right.add(0, EventKind::kDone, kTx, 16);
  right.add(1, EventKind::kIdle);
  const std::vector<Difference> found = differences(program, left, right);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, EventKind::kDone);
  EXPECT_EQ(found[0].op, 0u);
  EXPECT_TRUE(found[0].right.starts_with("set_vring_base ")) << found[0].right;
}

TEST(Compare, OfferedFeaturesAreNotCompared) {
  Program program = settles(1);
  program.ops.insert(program.ops.begin(), Op{Opcode::kGetFeatures});
  Trace left = seeing(0);
  left.add(0, EventKind::kDone, 0, 0, 0x33d008000);
  left.add(1, EventKind::kIdle);
  Trace right = seeing(0);
  right.add(0, EventKind::kDone, 0, 0, 0x1033d008000);
  right.add(1, EventKind::kIdle);
  EXPECT_TRUE(differences(program, left, right).empty());
}

TEST(Compare, WritesAreChangedBytesNotStores) {
  Trace left = seeing(kMemory);
  left.add(0, EventKind::kWrite, 0, 0x100004, 4);
  left.add(0, EventKind::kWrite, 0, 0x100000, 4);
  left.add(0, EventKind::kIdle);
  Trace right = seeing(kMemory);
  right.add(0, EventKind::kWrite, 0, 0x100000, 8);
  right.add(0, EventKind::kIdle);
  EXPECT_TRUE(differences(settles(1), left, right).empty());
  right.events[0].arg[1] = 12;
  const std::vector<Difference> expected = {
      {EventKind::kWrite, 0, 0, 0, "0x100000+8", "0x100000+12"}};
  EXPECT_EQ(differences(settles(1), left, right), expected);
}

TEST(Compare, NothingIsComparedAfterADeath) {
  Trace left = seeing(0);
  left.add(0, EventKind::kIdle);
  left.add(1, EventKind::kUsedFlags, kTx, 1);
  left.add(1, EventKind::kIdle);
  Trace right = seeing(0);
  right.add(0, EventKind::kDied, 0, 11);
  const std::vector<Difference> found = differences(settles(2), left, right);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].right, event_info(EventKind::kDied).name);
}

TEST(Compare, AQueueGivenUpIsNotComparedAndOtherQueuesAre) {
  Trace left = seeing(kWire | kCalls);
  left.add(0, EventKind::kIdle);
  left.add(1, EventKind::kFrame, kTx, 0, 100, 0);
  left.add(1, EventKind::kUsedIdx, kTx, 1);
  left.add(1, EventKind::kUsedIdx, kRx, 1);
  left.add(1, EventKind::kDone, kTx, 0);
  left.add(1, EventKind::kIdle);
  Trace right = seeing(kWire | kCalls);
  right.add(0, EventKind::kIdle);
  right.add(1, EventKind::kDone, kTx, 22);
  right.add(1, EventKind::kIdle);
  EventLimits limits = no_limits();
  limits[kTx] = 1;
  std::vector<Difference> out;
  compare(settles(2), left, limits, right, no_limits(), out);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].kind, EventKind::kDone);
  EXPECT_EQ(out[1].queue, kRx);
  out.clear();
  limits[kTx] = left.events.size();
  compare(settles(2), left, limits, right, no_limits(), out);
  EXPECT_EQ(out.size(), 4u);
}

}  // namespace
}  // namespace va
