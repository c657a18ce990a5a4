// Accounts of heads: what goes in by the avail ring comes out by the used ring, once.
//
//   SPL-01  2.7.6    a head is consumed only after avail idx has moved past its slot
//   SPL-02  2.7.8    every exposed head is used exactly once (lost heads: wakeup.h)
//   SPL-03  2.7.8    used idx runs freely across 65535
//   SPL-11  2.7.6    a head out of range comes back in no used entry (safety)
//   USD-01  2.7.8    the id of a used entry is the head of the chain
//   USD-02  2.7.8.2  len is set before used idx covers the entry
//   USD-05  2.7.8    len counts bytes written: 0 for transmit (NON-STRICT)
//   USD-06  2.7.8    used idx moves by as many entries as were stored
//   USD-07  2.7.8    used idx never passes what was made available
//   USD-08  2.7.8    used idx never moves back; published slots stay until the ring laps
//   IOR-02  2.7.9    with IN_ORDER an entry for a batch lies in the first slot and names the last
//   IOR-03  2.7.9    the chains that it skips are done with
//
// Clauses of VIRTIO 1.2. The used ring is believed from one used idx to the next; after the first
// thing that is wrong the queue's accounts are closed (QueueModel::spoiled).
#pragma once

#include <vector>

#include "oracle/report.h"

namespace va::oracle {

class Conservation {
 public:
  // The device stored a used entry.
  static void entry(Context& context, QueueModel& q, const Event& event);

  // The device stored used idx. Returns the requests that became used by it, in order; the list is
  // valid until the next call.
  const std::vector<Request*>& publish(Context& context, QueueModel& q, const Event& event);

 private:
  static bool index_is_legal(Context& context, const QueueModel& q, Queue queue, uint16_t value);
  void skip_laps(Model& model, QueueModel& q, uint16_t steps);
  static constexpr uint32_t kBad = 0x10000;  // no used index
  uint32_t publish_one(Context& context, QueueModel& q, Queue queue, uint16_t position,
                       uint16_t end);
  static void check_skipped(Context& context, const QueueModel& q, const Request& request);
  static bool ends_batch(Context& context, QueueModel& q, const Request* r, uint32_t skipped,
                         uint32_t id);
  static void blame(Context& context, Queue queue, uint32_t id);

  std::vector<Request*> published_;
};

}  // namespace va::oracle
