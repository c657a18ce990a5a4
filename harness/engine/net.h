// The reference vhost-net engine: rings, worker, in-flight requests and the control plane.
//
// It is slow, plain and complete rather than clever. It has no thread, no file descriptor and no
// clock: whoever owns it lets the worker run, and hears of calls through EngineHost. It knows guest
// memory and backends, nothing of Programs, traces or rules.
//
// Life of a chain (each edge is taken once):
//
//   GUEST -> AVAIL -> fetch() -> FETCHED -> send() -> IN FLIGHT -> complete() -> DONE -> publish()
//                         \-> unfetch(): only the chain fetched last, nothing submitted
//
// Policies. `kArrival` publishes in the order in which requests complete; it is the design of the
// 2010 asynchronous vhost-net patch, made sound. `kInorder` is the zero-copy transmit path of Linux
// (drivers/vhost/net.c, handle_tx_zerocopy): frames below a threshold, or above the number of
// pending ones, are copied and used at once; the others are used in the order of submission.
//
// Waiting. Some control calls wait until no request is in flight, like vhost_net_flush() and
// vhost_net_set_backend() in Linux. Such a call returns kPending, and step_pending() finishes it
// when the time has come; the caller makes no other control call until then.
//
// Tested by net_control_test.cc and net_tx_test.cc, and through every case in corpus/.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "engine/backend.h"
#include "engine/request_pool.h"
#include "engine/virtqueue.h"
#include "ring/desc_chain.h"
#include "ring/guest_memory.h"

namespace va {

enum class PublicationPolicy : uint8_t { kArrival, kInorder };

inline constexpr uint32_t kRxIndex = 0;  // VHOST_NET_VQ_RX
inline constexpr uint32_t kTxIndex = 1;  // VHOST_NET_VQ_TX

// Returned by control calls: 0, a negative errno, or this.
inline constexpr int kPending = 1;

// Which process makes a control call: the one that drives the device, or one that is not it. (Linux
// decides ownership by address space.)
enum class Caller : uint8_t { kOwner, kOther };

inline constexpr uint32_t kVringLog = 1;  // VHOST_VRING_F_LOG in VringAddr::flags

struct VringAddr {
  uint64_t desc = 0;  // user addresses
  uint64_t avail = 0;
  uint64_t used = 0;
  uint64_t log = 0;  // guest address of the used ring, for the dirty log
  uint32_t flags = 0;
};

// An eventfd as a control call names it.
struct EventFd {
  int error = 0;    // a negative errno if the number given is not an eventfd
  uint32_t id = 0;  // 0: -1 was given, no eventfd
};

// What VHOST_NET_SET_BACKEND resolves its fd to.
struct BackendFd {
  int error = 0;               // a negative errno if it is not a backend
  Backend* backend = nullptr;  // nullptr: -1 was given
  bool gone = false;           // a backend by its kind, but there is nothing behind it (a tap whose
                               // interface was taken away)
};

class Net {
 public:
  // `memory` and `host` must outlive the engine.
  Net(PublicationPolicy policy, GuestMemory& memory, EngineHost& host);

  // As a device just opened. Requests in flight are forgotten.
  void open();

  // ---- control plane: the ioctls of vhost-net, same names, same errno. `index` is unchecked.
  int set_owner(Caller caller);
  int reset_owner(Caller caller);
  uint64_t get_features() const;
  int set_features(uint64_t features);
  uint64_t get_backend_features() const;
  int set_backend_features(uint64_t features);
  int set_mem_table(Caller caller, std::span<const Region> regions, uint32_t padding);
  int set_log_base(Caller caller, uint64_t base);
  int set_log_fd(Caller caller, EventFd fd);
  int set_vring_num(Caller caller, uint32_t index, uint32_t num);
  int set_vring_base(Caller caller, uint32_t index, uint32_t base);
  int get_vring_base(Caller caller, uint32_t index, uint32_t& base);
  int set_vring_addr(Caller caller, uint32_t index, const VringAddr& addr);
  int set_vring_kick(Caller caller, uint32_t index, EventFd fd);
  int set_vring_call(Caller caller, uint32_t index, EventFd fd);
  int set_vring_err(Caller caller, uint32_t index, EventFd fd);
  int set_backend(Caller caller, uint32_t index, BackendFd fd);
  // Closes the last fd. After it (and after the wait) nothing touches guest memory.
  int release();

  // Goes on with the call that returned kPending: kPending again, or its result.
  int step_pending();
  bool pending() const { return wait_.call != Call::kNone; }

