// What a Program must be so that text and bytes hold it without loss.
#pragma once

#include "base/status.h"
#include "prog/program.h"

namespace va {

// Every operation has a row in the table, its operands fit their kinds, what it does not have is 0,
// and repeats are closed and not nested. The error names the first operation that is not so:
// "operation 3 (avail): …", counted from 0. Says nothing about what a device makes of the Program.
Status validate(const Program& program);

// Turns into nops what keeps repeats from being balanced: a repeat inside a repeat, an end outside,
// a repeat without its end.
void balance_repeats(Program& program);

}  // namespace va
