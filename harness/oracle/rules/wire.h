// What the wire shows of each request.
//
//   NET-23  5.1.6.2  a frame is delivered bit-exact, once
//   USD-10  2.7.14   a buffer is not read after it was used: overwritten then, it must not show
//   ASY-16  2.7.8    the same, for a request that the backend held (zero-copy)
//   USD-12  2.7.8    what is used and was never on the wire was dropped for a documented reason
//
// Clauses of VIRTIO 1.2. A frame names its request and carries one fill byte (prog/frame.h).
// Documented reasons to drop: the backend failed or refused it for good, was down or taken away;
// the frame is shorter than an Ethernet head or longer than a tap takes (Linux drivers/net/tun.c).
#pragma once

#include <array>
#include <vector>

#include "oracle/report.h"

namespace va::oracle {

class WireRules {
 public:
  void begin();
  void frame(Context& context, const QueueModel& q, const Event& event);
  void used(Context& context, const Request& request);
  void idle(Context& context);

 private:
  std::vector<uint32_t> unseen_;  // serials of requests used and not on the wire
};

}  // namespace va::oracle
