// The simulated driver: executes the operations that touch guest memory, on a Port's arena.
//
// It is as good a driver as the Program lets it be. `avail` keeps every duty of VIRTIO 1.2, 2.7.13
// by itself: it takes free descriptors only, reclaims what is used, never touches a buffer that the
// device has, and stores the index last. Duties are broken by operands (head=, at=) and by the raw
// operations alone. The driver's view of a ring (num, addresses, indices) comes from `vring`;
// set_vring_* change what the device sees and leave the view alone.
//
// Everything is total: what lies outside the arena is not stored, and nothing the device wrote is
// trusted (a used id that names no outstanding head is passed over).
//
// Tested by guest/driver_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "device/port.h"
#include "guest/buffer_area.h"
#include "prog/frame.h"
#include "prog/layout.h"
#include "prog/ops.h"
#include "prog/program.h"
#include "trace/trace.h"

namespace va {

// How many descriptors a segment stands for.
constexpr uint32_t count_of(const Seg& seg) {
  return seg.count == 0 ? 1 : seg.count;
}

class Driver {
 public:
  // Whether `code` is an operation of the driver's; all others are the port's.
  static constexpr bool executes(Opcode code) {
    return code == Opcode::kAvail || (code >= Opcode::kDesc && code <= Opcode::kScribble);
  }

  // `port` must outlive the driver.
  explicit Driver(Port& port) : port_(port) {}

  // A new Program: every queue has its default view (num 8, base 0) and no request. Events go to
  // `trace` until the next reset. Touches no byte of the arena.
  void reset(Trace& trace);

  // Before `vring`: zeroes the ring's memory, writes `base` into avail idx and used idx and starts
  // the view anew; requests that were outstanding are forgotten. num 0 means kDefaultNum.
  void set_up(Queue queue, uint16_t num, uint16_t base);

  // Executes operation number `index`; op.code is one that executes() names.
  void execute(uint32_t index, const Op& op);

  // Takes what was used on the receive queues and looks at what came, during operation `index`.
  void read_back(uint32_t index) {
    if ((live_ & kReceiveQueues) != 0) read_all(index);
  }

 private:
  static constexpr uint8_t kReceiveQueues = 0xaa;  // in live_

  // A chain that the device has, by its head.
  struct Chain {
    uint32_t generation = 0;  // outstanding if it is the queue's, so set_up() need not clear
    uint32_t ordinal = 0;
    uint16_t descriptors = 0;  // in the table; an indirect chain has 1
    Extent buffer;             // empty for at=
    Extent table;
  };

  // What `scribble` needs to find a request's payload again.
  struct Request {
    uint32_t ordinal = 0;
    uint32_t generation = 0;  // the queue's while the buffer is the request's; 0 once reclaimed
    uint8_t nseg = 0;
    uint8_t header = 0;
    bool merges = false;  // to receive: a packet may go on in further buffers
    uint32_t gpa = 0;
    std::array<Seg, kMaxSegs> seg{};
  };

  struct QueueState {
    uint32_t num = kDefaultNum;
    RingLayout ring{};
    uint16_t avail_idx = 0;         // the shadow: ahead of memory while chains are quiet
    uint16_t last_used = 0;         // the next used entry to reclaim
    uint32_t ordinals = 0;          // `avail` operations executed
    uint32_t generation = 0;        // of `chains`; grows with every new view, never reset
    uint32_t free_count = 0;        // free descriptors
    uint32_t ready_words = 0;       // words of `free` that are valid; all behind them are free
    uint32_t lowest_word = 0;       // no free descriptor stands in a word before it
    uint16_t cursor = 0;            // with IN_ORDER: the next descriptor to take
    std::vector<uint64_t> free;     // bit set: descriptor is free
    std::vector<uint16_t> next;     // of a taken descriptor: the next of its chain
    std::vector<Chain> chains;      // by head
    std::vector<Request> requests;  // by ordinal modulo 2^16; generations tell old ones
  };

  // The bytes of one chain.
  struct Shape {
    std::span<const Seg> segs;
    uint32_t descriptors = 0;
    uint64_t bytes = 0;
  };
  struct Placement {
    uint32_t gpa = 0;  // of the first byte
    Extent buffer;     // empty for at=
    Extent table;      // empty for a direct chain
  };

