#include "prog/encode.h"

#include <algorithm>

#include "base/bytes.h"
#include "prog/wire.h"

namespace va {
namespace {

size_t segs_of(const Op& op) {
  return std::min<size_t>(op.nseg, kMaxSegs);
}

void encode_op(const Op& op, const WireRecord& record, uint8_t* at) {
  at[0] = static_cast<uint8_t>(op.code);
  if (record.has_byte != 0) {
    at[1] = static_cast<uint8_t>((op.queue & record.queue_mask) |
                                 (op.as_other ? record.other_mask : 0));
  }
  // In order, eight bytes each: the next operand, or the cut at the record's end, takes back what
  // was written too much.
  for (size_t i = 0; i < record.args; ++i) store_le(at + record.arg[i].offset, op.arg[i]);
  if (record.has_segs == 0) return;
  uint8_t* seg_at = at + record.size;
  *seg_at++ = static_cast<uint8_t>(segs_of(op));
  for (size_t i = 0; i < segs_of(op); ++i, seg_at += kSegBytes) {
    seg_at[0] = op.seg[i].writable ? 1 : 0;
    seg_at[1] = op.seg[i].count;
    store_le(seg_at + 2, op.seg[i].len);
  }
}

size_t size_of(const Op& op, const WireTable& table) {
  const WireRecord& record = table[static_cast<uint8_t>(op.code)];
  return record.has_segs != 0 ? record.size + 1 + segs_of(op) * kSegBytes : record.size;
}

}  // namespace

size_t encoded_size(const Op& op) {
  return size_of(op, wire_table());
}

void encode(const Program& program, std::vector<uint8_t>& out) {
  const WireTable& table = wire_table();
  size_t size = 0;
  for (const Op& op : program.ops) size += size_of(op, table);
  // Room for the last operand to be written too wide.
  out.resize(size + kMaxRecord + 8);
  uint8_t* at = out.data();
  for (const Op& op : program.ops) {
    encode_op(op, table[static_cast<uint8_t>(op.code)], at);
    at += size_of(op, table);
  }
  out.resize(size);
}

}  // namespace va
