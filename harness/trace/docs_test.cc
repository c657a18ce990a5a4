// docs/program_syntax.md holds the tables of operations and events as the code has them, and its
// examples are canonical. VA_UPDATE_DOCS=1 writes the tables anew; read the difference.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "prog/ops.h"
#include "trace/case.h"

namespace va {
namespace {

std::string joined(std::span<const std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) {
    if (!name.empty()) out += (out.empty() ? "" : "/") + std::string(name);
  }
  return out;
}

std::string value_of(const Operand& operand) {
  switch (operand.kind) {
    case OperandKind::kEnum:
      return joined(operand.names);
    case OperandKind::kFeatures:
      return "NAME|NAME";
    case OperandKind::kOrdinal:
      return "#N";
    default:
      return operand.hex ? "0xN" : "N";
  }
}

void add_word(const std::string& name, const std::string& value, bool optional, std::string& out) {
  const std::string word = name.empty() ? value : name + "=" + value;
  out += optional ? " [" + word + "]" : " " + word;
}

std::string devices_of(uint8_t devices) {
  if (devices == (kReference | kKernel | kVhostUser | kQemu)) return "every device";
  if (devices == 0) return "no device yet";
  std::string out;
  if ((devices & kReference) != 0) out += "reference";
  if ((devices & kKernel) != 0) out += out.empty() ? "kernel" : ", kernel";
  return out;
}

std::string operations() {
  std::string out;
  for (const OpInfo& info : all_ops()) {
    out += std::string(info.is_control ? "[as other] " : "") + std::string(info.name);
    if (info.has_queue) out += " QUEUE";
    for (const bool named : {false, true}) {
      for (const Operand& operand : info.operands) {
        if (operand.name.empty() == named) continue;
        add_word(std::string(operand.name), value_of(operand), !operand.always, out);
      }
    }
    if (info.has_segs) out += " [SEGMENT…]";
    out += "\n    " + std::string(info.doc) + " (" + devices_of(info.devices) + ")\n";
  }
  return out;
}

std::string events() {
  std::string out;
  for (const EventInfo& info : all_events()) {
    if (info.kind == EventKind::kNone) continue;
    out += info.name;
    if (info.has_queue) out += " QUEUE";
    for (const EventOperand& operand : info.operands) {
      constexpr size_t kShort = 8;
      std::string value = operand.ordinal ? "#N" : operand.hex ? "0xN" : "N";
      if (operand.names.size() > kShort) value = "ok/ERRNO";
      if (!operand.names.empty() && operand.names.size() <= kShort) value = joined(operand.names);
      add_word(std::string(operand.name), value, operand.quiet, out);
    }
    out += "\n    " + std::string(info.doc) + "\n";
  }
  return out;
}

std::string read_docs() {
  std::ifstream file(VA_SYNTAX, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Where the fence behind `<!-- NAME -->` begins and ends.
std::pair<size_t, size_t> fence(const std::string& docs, const std::string& name, size_t from = 0) {
  const size_t mark = docs.find("<!-- " + name + " -->\n```text\n", from);
  if (mark == std::string::npos) return {0, 0};
  const size_t begin = docs.find("```text\n", mark) + 8;
  return {begin, docs.find("```\n", begin)};
}

void check_table(const std::string& name, const std::string& wanted) {
  std::string docs = read_docs();
  const auto [begin, end] = fence(docs, name);
  ASSERT_NE(begin, 0u) << name;
  if (std::getenv("VA_UPDATE_DOCS") != nullptr) {
    docs.replace(begin, end - begin, wanted);
    std::ofstream(VA_SYNTAX, std::ios::binary) << docs;
    return;
  }
  EXPECT_EQ(docs.substr(begin, end - begin), wanted);
}

TEST(Docs, OperationsAreTheTables) {
  check_table("operations", operations());
}

TEST(Docs, EventsAreTheTables) {
  check_table("events", events());
}

TEST(Docs, ExamplesAreCanonical) {
  const std::string docs = read_docs();
  size_t examples = 0;
  for (size_t at = 0;; ++examples) {
    const auto [begin, end] = fence(docs, "example", at);
    if (begin == 0) break;
    const std::string text = docs.substr(begin, end - begin);
    const bool traced = text.starts_with("trace ");
    Case from;
    Trace trace;
    const Status status =
        parse_case(text, Strictness::kStrict, from, traced ? &trace : nullptr, nullptr);
    EXPECT_TRUE(status.ok()) << status.at(text);
    EXPECT_EQ(print_case(from, traced ? &trace : nullptr), text);
    at = end;
  }
  EXPECT_GE(examples, 3u);
}

}  // namespace
}  // namespace va
