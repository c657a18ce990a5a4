#include "prog/text.h"

#include <charconv>

namespace va {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A word as a message can show it: printable and not too long.
std::string shown(std::string_view text) {
  constexpr size_t kLongest = 40;
  std::string out(text.substr(0, kLongest));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out + (text.size() > kLongest ? "…" : "");
}

}  // namespace

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

LineReader::LineReader(std::string_view line, int number) : line_(line), number_(number) {
  read();
}

void LineReader::read() {
  while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
  word_.column = static_cast<int>(at_) + 1;
  size_t end = at_;
  const bool comment = at_ < line_.size() && line_[at_] == '#' &&
                       !(at_ + 1 < line_.size() && is_digit(line_[at_ + 1]));
  if (comment) {
    // The word is empty, and at_ stays: comment() begins here.
  } else if (at_ < line_.size() && line_[at_] == '[') {
    end = line_.find(']', at_);
    end = end == std::string_view::npos ? line_.size() : end + 1;
  } else {
    bool quoted = false;
    while (end < line_.size() && (quoted || (!is_blank(line_[end]) && line_[end] != '['))) {
      if (line_[end] == '"') quoted = !quoted;
      ++end;
    }
  }
  word_.text = line_.substr(at_, end - at_);
  at_ = end;
}

Word LineReader::next() {
  const Word word = word_;
  if (!word.end()) read();
  return word;
}

std::string_view LineReader::comment() const {
  return trim(line_.substr(at_));
}

Status LineReader::expected(std::string_view what, const Word& found) const {
  std::string message = "expected ";
  message += what;
  message += ", found ";
  message += found.end() ? "the end of the line" : '"' + shown(found.text) + '"';
  return error(std::move(message), found.column);
}

Status LineReader::error(std::string message, int column) const {
  return Status::error(std::move(message), number_, column);
}

std::optional<uint64_t> parse_number(std::string_view text) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, hex ? 16 : 10);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::optional<Queue> parse_queue(std::string_view text) {
  if (!text.starts_with("tx") && !text.starts_with("rx")) return std::nullopt;
  const int side = text[0] == 'r' ? 1 : 0;
  text.remove_prefix(2);
  if (text.empty()) return static_cast<Queue>(side);
  if (text.size() != 1 || text[0] < '1' || text[0] >= '0' + kQueues / 2) return std::nullopt;
  return static_cast<Queue>((text[0] - '0') * 2 + side);
}

std::optional<uint64_t> parse_ordinal(std::string_view text, uint64_t max) {
  if (!text.starts_with('#')) return std::nullopt;
  const std::optional<uint64_t> value = parse_number(text.substr(1));
  return value.has_value() && *value <= max ? value : std::nullopt;
}

std::optional<size_t> find_name(std::span<const std::string_view> names, std::string_view text) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text && !text.empty()) return i;
  }
  return std::nullopt;
}

std::string one_of(std::span<const std::string_view> names) {
  std::string out;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? " or " : ", ";
    out += names[i];
  }
  return out;
}

void print_decimal(uint64_t value, std::string& out) {
  char buffer[24];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  out.append(buffer, result.ptr);
}

void print_hex(uint64_t value, int digits, std::string& out) {
  char buffer[24];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value, 16);
  const auto n = static_cast<int>(result.ptr - buffer);
  out += "0x";
  if (n < digits) out.append(static_cast<size_t>(digits - n), '0');
  out.append(buffer, result.ptr);
}

void print_queue(Queue queue, std::string& out) {
  out += (queue & 1) != 0 ? "rx" : "tx";
  if (queue > 1) print_decimal(queue / 2u, out);
}

}  // namespace va
