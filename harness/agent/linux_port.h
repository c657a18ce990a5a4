// /dev/vhost-net as a Port: what a Program means on the real kernel.
//
// Eager execution. After every operation that can wake vhost's worker the port brings it to rest:
// until its thread state says that it waits, which is exact on one vCPU. A settle point has a
// barrier besides: VHOST_NET_SET_BACKEND with the fd that is installed already, which flushes the
// worker and changes nothing else (drivers/vhost/net.c, vhost_net_set_backend). It needs the
// device's mutex, so there is none while a control call waits, and none without a backend.
//
// Control calls are made on a thread of their own while a request may be in flight, since they may
// wait for it; those behind one that waits are queued here, so a Program's calls are made in order.
// With nothing held there is nothing to wait for, and the main thread makes them: much faster.
//
// The guest has one arena, mapped at the fixed address of prog/layout.h, so user addresses in
// Programs are portable.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "agent/control.h"
#include "agent/frame_source.h"
#include "agent/observer.h"
#include "agent/peer.h"
#include "agent/proc.h"
#include "device/port.h"
#include "device/vring_setup.h"
#include "prog/layout.h"

namespace va::agent {

class LinuxPort : public Port {
 public:
  // `peer` and `source` are set up already and must outlive the port. Maps the arena; one port a
  // process.
  LinuxPort(Peer& peer, FrameSource& source);

  void reset(Trace& trace, PointSink* sink) override;
  std::span<const uint8_t> arena() const override { return arena_; }
  std::span<uint8_t> store(uint32_t offset, uint32_t len) override;
  void execute(const Op& op) override;
  uint64_t acked_features() const override { return acked_features_; }
  void finish() override;

  // Not empty once the agent's own means failed (a packet never left its plug): the trace is of no
  // use and the guest must be started anew.
  const std::string& problem() const { return problem_; }
  // The problem is that not all was seen that happened: nobody's failure, and nothing to be judged.
  bool is_blind() const { return blind_; }
  // True once a control call did not return although nothing is held: the trace says so, and the
  // guest must be started anew.
  bool stuck() const { return stuck_; }

 private:
  static constexpr size_t kMaxQueued = 8;  // control calls behind one that waits

  // What the port knows of a queue from the control calls that succeeded.
  struct QueueState {
    Fd kick, call, err;
    Tap* tap = nullptr;   // installed backend, as far as a call that succeeded has said
    Tap* next = nullptr;  // the kernel has it already when SET_BACKEND waits for the one before
    bool called = false;  // the call eventfd was signalled since the last settle
    bool failed = false;  // the error eventfd was
  };
  // A control call made ready: `make` runs on the control thread (or in a forked process) and must
  // not touch the port; `note` is told of success on the main thread.
  struct Prepared {
    Opcode code = Opcode::kNop;
    std::function<CallResult()> make;
    std::function<void(uint64_t value)> note;
  };

  // linux_port.cc: life, backend, scheduling, observation
  void open_device();
  void close_device();
  void kick(const Op& op);
  void complete(const Op& op);
  void complete_receive(const Op& op);
  Tap* installed(Queue queue);
  void set_link(Queue queue, bool up);
  void congest(const Op& op);
  void inject(const Op& op);
  void settle();
  void rest();
  bool rest_worker() const;
  void barrier() const;
  void take_frames();
  static void take_signals(QueueState& queue);
  void take_log_signal();
  void emit_memory();
  void emit_signals();
  void emit_frames();
  void broken(const std::string& why);
  void unsupported(UnsupportedReason reason);
  void noop(Queue queue, NoopReason reason);

  // linux_control.cc: control calls
  void control(const Op& op);
  void start_call(const Op& op);
  CallResult make_call();
  void collect_call();
  void finish_call(CallResult result);
  bool step_calls();
  Prepared prepare(const Op& op);
  Prepared prepare_device_call(const Op& op);
  Prepared prepare_ring_call(const Op& op);
  Prepared prepare_backend(const Op& op);
  Prepared prepare_mem_table(const Op& op);
  Prepared prepare_addr(const Op& op);
  Prepared prepare_log_base(const Op& op);
  Prepared prepare_log_fd(const Op& op);
  Prepared prepare_ring_fd(const Op& op, unsigned long request, Fd QueueState::*fd);
  Prepared simple(const Op& op, unsigned long request) const;
  int number_of(FdKind kind, Fd& fresh) const;
  void note_reset();

  Peer& peer_;
  FrameSource& source_;
  std::span<uint8_t> arena_;
  Observer observer_;
  ControlThread control_;
  Trace* trace_ = nullptr;
  std::string problem_;
  bool blind_ = false;
  bool full_ = false;  // more is held than there is room for: nothing more is executed
  bool stuck_ = false;

  Fd device_;
  Fd not_event_;       // /dev/null: a file that is neither an eventfd nor a socket
  Fd detached_tap_;    // /dev/net/tun without an interface
  bool open_ = false;  // as the Program sees it
  uint64_t acked_features_ = 0;
  SetupState setup_;
  bool ran_ = false;          // the device may have run since guest memory was last observed
  bool worker_busy_ = false;  // it did not come to rest within the bound
  pid_t caller_ = 0;          // thread or process that made the last control call
  ThreadState worker_;
  std::array<QueueState, kQueues> queues_;
  Fd log_;               // its eventfd
  bool logged_ = false;  // was signalled since the last settle
  Observer::Rings rings_;
  std::vector<FrameFacts> frames_;  // seen, not told yet
  uint32_t injected_ = 0;           // frames that the driver's side was given
  std::array<DefaultRegion, 64> staged_{};
  uint32_t staged_count_ = 0;

  Op current_;                      // the control call that is being made
  std::vector<Prepared> prepared_;  // its parts: one, or those that `vring` stands for
  std::deque<Op> queued_;           // behind it
};

}  // namespace va::agent
