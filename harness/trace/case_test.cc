// Text <-> Case and Trace.
#include "trace/case.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"
#include "prog/frame.h"

namespace va {
namespace {

constexpr const char* kCase = R"(# Two requests in flight, the later completes first.

# rule: NUS-04
vring tx num=8 base=0xfffe features=EVENT_IDX  # base also stands in used idx
backend tx async
avail tx [r 12][r 1400]
# before the expectation
> exposed tx #0  # of the mark
# and behind it
repeat 3  # thrice
  kick tx
  # inside
  >? call tx

end
complete tx #0
as other get_vring_base tx
> done EPERM
settle
>! used tx id=1 len=0
> idle

# the end
)";

Case parsed(const std::string& text, Trace* trace = nullptr) {
  Case out;
  const Status status = parse_case(text, Strictness::kStrict, out, trace, nullptr);
  EXPECT_TRUE(status.ok()) << status.at(text);
  return out;
}

TEST(Case, CanonicalTextComesBackAsItWas) {
  const Case from = parsed(kCase);
  EXPECT_EQ(from.rule, "NUS-04");
  EXPECT_EQ(from.program.ops.size(), 9u);
  ASSERT_EQ(from.expectations.size(), 5u);
  EXPECT_EQ(from.expectations[2].op, 7u);
  EXPECT_EQ(from.expectations[2].given, 1u);
  EXPECT_EQ(from.expectations[3].given, 6u);
  EXPECT_EQ(from.expectations[3].mark, Mark::kMustNot);
  EXPECT_EQ(from.lines[0], 4u);
  EXPECT_EQ(print_case(from), kCase);
}

TEST(Case, ARuleWithoutItsCommentIsPrinted) {
  Case from;
  from.rule = "SPL-01";
  from.program.ops.emplace_back();
  EXPECT_EQ(print_case(from), "# rule: SPL-01\nnop\n");
  EXPECT_EQ(parsed(print_case(from)).rule, "SPL-01");
}

TEST(Case, ARuleThatChangedIsPrintedInItsPlace) {
  Case from = parsed("# a\n# rule: SPL-01\n\nsettle\n");
  from.rule = "SPL-02";
  EXPECT_EQ(print_case(from), "# a\n# rule: SPL-02\n\nsettle\n");
}

constexpr const char* kTrace =
    R"(trace 1 device=reference:inorder version="6.1 \x22a\x22" features=0x133d008000 )"
    R"(policy=inorder sees=every-store|wire|calls
# of the case
avail tx
< setup tx
< desc tx addr=0x100000 buf=0x11c000 len=12 flags_next=0x00010001
< exposed tx #0 head=0 slot=7 idx=0xffff  # the last before the wrap
repeat 2
  kick tx
end
< @2 submitted tx #0
< @1 steps 1
< @2 submitted tx raw
release
> done ok
< begin
< done ok
< @5 allocated 0
)";

TEST(Trace, CanonicalTextComesBackAsItWas) {
  Trace trace;
  const Case from = parsed(kTrace, &trace);
  EXPECT_EQ(trace.header.version, "6.1 \"a\"");
  EXPECT_EQ(trace.header.policy, Policy::kInorder);
  EXPECT_EQ(trace.header.sees, kEveryStore | kWire | kCalls);
  ASSERT_EQ(trace.events.size(), 9u);
  EXPECT_EQ(trace.events[3].op, 2u);
  EXPECT_EQ(trace.events[5].arg[0], kNoOrdinal);
  EXPECT_EQ(trace.events[8].op, 5u);
  EXPECT_EQ(print_case(from, &trace), kTrace);
}

TEST(Trace, StrippedOfObservationsItIsTheProgram) {
  Trace trace;
  const Case from = parsed(kTrace, &trace);
  const std::string text = print_case(from);
  EXPECT_EQ(text.find('<'), std::string::npos);
  EXPECT_EQ(parsed(text).program, from.program);
}

// The event of an operation that does not exist is printed at the end: the comment behind it stays.
TEST(Trace, CommentsOfLinesThatMoveAreKept) {
  const std::string kText =
      R"(trace 1 device=x version=1 features=0x0 policy=arrival sees=at-quiescence
kick tx
< @3 call tx  # one
kick tx  # two
< @3 call tx  # rule: SPL-01
)";
  Trace trace;
  const Case from = parsed(kText, &trace);
  const std::string text = print_case(from, &trace);
  EXPECT_NE(text.find("\n# one\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nkick tx  # two\n"), std::string::npos) << text;
  EXPECT_NE(text.find("# rule: SPL-01\n"), std::string::npos) << text;
  Trace back;
  const Case again = parsed(text, &back);
  EXPECT_EQ(again.notes.size(), from.notes.size());
  EXPECT_EQ(again.rule, "");
  EXPECT_EQ(back, trace);
  EXPECT_EQ(print_case(again, &back), text);
}

