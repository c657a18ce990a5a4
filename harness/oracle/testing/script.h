// Traces for tests, in text: a set-up, chains and what a device is said to have done.
//
//   Script s(8, 0xfffe);              // vring tx num=8 base=0xfffe, backend tx async
//   s.avail().avail().kick();         // chains #0 and #1, submitted by the kick
//   s.line("complete tx #0").done(0).used(0).idle();
//   EXPECT_EQ(s.verdict(), "FAIL NUS-01");
//
// What is not said did not happen. Heads count from 0, one descriptor each, unless told.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "oracle/judge.h"
#include "trace/case.h"

namespace va::oracle {

inline constexpr const char* kEverything =
    "every-store|wire|memory|steps|calls|submits|allocations|errors";
inline constexpr const char* kSampled = "wire|memory|calls|errors";

inline std::string hex(uint64_t value, int digits = 4) {
  char text[32];
  snprintf(text, sizeof text, "0x%0*llx", digits, static_cast<unsigned long long>(value));
  return text;
}

// "PASS", or kind and rule of each finding, joined by "; ".
inline std::string judge_text(const std::string& text) {
  Case from;
  Trace trace;
  const Status status = parse_case(text, Strictness::kLenient, from, &trace, nullptr);
  if (!status.ok()) return status.at("script");
  Judge judge;
  Verdicts verdicts;
  judge.judge(from, trace, verdicts);
  std::string all;
  for (const Finding& finding : verdicts.findings) {
    EXPECT_FALSE(finding.expected.empty());
    EXPECT_FALSE(finding.actual.empty());
    if (!all.empty()) all += "; ";
    all += std::string(verdict_name(finding.kind)) + " " + std::string(finding.rule);
  }
  return all.empty() ? "PASS" : all;
}

class Script {
 public:
  explicit Script(uint32_t num = 8, uint16_t base = 0, const std::string& features = "",
                  const std::string& sees = kEverything, const std::string& policy = "arrival",
                  const std::string& backend = "async")
      : num_(num), avail_idx_(base), used_idx_(base) {
    text_ = "trace 1 device=test version=1 features=0x139008000 policy=" + policy +
            " sees=" + sees + "\n";
    line("vring tx num=" + std::to_string(num) + " base=" + hex(base) +
         (features.empty() ? "" : " features=" + features));
    line("< begin").line("< done ok");
    line("backend tx " + backend).line("< begin").line("< done ok");
  }

  Script& line(const std::string& text) {
    text_ += text + "\n";
    return *this;
  }

  // `avail` of one descriptor of `len` bytes, with the next free head or the one given.
  Script& avail(int head = -1, uint32_t len = 1412, const std::string& mode = "") {
    const uint32_t h = head < 0 ? next_head_++ % num_ : static_cast<uint32_t>(head);
    line("avail tx " + mode + "[r " + std::to_string(len) + "]");
    line("< desc tx addr=" + hex(0x100000 + 16 * h, 1) +
         " buf=" + hex(0x11c000 + 0x600ull * ordinals_, 1) + " len=" + std::to_string(len) +
         " flags_next=0x00000000");
    const uint32_t slot = avail_idx_ % num_;
    ++avail_idx_;
    return line("< exposed tx #" + std::to_string(ordinals_++) + " head=" + std::to_string(h) +
                " slot=" + std::to_string(slot) +
                " idx=" + (mode.empty() ? hex(avail_idx_) : "0x10000"));
  }

  // The kick, and every chain that waits is on the wire and submitted.
  Script& kick() {
    line("kick tx");
    for (; submitted_ < ordinals_; ++submitted_) submit(submitted_);
    return *this;
  }
  Script& submit(uint32_t ordinal, uint32_t len = 1400) {
    frame(ordinal, len);
    return line("< submitted tx #" + std::to_string(ordinal));
  }
  Script& frame(uint32_t ordinal, uint32_t len = 1400, int fill = -1) {
    return line("< frame tx #" + std::to_string(ordinal) + " len=" + std::to_string(len) +
                " fill=" + hex(fill < 0 ? (0x11 + ordinal * 0x25) & 0xff : fill, 2));
  }
  Script& complete(uint32_t ordinal) {
    line("complete tx #" + std::to_string(ordinal));
    return line("< completed tx #" + std::to_string(ordinal) + " ok");
  }

  // A used entry, without its index; and with it.
  Script& entry(uint32_t id, uint32_t len = 0) {
    return line("< used tx slot=" + std::to_string(used_idx_++ % num_) +
                " id=" + std::to_string(id) + " len=" + std::to_string(len));
  }
  Script& used_idx() { return line("< used_idx tx " + hex(used_idx_)); }
  Script& used(uint32_t id, uint32_t len = 0) { return entry(id, len).used_idx(); }
  Script& call() { return line("< call tx"); }
  Script& idle() { return line("settle").line("< steps 1").line("< idle inflight=0"); }

  uint16_t used_index() const { return used_idx_; }
  const std::string& text() const { return text_; }

  std::string verdict() const { return judge_text(text_); }

 private:
  uint32_t num_;
  uint16_t avail_idx_;
  uint16_t used_idx_;
  uint32_t next_head_ = 0;
  uint32_t ordinals_ = 0;
  uint32_t submitted_ = 0;
  std::string text_;
};

}  // namespace va::oracle
