// What the engine needs of the world: a backend that takes frames, and a host that is told of
// notifications and of interleaving points.
#pragma once

#include <cerrno>
#include <cstdint>
#include <span>

#include "ring/guest_memory.h"

namespace va {

// Names one in-flight request. The generation tells a completion that comes too late, or twice,
// from one that is due.
struct RequestToken {
  uint32_t slot = 0;
  uint32_t generation = 0;  // 0: no request

  explicit operator bool() const { return generation != 0; }
  friend bool operator==(RequestToken, RequestToken) = default;
};

enum class RequestResult : uint8_t { kOk, kFailed };

// One frame to transmit. The segments are the engine's scratch: a backend that needs them behind
// send() copies them. A frame that the engine has copied is no longer the guest's: it is `copy`,
// and there are no segments.
struct Packet {
  const GuestMemory& memory;
  std::span<const Segment> segments;  // behind the header that the device consumed
  uint32_t len = 0;                   // their sum, or the size of `copy`
  std::span<const uint8_t> copy = {};
};

// Where a frame for the driver goes: behind byte `offset` of the segments, which are the engine's
// scratch.
struct Buffer {
  GuestMemory& memory;
  std::span<const Segment> segments;
  uint32_t offset = 0;  // bytes of a header that the device makes
  uint64_t len = 0;     // bytes behind it
};

// The packet peer behind a device (what VHOST_NET_SET_BACKEND installs). Owned by the caller of
// Net::set_backend(), who keeps it until that call for its successor is done. One behind the
// transmit ring sends, one behind the receive ring has frames; one object may do both.
class Backend {
 public:
  virtual ~Backend() = default;

  // Whether send() and post() only submit: then a request that they accepted is complete when the
  // backend calls Net::complete() or Net::deliver(), be that inside the submit or later.
  virtual bool asynchronous() const = 0;

  // ---- transmit
  // Returns the bytes taken, or a negative errno. With a token the backend owns the request from
  // here to its completion, unless it returns an error without having completed it.
  virtual int send(const Packet& packet, RequestToken token) = 0;

  // Whether a submit now would find room (the socket polls writable).
  virtual bool writable() const = 0;

  // Whether it can send from the guest's own pages (SOCK_ZEROCOPY). One that cannot is given
  // copies, whatever the policy.
  virtual bool keeps_pages() const { return true; }

  // Whether the send buffer has a bound. Only without one are frames sent in batches.
  virtual bool bounded() const { return false; }

  // ---- receive
  // Bytes of the frame that waits longest, a header of the backend's own not counted; 0: none can
  // be had now.
  virtual uint32_t waiting() const { return 0; }

  // Takes that frame: stores it into `buffer`, behind a header where the backend makes one, as far
  // as there is room. The frame is gone. Returns the bytes that it has, cut off or not (MSG_TRUNC),
  // or a negative errno.
  virtual int receive(const Buffer& buffer);

  // Hands over a buffer that a frame may be put into later, by Net::deliver(). 0 or a negative
  // errno; ownership as with send().
  virtual int post(const Buffer& buffer, RequestToken token);
};

inline int Backend::receive(const Buffer&) {
  return -EAGAIN;
}
inline int Backend::post(const Buffer&, RequestToken) {
  return -EOPNOTSUPP;
}

// Named moments inside one run of the worker; prog/ops.h describes them.
enum class EnginePoint : uint8_t {
  kStart,
  kFetched,
  kSubmitted,
  kUsedWritten,
  kUsedPublished,
  kNotifyEnabled,
  kDrained,
  kEnd,
};

class EngineHost {
 public:
  virtual ~EngineHost() = default;
  // The call or error eventfd `fd` (an id given with set_vring_call or _err) of ring `index`.
  virtual void on_call(uint32_t index, uint32_t fd) = 0;
  virtual void on_error(uint32_t index, uint32_t fd) = 0;

  // Sets the bit of guest page `page` (GPA / 4096) in the dirty log that begins at the user address
  // `base`: bit page % 8 of the byte page / 8. False where there is no memory to hold it.
  virtual bool on_dirty(uint64_t /*base*/, uint64_t /*page*/) { return false; }
  // The log eventfd `fd` (an id given with set_log_fd).
  virtual void on_logged(uint32_t /*fd*/) {}

  // The engine passes a point. Nobody listens most of the time, so that costs a branch.
  void point(EnginePoint at) {
    if (listens_) on_point(at);
  }

 protected:
  virtual void on_point(EnginePoint point) = 0;
  bool listens_ = false;
};

}  // namespace va