  // A used receive buffer: its writable bytes, and how many of them hold something.
  struct Filled {
    uint32_t id = 0;
    uint32_t gpa = 0;
    uint32_t len = 0;
    uint32_t header = 0;  // bytes of virtio-net header that the driver expects
    bool merges = false;
  };

  QueueState& state(Queue queue);
  void start_view(QueueState& q, Queue queue, uint32_t num, uint16_t base);

  void avail(Queue queue, const Op& op);
  bool place(QueueState& q, const Op& op);
  void store_chain(Queue queue, QueueState& q, uint16_t head);
  void store_descriptor(Queue queue, uint64_t gpa, uint64_t buf, uint32_t len, uint16_t flags,
                        uint16_t next);
  void store_frame(uint32_t header, uint32_t ordinal);
  const uint8_t* frame_start(uint32_t header, uint32_t ordinal);
  void note_request(QueueState& q, uint32_t ordinal, uint16_t head, uint32_t header);
  void expose(Queue queue, QueueState& q, uint32_t ordinal, uint16_t head, bool quiet);
  void reclaim(Queue queue, QueueState& q);
  uint32_t skip_to(Queue queue, QueueState& q, uint32_t id, uint16_t used_idx);
  void free_chain(Queue queue, QueueState& q, uint16_t head);

  // receive.cc
  void prepare_buffer(uint32_t header, uint32_t ordinal);
  void read_all(uint32_t index);
  void note_filled(const QueueState& q, uint32_t id, uint32_t len);
  void take_packets(Queue queue);
  std::span<const uint8_t> join(std::span<const Filled> buffers);
  void scribble(Queue queue, const QueueState& q, uint32_t ordinal, uint8_t byte);
  uint32_t header_length() const;
  bool in_order() const { return (acked_ & kBitInOrder) != 0; }
  bool merges() const { return (acked_ & kBitMrgRxbuf) != 0; }

  void ready(QueueState& q, uint32_t word);
  bool is_free(QueueState& q, uint16_t descriptor);
  void take(QueueState& q, uint16_t descriptor);
  uint16_t take_next(QueueState& q) { return in_order() ? take_in_turn(q) : take_lowest(q); }
  uint16_t take_in_turn(QueueState& q);
  uint16_t take_lowest(QueueState& q);
  void give_back(QueueState& q, uint16_t descriptor);

  // Guest memory by GPA, as far as it lies in the arena. Almost every store is within one half of
  // it and takes the short way of piece(); the others are cut up.
  uint8_t* piece(uint64_t gpa, uint64_t len);  // to be stored to; nullptr: not in one piece
  void put(uint64_t gpa, const void* bytes, uint64_t len);
  void put16(uint64_t gpa, uint16_t value);
  void fill(uint64_t gpa, uint8_t byte, uint64_t len);
  void put16_across(uint64_t gpa, uint16_t value);
  template <typename T>
  T get(uint64_t gpa) const;  // 0 where there is no memory
  uint64_t get_across(uint64_t gpa, uint64_t len) const;
  void read(uint64_t gpa, std::span<uint8_t> out) const;
  void event(EventKind kind, Queue queue, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0,
             uint64_t d = 0) {
    trace_->add(index_, kind, queue, a, b, c, d);
  }

  Port& port_;
  Trace* trace_ = nullptr;
  uint32_t index_ = 0;  // of the operation that is executed
  uint64_t acked_ = 0;  // features, at the last `avail`
  uint8_t live_ = 0;    // bit q: queues_[q] was used in this Program
  std::span<const uint8_t> arena_;
  BufferArea area_;
  Shape shape_;                                   // of the chain that `avail` builds
  Placement placement_;                           // and where it lies
  std::vector<Filled> filled_;                    // of the reclaim at hand
  std::vector<uint8_t> packet_;                   // the packet at hand, header and frame
  std::array<uint8_t, 12 + kFrameHead> start_{};  // frame_start()
  std::array<QueueState, kQueues> queues_;
};

}  // namespace va
