// Traces of a receive queue for tests, in text. As in script.h: what is not said did not happen.
//
//   ReceiveScript s({.merge = true});        // vring rx, backend rx async, policy arrival
//   s.avail(100).avail(1526).post().inject(150);
//   s.complete(0).write(0, 0, 100).complete(1).write(1, 0, 62);
//   s.used(0, 100).used(1, 62).idx().call().received(0, 2).frame(0, 150).idle();
#pragma once

#include <string>
#include <vector>

#include "oracle/testing/script.h"
#include "prog/layout.h"

namespace va::oracle {

struct ReceiveSetting {
  bool merge = false;
  std::string features = {};  // further ones
  std::string policy = "arrival";
  std::string backend = "async";
  std::string sees = std::string(kEverything) + "|dirty-pages";
};

class ReceiveScript {
 public:
  static constexpr uint32_t kNum = 8;

  explicit ReceiveScript(const ReceiveSetting& with = {}) {
    text_ = "trace 1 device=test version=1 features=0x139008000 policy=" + with.policy +
            " sees=" + with.sees + "\n";
    std::string names = with.merge ? "MRG_RXBUF" : "";
    if (!with.features.empty()) names += (names.empty() ? "" : "|") + with.features;
    call("vring rx" + (names.empty() ? "" : " features=" + names));
    call("backend rx " + with.backend);
  }

  ReceiveScript& line(const std::string& text) {
    text_ += text + "\n";
    return *this;
  }
  // A control call that succeeds at once.
  ReceiveScript& call(const std::string& text) {
    return line(text).line("< begin").line("< done ok");
  }

  // Head n, one buffer of `len` bytes, 4 KiB from the next one.
  ReceiveScript& avail(uint32_t len = 1526) {
    const auto n = static_cast<uint32_t>(room_.size());
    room_.push_back(len);
    const uint64_t desc = ring_layout(kRx, kNum).desc + uint64_t{16} * (n % kNum);
    line("avail rx [w " + std::to_string(len) + "]");
    line("< desc rx addr=" + hex(desc, 1) + " buf=" + hex(address(n), 1) +
         " len=" + std::to_string(len) + " flags_next=0x00000002");
    return line("< exposed rx #" + std::to_string(n) + " head=" + std::to_string(n % kNum) +
                " slot=" + std::to_string(n % kNum) + " idx=" + hex(n + 1));
  }
  // The kick, and every buffer that waits is posted.
  ReceiveScript& post() {
    line("kick rx");
    for (; posted_ < room_.size(); ++posted_) line("< submitted rx #" + std::to_string(posted_));
    return *this;
  }
  ReceiveScript& inject(uint32_t len) {
    line("inject rx " + std::to_string(len));
    return line("< injected rx #" + std::to_string(frames_++) + " len=" + std::to_string(len));
  }
  ReceiveScript& complete(uint32_t n) {
    line("complete rx #" + std::to_string(n));
    return line("< completed rx #" + std::to_string(n) + " ok");
  }
  // `len` bytes at `offset` of the n-th buffer.
  ReceiveScript& write(uint32_t n, uint32_t offset, uint32_t len) {
    return line("< write addr=" + hex(address(n) + offset, 1) + " len=" + std::to_string(len));
  }
  ReceiveScript& used(uint32_t n, uint32_t len) {
    return line("< used rx slot=" + std::to_string(used_idx_++ % kNum) +
                " id=" + std::to_string(n % kNum) + " len=" + std::to_string(len));
  }
  ReceiveScript& idx() { return line("< used_idx rx " + hex(used_idx_)); }
  ReceiveScript& call() { return line("< call rx"); }
  ReceiveScript& received(uint32_t n, uint32_t buffers) {
    return line("< received rx id=" + std::to_string(n % kNum) +
                " buffers=" + std::to_string(buffers));
  }
  ReceiveScript& frame(uint32_t ordinal, uint32_t len, int fill = -1) {
    return line("< frame rx #" + std::to_string(ordinal) + " len=" + std::to_string(len) +
                " fill=" + hex(fill < 0 ? (0x11 + ordinal * 0x25) & 0xff : fill, 2));
  }
  ReceiveScript& idle() { return line("settle").line("< steps 1").line("< idle inflight=0"); }
  // The n-th buffer takes frame `ordinal` of `len` bytes, behind a header of 12, and all is well.
  ReceiveScript& deliver(uint32_t n, uint32_t ordinal, uint32_t len) {
    write(n, 0, len + 12).used(n, len + 12).idx().call();
    return received(n, 1).frame(ordinal, len);
  }

  static uint64_t address(uint32_t n) { return 0x120000 + uint64_t{0x1000} * n; }
  std::string verdict() const { return judge_text(text_); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::vector<uint32_t> room_;
  uint32_t posted_ = 0;
  uint32_t frames_ = 0;
  uint16_t used_idx_ = 0;
};

}  // namespace va::oracle
