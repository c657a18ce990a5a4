// Any text is a case, a trace, or an error with a position. What was understood prints as canonical
// text, which is read again, strictly, as the same.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "ops_per_input.h"
#include "prog/validate.h"
#include "trace/case.h"

namespace {

bool same(const va::Case& a, const va::Case& b) {
  if (a.program != b.program || a.rule != b.rule || a.notes.size() != b.notes.size()) return false;
  if (a.expectations.size() != b.expectations.size()) return false;
  for (size_t i = 0; i < a.expectations.size(); ++i) {
    const va::Expectation& x = a.expectations[i];
    const va::Expectation& y = b.expectations[i];
    if (x.mark != y.mark || x.op != y.op || x.given != y.given || x.pattern != y.pattern) {
      return false;
    }
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static va::OpsPerInput count;
  const std::string text(reinterpret_cast<const char*>(data), size);
  va::Case from;
  va::Trace trace;
  const va::Status status = va::parse_case(text, va::Strictness::kLenient, from, &trace, nullptr);
  if (!status.ok()) {
    VA_CHECK(status.line() > 0 && status.column() > 0);
    return 0;
  }
  count.add(from.program.ops.size());
  VA_CHECK(va::validate(from.program).ok());
  const std::string printed = va::print_case(from, &trace);
  va::Case back;
  va::Trace trace_back;
  VA_CHECK(va::parse_case(printed, va::Strictness::kStrict, back, &trace_back, nullptr).ok());
  VA_CHECK(same(from, back));
  VA_CHECK(trace == trace_back);
  VA_CHECK(va::print_case(back, &trace_back) == printed);
  return 0;
}
