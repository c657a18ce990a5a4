// One virtqueue of the engine: the ring's indices, what goes into the used ring, and both sides of
// notification suppression. Shared by all policies; knows neither backends nor requests.
//
// Order is the whole point (VIRTIO 1.2, 2.7.13 and 2.7.14):
//   publish   used entries -> used idx -> (barrier) -> read used_event or avail flags -> call
//   enable    used flags or avail_event -> (barrier) -> read avail idx again
// A driver that re-arms does the mirror image, so one of the two always sees the other. In process
// there is one thread, and the barriers are the interleaving points of the host.
#pragma once

#include <cstdint>
#include <span>

#include "base/ring_index.h"
#include "engine/backend.h"
#include "engine/dirty_log.h"
#include "engine/features.h"
#include "ring/desc_chain.h"
#include "ring/guest_memory.h"
#include "ring/vring.h"

namespace va {

class Virtqueue {
 public:
  // What fetch() found.
  enum class Fetched : uint8_t { kChain, kEmpty, kError };

  uint32_t index = 0;  // the vhost ring index
  Vring ring;
  uint64_t features = 0;

  // Eventfds by id; 0 is none. The error eventfd is signalled by report_error().
  uint32_t kick_fd = 0;
  uint32_t call_fd = 0;
  uint32_t error_fd = 0;

  RingLog log;

  RingIndex last_avail;  // the next avail entry to fetch
  RingIndex avail_idx;   // avail idx when it was last read
  RingIndex last_used;   // the next used entry to write

  // As after VHOST_RESET_OWNER: no addresses, num 1, indices 0.
  void clear();

  // The ring (re)starts under a new backend: writes the used flags as they were left (0 with
  // EVENT_IDX), takes used idx from memory, and makes the next call decision unconditional. False
  // where the used ring is not mapped.
  [[nodiscard]] bool start(GuestMemory& memory, EngineHost& host);

  // Takes the next available chain. On kError nothing is consumed and the error eventfd was
  // signalled. Kicks must be disabled.
  Fetched fetch(GuestMemory& memory, const MemTable& table, EngineHost& host, DescChain& chain);

  // Gives the `n` chains fetched last back: they are available again, and will be fetched again in
  // the same order. None of them was used or submitted.
  void unfetch(uint32_t n = 1) { last_avail.value = static_cast<uint16_t>(last_avail.value - n); }

  // Publishes `elems` (at most num) as used, in this order, and calls the driver if it is owed.
  void publish(GuestMemory& memory, EngineHost& host, std::span<const UsedElem> elems);

  // Publishes the `count` (1 to num) chains that were fetched first and not used yet, the last of
  // them with `last`. With IN_ORDER one used entry, in the slot of the first, says so for all of
  // them (VIRTIO 1.2, 2.7.9).
  void publish_batch(GuestMemory& memory, EngineHost& host, const UsedElem& last, uint32_t count);

  void disable_notify(GuestMemory& memory, EngineHost& host);
  // Asks for kicks; true if more became available meanwhile.
  [[nodiscard]] bool enable_notify(GuestMemory& memory, EngineHost& host);

  void report_error(EngineHost& host);

  bool event_idx() const { return (features & kFeatureEventIdx) != 0; }
  bool logs_buffers() const { return (features & kFeatureLogAll) != 0; }
  bool in_order() const { return (features & kFeatureInOrder) != 0; }

 private:
  bool store_flags(GuestMemory& memory, EngineHost& host, uint16_t flags);
  bool store_avail_event(GuestMemory& memory, EngineHost& host);
  bool store_idx(GuestMemory& memory, EngineHost& host);
  void publish_idx(GuestMemory& memory, EngineHost& host, bool stored);
  void advance_used(uint32_t count);
  bool store_run(GuestMemory& memory, EngineHost& host, std::span<const UsedElem> elems);
  Fetched read_avail_idx(const GuestMemory& memory, EngineHost& host);
  // A word that cannot be read means a call, as in Linux (vhost_notify).
  bool call_owed(const GuestMemory& memory, EngineHost& host);

  uint16_t used_flags_ = 0;       // as last written, or to be written at the next start
  RingIndex signalled_used_;      // used idx at the last call decision
  bool signalled_valid_ = false;  // false: the next decision is to call
};

}  // namespace va
