// Operation <-> text.
#include <gtest/gtest.h>

#include <string>

#include "base/random.h"
#include "prog/decode.h"
#include "prog/ops.h"
#include "prog/parse.h"
#include "prog/print.h"

namespace va {
namespace {

TEST(Text, AnyOperationRoundTrips) {
  Random random(3);
  std::vector<uint8_t> bytes(60'000);
  for (uint8_t& byte : bytes) {
    byte = static_cast<uint8_t>(random.one_in(2) ? random.next() : random.below(73));
  }
  Program program;
  decode(bytes, program);
  std::string text;
  for (const Op& op : program.ops) {
    text.clear();
    print_op(op, text);
    Op back;
    const Status status = parse_op(text, back);
    ASSERT_TRUE(status.ok()) << status.at(text);
    ASSERT_EQ(op, back) << text;
  }
}

TEST(Text, AnOptionalBareNumberIsTheLastBareOperand) {
  // Otherwise text could not tell which of two was left out.
  for (const OpInfo& info : all_ops()) {
    bool open = false;
    for (const Operand& operand : info.operands) {
      if (!operand.name.empty()) continue;
      EXPECT_FALSE(open) << info.name;
      open = !operand.always && operand.kind != OperandKind::kEnum;
    }
  }
}

struct Good {
  const char* text;
  const char* canonical;
};
TEST(Text, ManyWritingsHaveOneCanonicalForm) {
  const Good cases[] = {
      {"  kick   tx ", "kick tx"},
      {"avail tx [ r 12 ][w 0x10 x3]", "avail tx [r 12][w 16 x3]"},
      {"avail tx head=3 indirect", "avail tx indirect head=3"},
      {"avail rx3 direct at=0", "avail rx3"},
      {"as  other set_owner", "as other set_owner"},
      {"complete tx #2 inside", "complete tx #2 inside"},
      {"complete tx #2 ok after len=0", "complete tx #2 len=0"},
      {"vring tx features=LEGACY|EVENT_IDX base=65534",
       "vring tx base=0xfffe features=EVENT_IDX|LEGACY"},
      {"refuse tx n=2 EAGAIN inside", "refuse tx EAGAIN inside n=2"},
      {"used_event tx 0", "used_event tx 0x0000"},
      {"step 0", "step"},
      {"kick tx # why", "kick tx"},
  };
  for (const Good& good : cases) {
    Op op;
    const Status status = parse_op(good.text, op);
    EXPECT_TRUE(status.ok()) << status.at(good.text);
    EXPECT_EQ(print_op(op), good.canonical);
  }
}

struct Bad {
  const char* text;
  int column;
  const char* message;
};
TEST(Text, ErrorsNameTheColumnAndWhatWasExpected) {
  const Bad cases[] = {
      {"", 1, "expected an operation, found the end of the line"},
      {"kik tx", 1, "expected an operation, found \"kik\""},
      {"kick", 5, "expected a queue (tx, rx, tx1, rx1, …), found the end of the line"},
      {"kick tx4", 6, "expected a queue (tx, rx, tx1, rx1, …), found \"tx4\""},
      {"kick tx #3", 9, "expected the end of the line, found \"#3\""},
      {"as root set_owner", 4, "expected other, found \"root\""},
      {"as other kick tx", 10, "expected a control call, found \"kick\""},
      {"backend tx assync", 12,
       "expected async, sync, none, same, bad_fd, not_socket or gone, found \"assync\""},
      {"backend tx", 11,
       "expected async, sync, none, same, bad_fd, not_socket or gone, found the end of the line"},
      {"complete tx 3", 13, "expected a request (#0 to #65535), found \"3\""},
      {"complete tx #3 late", 16, "expected ok or failed, or after or inside, found \"late\""},
      {"used_event tx 65536", 15, "expected a number from 0 to 65535, found \"65536\""},
      {"used_event tx -1", 15, "expected a number from 0 to 65535, found \"-1\""},
      {"vring tx num=x", 14, "expected a number from 0 to 65535, found \"x\""},
      {"vring tx num=4 num=8", 16, "expected each name once, found \"num=8\""},
      {"vring tx nums=4", 10,
       "expected num=, base=, features=, or the end of the line, found \"nums=4\""},
      {"vring tx features=EVENT", 19,
       "expected NAME|NAME of EVENT_IDX, NOTIFY_ON_EMPTY, MRG_RXBUF, LOG_ALL, IN_ORDER, NET_HDR, "
       "NO_INDIRECT or LEGACY, found \"EVENT\""},
      {"avail tx head=65535", 15, "expected a number from 0 to 65534, found \"65535\""},
      {"avail tx [r 12", 10, "expected a segment that ends in ], found \"[r 12\""},
      {"avail tx [q 12]", 10,
       "expected [r LEN], [w LEN] or [r LEN xCOUNT], LEN to 65535, COUNT 1 to 255, found "
       "\"[q 12]\""},
      {"avail tx [r 1 x256]", 10,
       "expected [r LEN], [w LEN] or [r LEN xCOUNT], LEN to 65535, COUNT 1 to 255, found "
       "\"[r 1 x256]\""},
      {"avail tx [r 1][r 1][r 1][r 1][r 1][r 1][r 1][r 1][r 1]", 50,
       "expected no more than 8 segments, found \"[r 1]\""},
      {"settle [r 1]", 8, "expected the end of the line, found \"[r 1]\""},
      {"region 64 gpa=0 size=0 user=0", 8, "expected a number from 0 to 63, found \"64\""},
      {"region 1 gpa=0 size=0", 22,
       "expected user=, a number from 0 to 18446744073709551615, found the end of the line"},
  };
  for (const Bad& bad : cases) {
    Op op;
    const Status status = parse_op(bad.text, op);
    EXPECT_EQ(status.message(), bad.message) << bad.text;
    EXPECT_EQ(status.column(), bad.column) << bad.text;
    EXPECT_EQ(status.line(), 1);
  }
}

}  // namespace
}  // namespace va
