// The transmit worker: fetch, submit, publish.
//
// One run of handle_tx() has a bound: as many packets or bytes as Linux grants
// (VHOST_NET_PKT_WEIGHT, VHOST_NET_WEIGHT), every iteration counted, whatever became of its chain;
// what is left queues the worker again. No exit leaves kicks disabled with work at hand and nothing
// armed:
//
//   ring empty               kicks enabled, ring read again
//   bound reached            worker queued
//   backend full             armed: backend_writable() queues the worker
//   in-flight limit          a completion queues the worker
//   allocation failed        worker queued
//   malformed chain          the driver's breach: the queue stops until the next kick
//
// A request has one owner. When send() has completed the request and then reports an error, the
// completion stands and the error is ignored: taking the chain back would use it twice.
#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "engine/features.h"
#include "engine/net.h"

namespace va {
namespace {

constexpr uint32_t kMaxPending = 128;      // VHOST_MAX_PEND
constexpr uint32_t kGoodCopyLen = 256;     // VHOST_GOODCOPY_LEN
constexpr uint32_t kBackOffPeriod = 1024;  // packets after which zero-copy failures are forgotten
constexpr uint32_t kWakeEvery = 16;        // completions by which a waiting worker is woken

}  // namespace

void Net::run_worker() {
  VA_CHECK(work_count_ != 0 && !running_);
  const uint32_t index = work_[0];
  work_[0] = work_[1];
  --work_count_;
  queued_ &= static_cast<uint8_t>(~(1u << index));
  running_ = true;
  if (index == kTxIndex) {
    handle_tx();
  } else {
    handle_rx();
  }
  running_ = false;
}

void Net::handle_tx() {
  Virtqueue& vq = vqs_[kTxIndex];
  Backend* backend = backends_[kTxIndex];
  if (backend == nullptr) return;
  host_.point(EnginePoint::kStart);
  vq.disable_notify(memory_, host_);
  polling_writable_ = false;
  if (unpublished() == 0) ordered_ = policy_ == PublicationPolicy::kInorder || vq.in_order();
  // What IN_ORDER has to wait for its elders is not used with a batch.
  copying_ = copies_to(*backend) && !(vq.in_order() && unpublished() != 0);
  uint64_t bytes = 0;
  for (uint32_t packets = 0;; ++packets) {
    if (packets == kPacketWeight || bytes >= kByteWeight) {
      queue_work(kTxIndex);
      break;
    }
    if (copying_) {
      if (copies_->full()) send_copies(vq, *backend);
    } else {
      publish_done(vq);
    }
    chain_.readable_bytes = 0;
    if (submit_next(vq, *backend) == Next::kStop) break;
    bytes += chain_.readable_bytes;
  }
  if (copying_) send_copies(vq, *backend);
  publish_done(vq);
  host_.point(EnginePoint::kEnd);
}

// The next chain into chain_, or how the handler goes on without one: an empty ring asks for kicks,
// and is read again.
std::optional<Net::Next> Net::fetch_next(Virtqueue& vq) {
  switch (vq.fetch(memory_, table_, host_, chain_)) {
    case Virtqueue::Fetched::kError:
      return Next::kStop;
    case Virtqueue::Fetched::kEmpty:
      if (!vq.enable_notify(memory_, host_)) return Next::kStop;
      vq.disable_notify(memory_, host_);
      return Next::kGoOn;
    case Virtqueue::Fetched::kChain:
      break;
  }
  host_.point(EnginePoint::kFetched);
  return std::nullopt;
}

Net::Next Net::submit_next(Virtqueue& vq, Backend& backend) {
  // The seed's design holds every frame, so its bound is taken before a chain is fetched.
  if (policy_ == PublicationPolicy::kArrival && backend.asynchronous() &&
      unpublished() >= pending_limit(vq)) {
    return Next::kStop;
  }
  if (vq.in_order() && pool_.full()) return Next::kStop;  // a chain used now may have to wait
  if (const std::optional<Next> without = fetch_next(vq)) return *without;
  const uint64_t len = chain_.readable_bytes;
  const uint32_t header = device_header(vq);
  // A transmit chain has no writable part (VIRTIO 1.2, 5.1.6.2) and more than the header. One that
  // breaks this is used with length 0: never sent, never lost.
  if (chain_.writable_bytes > 0 || len <= header || len > UINT32_MAX) {
    vq.report_error(host_);
    use_now(vq);
    return Next::kGoOn;
  }
  if (header != 0) skip_header(header);
  packet_.segments = chain_.readable();
  packet_.len = static_cast<uint32_t>(len - header);
  return submit(vq, backend, packet_);
}

// With NET_HDR the device consumes the header; the backend gets what lies behind it.
void Net::skip_header(uint32_t left) {
  uint32_t first = 0;
  while (left >= chain_.segments[first].len) left -= chain_.segments[first++].len;
  chain_.segments[first].user += left;
  chain_.segments[first].len -= left;
  for (uint32_t i = first; i < chain_.readable_count; ++i) {
    chain_.segments[i - first] = chain_.segments[i];
  }
  chain_.readable_count -= first;
  chain_.count -= first;
}

Net::Next Net::submit(Virtqueue& vq, Backend& backend, const Packet& packet) {
  if (copying_) return submit_copy(vq, backend, packet);
  if (!may_hold(vq, backend, packet)) return send_copied(vq, backend, packet);
  if (!allocate()) {
    vq.unfetch();
    queue_work(kTxIndex);
    return Next::kStop;
  }
  const RequestToken token = pool_.acquire(chain_.head, link_);
  ++links_[link_].in_flight;
  ++in_flight_;
  if (ordered_) order_[order_tail_++ % RequestPool::kSlots] = token.slot;
  const int sent = backend.send(packet, token);
  host_.point(EnginePoint::kSubmitted);
  Request* request = pool_.find(token);
  const bool owned = request != nullptr && request->state == RequestState::kInFlight;
  if (sent >= 0 || !owned) {
    count_transmitted();
    return Next::kGoOn;
  }
  --links_[request->link].in_flight;
  --in_flight_;
  if (transient(sent)) {
    if (ordered_) --order_tail_;
    pool_.release(token.slot);
    return retry_later(vq, backend);
  }
  // A frame that can never be sent must not block the queue. It takes its place among the done.
  request->state = RequestState::kDone;
  if (!ordered_) order_[order_tail_++ % RequestPool::kSlots] = token.slot;
  count_transmitted();
  return Next::kGoOn;
}

Net::Next Net::send_copied(Virtqueue& vq, Backend& backend, const Packet& packet) {
  const int sent = backend.send(packet, RequestToken{});
  host_.point(EnginePoint::kSubmitted);
  if (sent < 0 && transient(sent)) return retry_later(vq, backend);
  use_now(vq);
  count_transmitted();
  return Next::kGoOn;
}

// The backend took nothing, for now: the chain is available again, and room wakes the worker.
Net::Next Net::retry_later(Virtqueue& vq, Backend& backend) {
  vq.unfetch();
  poll_writable(backend);
  return Next::kStop;
}

// Room in the backend wakes the worker from here on; if there is room now, it does so at once.
void Net::poll_writable(const Backend& backend) {
  polling_writable_ = true;
  if (backend.writable()) backend_writable();
}

void Net::use_now(Virtqueue& vq) {
  if (copying_) return copies_->add_head(chain_.head);
  if (vq.in_order() && unpublished() != 0) {  // in its turn, behind those that are held
    const RequestToken token = pool_.acquire(chain_.head, link_);
    pool_.at(token.slot).state = RequestState::kDone;
    order_[order_tail_++ % RequestPool::kSlots] = token.slot;
    return;
  }
  batch_[0] = UsedElem{chain_.head, 0};
  vq.publish(memory_, host_, {batch_.data(), 1});
}

uint32_t Net::pending_limit(const Virtqueue& vq) const {
  if (policy_ == PublicationPolicy::kInorder) return std::min(kMaxPending, vq.ring.num / 4);
  return std::min(RequestPool::kSlots, vq.ring.num);
}

// Whether this frame may be kept in flight rather than copied.
bool Net::may_hold(const Virtqueue& vq, const Backend& backend, const Packet& packet) const {
  if (flushing_) return false;
  if (policy_ == PublicationPolicy::kArrival) return backend.asynchronous();
  return backend.keeps_pages() && packet.len >= kGoodCopyLen &&
         order_tail_ - order_head_ <= pending_limit(vq) && sent_packets_ / 64 >= failed_packets_;
}

void Net::count_transmitted() {
  if (++sent_packets_ < kBackOffPeriod) return;
  sent_packets_ = 0;
  failed_packets_ = 0;
}

void Net::publish_done(Virtqueue& vq) {
  if (ordered_) {
    publish_in_order(vq);
  } else {
    publish_arrived(vq);
  }
  host_.point(EnginePoint::kDrained);
}

// One used entry and one call decision a request, as the seed has it, in order of completion.
void Net::publish_arrived(Virtqueue& vq) {
  while (order_head_ != order_tail_) {
    const uint32_t slot = order_[order_head_++ % RequestPool::kSlots];
    batch_[0] = UsedElem{pool_.at(slot).head, 0};
    // The request is gone before its head is the driver's again.
    pool_.release(slot);
    vq.publish(memory_, host_, {batch_.data(), 1});
  }
}

// The done run from the oldest submitted request on, in one go (vhost_zerocopy_signal_used).
void Net::publish_in_order(Virtqueue& vq) {
  uint32_t count = 0;
  while (order_head_ != order_tail_) {
    const uint32_t slot = order_[order_head_ % RequestPool::kSlots];
    const Request& request = pool_.at(slot);
    if (request.state == RequestState::kInFlight) break;
    if (request.state == RequestState::kFailed) ++failed_packets_;
    batch_[count++] = UsedElem{request.head, 0};
    pool_.release(slot);
    ++order_head_;
  }
  if (count > 0) publish_used(vq, {batch_.data(), count});
}

// What is used together, in the order of the ring. A driver that breaks its ring makes more
// available than the ring holds, so in parts that fit.
void Net::publish_used(Virtqueue& vq, std::span<const UsedElem> used) {
  for (size_t done = 0; done < used.size();) {
    const std::span<const UsedElem> part =
        used.subspan(done, std::min<size_t>(used.size() - done, vq.ring.num));
    if (vq.in_order()) {
      vq.publish_batch(memory_, host_, part.back(), static_cast<uint32_t>(part.size()));
    } else {
      vq.publish(memory_, host_, part);
    }
    done += part.size();
  }
}

// Requests that are in flight, or done and not used yet.
uint32_t Net::unpublished() const {
  const uint32_t listed = order_tail_ - order_head_;
  return ordered_ ? listed : in_flight_ + listed;
}

void Net::complete(RequestToken token, RequestResult result) {
  Request* request = pool_.find(token);
  if (request == nullptr || request->state != RequestState::kInFlight) return;
  request->state = result == RequestResult::kOk ? RequestState::kDone : RequestState::kFailed;
  Link& link = links_[request->link];
  VA_CHECK(link.in_flight > 0 && in_flight_ > 0);
  --link.in_flight;
  --in_flight_;
  if (!ordered_) order_[order_tail_++ % RequestPool::kSlots] = token.slot;
  if (policy_ == PublicationPolicy::kArrival) return queue_work(kTxIndex);
  // Linux wakes the worker for the last completion and for each 16th (vhost_zerocopy_callback).
  const uint32_t left = link.references();
  if (left <= 1 || left % kWakeEvery == 0) queue_work(kTxIndex);
}

void Net::kick(uint32_t index) {
  VA_CHECK(index < vqs_.size());
  if (open_ && vqs_[index].kick_fd != 0) queue_work(index);
}

void Net::backend_writable() {
  if (polling_writable_ && backends_[kTxIndex] != nullptr) {
    polling_writable_ = false;
    queue_work(kTxIndex);
  }
}

}  // namespace va