// Random events, in any order and of any operation.
Trace random_trace(Random& random, uint32_t ops) {
  Trace trace;
  trace.header.device = random.one_in(2) ? "kernel" : "vhost-user:/a b --exec 'x \"{socket}\"'";
  trace.header.features = random.next();
  trace.header.policy = static_cast<Policy>(random.below(4));
  trace.header.sees = random.below(512);
  for (uint32_t n = random.below(20); n > 0; --n) {
    Event event;
    event.kind = static_cast<EventKind>(1 + random.below(kEventKinds - 1));
    event.queue = static_cast<Queue>(random.one_in(3) ? random.below(kQueues) : 0);
    event.op = random.below(ops + 3);
    for (size_t i = 0; i < event_info(event.kind).operands.size(); ++i) {
      event.arg[i] = random.one_in(3) ? random.below(8) : random.next() >> random.below(64);
    }
    trace.events.push_back(event);
  }
  return trace;
}

TEST(Trace, AnyTraceRoundTrips) {
  Random random(4);
  const std::string programs[] = {"", "kick tx\n", "repeat 2\n  nop\nend\nsettle\n",
                                  "nop\nrepeat 0\nend\nrepeat 1\n  kick rx1\nend\n"};
  for (int i = 0; i < 5'000; ++i) {
    const Case from = parsed(programs[random.below(4)]);
    const Trace trace = random_trace(random, static_cast<uint32_t>(from.program.ops.size()));
    const std::string text = print_case(from, &trace);
    Trace back;
    const Case again = parsed(text, &back);
    ASSERT_EQ(back, trace) << text;
    ASSERT_EQ(again.program, from.program) << text;
    ASSERT_EQ(print_case(again, &back), text);
  }
}

TEST(Case, LenientReadingSaysWhatItPassesOver) {
  const char* text =
      "\xef\xbb\xbftrace 1 device=x colour=red sees=wire|smell\r\nkick tx\r\n< glow tx 3 # odd\n"
      "< call tx loud\n< idle inflight=0 heat=9\n";
  Case out;
  Trace trace;
  std::vector<std::string> warnings;
  ASSERT_TRUE(parse_case(text, Strictness::kLenient, out, &trace, &warnings).ok());
  EXPECT_EQ(out.program.ops.size(), 1u);
  EXPECT_EQ(trace.events.size(), 2u);
  const std::vector<std::string> expected = {
      "1:1: expected no byte order mark; ignored",
      "1:44: expected no carriage return; ignored",
      "1:18: expected device=, version=, features=, policy= or sees=, found \"colour=red\"; "
      "ignored",
      "1:39: expected at-quiescence, every-store, wire, memory, dirty-pages, steps, calls, "
      "submits, "
      "allocations, errors or log-signals, found \"smell\"; ignored",
      "3:3: expected an event, found \"glow\"; ignored",
      "4:11: expected the end of the line, found \"loud\"; ignored",
      "5:19: expected inflight= or the end of the line, found \"heat=9\"; ignored",
  };
  EXPECT_EQ(warnings, expected);
  EXPECT_FALSE(parse_case(text, Strictness::kStrict, out, &trace, nullptr).ok());
}

TEST(Case, ATraceIsACaseOnceItsObservationsAreIgnored) {
  Case out;
  std::vector<std::string> warnings;
  ASSERT_TRUE(parse_case(kTrace, Strictness::kLenient, out, nullptr, &warnings).ok());
  EXPECT_EQ(out.program.ops.size(), 5u);
  EXPECT_EQ(warnings.size(), 2u);  // the trace line, and once for the observations
}

TEST(Events, NamesAreUniqueAndFound) {
  for (const EventInfo& info : all_events()) {
    EXPECT_FALSE(info.doc.empty());
    EXPECT_LE(info.operands.size(), 4u);
    if (info.kind == EventKind::kNone) continue;
    EXPECT_EQ(find_event(info.name), &info);
  }
  EXPECT_EQ(find_event("none"), nullptr);
  EXPECT_EQ(event_info(static_cast<EventKind>(200)).kind, EventKind::kNone);
}

}  // namespace
}  // namespace va
