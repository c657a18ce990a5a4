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
// `kCopy` is its other transmit path (handle_tx_copy, in net_tx_copy.cc), which `kInorder` takes
// too for a backend that cannot keep the guest's pages: all are copied and sent in batches.
//
// Receive: a backend that waits to be asked (and any, unless under `kArrival`) is served as by
// handle_rx() in Linux. With an asynchronous one under `kArrival` buffers are posted ahead and
// delivered into in any order, as the seed has it.
//
// IN_ORDER. Once it is acked every policy uses chains in the order in which they were fetched, and
// one used entry stands for all that are published together (VIRTIO 1.2, 2.7.9): what `kArrival`
// has complete waits for its elders, what is copied stands behind what is held, and buffers are not
// posted ahead.
//
// Waiting. Some control calls wait until no request is in flight, like vhost_net_flush() and
// vhost_net_set_backend() in Linux. Such a call returns kPending, and step_pending() finishes it
// when the time has come; the caller makes no other control call until then.
//
// Tested by net_control_test.cc, net_tx_test.cc and net_rx_test.cc, and through every case in
// corpus/.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/backend.h"
#include "engine/copy_batch.h"
#include "engine/request_pool.h"
#include "engine/virtqueue.h"
#include "ring/desc_chain.h"
#include "ring/guest_memory.h"

namespace va {

enum class PublicationPolicy : uint8_t { kArrival, kInorder, kCopy };

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

// The bounds of one run of a handler: leftovers queue it again.
inline constexpr uint32_t kPacketWeight = 256;    // VHOST_NET_PKT_WEIGHT
inline constexpr uint64_t kByteWeight = 0x80000;  // VHOST_NET_WEIGHT

// Errors of a backend behind which the same submit may succeed later.
constexpr bool transient(int error) {
  return error == -EAGAIN || error == -ENOMEM || error == -ENOBUFS;
}

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
  // The receive backend has a frame that can be had.
  void backend_readable();
  // The backend is done with a request. Late, repeated and unknown tokens change nothing.
  void complete(RequestToken token, RequestResult result);
  // The backend puts one packet, a header of its own in front, into posted buffers: it goes on from
  // each to the next, and what finds no room is cut off. Empty: the buffers come back without one.
  // All of `tokens` are in flight, or nothing changes.
  void deliver(std::span<const RequestToken> tokens, std::span<const uint8_t> packet);

  // ---- the worker
  bool runnable() const { return work_count_ != 0; }
  // Runs the handler that was queued first, once. runnable() holds.
  void run_worker();

