// The receive worker: two ways to bring frames into the driver's buffers.
//
// From a backend that waits to be asked (Linux, drivers/vhost/net.c, handle_rx): look at how long
// the next frame is, fetch as many chains as it takes (one without MRG_RXBUF), let the backend
// store it, write num_buffers, and use them. Used entries are published 64 at a time and when the
// run ends. A packet is all there when its first used entry is: num_buffers comes before the index,
// and one store of the index covers all of its chains (VIRTIO 1.2, 5.1.6.4.1).
//
// Ahead of frames (the seed's asynchronous side): each available chain is posted to the backend,
// which delivers into any of them, later. A posted buffer keeps its own copy of where its memory
// lies: what is shared between requests describes the one fetched last, and what is read again at
// completion the driver has changed.
//
// One run has the bounds of handle_tx(): every iteration counts, whatever became of it. No exit
// leaves frames waiting with nothing armed:
//
//   no frame waits         armed: backend_readable() queues the worker (kicks stay disabled)
//   no chain for it        kicks enabled, ring read again; frames do not wake the worker
//   bound reached          worker queued
//   frame too long for it  dropped, the chain is given back
//   chain cannot be used   the driver's breach: used with length 0, as are those before it that the
//                          same packet was to go into
//   malformed chain        the driver's breach: the queue stops until the next kick
//   in-flight limit        a delivery queues the worker
//   backend full           armed: backend_readable() queues the worker
//   allocation failed      worker queued
#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "engine/features.h"
#include "engine/net.h"

