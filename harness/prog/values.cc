#include "prog/values.h"

#include <array>
#include <iterator>

#include "prog/layout.h"
#include "prog/wire.h"

namespace va {
namespace {

template <typename T, size_t N>
T pick(const T (&values)[N], Random& random) {
  return values[random.below(N)];
}

// Ring indices, heads, next, slots: the ring's edge, the wrap, half the number space.
uint64_t index_value(const Surroundings& near, Random& random) {
  const uint32_t num = near.num;
  switch (random.below(4)) {
    case 0:
      return random.below(num + 2);
    case 1: {
      const uint32_t edges[] = {num - 1, num, num + 1, 0x7ffe, 0x7fff, 0x8000, 0xfffe, 0xffff};
      return pick(edges, random) & 0xffff;
    }
    case 2: {
      const uint32_t jumps[] = {1, 2, num - 1, num, num + 1, 0x7fff, 0x8000, 0xffff};
      return (near.idx + pick(jumps, random)) & 0xffff;
    }
    default:
      return (near.idx + 8u - random.below(16)) & 0xffff;
  }
}

// Lengths in bytes: around the header, around a page, around what zero-copy wants, the largest.
uint64_t length_value(Random& random) {
  constexpr uint32_t kEdges[] = {
      0,          1,        9,          10,         11,         12,        13,    15,    16,
      17,         20,       24,         25,         26,         32,        128,   243,   244,
      245,        256,      1400,       4095,       4096,       4097,      65535, 65536, kHalf,
      kArenaSize, 1u << 20, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
  return random.one_in(4) ? random.below(4096) : pick(kEdges, random);
}

// Guest physical addresses, and some that are none.
uint64_t gpa_value(const Surroundings& near, Random& random) {
  const RingLayout ring = ring_layout(near.queue, near.num);
  const uint64_t bases[] = {ring.desc,
                            ring.desc + uint64_t{16} * random.below(near.num),
                            ring.avail,
                            ring.avail + 4 + uint64_t{2} * random.below(near.num),
                            ring.avail + 4 + uint64_t{2} * near.num,
                            ring.used,
                            ring.used + 4 + uint64_t{8} * random.below(near.num),
                            ring.used + 4 + uint64_t{8} * near.num,
                            kBufferGpa,
                            kBufferGpa + uint64_t{64} * random.below(64),
                            kBufferGpa + uint64_t{4096} * random.below(32),
                            kArenaGpa + kHalf,
                            kBufferEnd,
                            0,
                            UINT64_MAX};
  constexpr int32_t kOffsets[] = {0, 0, 0, 0, 1, 2, 8, 15, 16, -1, -2, -12, -16, -1400};
  return pick(bases, random) + static_cast<uint64_t>(int64_t{pick(kOffsets, random)});
}

uint64_t feature_bits_value(Random& random) {
  constexpr uint64_t kBits[] = {kBitMrgRxbuf,     kBitNotifyOnEmpty, kBitLogAll,  kBitNetHdr,
                                kBitIndirectDesc, kBitEventIdx,      kBitVersion1};
  uint64_t bits = 0;
  for (const uint64_t bit : kBits) bits |= random.one_in(2) ? bit : 0;
  if (random.one_in(8)) bits |= uint64_t{1} << random.below(64);
  return bits;
}

uint64_t feature_names_value(Random& random) {
  // What a vhost-net transmit device offers; the others make a case UNSUPPORTED.
  constexpr uint16_t kNames[] = {kEventIdx, kEventIdx, kNotifyOnEmpty, kMrgRxbuf,
                                 kLogAll,   kNetHdr,   kNoIndirect,    kLegacy};
  uint64_t names = random.one_in(24) ? kInOrder : 0;  // the reference's alone
  for (uint32_t n = random.below(3); n > 0; --n) names |= pick(kNames, random);
  return names;
}

// The base of the dirty log: its own memory, none at all, and what is no address of user space.
uint64_t log_base_value(Random& random) {
  constexpr uint64_t kBases[] = {
      0, 0, 0, kLogUser, kLogUser + 4000, 0x300000000000, 0x7ffffffff000};
  return pick(kBases, random);
}

// Where the used ring lies in the log: at its own address, or elsewhere.
uint64_t log_address_value(const Surroundings& near, Random& random) {
  return random.one_in(2) ? ring_layout(kTx, near.num).used
                          : gpa_value(near, random) & ~uint64_t{3};
}

uint64_t number_value(const OpInfo& info, size_t index, const Surroundings& near, Random& random) {
  const Operand& operand = info.operands[index];
  switch (operand.kind) {
    case OperandKind::kU8:
      return random.one_in(8) ? random.below(256) : random.below(5);
    case OperandKind::kU32:
      // Each pass costs time; one that ends in the budget is worth trying, seldom.
      if (info.code == Opcode::kRepeat) return random.one_in(512) ? 5000 : 1 + random.below(6);
      if (info.code == Opcode::kSetVringNum) return uint64_t{1} << random.below(17);
      if (info.code == Opcode::kSetVringBase) return index_value(near, random);
      if (info.code == Opcode::kAvail) return gpa_value(near, random);
      if (info.code == Opcode::kSetVringAddr) return random.below(3);
      return length_value(random);
    case OperandKind::kU16:
      if (info.code == Opcode::kVring && operand.name == "num") {
        return random.one_in(6) ? index_value(near, random) : uint64_t{1} << random.below(9);
      }
      if (info.code == Opcode::kDesc && operand.name == "flags") return random.below(8);
      if (info.code == Opcode::kAvailFlags) return random.below(3);
      if (info.code == Opcode::kInject) return length_value(random);
      return index_value(near, random);
    default:
      break;
  }
  if (info.code == Opcode::kSetLogBase) return log_base_value(random);
  if (operand.name == "log") return log_address_value(near, random);
  if (info.code == Opcode::kSetFeatures) return feature_bits_value(random);
  if (info.code == Opcode::kSetBackendFeatures) return random.below(4);
  if (info.code == Opcode::kStore && index == 1) {
    return random.one_in(2) ? index_value(near, random) : length_value(random);
  }
  if (operand.name == "size" || operand.name == "flags") return length_value(random);
  const uint64_t gpa = gpa_value(near, random);
  const bool user = info.code == Opcode::kSetVringAddr || operand.name == "user";
  return user && in_arena(gpa, 1) ? user_of(gpa) : gpa;
}

}  // namespace

Surroundings look_at(const Program& program, Queue queue) {
  Surroundings near;
  near.queue = queue;
  uint32_t times = 1;
  for (const Op& op : program.ops) {
    if (op.queue != queue && op_info(op.code).has_queue) continue;
    if (op.code == Opcode::kVring) {
      near.num = op.arg[0] == 0 ? kDefaultNum : static_cast<uint32_t>(op.arg[0]);
      near.idx = static_cast<uint16_t>(op.arg[1]);
    } else if (op.code == Opcode::kAvail) {
      near.avails += times;
      near.idx = static_cast<uint16_t>(near.idx + times);
    } else if (op.code == Opcode::kAvailIdx) {
      near.idx = static_cast<uint16_t>(op.arg[0]);
    } else if (op.code == Opcode::kRepeat) {
      times = static_cast<uint32_t>(op.arg[0] & 0xff);
    } else if (op.code == Opcode::kEnd) {
      times = 1;
    }
  }
  return near;
}

uint64_t interesting_value(const OpInfo& info, size_t index, const Surroundings& near,
                           Random& random) {
  const Operand& operand = info.operands[index];
  const WireOperand& wire = wire_table()[static_cast<uint8_t>(info.code)].arg[index];
  uint64_t value = 0;
  if (info.code != Opcode::kRepeat && random.one_in(32)) {
    value = random.next();
  } else if (operand.kind == OperandKind::kEnum) {
    value = random.next() >> 32;
  } else if (operand.kind == OperandKind::kFeatures) {
    value = feature_names_value(random);
  } else if (operand.kind == OperandKind::kOrdinal) {
    value = random.below(near.avails + 2);
  } else if (!operand.always && random.one_in(2)) {
    value = 0;
  } else if (operand.kind == OperandKind::kPlusOne) {
    value = 1 + (random.one_in(2) ? random.below(near.num + 1) : index_value(near, random));
  } else {
    value = number_value(info, index, near, random);
  }
  value &= wire.mask();
  return wire.modulo == 0 ? value : value % wire.modulo;
}

uint16_t interesting_len(Random& random) {
  return static_cast<uint16_t>(random.one_in(2) ? 1400 : length_value(random));
}

}  // namespace va
