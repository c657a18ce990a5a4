// The control plane: the ioctls of vhost-net with their names and errno (Linux,
// drivers/vhost/vhost.c and net.c), and the calls that wait for requests in flight.
//
// What waits, and for what:
//
//   set_mem_table, set_log_base, set_log_fd, and every call that a non-owner makes on the device or
//     a ring: nothing is held on the current links (vhost_net_flush); while it waits nothing new is
//     held: large frames are copied, receive buffers are not posted
//   set_backend(another one or -1): nothing is held on the ring's old link; the done are published
//   reset_owner, release: the queues are stopped, then nothing is held; the done are dropped, for
//     their rings are not the device's any more
#include <cerrno>

#include "base/check.h"
#include "engine/features.h"
#include "engine/net.h"

namespace va {
namespace {

constexpr uint64_t kUserEnd =
    0x7ffffffff000;  // TASK_SIZE_MAX on x86-64 with four page-table levels
constexpr uint64_t kLogged = uint64_t{8} * GuestMemory::kPage;  // bytes that one of the log covers

// access_ok(): the range lies in user space, mapped or not.
bool access_ok(uint64_t user, uint64_t len) {
  return len <= kUserEnd && user <= kUserEnd - len;
}

// log_access_ok() and vq_log_used_access_ok(): the bits of [gpa, gpa + len) lie in user space.
bool log_access_ok(uint64_t base, uint64_t gpa, uint64_t len) {
  const uint64_t at = base + gpa / kLogged;
  return at >= base && access_ok(at, (len + kLogged - 1) / kLogged);
}

bool used_log_access_ok(const Virtqueue& vq, uint64_t base, bool used, uint64_t gpa) {
  return !used || log_access_ok(base, gpa, vq.ring.used_size(vq.event_idx()));
}

// vq_memory_access_ok()
bool table_access_ok(const MemTable& table, uint64_t log_base, bool log_all) {
  for (const Region& region : table.regions()) {
    if (!access_ok(region.user, region.size)) return false;
    if (log_all && !log_access_ok(log_base, region.gpa, region.size)) return false;
  }
  return true;
}

bool power_of_two(uint32_t value) {
  return value != 0 && (value & (value - 1)) == 0;
}

}  // namespace

Net::Net(PublicationPolicy policy, GuestMemory& memory, EngineHost& host)
    : policy_(policy),
      memory_(memory),
      host_(host),
      copies_(policy != PublicationPolicy::kArrival ? std::make_unique<CopyBatch>() : nullptr),
      posted_(RequestPool::kSlots) {
  open();
}

void Net::open() {
  open_ = true;
  owned_ = false;
  has_table_ = false;
  acked_features_ = 0;
  table_.clear();
  fail_in_ = -1;
  wait_ = Wait{};
  order_head_ = order_tail_ = filled_head_ = filled_tail_ = 0;
  pool_.reset();
  posted_pool_.reset();
  reset_queues();
}

// Every queue as after opening. Done requests that were not published are dropped.
void Net::reset_queues() {
  for (uint32_t i = 0; i < vqs_.size(); ++i) {
    vqs_[i].clear();
    vqs_[i].index = i;
    backends_[i] = nullptr;
  }
  while (order_head_ != order_tail_) {
    pool_.release(order_[order_head_++ % RequestPool::kSlots]);
  }
  while (filled_head_ != filled_tail_) {
    posted_pool_.release(filled_[filled_head_++ % RequestPool::kSlots]);
  }
  VA_CHECK(allocated() == 0);
  links_ = {};
  link_ = posted_link_ = 0;
  in_flight_ = 0;
  posted_held_ = {};
  received_count_ = 0;
  flushing_ = false;
  sent_packets_ = failed_packets_ = 0;
  queued_ = work_count_ = 0;
  polling_writable_ = polling_readable_ = false;
}

int Net::check_owner(Caller caller) const {
  // Each call as another process comes from a process of its own: none of them is ever the owner.
  return owned_ && owner_ == Caller::kOwner && caller == Caller::kOwner ? 0 : -EPERM;
}

int Net::check_ring(Caller caller, uint32_t index) {
  const int r = check_owner(caller);
  if (r < 0) return r;
  return index < vqs_.size() ? 0 : -ENOBUFS;
}

bool Net::allocate() {
  return fail_in_ < 0 || fail_in_-- != 0;
}

// ---- ownership and features -----------------------------------------------------------------

int Net::set_owner(Caller caller) {
  if (owned_) return -EBUSY;
  if (!allocate()) return -ENOMEM;
  owned_ = true;
  owner_ = caller;
  return 0;
}

int Net::reset_owner(Caller caller) {
  const int r = check_owner(caller);
  if (r < 0) return r;
  if (!allocate()) return -ENOMEM;  // the empty memory table
  stop_queues();
  flushing_ = true;
  return wait_for(Call::kResetOwner, current_links(), 0);
}

uint64_t Net::get_features() const {
  return kOfferedFeatures;
}

int Net::set_features(uint64_t features) {
  if ((features & ~kOfferedFeatures) != 0) return -EOPNOTSUPP;
  // vhost_log_access_ok(): a ring at rest is looked at when it starts.
  if ((features & kFeatureLogAll) != 0) {
    for (const Virtqueue& vq : vqs_) {
      if (backends_[vq.index] == nullptr) continue;
      if (!table_access_ok(table_, vq.log.base, true)) return -EFAULT;
    }
  }
  acked_features_ = features;
  for (Virtqueue& vq : vqs_) vq.features = features;
  return 0;
}

uint64_t Net::get_backend_features() const {
  return kOfferedBackendFeatures;
}

int Net::set_backend_features(uint64_t features) {
  return (features & ~kOfferedBackendFeatures) != 0 ? -EOPNOTSUPP : 0;
}

// ---- memory ---------------------------------------------------------------------------------

int Net::set_mem_table(Caller caller, std::span<const Region> regions, uint32_t padding) {
  const int r = check_owner(caller);
  if (r < 0) return flush(r);
  if (padding != 0) return flush(-EOPNOTSUPP);
  if (regions.size() > MemTable::kMaxRegions) return flush(-E2BIG);
  if (!allocate()) return flush(-ENOMEM);
  for (const Region& region : regions) {
    if (region.last() < region.gpa) return flush(-EFAULT);
    if (!region_accessible(region)) return flush(-EFAULT);
  }
  table_.clear();
  for (const Region& region : regions) add_region(region);
  has_table_ = true;
  return flush(0);
}

// [0, 2^64) is what GPA 0 with size 0 means; its size does not fit, so it becomes two halves.
void Net::add_region(const Region& region) {
  if (region.size != 0) return table_.add(region);
  constexpr uint64_t kHalf = uint64_t{1} << 63;
  table_.add({0, kHalf, region.user});
  table_.add({kHalf, kHalf, region.user + kHalf});
}

// memory_access_ok(): rings at rest are looked at when they start.
bool Net::region_accessible(const Region& region) const {
  for (const Virtqueue& vq : vqs_) {
    if (backends_[vq.index] == nullptr) continue;
    if (region.size == 0 || !access_ok(region.user, region.size)) return false;
    if (vq.logs_buffers() && !log_access_ok(vq.log.base, region.gpa, region.size)) return false;
  }
  return true;
}

// A ring at rest takes any base; a running one keeps its own where the new one is out of reach, and
// the call fails, though the other ring has taken it.
int Net::set_log_base(Caller caller, uint64_t base) {
  int r = check_owner(caller);
  if (r < 0) return flush(r);
  for (Virtqueue& vq : vqs_) {
    if (backends_[vq.index] != nullptr && !log_accessible(vq, base)) {
      r = -EFAULT;
    } else {
      vq.log.base = base;
    }
  }
  return flush(r);
}

int Net::set_log_fd(Caller caller, EventFd fd) {
  const int r = check_owner(caller);
  if (r < 0) return flush(r);
  if (fd.error < 0) return flush(fd.error);
  for (Virtqueue& vq : vqs_) vq.log.fd = fd.id;
  return flush(0);
}

// vq_log_access_ok()
bool Net::log_accessible(const Virtqueue& vq, uint64_t base) const {
  return table_access_ok(table_, base, vq.logs_buffers()) &&
         used_log_access_ok(vq, base, vq.log.used, vq.log.gpa);
}

// ---- rings ----------------------------------------------------------------------------------

int Net::set_vring_num(Caller caller, uint32_t index, uint32_t num) {
  const int r = check_ring(caller, index);
  if (r < 0) return r == -EPERM ? flush(r) : r;
  if (backends_[index] != nullptr) return -EBUSY;
  if (num > 0xffff || !power_of_two(num)) return -EINVAL;
  vqs_[index].ring.num = num;
  return 0;
}

int Net::set_vring_base(Caller caller, uint32_t index, uint32_t base) {
  const int r = check_ring(caller, index);
  if (r < 0) return r == -EPERM ? flush(r) : r;
  if (backends_[index] != nullptr) return -EBUSY;
  if (base > 0xffff) return -EINVAL;
  vqs_[index].last_avail.value = static_cast<uint16_t>(base);
  vqs_[index].avail_idx = vqs_[index].last_avail;
  return 0;
}

int Net::get_vring_base(Caller caller, uint32_t index, uint32_t& base) {
  const int r = check_ring(caller, index);
  if (r < 0) return r == -EPERM ? flush(r) : r;
  base = vqs_[index].last_avail.value;
  return 0;
}

bool Net::ring_accessible(const Virtqueue& vq, const VringAddr& addr) const {
  const bool event_idx = vq.event_idx();
  return access_ok(addr.desc, vq.ring.desc_size()) &&
         access_ok(addr.avail, vq.ring.avail_size(event_idx)) &&
         access_ok(addr.used, vq.ring.used_size(event_idx));
}

int Net::set_vring_addr(Caller caller, uint32_t index, const VringAddr& addr) {
  const int r = check_ring(caller, index);
  if (r < 0) return r == -EPERM ? flush(r) : r;
  if ((addr.flags & ~kVringLog) != 0) return -EOPNOTSUPP;
  if (addr.avail % 2 != 0 || addr.used % 4 != 0 || addr.log % 4 != 0) return -EINVAL;
  Virtqueue& vq = vqs_[index];
  const bool logged = (addr.flags & kVringLog) != 0;
  if (backends_[index] != nullptr &&
      (!ring_accessible(vq, addr) || !used_log_access_ok(vq, vq.log.base, logged, addr.log))) {
    return -EINVAL;
  }
  vq.log.used = logged;
  vq.log.gpa = addr.log;
  vq.ring.desc = addr.desc;
  vq.ring.avail = addr.avail;
  vq.ring.used = addr.used;
  return 0;
}

int Net::set_vring_kick(Caller caller, uint32_t index, EventFd fd) {
  const int r = check_ring(caller, index);
  if (r < 0) return r == -EPERM ? flush(r) : r;
  if (fd.error < 0) return fd.error;
  vqs_[index].kick_fd = fd.id;
  return 0;
}

int Net::set_vring_call(Caller caller, uint32_t index, EventFd fd) {
  const int r = check_ring(caller, index);
  if (r < 0) return r == -EPERM ? flush(r) : r;
  if (fd.error < 0) return fd.error;
  vqs_[index].call_fd = fd.id;
  return 0;
}

int Net::set_vring_err(Caller caller, uint32_t index, EventFd fd) {
  const int r = check_ring(caller, index);
  if (r < 0) return r == -EPERM ? flush(r) : r;
  if (fd.error < 0) return fd.error;
  vqs_[index].error_fd = fd.id;
  return 0;
}

// ---- backend --------------------------------------------------------------------------------

int Net::check_start(Virtqueue& vq, const BackendFd& fd) {
  const VringAddr addr{vq.ring.desc, vq.ring.avail, vq.ring.used, 0, 0};
  if (!has_table_ || !log_accessible(vq, vq.log.base) || !ring_accessible(vq, addr)) return -EFAULT;
  return fd.error;
}

int Net::set_backend(Caller caller, uint32_t index, BackendFd fd) {
  const int r = check_ring(caller, index);
  if (r < 0) return r;
  Virtqueue& vq = vqs_[index];
  const int unfit = check_start(vq, fd);
  if (unfit < 0) return unfit;
  // The fd already installed: Linux flushes the worker, which here is at rest between operations.
  if (fd.backend == backends_[index]) return 0;
  return install(vq, fd);
}

// The ring begins anew before it is known whether the backend can be polled.
int Net::start_ring(Virtqueue& vq, const BackendFd& fd) {
  if (!vq.start(memory_, host_)) return -EFAULT;
  return fd.gone ? -EINVAL : 0;
}

int Net::install(Virtqueue& vq, const BackendFd& fd) {
  Backend* const backend = fd.backend;
  // A backend that is only sent to in copies has no state of its own (vhost_net_ubuf_alloc).
  const bool counted = backend != nullptr && !copies_to(*backend);
  if (counted && !allocate()) return -ENOMEM;
  // Mode and backend change together or not at all: where the new one fails the old one stays, and
  // is polled anew.
  const int started = backend != nullptr ? start_ring(vq, fd) : 0;
  if (started < 0) {
    start_polling(vq.index);
    return started;
  }
  backends_[vq.index] = backend;
  sent_packets_ = failed_packets_ = 0;  // whichever ring it is, as vhost_net_set_backend() does
  const bool transmits = vq.index == kTxIndex;
  const auto old_link = static_cast<uint8_t>(transmits ? 1u << link_ : 4u << posted_link_);
  if (transmits) {
    flushing_ = false;
    link_ ^= 1;
    links_[link_].base = backend != nullptr;
  } else {
    posted_link_ ^= 1;
  }
  VA_CHECK(!still_held(current_links() & (transmits ? 3 : 12)));
  start_polling(vq.index);
  return wait_for(Call::kSwap, old_link, 0);
}

// vhost_net_enable_vq(): the worker runs at once if there is something to be done.
void Net::start_polling(uint32_t index) {
  Backend* backend = backends_[index];
  if (index == kTxIndex) {
    polling_writable_ = false;
    if (backend != nullptr) poll_writable(*backend);
    return;
  }
  polling_readable_ = backend != nullptr;
  // Posting ahead needs no frame: buffers may have been available before.
  if (backend != nullptr && (backend->waiting() != 0 || posts_ahead(backend))) backend_readable();
}

int Net::release() {
  stop_queues();
  flushing_ = true;
  return wait_for(Call::kRelease, current_links(), 0);
}

void Net::stop_queues() {
  backends_ = {};
}

// ---- waiting --------------------------------------------------------------------------------

int Net::flush(int result) {
  flushing_ = true;
  return wait_for(Call::kFlush, current_links(), result);
}

int Net::wait_for(Call call, uint8_t links, int result) {
  VA_CHECK(wait_.call == Call::kNone);
  wait_ = Wait{call, links, result};
  for (uint32_t link = 0; link < links_.size(); ++link) {
    if ((links >> link & 1) != 0) links_[link].base = false;
  }
  return step_pending();
}

bool Net::still_held(uint8_t links) const {
  for (uint32_t link = 0; link < links_.size(); ++link) {
    if ((links >> link & 1) != 0 && links_[link].in_flight != 0) return true;
    if ((links >> link & 4) != 0 && posted_held_[link] != 0) return true;
  }
  return false;
}

int Net::step_pending() {
  VA_CHECK(wait_.call != Call::kNone);
  if (still_held(wait_.links)) return kPending;
  const Wait done = wait_;
  wait_ = Wait{};
  switch (done.call) {
    case Call::kNone:
      break;
    case Call::kFlush:
      flushing_ = false;
      links_[link_].base = backends_[kTxIndex] != nullptr;
      // Buffers that came meanwhile were left where they are.
      if (posts_ahead(backends_[kRxIndex])) queue_work(kRxIndex);
      break;
    case Call::kSwap:
      finish_swap(done.links);
      break;
    case Call::kResetOwner:
      reset_queues();
      acked_features_ = 0;
      owned_ = false;
      table_.clear();  // as in Linux the table is an empty one now, which is not the same as none
      break;
    case Call::kRelease:
      reset_queues();
      open_ = false;
      owned_ = false;
      has_table_ = false;
      table_.clear();
      break;
  }
  return done.result;
}

// What the old backend had is published before the call returns.
void Net::finish_swap(uint8_t links) {
  if ((links & 3) != 0) {
    publish_done(vqs_[kTxIndex]);
  } else {
    publish_received(vqs_[kRxIndex]);
  }
}

}  // namespace va
