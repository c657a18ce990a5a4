// Bytes -> Program. Total: any bytes are a program, and a valid one.
//
//   program := record*
//   record  := opcode:u8  [who:u8]  operand*  [nseg:u8 seg*]
//   who     := queue in bits 0-2, as_other in bit 7; stands where the operation has a queue or is a
//              control call; other bits, and bits that the operation has no use for, are ignored
//   operand := the operands of the operation's row in the table (prog/ops.h), in order,
//              little-endian, as wide as their kind; enumerated ones modulo their names
//   nseg    := number of segments modulo 9; `avail` only
//   seg     := flags:u8 (bit 0 writable)  count:u8  len:u16
//
// - An unassigned opcode is a `nop` of one byte.
// - A record cut short by the end of the bytes reads as zeros, and zero is every operand's default.
// - What cannot be balanced becomes a nop: a repeat inside a repeat, an end outside, a repeat
//   without its end.
//
// decode(encode(p)) == p for every valid p. Opcodes and operands are append-only: stored bytes keep
// their meaning for years (prog/testdata/golden.txt is the test of that).
#pragma once

#include <cstdint>
#include <span>

#include "prog/program.h"

namespace va {

// Overwrites `out`, a valid Program or an empty one, whose memory is reused. At most `max_ops`
// operations are read.
void decode(std::span<const uint8_t> bytes, Program& out, uint32_t max_ops = UINT32_MAX);

}  // namespace va
