// bytes -> Program -> bytes, and -> text -> Program: nothing is lost on either way, whatever the
// bytes are, and what the mutator makes of the Program is valid too.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "ops_per_input.h"
#include "prog/decode.h"
#include "prog/encode.h"
#include "prog/kernel_shape.h"
#include "prog/mutate.h"
#include "prog/validate.h"
#include "trace/case.h"

namespace {

void check_bytes(const va::Program& program) {
  std::vector<uint8_t> bytes;
  va::Program back;
  va::encode(program, bytes);
  va::decode(bytes, back);
  VA_CHECK(va::validate(program).ok());
  VA_CHECK(back == program);
}

void check_text(const va::Program& program) {
  va::Case from;
  va::Case back;
  from.program = program;
  const std::string text = va::print_case(from);
  VA_CHECK(va::parse_case(text, va::Strictness::kStrict, back, nullptr, nullptr).ok());
  VA_CHECK(back.program == program);
  VA_CHECK(va::print_case(back) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static va::OpsPerInput count;
  va::Program program;
  va::decode({data, size}, program, va::kFuzzBudget);
  count.add(program.ops.size());
  check_bytes(program);
  check_text(program);
  va::Random random(size);
  va::MutateOptions options;
  if (size % 2 == 0) options.device_kinds |= va::kKernel;
  va::mutate(program, random, options);
  VA_CHECK(program.ops.size() <= options.max_ops);
  check_bytes(program);
  return 0;
}
