// Transmit by copying: what Linux does unless zero-copy is asked for (drivers/vhost/net.c,
// handle_tx_copy).
//
// A frame is copied out of guest memory when its chain is fetched. Up to 64 wait to be sent
// together; then they are sent, and all chains taken since are used in one go, with one decision
// about the call. The run ends with a batch as full as it is. So nothing is ever in flight, order
// is that of the ring, and what the driver stores after the fetch reaches no frame.
//
// By itself, and after the batch, goes a frame that is too long for one page. With a bounded send
// buffer nothing is batched, for only a single send can say that there is no room.
//
// Here and in Linux a frame of a batch that the backend refuses is lost, and its chain used. Linux
// looks at some frames before that (a checksum beyond the header, a chain shorter than the header)
// and tries those again for ever; here they are used like any that can never be sent.
#include "engine/features.h"
#include "engine/net.h"

namespace va {

Net::Next Net::submit_copy(Virtqueue& vq, Backend& backend, const Packet& packet) {
  if (backend.bounded()) return send_single(vq, backend, packet);
  const bool device_header = (vq.features & kFeatureNetHdr) != 0;
  if (packet.len > CopyBatch::longest(device_header ? 0 : net_header_len(vq.features))) {
    send_copies(vq, backend);
    return send_single(vq, backend, packet);
  }
  // Linux waits for room in the backend here, which can be long in coming though it is not what is
  // missing.
  if (!allocate()) {
    vq.unfetch();
    queue_work(kTxIndex);
    return Next::kStop;
  }
  static_cast<void>(copies_->add_frame(memory_, packet.segments));
  copies_->add_head(chain_.head);
  return Next::kGoOn;
}

Net::Next Net::send_single(Virtqueue& vq, Backend& backend, const Packet& packet) {
  const int sent = backend.send(packet, RequestToken{});
  host_.point(EnginePoint::kSubmitted);
  if (sent < 0 && transient(sent)) return retry_later(vq, backend);
  copies_->add_head(chain_.head);
  return Next::kGoOn;
}

void Net::send_copies(Virtqueue& vq, Backend& backend) {
  for (uint32_t i = 0; i < copies_->frames(); ++i) {
    const std::span<const uint8_t> frame = copies_->frame(i);
    const Packet packet{memory_, {}, static_cast<uint32_t>(frame.size()), frame};
    static_cast<void>(backend.send(packet, RequestToken{}));
  }
  if (copies_->frames() != 0) host_.point(EnginePoint::kSubmitted);
  publish_used(vq, copies_->used());
  copies_->clear();
}

}  // namespace va