  // ---- what an observer may ask
  uint64_t acked_features() const { return acked_features_; }
  // The installed backend; nullptr if there is none or no such ring.
  Backend* backend(uint32_t index) const {
    return index < backends_.size() ? backends_[index] : nullptr;
  }
  uint32_t allocated() const { return pool_.in_use() + posted_pool_.in_use(); }

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
    uint8_t links = 0;  // bits: 1 << link of the transmit ring, 4 << link of the receive ring
    int result = 0;
  };
  // A receive buffer that the backend holds, or has filled. Its memory is what it was when the
  // chain was fetched: nothing is read again, and no other chain's comes in its place.
  struct Posted {
    std::vector<Segment> segments;
    std::vector<GuestRange> ranges;
    uint64_t capacity = 0;
    uint32_t len = 0;         // stored
    uint32_t buffers = 0;     // that are published together from here on; 0: not the first of them
    bool has_packet = false;  // else it comes back empty
  };
  // Room for the packet at hand, in as many chains as that takes.
  struct Room {
    uint32_t heads = 0;
    uint32_t segments = 0;
    uint32_t ranges = 0;
    uint64_t bytes = 0;
    std::array<Segment, DescChain::kMaxSegments> segment;
    std::array<GuestRange, DescChain::kMaxSegments> range;
  };
  // What take_room() found.
  enum class RoomFound : uint8_t { kEnough, kNoChain, kTooSmall, kError, kUnfit };
  // Why a handler went on or stopped.
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
  void start_polling(uint32_t index);
  int flush(int result);
  int wait_for(Call call, uint8_t links, int result);
  bool still_held(uint8_t links) const;
  uint8_t current_links() const { return static_cast<uint8_t>(1u << link_ | 4u << posted_link_); }
  void finish_swap(uint8_t links);
  void stop_queues();
  void reset_queues();

  // net_tx.cc
  void handle_tx();
  std::optional<Next> fetch_next(Virtqueue& vq);
  Next submit_next(Virtqueue& vq, Backend& backend);
  Next submit(Virtqueue& vq, Backend& backend, const Packet& packet);
  Next send_copied(Virtqueue& vq, Backend& backend, const Packet& packet);
  Next retry_later(Virtqueue& vq, Backend& backend);
  void poll_writable(const Backend& backend);
  bool may_hold(const Virtqueue& vq, const Backend& backend, const Packet& packet) const;
  void skip_header(uint32_t left);
  void use_now(Virtqueue& vq);
  void publish_done(Virtqueue& vq);
  void publish_arrived(Virtqueue& vq);
  void publish_in_order(Virtqueue& vq);
  void publish_used(Virtqueue& vq, std::span<const UsedElem> used);
  uint32_t unpublished() const;
  void count_transmitted();
  uint32_t pending_limit(const Virtqueue& vq) const;

  // net_tx_copy.cc
  Next submit_copy(Virtqueue& vq, Backend& backend, const Packet& packet);
  Next send_single(Virtqueue& vq, Backend& backend, const Packet& packet);
  void send_copies(Virtqueue& vq, Backend& backend);

  // net_rx.cc
  void handle_rx();
  void receive_waiting(Virtqueue& vq, Backend& backend);
  Next receive_next(Virtqueue& vq, Backend& backend, uint32_t frame_len, uint64_t& bytes);
  RoomFound take_room(Virtqueue& vq, uint64_t len);
  bool store_header(const Virtqueue& vq, std::span<const Segment> segments, uint32_t buffers);
  void drop_frame(Virtqueue& vq, Backend& backend);
  void give_back_unfit(Virtqueue& vq);
  void use_received(Virtqueue& vq);
  void post_buffers(Virtqueue& vq, Backend& backend);
  Next post_next(Virtqueue& vq, Backend& backend);
  Next post(Virtqueue& vq, Backend& backend);
  void finish_posted(RequestToken token);
  bool publish_packet(Virtqueue& vq, uint64_t& bytes);
  void publish_received(Virtqueue& vq);
  uint32_t device_header(const Virtqueue& vq) const;
  bool copies_to(const Backend& backend) const {
    return policy_ == PublicationPolicy::kCopy ||
           (policy_ == PublicationPolicy::kInorder && !backend.keeps_pages());
  }
  // Whether buffers are posted to this backend before there is a frame for them.
  bool posts_ahead(const Backend* backend) const {
    return backend != nullptr && policy_ == PublicationPolicy::kArrival &&
           backend->asynchronous() && !vqs_[kRxIndex].in_order();
  }

  // The worker's queue: each handler stands in it once at most (vhost_work_queue), and runs in the
  // order of queueing.
  void queue_work(uint32_t index) {
    if ((queued_ >> index & 1) != 0) return;
    queued_ |= static_cast<uint8_t>(1u << index);
    work_[work_count_++] = static_cast<uint8_t>(index);
  }

  static constexpr uint32_t kReceiveBatch = 64;  // VHOST_NET_BATCH: used entries that wait

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

  // Slots: in order of submission if `ordered_`, else those of done requests in order of
  // completion.
  std::array<uint32_t, RequestPool::kSlots> order_{};
  bool ordered_ = false;     // kInorder or IN_ORDER; changes when nothing is in flight
  uint32_t order_head_ = 0;  // free-running; next to publish
  uint32_t order_tail_ = 0;  // free-running; one past the last

  // The kernel's zero-copy back-off (vhost_net_tx_select_zcopy): failures against packets sent.
  uint32_t sent_packets_ = 0;
  uint32_t failed_packets_ = 0;

  // This run of the transmit worker copies: under kCopy, and under kInorder with a backend that
  // cannot keep pages.
  bool copying_ = false;
  // What was taken in it and is not sent yet. No memory under kArrival.
  std::unique_ptr<CopyBatch> copies_;

  // Receive under kArrival with an asynchronous backend.
  RequestPool posted_pool_;
  std::vector<Posted> posted_;                          // by slot
  std::array<uint32_t, 2> posted_held_{};               // in flight, by link
  uint8_t posted_link_ = 0;                             // the current one
  std::array<uint32_t, RequestPool::kSlots> filled_{};  // slots, in order of completion
  uint32_t filled_head_ = 0;                            // free-running; next to publish
  uint32_t filled_tail_ = 0;                            // free-running; one past the last

  // Receive from a backend that waits to be asked: packets stored and not yet used.
  Room room_;
  std::array<UsedElem, kReceiveBatch + DescChain::kMaxSegments> received_;
  uint32_t received_count_ = 0;

  std::array<uint8_t, 2> work_{};  // ring indices, the next one first
  uint8_t work_count_ = 0;
  uint8_t queued_ = 0;             // bit: that ring's handler is in work_
  bool polling_writable_ = false;  // a send met a full backend; it wakes the worker
  bool polling_readable_ = false;  // there was no frame; the next one wakes the worker
  bool running_ = false;
  int32_t fail_in_ = -1;
  DescChain chain_;
  Packet packet_{memory_, {}, 0};  // what of it goes to the backend
  std::array<UsedElem, RequestPool::kSlots> batch_;
};

}  // namespace va
