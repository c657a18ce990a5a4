// The structure-aware mutator: changes Programs, and makes conforming ones. Deterministic from the
// random numbers it is given; allocates nothing once the Program's memory is warm.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "prog/ops.h"
#include "prog/program.h"

namespace va {

// What mutations dwell on; each fuzz target has its own.
enum class Profile : uint8_t {
  kAll,
  kDescriptors,
  kAvailIndex,
  kCompletionOrder,
  kReceive,
  kDirtyLog,
  kLifecycle,
  kNotification,
};
inline constexpr uint32_t kProfiles = 8;

struct MutateOptions {
  bool conforming = false;            // mutate() makes a new conforming Program each time
  uint8_t device_kinds = kReference;  // DeviceKind bits: all of them can execute the result
  uint32_t max_ops = 96;
  bool transmit_only = true;  // no receive traffic
  Profile profile = Profile::kAll;
};

// For generate_conforming on the reference.
MutateOptions conforming_options();

// Overwrites `out` with a Program in which the driver keeps all of its duties (VIRTIO 1.2, 2.7 and
// 5.1.6), whatever the backend and the control plane do. It needs no feedback: `avail` takes free
// descriptors only and is a no-op when there is none. See prog/generate.cc.
void generate_conforming(Random& random, const MutateOptions& options, Program& out);

// Changes `program` in one to eight places. The result is valid and has at most
// `options.max_ops` operations.
void mutate(Program& program, Random& random, const MutateOptions& options);

// Puts parts of `other` into `program`.
void crossover(Program& program, const Program& other, Random& random,
               const MutateOptions& options);

}  // namespace va
