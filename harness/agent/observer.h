// What the device did to guest memory, seen by comparison: at each settle point the arena is
// compared with a shadow of what it was, and every difference becomes an event.
//
// The driver's own stores are announced (driver_store) and enter the shadow unseen. Differences in
// a used ring are told in the ring's words, all others as bytes. The dirty log has memory of its
// own (prog/layout.h) and is told as pages, each once between two settle points.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "prog/layout.h"
#include "prog/program.h"
#include "trace/trace.h"

namespace va::agent {

// A used ring where the device was last told that it is; as after opening until it is told (Linux,
// drivers/vhost/vhost.c, vhost_vq_reset).
struct RingView {
  uint32_t num = 1;
  uint64_t used = 0;  // user address
};

class Observer {
 public:
  using Rings = std::array<RingView, kQueues>;

  // `arena` (kArenaSize bytes at kArenaUser) and `log` (kLogSize bytes at kLogUser) must outlive
  // the observer.
  Observer(std::span<uint8_t> arena, std::span<uint8_t> log);

  // Arena, log and shadows are zero; where the log begins is forgotten.
  void reset();

  // The driver is about to write there; the bytes count as its own as they stand at the next call
  // of any function of this class.
  void driver_store(uint32_t offset, uint32_t len);

  // User address of GPA 0's bit, as VHOST_SET_LOG_BASE took it.
  void set_log_base(uint64_t user) { log_base_ = user; }

  // Clears the log, as user space does that has read it. The device is at rest.
  void clear_log();

  // A number that differs from the last one if the device has gone on: made of the used rings'
  // indices and flags.
  uint64_t sample(const Rings& rings) const;

  // Adds an event for each difference since the last call.
  void observe(const Rings& rings, uint32_t op, Trace& trace);

 private:
  void take_driver_store();
  void observe_ring(Queue queue, const RingView& ring, uint32_t op, Trace& trace);
  void observe_log(uint32_t op, Trace& trace);
  void observe_rest(uint32_t op, Trace& trace);
  bool changed16(uint64_t user, uint16_t& value);
  void observe_page(uint32_t page, uint32_t op, Trace& trace);
  void accept(uint32_t offset, uint32_t len);

  static constexpr uint32_t kPages = kArenaSize / kPageSize;
  static_assert(kPages == 64, "a page has a bit in used_pages_");

  std::span<uint8_t> arena_;
  std::span<uint8_t> log_;
  std::vector<uint8_t> shadow_;
  std::vector<uint8_t> told_;  // the log as it was told
  uint64_t used_pages_ = 0;    // bit p: page p of the arena may not be zero
  uint32_t store_offset_ = 0;
  uint32_t store_len_ = 0;
  uint64_t log_base_ = 0;
};

}  // namespace va::agent