  // ---- events from outside
  // The kick eventfd of ring `index` was written.
  void kick(uint32_t index);
  // The transmit backend has room again.
  void backend_writable();
  // The backend is done with a request. Late, repeated and unknown tokens change nothing.
  void complete(RequestToken token, RequestResult result);

  // ---- the worker
  bool runnable() const { return tx_queued_; }
  // Runs the transmit handler once. runnable() holds.
  void run_worker();

  // ---- what an observer may ask
  uint64_t acked_features() const { return acked_features_; }
  // The installed backend; nullptr if there is none or no such ring.
  Backend* backend(uint32_t index) const {
    return index < backends_.size() ? backends_[index] : nullptr;
  }
  uint32_t allocated() const { return pool_.in_use(); }

  // The n-th allocation from now on fails once (0 the next); negative: none does.
  void fail_allocation(int32_t n) { fail_in_ = n; }

 private:
  // A backend in use, and how many requests it holds. `base` is the reference that the installed
  // backend keeps on its own account; the waiting side gives it up (vhost_net_ubuf_put_and_wait).
  struct Link {
    uint32_t in_flight = 0;
    bool base = false;
    uint32_t references() const { return in_flight + (base ? 1 : 0); }
  };

  enum class Call : uint8_t { kNone, kFlush, kSwap, kResetOwner, kRelease };
  struct Wait {
    Call call = Call::kNone;
    uint8_t link = 0;
    int result = 0;
  };
  // Why handle_tx() went on or stopped.
  enum class Next : uint8_t { kGoOn, kStop };

  // net_control.cc
  int check_owner(Caller caller) const;
  int check_ring(Caller caller, uint32_t index);
  int check_start(Virtqueue& vq, const BackendFd& fd);
  bool ring_accessible(const Virtqueue& vq, const VringAddr& addr) const;
  void add_region(const Region& region);
  bool region_accessible(const Region& region) const;
  bool log_accessible(const Virtqueue& vq, uint64_t base) const;
  bool allocate();
  int install(Virtqueue& vq, const BackendFd& fd);
  int start_ring(Virtqueue& vq, const BackendFd& fd);
  int flush(int result);
  int wait_for(Call call, uint8_t link, int result);
  void stop_queues();
  void reset_queues();

  // net_tx.cc
  void handle_tx();
  Next submit_next(Virtqueue& vq, Backend& backend);
  Next submit(Virtqueue& vq, Backend& backend, const Packet& packet);
  Next send_copied(Virtqueue& vq, Backend& backend, const Packet& packet);
  Next retry_later(Virtqueue& vq, Backend& backend);
  void poll_writable(const Backend& backend);
  bool may_hold(const Virtqueue& vq, const Backend& backend, const Packet& packet) const;
  void skip_header(Virtqueue& vq, uint64_t& len);
  void use_now(Virtqueue& vq);
  void publish_done(Virtqueue& vq);
  void publish_arrived(Virtqueue& vq);
  void publish_in_order(Virtqueue& vq);
  void count_transmitted();
  uint32_t pending_limit(const Virtqueue& vq) const;

  const PublicationPolicy policy_;
  GuestMemory& memory_;
  EngineHost& host_;

  bool open_ = false;
  bool owned_ = false;
  Caller owner_ = Caller::kOwner;  // whose it is, if owned_
  bool has_table_ = false;
  uint64_t acked_features_ = 0;
  MemTable table_;
  std::array<Virtqueue, 2> vqs_;
  std::array<Backend*, 2> backends_{};

  RequestPool pool_;
  std::array<Link, 2> links_;  // the current backend's and the one being waited for
  uint8_t link_ = 0;           // the current one
  uint32_t in_flight_ = 0;     // on all links
  bool flushing_ = false;      // nothing may be held: a control call waits
  Wait wait_;

  // kArrival: done requests in order of completion. kInorder: slots in order of submission.
  std::array<uint32_t, RequestPool::kSlots> order_{};
  uint32_t order_head_ = 0;  // free-running; next to publish
  uint32_t order_tail_ = 0;  // free-running; one past the last

  // The kernel's zero-copy back-off (vhost_net_tx_select_zcopy): failures against packets sent.
  uint32_t sent_packets_ = 0;
  uint32_t failed_packets_ = 0;

  bool tx_queued_ = false;
  bool polling_writable_ = false;  // a send met a full backend; it wakes the worker
  bool running_ = false;
  int32_t fail_in_ = -1;
  DescChain chain_;
  std::array<UsedElem, RequestPool::kSlots> batch_;
};

}  // namespace va
