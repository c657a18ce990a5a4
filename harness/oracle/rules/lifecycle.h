// Control calls and the requests in flight when they are made.
//
//   ASY-08  a backend is taken away, or replaced, only when all requests of the old one are used
//           (Linux drivers/vhost/net.c, vhost_net_set_backend: put_and_wait, then signal_used)
//   ASY-10  SET_MEM_TABLE returns when nothing is in flight (vhost_net_flush)
//   ASY-11  RESET_OWNER and close return when nothing is in flight (vhost_net_release)
//   KRN-09  GET_VRING_BASE gives the next avail index to be taken: not before what is used, not
//           behind avail idx (drivers/vhost/vhost.c, VHOST_GET_VRING_BASE)
//   LIF-10  on a ring that was stopped it is used idx, since all that was taken is used
//   SAF-07  every call returns, once nothing is held any more
#pragma once

#include "oracle/report.h"

namespace va::oracle {

// The call `op` is about to return. To be called before the model is told.
void check_return(Context& context, const Op& op, const Event& event);

void check_calls_at_end(Context& context);

}  // namespace va::oracle
