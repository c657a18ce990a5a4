// The order of used entries, where something promises one.
//
//   IOR-01  VIRTIO 1.2, 6.2: with IN_ORDER, buffers are used in the order they were made available
//   POL-01  policy `inorder` (Linux drivers/vhost/net.c, vhost_zerocopy_signal_used): requests that
//           the backend held are used in the order of submission; copied ones may overtake them
//   POL-02  policy `arrival` (the 2010 asynchronous vhost-net patch): in the order of completion
//
// POL rules are the project's own: without IN_ORDER any order conforms, and they bind a device only
// by the policy that its trace names.
#pragma once

#include "oracle/report.h"

namespace va::oracle {

// The request is about to become used.
void check_order(Context& context, QueueModel& q, const Request& request);

}  // namespace va::oracle
