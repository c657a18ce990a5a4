#include "prog/mutate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "prog/decode.h"
#include "prog/encode.h"
#include "prog/kernel_shape.h"
#include "prog/print.h"
#include "prog/validate.h"

namespace va {
namespace {

std::string text_of(const Program& program) {
  std::string out;
  for (const Op& op : program.ops) out += print_op(op) + "\n";
  return out;
}

void expect_good(const Program& program, const MutateOptions& options) {
  const Status status = validate(program);
  ASSERT_TRUE(status.ok()) << status.message() << "\n" << text_of(program);
  ASSERT_LE(program.ops.size(), options.max_ops);
  std::vector<uint8_t> bytes;
  Program back;
  encode(program, bytes);
  decode(bytes, back);
  ASSERT_EQ(back, program) << text_of(program);
}

// On the kernel: what a Program may do, said in other words than fit_kernel does.
void expect_kernel_shape(const Program& program) {
  std::set<uint64_t> held;
  uint64_t next = 0;
  uint64_t times = 1;
  uint64_t calls = 0;
  for (const Op& op : program.ops) {
    const OpInfo& info = op_info(op.code);
    ASSERT_NE(info.devices & kKernel, 0) << info.name;
    if (op.code == Opcode::kRepeat) times = op.arg[0];
    if (op.code == Opcode::kEnd) times = 1;
    for (uint64_t i = 0; i < times && op.code == Opcode::kAvail && op.queue == kTx; ++i)
      held.insert(next++);
    if (op.code == Opcode::kComplete && op.queue == kTx) held.erase(op.arg[0]);
    if (!held.empty()) {
      ASSERT_LE(*held.rbegin() - *held.begin(), 63u) << text_of(program);
    }
    if (held.empty()) calls = 0;
    const bool other = op.code == Opcode::kBackend || op.code == Opcode::kSetMemTable ||
                       op.code == Opcode::kRelease || op.code == Opcode::kResetOwner ||
                       op.code == Opcode::kVring;
    const bool same = op.code == Opcode::kBackend &&
                      (op.queue == kRx || op.arg[0] == static_cast<uint64_t>(BackendKind::kSame));
    if (!held.empty() && info.is_control && ((other && !same) || calls > 0)) calls += times;
    ASSERT_LE(calls, 2u) << text_of(program);
  }
}

TEST(Mutate, KeepsProgramsValidAndWithinTheirBounds) {
  Random random(7);
  Program program;
  Program other;
  for (const Profile profile :
       {Profile::kAll, Profile::kDescriptors, Profile::kAvailIndex, Profile::kCompletionOrder}) {
    MutateOptions options;
    options.profile = profile;
    options.max_ops = 40;
    for (int i = 0; i < 4'000; ++i) {
      mutate(program, random, options);
      expect_good(program, options);
      if (HasFatalFailure()) return;
      if (random.one_in(4)) {
        crossover(program, other, random, options);
        expect_good(program, options);
      }
      if (random.one_in(8)) other = program;
    }
  }
}

TEST(Mutate, OneSeedIsOneProgram) {
  const auto grown = [](uint64_t seed) {
    Random random(seed);
    Program program;
    for (int i = 0; i < 50; ++i) mutate(program, random, MutateOptions{});
    return program;
  };
  EXPECT_EQ(grown(8), grown(8));
  EXPECT_NE(grown(8), grown(9));
}

TEST(Mutate, TheKernelGetsWhatItCanExecute) {
  Random random(10);
  MutateOptions options;
  options.device_kinds = kReference | kKernel;
  Program program;
  for (int i = 0; i < 10'000; ++i) {
    if (random.one_in(50)) program.clear();
    mutate(program, random, options);
    expect_good(program, options);
    expect_kernel_shape(program);
    if (HasFatalFailure()) return;
  }
}

TEST(Mutate, EveryOperationOfTheReferenceComesUp) {
  Random random(11);
  std::set<Opcode> seen;
  Program program;
  MutateOptions options;
  options.transmit_only = false;
  for (int i = 0; i < 20'000; ++i) {
    if (random.one_in(20)) program.clear();
    mutate(program, random, options);
    for (const Op& op : program.ops) seen.insert(op.code);
  }
  for (const OpInfo& info : all_ops()) {
    const bool wanted = (info.devices & kReference) != 0 && info.code != Opcode::kNop;
    EXPECT_EQ(seen.contains(info.code), wanted) << info.name;
  }
}

// What generate_conforming promises, as far as a Program shows it.
TEST(Conforming, ChainsFitTheRingAndNoDutyIsBrokenByHand) {
  Random random(12);
  const MutateOptions options = conforming_options();
  Program program;
  uint64_t avails = 0;
  uint64_t completions = 0;
  for (int i = 0; i < 5'000; ++i) {
    generate_conforming(random, options, program);
    expect_good(program, options);
    uint64_t num = 0;
    bool event_idx = false;
    for (const Op& op : program.ops) {
      switch (op.code) {
        case Opcode::kDesc:
        case Opcode::kAvailEntry:
        case Opcode::kAvailIdx:
        case Opcode::kStore:
          FAIL() << print_op(op);
        case Opcode::kVring:
          num = op.arg[0];
          event_idx = (op.arg[2] & kEventIdx) != 0;
          break;
        case Opcode::kUsedEvent:
        case Opcode::kAvailFlags:
          ASSERT_EQ(event_idx, op.code == Opcode::kUsedEvent) << text_of(program);
          break;
        case Opcode::kComplete:
          ++completions;
          break;
        case Opcode::kAvail: {
          ++avails;
          uint64_t descriptors = 0;
          uint64_t bytes = 0;
          for (size_t s = 0; s < op.nseg; ++s) {
            const uint64_t count = op.seg[s].count == 0 ? 1 : op.seg[s].count;
            descriptors += count;
            bytes += count * op.seg[s].len;
            ASSERT_FALSE(op.seg[s].writable);
            ASSERT_NE(op.seg[s].len, 0);
          }
          ASSERT_LE(descriptors, num) << print_op(op);
          ASSERT_GE(bytes, 10u + 60u) << print_op(op);
          break;
        }
        default:
          break;
      }
    }
  }
  EXPECT_GT(avails, 5'000u * 5);
  EXPECT_GT(completions, 5'000u * 5);
}

TEST(Conforming, ReceiveBuffersTakeAHeaderAndAloneAFrame) {
  Random random(14);
  MutateOptions options = conforming_options();
  options.transmit_only = false;
  Program program;
  uint64_t frames = 0;
  uint64_t buffers = 0;
  for (int i = 0; i < 3'000; ++i) {
    generate_conforming(random, options, program);
    expect_good(program, options);
    uint64_t num = 0;
    uint64_t features = 0;
    for (const Op& op : program.ops) {
      if (op.code == Opcode::kInject) ++frames;
      if (op.queue != kRx) continue;
      if (op.code == Opcode::kVring) num = op.arg[0], features = op.arg[2];
      if (op.code != Opcode::kAvail) continue;
      ++buffers;
      ASSERT_LE(op.nseg, num) << print_op(op);
      uint64_t bytes = op.nseg == 0 ? 1526 : 0;
      for (size_t s = 0; s < op.nseg; ++s) {
        ASSERT_TRUE(op.seg[s].writable && op.seg[s].len != 0) << print_op(op);
        bytes += uint64_t{std::max<uint8_t>(op.seg[s].count, 1)} * op.seg[s].len;
      }
      ASSERT_GE(bytes, (features & kMrgRxbuf) != 0 ? 26u : 1526u) << print_op(op);
    }
  }
  EXPECT_GT(frames, 3'000u * 5);
  EXPECT_GT(buffers, 3'000u * 5);
}

TEST(Conforming, TheKernelGetsWhatItCanExecute) {
  Random random(13);
  MutateOptions options = conforming_options();
  options.device_kinds = kReference | kKernel;
  Program program;
  uint64_t controls = 0;
  for (int i = 0; i < 5'000; ++i) {
    generate_conforming(random, options, program);
    expect_good(program, options);
    expect_kernel_shape(program);
    if (HasFatalFailure()) return;
    for (const Op& op : program.ops) controls += op_info(op.code).is_control;
  }
  EXPECT_GT(controls, 5'000u * 3);
}

}  // namespace
}  // namespace va
