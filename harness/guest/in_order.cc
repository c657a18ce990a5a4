// The driver with IN_ORDER: the descriptors it takes, and batches that are one used entry.
#include "guest/driver.h"

namespace va {

// With IN_ORDER a driver uses descriptors in ring order (VIRTIO 1.2, 2.7.5 and 6.2).
uint16_t Driver::take_in_turn(QueueState& q) {
  const uint16_t descriptor = q.cursor;
  if (!is_free(q, descriptor)) return take_lowest(q);  // the Program broke the order
  q.cursor = static_cast<uint16_t>((descriptor + 1) % q.num);
  take(q, descriptor);
  return descriptor;
}

// With IN_ORDER one used entry, in the slot of the first, stands for a batch and names its last
// (VIRTIO 1.2, 2.7.9). Frees the chains before `id` in the order in which they were made available,
// which is what the avail ring holds; returns how many.
uint32_t Driver::skip_to(Queue queue, QueueState& q, uint32_t id, uint16_t used_idx) {
  uint32_t skipped = 0;
  while (static_cast<uint16_t>(q.last_used + 1) != used_idx) {
    const uint64_t entry = q.ring.avail + 4 + uint64_t{2} * (q.last_used % q.num);
    const auto head = static_cast<uint16_t>(get_across(entry, sizeof(uint16_t)));
    if (head == id || head >= q.num || q.chains[head].generation != q.generation) break;
    free_chain(queue, q, head);
    ++q.last_used;
    ++skipped;
  }
  return skipped;
}

}  // namespace va