namespace va {
namespace {

constexpr uint32_t kNumBuffersAt = 10;  // VIRTIO 1.2, 5.1.6: behind the ten bytes of all headers

}  // namespace

uint32_t Net::device_header(const Virtqueue& vq) const {
  return (vq.features & kFeatureNetHdr) != 0 ? net_header_len(vq.features) : 0;
}

void Net::handle_rx() {
  Virtqueue& vq = vqs_[kRxIndex];
  Backend* backend = backends_[kRxIndex];
  if (backend == nullptr) return;
  host_.point(EnginePoint::kStart);
  vq.disable_notify(memory_, host_);
  polling_readable_ = false;
  if (posts_ahead(backend)) {
    post_buffers(vq, *backend);
  } else {
    receive_waiting(vq, *backend);
  }
  host_.point(EnginePoint::kEnd);
}

void Net::backend_readable() {
  if (!polling_readable_ || backends_[kRxIndex] == nullptr) return;
  polling_readable_ = false;
  queue_work(kRxIndex);
}

// ---- a backend that waits to be asked -------------------------------------------------------

void Net::receive_waiting(Virtqueue& vq, Backend& backend) {
  publish_received(vq);  // of the backend before this one
  uint64_t bytes = 0;
  for (uint32_t packets = 0;; ++packets) {
    if (packets == kPacketWeight || bytes >= kByteWeight) {
      queue_work(kRxIndex);
      break;
    }
    const uint32_t frame_len = backend.waiting();
    if (frame_len == 0) {
      polling_readable_ = true;
      break;
    }
    if (receive_next(vq, backend, frame_len, bytes) == Next::kStop) break;
  }
  use_received(vq);
}

Net::Next Net::receive_next(Virtqueue& vq, Backend& backend, uint32_t frame_len, uint64_t& bytes) {
  const uint32_t header = device_header(vq);
  const uint32_t from_backend = frame_len + net_header_len(vq.features) - header;
  switch (take_room(vq, from_backend + header)) {
    case RoomFound::kError:
      vq.unfetch(room_.heads);
      return Next::kStop;
    case RoomFound::kNoChain:
      vq.unfetch(room_.heads);
      if (!vq.enable_notify(memory_, host_)) return Next::kStop;
      vq.disable_notify(memory_, host_);
      return Next::kGoOn;
    case RoomFound::kUnfit:
      give_back_unfit(vq);
      return Next::kGoOn;
    case RoomFound::kTooSmall:
      drop_frame(vq, backend);
      return Next::kGoOn;
    case RoomFound::kEnough:
      break;
  }
  host_.point(EnginePoint::kFetched);
  const std::span<const Segment> segments = std::span(room_.segment).first(room_.segments);
  const int got = backend.receive({memory_, segments, header, room_.bytes - header});
  host_.point(EnginePoint::kSubmitted);
  // The frame may have gone elsewhere, or have another length than it seemed: it is lost.
  if (got != static_cast<int>(from_backend)) {
    vq.unfetch(room_.heads);
    return Next::kGoOn;
  }
  if (!store_header(vq, segments, room_.heads)) {
    vq.report_error(host_);
    vq.unfetch(room_.heads);
    return Next::kStop;
  }
  if (vq.logs_buffers()) {
    vq.log.buffer_stored(host_, std::span(room_.range).first(room_.ranges), from_backend + header);
  }
  received_count_ += room_.heads;
  if (received_count_ > kReceiveBatch) use_received(vq);
  bytes += from_backend + header;
  return Next::kGoOn;
}

// Fetches chains for `len` bytes (get_rx_bufs). Their used entries stand behind those that wait.
Net::RoomFound Net::take_room(Virtqueue& vq, uint64_t len) {
  const bool mergeable = (vq.features & kFeatureMrgRxbuf) != 0;
  const uint32_t quota = mergeable ? DescChain::kMaxSegments : 1;
  Room& room = room_;
  room.heads = room.segments = room.ranges = 0;
  room.bytes = 0;
  while (room.bytes < len && room.heads < quota) {
    if (room.segments == DescChain::kMaxSegments) return RoomFound::kError;
    switch (vq.fetch(memory_, table_, host_, chain_)) {
      case Virtqueue::Fetched::kError:
        return RoomFound::kError;
      case Virtqueue::Fetched::kEmpty:
        return RoomFound::kNoChain;
      case Virtqueue::Fetched::kChain:
        break;
    }
    const auto used_len = static_cast<uint32_t>(std::min(chain_.writable_bytes, len - room.bytes));
    received_[received_count_ + room.heads++] = UsedElem{chain_.head, used_len};
    // A receive chain has a writable part and no other (VIRTIO 1.2, 5.1.6.3).
    if (chain_.readable_count != 0 || chain_.writable_bytes == 0) return RoomFound::kUnfit;
    if (chain_.count > DescChain::kMaxSegments - room.segments) {
      vq.report_error(host_);
      return RoomFound::kError;
    }
    std::copy_n(chain_.segments.begin(), chain_.count, room.segment.begin() + room.segments);
    std::copy_n(chain_.ranges.begin(), chain_.range_count, room.range.begin() + room.ranges);
    room.segments += chain_.count;
    room.ranges += chain_.range_count;
    room.bytes += chain_.writable_bytes;
  }
  return room.bytes < len ? RoomFound::kTooSmall : RoomFound::kEnough;
}

// What is the device's in the header, when all else is there: num_buffers, and with NET_HDR the
// rest. num_buffers is 1 without MRG_RXBUF (VIRTIO 1.2, 5.1.6.4.1); Linux sets it from 6.14 on.
bool Net::store_header(const Virtqueue& vq, std::span<const Segment> segments, uint32_t buffers) {
  std::array<uint8_t, 12> header{};
  store_le(&header[kNumBuffersAt], static_cast<uint16_t>(buffers));
  const uint32_t from = device_header(vq) != 0 ? 0 : kNumBuffersAt;
  const uint32_t end = net_header_len(vq.features);
  return memory_.scatter(segments, from, std::span(header).subspan(from, end - from));
}

// A frame that does not fit is taken by a read of one byte, which a backend that makes a header
// refuses and any other stores.
void Net::drop_frame(Virtqueue& vq, Backend& backend) {
  vq.unfetch(room_.heads);
  const Segment first{room_.segment[0].user, 1};
  const int got = backend.receive({memory_, {&first, 1}, 0, 1});
  if (got > 0 && vq.logs_buffers()) {
    vq.log.buffer_stored(host_, std::span(room_.range).first(room_.ranges), 1);
  }
}

void Net::give_back_unfit(Virtqueue& vq) {
  vq.report_error(host_);
  for (uint32_t i = 0; i < room_.heads; ++i) received_[received_count_ + i].len = 0;
  received_count_ += room_.heads;
  use_received(vq);
}

// No more at a time than the ring holds: a driver that broke it can make more than that available.
void Net::use_received(Virtqueue& vq) {
  for (uint32_t done = 0; done < received_count_;) {
    const uint32_t n = std::min(received_count_ - done, vq.ring.num);
    vq.publish(memory_, host_, std::span(received_).subspan(done, n));
    done += n;
  }
  received_count_ = 0;
}

// ---- buffers posted ahead -------------------------------------------------------------------

void Net::post_buffers(Virtqueue& vq, Backend& backend) {
  uint64_t bytes = 0;
  for (uint32_t packets = 0;; ++packets) {
    if (packets == kPacketWeight || bytes >= kByteWeight) {
      queue_work(kRxIndex);
      return;
    }
    if (publish_packet(vq, bytes)) continue;
    host_.point(EnginePoint::kDrained);
    if (post_next(vq, backend) == Next::kStop) return;
  }
}

Net::Next Net::post_next(Virtqueue& vq, Backend& backend) {
  if (flushing_ || posted_pool_.in_use() >= std::min(RequestPool::kSlots, vq.ring.num)) {
    return Next::kStop;
  }
  if (const std::optional<Next> without = fetch_next(vq)) return *without;
  // Room for the header at least (VIRTIO 1.2, 5.1.6.3.1), and no readable part.
  if (chain_.readable_count != 0 || chain_.writable_bytes < net_header_len(vq.features)) {
    vq.report_error(host_);
    use_now(vq);
    return Next::kGoOn;
  }
  return post(vq, backend);
}

Net::Next Net::post(Virtqueue& vq, Backend& backend) {
  if (!allocate()) {
    vq.unfetch();
    queue_work(kRxIndex);
    return Next::kStop;
  }
  const RequestToken token = posted_pool_.acquire(chain_.head, posted_link_);
  Posted& posted = posted_[token.slot];
  const std::span<const Segment> segments = chain_.writable();
  const std::span<const GuestRange> ranges = chain_.writable_ranges();
  posted.segments.assign(segments.begin(), segments.end());
  posted.ranges.assign(ranges.begin(), ranges.end());
  posted.capacity = chain_.writable_bytes;
  posted.len = 0;
  posted.buffers = 1;
  posted.has_packet = false;
  ++posted_held_[posted_link_];
  const uint32_t header = device_header(vq);
  const int accepted =
      backend.post({memory_, posted.segments, header, posted.capacity - header}, token);
  host_.point(EnginePoint::kSubmitted);
  Request* request = posted_pool_.find(token);
  const bool owned = request != nullptr && request->state == RequestState::kInFlight;
  // A buffer has one owner: what the backend has filled and then refused stays filled.
  if (accepted >= 0 || !owned) return Next::kGoOn;
  if (!transient(accepted)) {
    finish_posted(token);
    return Next::kGoOn;
  }
  --posted_held_[request->link];
  posted_pool_.release(token.slot);
  vq.unfetch();
  polling_readable_ = true;
  if (backend.writable()) backend_readable();
  return Next::kStop;
}

// The request is done: it is published in its turn.
void Net::finish_posted(RequestToken token) {
  Request* request = posted_pool_.find(token);
  request->state = RequestState::kDone;
  VA_CHECK(posted_held_[request->link] > 0);
  --posted_held_[request->link];
  filled_[filled_tail_++ % RequestPool::kSlots] = token.slot;
  queue_work(kRxIndex);
}

void Net::deliver(std::span<const RequestToken> tokens, std::span<const uint8_t> packet) {
  for (const RequestToken token : tokens) {
    const Request* request = posted_pool_.find(token);
    if (request == nullptr || request->state != RequestState::kInFlight) return;
  }
  const uint32_t header = packet.empty() ? 0 : device_header(vqs_[kRxIndex]);
  const uint64_t total = header + packet.size();
  uint64_t at = 0;  // of the packet with its header
  for (size_t i = 0; i < tokens.size(); ++i) {
    Posted& posted = posted_[tokens[i].slot];
    const auto len = static_cast<uint32_t>(std::min(posted.capacity, total - at));
    const uint64_t in_header = std::min<uint64_t>(header - std::min<uint64_t>(header, at), len);
    const std::span<const uint8_t> part =
        packet.subspan(std::max<uint64_t>(at, header) - header, len - in_header);
    // What the device makes of the header is stored when the packet is published.
    const bool stored = memory_.scatter(posted.segments, in_header, part);
    if (!stored) vqs_[kRxIndex].report_error(host_);
    posted.len = stored ? len : 0;
    posted.buffers = i == 0 ? static_cast<uint32_t>(tokens.size()) : 0;
    posted.has_packet = i == 0 && total != 0;
    at += len;
    finish_posted(tokens[i]);
  }
}

// The packet that was delivered first. False if there is none.
bool Net::publish_packet(Virtqueue& vq, uint64_t& bytes) {
  if (filled_head_ == filled_tail_) return false;
  const Posted& first = posted_[filled_[filled_head_ % RequestPool::kSlots]];
  const uint32_t buffers = first.buffers;
  if (first.has_packet && !store_header(vq, first.segments, buffers)) vq.report_error(host_);
  for (uint32_t i = 0; i < buffers; ++i) {
    const uint32_t slot = filled_[filled_head_++ % RequestPool::kSlots];
    const Posted& posted = posted_[slot];
    if (vq.logs_buffers()) vq.log.buffer_stored(host_, posted.ranges, posted.len);
    batch_[i] = UsedElem{posted_pool_.at(slot).head, posted.len};
    bytes += posted.len;
    // The request is gone before its head is the driver's again.
    posted_pool_.release(slot);
  }
  vq.publish(memory_, host_, {batch_.data(), buffers});
  return true;
}

void Net::publish_received(Virtqueue& vq) {
  uint64_t bytes = 0;
  while (publish_packet(vq, bytes)) {
  }
}

}  // namespace va
