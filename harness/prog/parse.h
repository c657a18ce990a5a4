// Text -> operation. Whole cases are read by trace/parse.cc.
#pragma once

#include <string_view>

#include "base/status.h"
#include "prog/program.h"
#include "prog/text.h"

namespace va {

// Reads one operation up to the end of the line or a comment:
//
//   [as other] verb [queue] value… name=value… [r LEN xCOUNT] [w LEN]…
//
// Values stand in the order of the operations table; names and values may be mixed.
Status parse_op(LineReader& in, Op& out);

// The same for a line that holds an operation and at most a comment.
Status parse_op(std::string_view line, Op& out);

}  // namespace va
