// What a Program may do so that the kernel behind the guest agent can execute it.
#pragma once

#include "prog/program.h"

namespace va {

// Uncompleted requests of one Program: a kernel classifier tells 64 of them apart by their ordinal.
inline constexpr uint32_t kKernelHeld = 64;

// Operations executed between two settle points, repeats counted, that the guest is asked for.
inline constexpr uint32_t kKernelRepeats = 16;

// Takes out of `program` what makes it UNSUPPORTED on the kernel: operations that it cannot
// execute, requests beyond kKernelHeld, control calls behind one that waits and one that is queued.
void fit_kernel(Program& program);

}  // namespace va
