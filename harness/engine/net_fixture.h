// For the engine's tests: a guest with one transmit ring, a scripted backend, and the engine
// between.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "engine/features.h"
#include "engine/net.h"

namespace va {

// Holds, completes or refuses what it is given.
class ScriptedBackend : public Backend {
 public:
  explicit ScriptedBackend(Net& net, bool asynchronous = true)
      : net_(net), asynchronous_(asynchronous) {}

  bool asynchronous() const override { return asynchronous_; }
  bool writable() const override { return writable_; }
  int send(const Packet& packet, RequestToken token) override {
    const bool refused = refusals_ > 0;
    if (refused) --refusals_;
    if (refused && !inside_) return refusal_;
    lengths_.push_back(packet.len);
    held_.push_back(token);
    if (!asynchronous_ || inside_) net_.complete(token, RequestResult::kOk);
    return refused ? refusal_ : static_cast<int>(packet.len);
  }

  void refuse(int error, int times = 1) { refusal_ = -error, refusals_ = times, inside_ = false; }
  void complete_then_refuse(int error) { refusal_ = -error, refusals_ = 1, inside_ = true; }
  void set_writable(bool writable) { writable_ = writable; }
  // The n-th frame's request; no token if it was copied.
  void complete(size_t n, RequestResult result = RequestResult::kOk) {
    net_.complete(held_.at(n), result);
  }
  bool holds(size_t n) const { return static_cast<bool>(held_.at(n)); }
  size_t frames() const { return lengths_.size(); }
  uint32_t length(size_t n) const { return lengths_.at(n); }

 private:
  Net& net_;
  bool asynchronous_;
  bool writable_ = true;
  int refusal_ = 0;
  int refusals_ = 0;
  bool inside_ = false;
  std::vector<uint32_t> lengths_;
  std::vector<RequestToken> held_;
};

// `num` descriptors from GPA 0, rings behind them, buffers in the second half of the arena.
class NetRig : protected EngineHost {
 public:
  static constexpr uint64_t kUser = 0x100000;
  static constexpr uint32_t kSize = 64 * GuestMemory::kPage;
  static constexpr uint32_t kLarge = 1400;  // held
  static constexpr uint32_t kSmall = 100;   // copied under inorder

  explicit NetRig(PublicationPolicy policy)
      : memory_(kUser, kSize), net_(policy, memory_, *this), backend_(net_), other_(net_) {
    listens_ = true;
  }

  // ---- set-up
  void set_up(uint32_t num = 8, uint64_t features = kFeatureVersion1, uint16_t base = 0) {
    num_ = num;
    used_seen_ = next_ = base;
    put(avail_ring() + 2, base);
    put(used_ring() + 2, base);
    ASSERT_EQ(net_.set_owner(Caller::kOwner), 0);
    ASSERT_EQ(net_.set_features(features), 0);
    ASSERT_EQ(map_all(), 0);
    for (const uint32_t index : {kTxIndex, kRxIndex}) {
      ASSERT_EQ(net_.set_vring_num(Caller::kOwner, index, num), 0);
      ASSERT_EQ(net_.set_vring_base(Caller::kOwner, index, base), 0);
      ASSERT_EQ(net_.set_vring_addr(Caller::kOwner, index, addresses(index)), 0);
      ASSERT_EQ(net_.set_vring_kick(Caller::kOwner, index, {0, 1}), 0);
      ASSERT_EQ(net_.set_vring_call(Caller::kOwner, index, {0, 2}), 0);
      ASSERT_EQ(net_.set_vring_err(Caller::kOwner, index, {0, 3}), 0);
    }
  }
  void start() {
    ASSERT_EQ(install(&backend_), 0);
    run();
  }
  int install(Backend* backend) { return net_.set_backend(Caller::kOwner, kTxIndex, {0, backend}); }
  int map_all(Caller caller = Caller::kOwner) {
    const Region all{0, kSize, kUser};
    return net_.set_mem_table(caller, {&all, 1}, 0);
  }
  // The receive ring has a place of its own, behind all buffers.
  VringAddr addresses(uint32_t index) const {
    const uint64_t at = kUser + (index == kTxIndex ? 0 : kSize / 4 * 3);
    return {at, at + avail_ring(), at + used_ring(), 0, 0};
  }

  // ---- the driver
  // Exposes one descriptor of `len` bytes; heads go round the table.
  void avail(uint32_t len, uint16_t flags = 0) {
    const uint16_t head = static_cast<uint16_t>(next_ % num_);
    describe(head, len, flags);
    expose(head);
  }
  void describe(uint16_t head, uint32_t len, uint16_t flags = 0) {
    put(16u * head, uint64_t{kSize / 2});
    put(16u * head + 8, len);
    put(16u * head + 12, flags);
  }
  void expose(uint16_t head) {
    put(avail_ring() + 4 + 2 * (next_ % num_), head);
    put(avail_ring() + 2, ++next_);
  }
  void expose_several(int n, uint32_t len) {
    while (n-- > 0) avail(len);
  }
  void kick() {
    net_.kick(kTxIndex);
    run();
  }
  void send(int n, uint32_t len) {
    expose_several(n, len);
    kick();
  }
  // The ids that were used since the last call of this, in order.
  std::vector<uint32_t> used_ids() {
    std::vector<uint32_t> ids;
    for (; used_seen_ != word(used_ring() + 2); ++used_seen_) {
      const uint32_t at = used_ring() + 4 + 8 * (used_seen_ % num_);
      ids.push_back(load_le<uint32_t>(&memory_.bytes()[at]));
      EXPECT_EQ(load_le<uint32_t>(&memory_.bytes()[at + 4]), 0u) << "a transmit ring uses length 0";
    }
    return ids;
  }
  bool wants_kicks() const { return word(used_ring()) == 0; }

  // ---- the worker
  // Runs it until it rests; how often it ran. 100 runs are a hang.
  int run() {
    int runs = 0;
    for (; net_.runnable() && runs < 100; ++runs) net_.run_worker();
    EXPECT_LT(runs, 100);
    return runs;
  }
  // The backend finishes the n-th frame, and the worker, if woken, rests again.
  void complete(size_t n, RequestResult result = RequestResult::kOk) {
    backend_.complete(n, result);
    run();
  }

  template <typename T>
  void put(uint32_t offset, T value) {
    store_le(memory_.guest_store(offset, sizeof value).data(), value);
  }
  uint16_t word(uint32_t offset) const { return load_le<uint16_t>(&memory_.bytes()[offset]); }
  // Offsets of the rings.
  uint32_t avail_ring() const { return 16 * num_; }
  uint32_t used_ring() const { return (avail_ring() + 6 + 2 * num_ + 3) & ~3u; }

 protected:
  void on_call(uint32_t, uint32_t fd) override { ++calls_, last_call_ = fd; }
  void on_error(uint32_t, uint32_t) override { ++errors_; }
  void on_point(EnginePoint point) override {
    if (point == at_point_ && at_point_action_) std::exchange(at_point_action_, nullptr)();
  }

  GuestMemory memory_;
  Net net_;
  ScriptedBackend backend_;
  ScriptedBackend other_;
  uint32_t num_ = 8;
  uint16_t next_ = 0;
  uint16_t used_seen_ = 0;
  int calls_ = 0;
  uint32_t last_call_ = 0;  // which eventfd
  int errors_ = 0;
  EnginePoint at_point_ = EnginePoint::kEnd;
  std::function<void()> at_point_action_;  // happens once
};

}  // namespace va
