// Operation -> canonical text, in the grammar of prog/parse.h. Operands that are 0 are left out
// where the table allows it.
#pragma once

#include <string>

#include "prog/ops.h"
#include "prog/program.h"

namespace va {

// Appends the line, without newline.
void print_op(const Op& op, std::string& out);
std::string print_op(const Op& op);

// Digits that a hexadecimal operand of that kind is filled up to: as wide as the field it names.
int hex_digits(OperandKind kind);

}  // namespace va
