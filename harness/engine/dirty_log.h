// The dirty log: which guest pages the device wrote to (VHOST_SET_LOG_BASE, VHOST_SET_LOG_FD,
// VHOST_F_LOG_ALL, VHOST_VRING_F_LOG; Linux, drivers/vhost/vhost.c, log_write and vhost_log_write).
//
// Two switches, as in Linux. Buffers are logged while LOG_ALL is acked, at the addresses that the
// chain had when it was fetched. A used ring is logged while set_vring_addr's flag says so, at the
// guest address given there, whatever the features: only user space knows where a ring lies in
// guest memory. Writing comes first and its log entry after it, so a page is never clean that has
// changed before it was looked at; at a settle point the two agree.
//
// A log that cannot be written is nobody's error: Linux drops the bit too.
//
// Tested by dirty_log_test.cc.
#pragma once

#include <cstdint>
#include <span>

#include "engine/backend.h"
#include "ring/desc_chain.h"

namespace va {

// Where one ring logs.
struct RingLog {
  uint64_t base = 0;            // user address of the bitmap; 0 until set_log_base
  uint64_t gpa = ~uint64_t{0};  // of the used ring, if it is logged
  bool used = false;            // VHOST_VRING_F_LOG
  uint32_t fd = 0;              // log eventfd; 0: none

  // The `len` bytes from `offset` of the used ring were stored. The common case costs a branch.
  void used_stored(EngineHost& host, uint64_t offset, uint64_t len) const {
    if (used) pages(host, gpa + offset, len);
  }
  // The same for a store behind which user space may look: the log eventfd is signalled.
  void used_published(EngineHost& host, uint64_t offset, uint64_t len) const {
    if (!used) return;
    pages(host, gpa + offset, len);
    signal(host);
  }

  // The first `len` bytes of the buffer that `ranges` describe were stored. `len` behind their sum
  // is ignored: it is the backend's word, and Linux's BUG() at this place is not to be had. The log
  // eventfd is signalled if all of it was logged (vhost_log_write).
  void buffer_stored(EngineHost& host, std::span<const GuestRange> ranges, uint64_t len) const;

 private:
  void signal(EngineHost& host) const {
    if (fd != 0) host.on_logged(fd);
  }
  // False where one of them has no place in the log; those behind it are not marked either.
  bool pages(EngineHost& host, uint64_t first, uint64_t len) const;
};

}  // namespace va
