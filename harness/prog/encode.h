// Program -> bytes, in the grammar at the head of prog/decode.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "prog/program.h"

namespace va {

// Overwrites `out`, whose memory is reused. Of an operation that is not valid (prog/validate.h)
// only the bits that its record holds are written.
void encode(const Program& program, std::vector<uint8_t>& out);

// Length of one operation's record in bytes.
size_t encoded_size(const Op& op);

}  // namespace va
