#include "engine/request_pool.h"

#include "base/check.h"
#include "base/poison.h"

namespace va {

RequestPool::RequestPool() : slots_(std::make_unique<Request[]>(kSlots)) {
  poison(slots_.get(), kSlots * sizeof(Request));
}

RequestPool::~RequestPool() {
  unpoison(slots_.get(), kSlots * sizeof(Request));
}

void RequestPool::reset() {
  for (uint32_t slot = 0; slot < fresh_; ++slot) {
    if ((generation_[slot] & 1) != 0) ++generation_[slot];
  }
  poison(slots_.get(), fresh_ * sizeof(Request));
  free_count_ = 0;
  fresh_ = 0;
  in_use_ = 0;
}

RequestToken RequestPool::acquire(uint16_t head, uint8_t link) {
  VA_CHECK(!full());
  const uint32_t slot = free_count_ > 0 ? free_[--free_count_] : fresh_++;
  ++generation_[slot];
  ++in_use_;
  unpoison(&slots_[slot], sizeof(Request));
  slots_[slot] = Request{head, RequestState::kInFlight, link};
  return {slot, generation_[slot]};
}

void RequestPool::release(uint32_t slot) {
  VA_CHECK(slot < fresh_ && (generation_[slot] & 1) != 0);
  ++generation_[slot];
  --in_use_;
  free_[free_count_++] = slot;
  poison(&slots_[slot], sizeof(Request));
}

Request* RequestPool::find(RequestToken token) {
  if (!token || token.slot >= fresh_ || generation_[token.slot] != token.generation) return nullptr;
  return &slots_[token.slot];
}

Request& RequestPool::at(uint32_t slot) {
  VA_CHECK(slot < fresh_ && (generation_[slot] & 1) != 0);
  return slots_[slot];
}

}  // namespace va
