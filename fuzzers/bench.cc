// What a program costs, in a plain loop: 1,000 fixed programs of 30 operations, four submits and
// three completions or more in each, decoded, run and judged.
//
//   va_bench                    times them; one JSON object on stdout
//   va_bench --rounds N         N rounds (default 200) of all programs, on both policies each
//   va_bench --emit-seeds DIR   writes the programs as bytes, one file each
//
// A simulator that counts instructions runs `va_bench --rounds 1`: its work is fixed.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <new>
#include <string>
#include <vector>

#include "base/random.h"
#include "fuzz_run.h"
#include "prog/decode.h"
#include "prog/encode.h"
#include "prog/ops.h"

namespace {

uint64_t g_allocations = 0;

}  // namespace

// Counted, so that "nothing is allocated per program" is a figure and not a hope.
// NOLINTBEGIN(cppcoreguidelines-owning-memory): this is where owners come from
void* operator new(size_t size) {
  ++g_allocations;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
// NOLINTEND(cppcoreguidelines-owning-memory)

namespace va {
namespace {

constexpr uint32_t kPrograms = 1000;
constexpr uint32_t kOperations = 30;
constexpr uint32_t kSubmits = 4;
constexpr uint32_t kCompletions = 3;

Op make(Opcode code, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0) {
  Op op;
  op.code = code;
  op.arg = {a, b, c, 0, 0, 0};
  return op;
}

Op make_avail(Random& random) {
  constexpr uint16_t kSizes[] = {60, 243, 244, 1400, 1400, 1514};
  Op op = make(Opcode::kAvail);
  op.nseg = 2;
  op.seg[0] = Seg{false, 1, 12};
  op.seg[1] = Seg{false, 1, random.pick(kSizes)};
  op.arg[1] = random.one_in(4) ? static_cast<uint64_t>(AvailMode::kIndirect) : 0;
  return op;
}

Op make_other(Random& random, uint32_t submitted) {
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      return make(Opcode::kKick);
    case 3:
    case 4:
    case 5:
      return make(Opcode::kComplete, random.below(submitted + 1));
    case 6:
      return make(Opcode::kUsedEvent, random.below(16));
    default:
      return make(Opcode::kSettle);
  }
}

void generate(uint32_t number, Program& program) {
  Random random(number);
  constexpr uint16_t kNums[] = {8, 16, 64, 256};
  program.clear();
  program.ops.push_back(make(Opcode::kVring, random.pick(kNums), random.one_in(2) ? 0xfffc : 0,
                             random.one_in(2) ? kEventIdx : 0));
  program.ops.push_back(make(Opcode::kBackend));
  uint32_t submitted = 0;
  for (; submitted < kSubmits; ++submitted) program.ops.push_back(make_avail(random));
  program.ops.push_back(make(Opcode::kKick));
  for (uint32_t i = 0; i < kCompletions; ++i) {
    program.ops.push_back(make(Opcode::kComplete, random.below(kSubmits)));
  }
  while (program.ops.size() < kOperations - 1) {
    const bool avail = random.one_in(8);
    program.ops.push_back(avail ? make_avail(random) : make_other(random, submitted));
    if (avail) ++submitted;
  }
  program.ops.push_back(make(Opcode::kSettle));
}

std::vector<std::vector<uint8_t>> make_inputs() {
  std::vector<std::vector<uint8_t>> inputs(kPrograms);
  Program program;
  for (uint32_t i = 0; i < kPrograms; ++i) {
    generate(i, program);
    encode(program, inputs[i]);
  }
  return inputs;
}

int emit(const std::string& folder) {
  uint32_t number = 0;
  for (const std::vector<uint8_t>& input : make_inputs()) {
    const std::string path = folder + "/" + std::to_string(number++);
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(input.data()),
               static_cast<std::streamsize>(input.size()));
    if (!file) {
      std::fprintf(stderr, "%s: cannot be written\n", path.c_str());
      return 3;
    }
  }
  return 0;
}

// What one Program costs, over so many rounds. Processor time is counted, so what else the machine
// does is no part of it; what that takes of the caches and of the clock only ever adds, so the
// fastest round is the cost and the median says how quiet the machine was.
struct Cost {
  double fastest_us = 0;
  double median_us = 0;
};

template <typename Round>
Cost measure(uint32_t rounds, Round round) {
  std::vector<std::clock_t> took(std::max(rounds, 1u));
  for (std::clock_t& each : took) {
    const std::clock_t start = std::clock();
    round();
    each = std::clock() - start;
  }
  std::sort(took.begin(), took.end());
  const double us = 1e6 / CLOCKS_PER_SEC / (2 * kPrograms);
  return {us * static_cast<double>(took.front()), us * static_cast<double>(took[took.size() / 2])};
}

// A round has each Program twice, on either policy.
int time_them(uint32_t rounds) {
  const std::vector<std::vector<uint8_t>> inputs = make_inputs();
  Program program;
  Trace trace;
  Verdicts verdicts;
  ReferenceDevice devices[] = {ReferenceDevice(Policy::kArrival, false),
                               ReferenceDevice(Policy::kInorder, false)};
  Judge judge;
  uint64_t findings = 0;
  const auto decode_all = [&] {
    for (size_t i = 0; i < std::size(devices); ++i) {
      for (const std::vector<uint8_t>& input : inputs) decode(input, program);
    }
  };
  const auto run_all = [&] {
    for (ReferenceDevice& device : devices) {
      for (const std::vector<uint8_t>& input : inputs) {
        decode(input, program);
        device.run(program, kFuzzBudget, trace);
      }
    }
  };
  uint64_t allocations = 0;
  const auto judge_all = [&] {
    const uint64_t before = g_allocations;
    for (ReferenceDevice& device : devices) {
      for (const std::vector<uint8_t>& input : inputs) {
        decode(input, program);
        device.run(program, kFuzzBudget, trace);
        judge.judge(program, trace, verdicts);
        findings += verdicts.findings.size();
      }
    }
    allocations += g_allocations - before;
  };
  judge_all();
  allocations = 0;  // it is warm now, and allocates nothing
  const Cost all = measure(rounds, judge_all);
  const double decode_us = measure(rounds, decode_all).fastest_us;
  const double run_us = measure(rounds, run_all).fastest_us - decode_us;
  std::printf(
      "{\"programs\": %llu, \"operations_per_program\": %u, \"us_per_program\": %.3f, "
      "\"median_us\": %.3f, \"decode_us\": %.3f, \"run_us\": %.3f, \"judge_us\": %.3f, "
      "\"allocations\": %llu, \"findings\": %llu}\n",
      static_cast<unsigned long long>(rounds) * kPrograms * std::size(devices), kOperations,
      all.fastest_us, all.median_us, decode_us, run_us, all.fastest_us - decode_us - run_us,
      static_cast<unsigned long long>(allocations), static_cast<unsigned long long>(findings));
  return 0;
}

}  // namespace
}  // namespace va

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--emit-seeds") == 0) return va::emit(argv[2]);
  if (argc == 3 && std::strcmp(argv[1], "--rounds") == 0) {
    return va::time_them(static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10)));
  }
  if (argc == 1) return va::time_them(200);
  std::fprintf(stderr, "usage: va_bench [--rounds N | --emit-seeds DIR]\n");
  return 2;
}
