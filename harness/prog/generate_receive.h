// The receive half of conforming Programs (generate.cc): buffers, frames, and everything that may
// happen to them.
//
// It keeps to what the driver owes (VIRTIO 1.2, 5.1.6.3): buffers have writable parts alone and
// room for the header, without MRG_RXBUF for a whole frame as well. Frames may be longer than that:
// the device may drop them. Of the posted buffers at most kMaxOpen are outstanding.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "prog/ops.h"
#include "prog/program.h"

namespace va {

class ReceiveTraffic {
 public:
  ReceiveTraffic(Random& random, std::vector<Op>& ops) : random_(random), ops_(ops) {}

  // `vring rx` with these features (FeatureName bits), and a backend.
  void start_life(uint64_t features);
  void step();
  // Entries of the ring.
  uint32_t ring_size() const { return num_; }
  // Everything that may be posted completes.
  void drain();

 private:
  static constexpr uint32_t kMaxOpen = 48;
  static constexpr uint32_t kPieces = 8;  // descriptors of a chain that has many

  Op& add(Opcode code, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0);
  void kick() { add(Opcode::kKick); }
  void avail(bool quiet);
  uint32_t buffer_len();
  void buffers();
  void loop();
  void frames();
  void complete(uint32_t ordinal);
  void complete_some();
  void notify();
  void swap();
  void disturb();
  void interleave();

  Random& random_;
  std::vector<Op>& ops_;
  uint64_t features_ = 0;
  uint32_t num_ = 0;
  uint16_t idx_ = 0;         // avail idx, if no `avail` was a no-op
  uint32_t ordinals_ = 0;    // `avail rx` operations so far
  uint32_t disturbed_ = 0;   // disturbances that last
  bool stopped_ = false;     // there is no backend
  uint32_t open_count_ = 0;  // buffers that may be outstanding
  std::array<uint32_t, kMaxOpen + 8> open_{};
};

}  // namespace va
