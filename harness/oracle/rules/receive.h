// Receive: what the device writes into buffers and says of it, and what reaches the driver.
//
//   USD-03  2.7.8.2    at least len bytes are written, from the first writable one on, before used
//                      idx covers the entry; so len is never more than was written
//   USD-04  2.7.8      and it counts all of the packet that was written (NON-STRICT for less)
//   NET-01  5.1.6.3.2  without MRG_RXBUF a packet takes one buffer and num_buffers is 1
//   NET-02  5.1.6.4.1  with it, num_buffers is the number of buffers that the packet is spread over
//   NET-03  5.1.6.4.1  all of them but the last are filled
//   NET-04  5.1.6.4.1  and they become used together
//   NET-06  5.1.6.4.1  flags are 0: GUEST_CSUM is not acked
//   NET-07  5.1.6.4.1  gso_type is NONE: no GUEST_ feature for segments is acked
//   NET-09  5.1.6.4.1  RSC_INFO is not set: RSC_EXT is not acked
//   ASY-06  5.1.6.4.1  no part of a merged packet is used before all parts are written
//   NET-23  5.1.6.4    a frame arrives as it was, once; cut off only where its buffers were full
//   POL-03             in the order in which the backend had them, none left out
//   POL-04             and while there are buffers, without waiting for anything else
//
// Clauses of VIRTIO 1.2; POL rules are the project's own. How many buffers a packet took is not
// asked of the device: it follows from the length of the injected frame and the used entries.
//
// Nothing here costs a Program that receives nothing: a queue's account is opened when it is named.
#pragma once

#include <array>
#include <vector>

#include "oracle/report.h"

namespace va::oracle {

class ReceiveRules {
 public:
  void begin();
  // `number` is the event's. The backend has a frame for the driver.
  void injected(Context& context, const Event& event, uint32_t number);
  // The device stored into guest memory. `number` as above.
  void write(Context& context, const Event& event, uint32_t number);
  // The request became used; its used_len is known.
  void used(Context& context, const Request& request, uint32_t number);
  // The driver took a packet, and read its frame.
  void received(Context& context, const Event& event);
  void frame(Context& context, const Event& event);
  void idle(Context& context);

 private:
  // Bytes of a request's writable part that were stored, counted from its first.
  struct Extent {
    uint32_t serial = 0;
    uint32_t at = 0;  // number of the last event that stored some of it
    uint64_t from = 0;
    uint64_t to = 0;
  };
  struct Injected {
    uint32_t len = 0;
    uint32_t at = 0;  // number of the event
    bool received = false;
    bool made = false;  // by the backend itself, for a buffer that the Program named
  };
  struct Used {
    uint32_t serial = 0;
    uint32_t at = 0;         // number of the event that published it
    uint32_t stored_at = 0;  // and of the last one that stored into it before
    uint64_t written = 0;    // bytes, without a gap from the first on
    uint32_t header = 0;     // the header's length, and whether packets span buffers, at that time
    bool merges = false;
  };
  struct Account {
    uint32_t run = 0;
    uint32_t life = 0;
    std::vector<Used> used;          // in order of the used ring
    size_t first = 0;                // in `used`: those before were taken by the driver
    std::vector<Injected> injected;  // by ordinal
    size_t next = 0;                 // in `injected`: those before were received, or left out
    size_t nameless = 0;             // frames that were cut off before their name
    size_t packet = 0;               // in `used`: the packet that was taken last
    size_t buffers = 0;              // of it; 0: the trace does not show which
  };

  Account& account(Context& context, Queue queue);
  uint64_t written(uint32_t serial) const;
  uint32_t stored_last(uint32_t serial) const;
  static void check_header(Context& context, const Event& event);
  static void check_parts(Context& context, const Event& event, const Account& a);
  static bool is_void(Model& model, const Account& a);
  void check_num_buffers(Context& context, Queue queue, const Account& a, uint64_t claimed);
  bool spread_further(Model& model, const Account& a, uint64_t bytes) const;
  void check_length(Context& context, const Event& event, const Account& a, uint32_t sent);
  void check_order(Context& context, const Event& event, Account& a, size_t ordinal);
  void check_delivery(Context& context, Queue queue, Account& a);

  uint32_t run_ = 0;
  std::array<Account, kQueues> accounts_;
  std::vector<Extent> extents_;  // of requests that are not used yet
};

}  // namespace va::oracle
