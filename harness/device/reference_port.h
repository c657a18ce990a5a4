// The reference engine behind a Port: operations in, events out, in process and in one thread.
//
// Events come from what can be observed and not from what the engine means to do: stores from the
// memory accessor, sorted into ring fields by where the ring lies; frames and requests from the
// peer; calls and errors from the eventfds; errno from the control calls.
#pragma once

#include <array>
#include <cstdint>

#include "backend/peer.h"
#include "backend/receive_peer.h"
#include "device/dirty_bits.h"
#include "device/port.h"
#include "device/vring_setup.h"
#include "engine/net.h"
#include "ring/guest_memory.h"

namespace va {

class ReferencePort : public Port,
                      private StoreObserver,
                      private EngineHost,
                      private PeerObserver,
                      private ReceiveObserver {
 public:
  // `whole_memory_check`: at the end of each run all of the arena is searched for stores that went
  // past the accessor. It reads 256 KiB, so fuzz targets leave it to the runs from the command
  // line.
  ReferencePort(PublicationPolicy policy, bool whole_memory_check);

  void reset(Trace& trace, PointSink* sink) override;
  std::span<const uint8_t> arena() const override { return memory_.bytes(); }
  std::span<uint8_t> store(uint32_t offset, uint32_t len) override {
    return memory_.guest_store(offset, len);
  }
  void execute(const Op& op) override;
  uint64_t acked_features() const override { return net_.acked_features(); }
  void finish() override;

 private:
  static constexpr uint32_t kRunBound = 1024;  // worker runs between two operations, or in a settle
  // Requests that the epilogue completes: more than what two rings hold and a peer keeps.
  static constexpr uint32_t kDrainBound = 1u << 17;
  static constexpr uint32_t kMaxQueued = 128;  // control calls behind a pending one

  struct CallResult {
    int result = 0;  // 0, negative errno or kPending
    uint64_t value = 0;
  };
  // Where ring `index` of the engine lies, for sorting stores; as after opening, until it is told.
  struct RingPlace {
    uint64_t used = 0;
    uint64_t size = used_size(1);  // with avail_event

    static constexpr uint64_t used_size(uint32_t num) { return 6 + uint64_t{8} * num; }
  };

  void on_store(uint64_t user, uint32_t len, uint64_t value) override;
  bool tell_used(Queue queue, uint64_t at, uint32_t len, uint64_t value, uint64_t size);
  void on_call(uint32_t index, uint32_t fd) override;
  void on_error(uint32_t index, uint32_t fd) override;
  bool on_dirty(uint64_t base, uint64_t page) override;
  void on_logged(uint32_t fd) override;
  void on_point(EnginePoint point) override;
  void on_frame(std::span<const uint8_t> frame) override;
  void on_submitted(uint32_t name) override;
  void on_completed(uint32_t name, RequestToken token, RequestResult result) override;
  uint32_t on_frame_made(uint32_t len) override;
  void on_posted(uint32_t name) override;
  void on_delivered(std::span<const uint32_t> names, std::span<const RequestToken> tokens,
                    std::span<const uint8_t> packet) override;

  // control calls (reference_control.cc)
  void control(const Op& op);
  void start_call(const Op& op);
  void finish_call(const Op& op, CallResult done);
  CallResult call(const Op& op);
  CallResult call_vring(const Op& op);
  CallResult call_device(const Op& op, Caller caller);
  CallResult call_ring(const Op& op, Caller caller);
  CallResult get_base(uint32_t index, Caller caller);
  CallResult set_addr(const Op& op, uint32_t index, Caller caller);
  CallResult set_backend(const Op& op, Caller caller);
  Backend* new_peer(uint32_t index, PeerKind kind);
  CallResult set_mem_table(const Op& op, Caller caller);
  EventFd event_fd(FdKind kind);

  // backend and scheduling (reference_port.cc)
  void tell_peer(const Op& op);
  void complete(const Op& op);
  void tell_receiver(const Op& op);
  bool complete_receive(const Op& op);
  bool complete_one();
  uint32_t held() const;
  void run_worker_once();
  bool at_rest() const { return !net_.runnable() && !net_.pending() && queued_count_ == 0; }
  void rest();
  bool step_calls();
  void start_queued();
  void settle();
  void unsupported(UnsupportedReason reason);
  void add(EventKind kind, Queue queue, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0) {
    trace_->add(op_, kind, queue, a, b, c);
  }
  Peer& peer() { return peers_[current_peer_]; }
  ReceivePeer& receiver() { return receivers_[current_receiver_]; }

  const bool whole_memory_check_;
  GuestMemory memory_;
  Net net_;
  std::array<Peer, 2> peers_;  // the transmit backend, and the one before while it is waited for
  uint8_t current_peer_ = 0;
  std::array<ReceivePeer, 2> receivers_;  // the same for the receive ring
  uint8_t current_receiver_ = 0;
  uint32_t frames_ = 0;  // for the driver, so far: their ordinals
  DirtyBits dirty_;

  Trace* trace_ = nullptr;
  PointSink* sink_ = nullptr;
  bool open_ = false;
  bool hold_ = false;  // `worker hold`
  bool in_worker_ = false;
  uint32_t runs_ = 0;  // worker runs since the last kSteps
  SetupState setup_;
  uint32_t next_fd_ = 0;
  std::array<uint32_t, 2> call_fd_{};
  std::array<RingPlace, 2> places_{};
  // One more than fits, so that a table which does not fit can be made.
  std::array<Region, MemTable::kMaxRegions + 1> staged_{};
  uint32_t staged_count_ = 0;

  Op pending_;  // the call that waits, if net_.pending()
  std::array<Op, kMaxQueued> queued_;
  uint32_t queued_count_ = 0;
};

}  // namespace va
