// Operand values that are worth trying: the edges of rings, lengths, addresses and indices.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "prog/ops.h"
#include "prog/program.h"

namespace va {

// One of an operand's named values, as the operand.
template <typename Named>
constexpr uint64_t num(Named value) {
  return static_cast<uint64_t>(value);
}

// What a Program says about a ring, as far as a glance can tell; values are chosen near it.
struct Surroundings {
  Queue queue = kTx;
  uint32_t num = 8;
  uint16_t idx = 0;     // avail idx at the end, if no `avail` is a no-op
  uint32_t avails = 0;  // `avail` operations
};
Surroundings look_at(const Program& program, Queue queue);

// A valid value for operand `index` of `info`: often 0, else an edge or anything.
uint64_t interesting_value(const OpInfo& info, size_t index, const Surroundings& near,
                           Random& random);

// The length of a segment.
uint16_t interesting_len(Random& random);

}  // namespace va
