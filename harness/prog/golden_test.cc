// Stability: bytes that were stored years ago keep their meaning. Add lines to golden.txt, and
// never change one.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "prog/decode.h"
#include "prog/encode.h"
#include "prog/ops.h"
#include "prog/parse.h"
#include "prog/print.h"

namespace va {
namespace {

std::vector<uint8_t> from_hex(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

TEST(Golden, BytesKeepTheirText) {
  std::ifstream file(VA_GOLDEN);
  ASSERT_TRUE(file);
  std::string line;
  std::set<Opcode> seen;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    const size_t blank = line.find(' ');
    const std::vector<uint8_t> golden = from_hex(line.substr(0, blank));
    const std::string text = line.substr(blank + 1);
    Program program;
    ASSERT_TRUE(parse_op(text, program.ops.emplace_back()).ok()) << text;
    seen.insert(program.ops[0].code);
    std::vector<uint8_t> bytes;
    encode(program, bytes);
    EXPECT_EQ(bytes, golden) << text;
    EXPECT_EQ(print_op(program.ops[0]), text);
    Program back;
    decode(golden, back);
    const bool alone = text.starts_with("repeat") || text == "end";  // a nop without its partner
    if (!alone) {
      EXPECT_EQ(back, program) << text;
    }
  }
  for (const OpInfo& info : all_ops()) {
    EXPECT_TRUE(seen.contains(info.code)) << "golden.txt has no line for " << info.name;
  }
}

}  // namespace
}  // namespace va
