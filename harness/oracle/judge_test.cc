// What the judge promises beyond its rules: nothing is allocated once it is warm, and a verdict
// does not depend on what was judged before.
#include "oracle/judge.h"

#include <cstdlib>
#include <new>

#include "oracle/testing/script.h"

namespace {

size_t allocations = 0;

}  // namespace

// Counts every allocation of this test program.
#ifdef VA_TSAN  // has operators of its own, which cannot be replaced, and calls this
extern "C" void __sanitizer_malloc_hook(const volatile void*, size_t) {
  ++allocations;
}
#else
void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
#endif

namespace va::oracle {
namespace {

Script busy_program() {
  Script s(8, 0xfffe, "EVENT_IDX");
  s.line("used_event tx 0xffff").avail().avail().avail().kick();
  s.complete(1).used(1).call().complete(0).used(0).call().complete(2).used(2).idle();
  s.line("used_event tx 0x0001").avail().idle();
  s.line("kick tx").line("< submitted tx #3").frame(3).complete(3).used(3).call().idle();
  return s;
}

TEST(Judge, AllocatesNothingOnceWarm) {
  Case from;
  Trace trace;
  ASSERT_TRUE(parse_case(busy_program().text(), Strictness::kLenient, from, &trace, nullptr).ok());
  Judge judge;
  Verdicts verdicts;
  judge.judge(from.program, trace, verdicts);
  ASSERT_TRUE(verdicts.findings.empty())
      << verdicts.findings[0].rule << verdicts.findings[0].actual;
  const size_t before = allocations;
  ASSERT_GT(before, 0u) << "nothing is counted";
  for (int i = 0; i < 100; ++i) judge.judge(from.program, trace, verdicts);
  EXPECT_EQ(allocations, before);
}

TEST(Judge, RemembersNothing) {
  Case good;
  Trace good_trace;
  Case bad;
  Trace bad_trace;
  Script s = busy_program();
  ASSERT_TRUE(parse_case(s.text(), Strictness::kLenient, good, &good_trace, nullptr).ok());
  s.line("avail_entry tx 4 77").line("avail_idx tx 0x0003").line("kick tx").line("< busy");
  ASSERT_TRUE(parse_case(s.text(), Strictness::kLenient, bad, &bad_trace, nullptr).ok());
  Judge judge;
  Verdicts verdicts;
  for (int i = 0; i < 3; ++i) {
    judge.judge(bad.program, bad_trace, verdicts);
    ASSERT_EQ(verdicts.findings.size(), 1u);
    EXPECT_EQ(verdicts.findings[0].rule, "SAF-03");
    EXPECT_EQ(verdicts.worst(), VerdictKind::kRobustness);
    judge.judge(good.program, good_trace, verdicts);
    EXPECT_EQ(verdicts.worst(), VerdictKind::kPass);
  }
}

}  // namespace
}  // namespace va::oracle
