// The words of a line of case text: what parse and print of operations and of events share.
//
// A line is words between blanks. `[…]` is one word and needs no blank beside it. A `#` that begins
// a word starts a comment, unless a digit follows: `#3` is an ordinal.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "prog/program.h"

namespace va {

struct Word {
  std::string_view text;  // empty at the end of the line
  int column = 1;
  bool end() const { return text.empty(); }
};

class LineReader {
 public:
  // `line` without newline; must outlive the reader. `number` counts from 1.
  explicit LineReader(std::string_view line, int number = 1);

  const Word& peek() const { return word_; }
  Word next();

  // From `#` to the end, without blanks at the end. Of use when peek().end().
  std::string_view comment() const;

  // "expected WHAT, found "word"" at the word.
  Status expected(std::string_view what, const Word& found) const;
  Status error(std::string message, int column) const;

 private:
  void read();

  std::string_view line_;
  int number_;
  size_t at_ = 0;
  Word word_;
};

// Decimal or 0x…; nothing else, no overflow.
std::optional<uint64_t> parse_number(std::string_view text);

// `tx`, `rx`, `tx1`, … `rx3`.
std::optional<Queue> parse_queue(std::string_view text);
inline constexpr std::string_view kQueueWords = "a queue (tx, rx, tx1, rx1, …)";

// `#n`, n at most `max`.
std::optional<uint64_t> parse_ordinal(std::string_view text, uint64_t max);

// Position in `names`; an empty name is none.
std::optional<size_t> find_name(std::span<const std::string_view> names, std::string_view text);

// "a, b or c".
std::string one_of(std::span<const std::string_view> names);

void print_decimal(uint64_t value, std::string& out);
void print_hex(uint64_t value, int digits, std::string& out);  // at least `digits` digits
void print_queue(Queue queue, std::string& out);

std::string_view trim(std::string_view text);  // without blanks on both sides

}  // namespace va
