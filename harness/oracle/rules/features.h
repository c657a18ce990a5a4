// What a device offers, whatever of it is acked.
//
//   FEA-01  2.2.2, 5.1.3.1  no feature without those that it requires
//   FEA-03  6.2             VERSION_1
//
// Clauses of VIRTIO 1.2.
#pragma once

#include "oracle/report.h"

namespace va::oracle {

// GET_FEATURES has returned `offered`.
void check_offer(Context& context, uint64_t offered);

}  // namespace va::oracle
