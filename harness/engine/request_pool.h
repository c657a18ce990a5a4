// In-flight requests: a pool of slots that is allocated once and hides nothing.
//
//   FREE --acquire--> IN_FLIGHT --complete--> DONE | FAILED --release--> FREE
//
// A pool hides errors from sanitizers, so a free slot is poisoned under ASan, and in every build a
// slot carries a generation that each completion is checked against: one that comes twice, or after
// its request is gone, changes nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "engine/backend.h"

namespace va {

enum class RequestState : uint8_t { kInFlight, kDone, kFailed };

// As large as what a sanitizer can poison by itself.
struct alignas(8) Request {
  uint16_t head = 0;
  RequestState state = RequestState::kInFlight;
  uint8_t link = 0;  // which of the queue's backend links it was submitted on
};

class RequestPool {
 public:
  // UIO_MAXIOV, the kernel's number of zero-copy slots. More than this many are never in flight.
  static constexpr uint32_t kSlots = 1024;

  RequestPool();
  ~RequestPool();
  RequestPool(const RequestPool&) = delete;
  RequestPool& operator=(const RequestPool&) = delete;

  // All slots free, generations kept. The cost is that of the slots used since.
  void reset();

  bool full() const { return in_use_ == kSlots; }
  // A free slot, IN_FLIGHT. The pool is not full.
  RequestToken acquire(uint16_t head, uint8_t link);
  void release(uint32_t slot);

  // The request that `token` names, or nullptr if it is gone.
  Request* find(RequestToken token);
  Request& at(uint32_t slot);

  // Slots that are not free.
  uint32_t in_use() const { return in_use_; }

 private:
  std::unique_ptr<Request[]> slots_;
  std::array<uint32_t, kSlots> generation_{};  // odd while in use
  std::array<uint32_t, kSlots> free_{};        // a stack of slots that were released
  uint32_t free_count_ = 0;
  uint32_t fresh_ = 0;  // slots from here on were never used since reset
  uint32_t in_use_ = 0;
};

}  // namespace va
