// THE table of operations: name, operands, wire form, who can execute it, one line of
// documentation.
//
// How to add an operation:
//   1. give it the next free number of its group in Opcode (prog/program.h); numbers are never
//   reused;
//   2. add its row to the table in ops.cc: operands in the order of Op::arg, new ones only at the
//   end;
//   3. execute it: driver operations in guest/driver, all others in the devices' Port::execute;
//   4. teach oracle/driver_duty about it if it can break a duty of the driver;
//   5. add a line to prog/testdata/golden.txt; `vassay ops` and docs/program_syntax.md follow by
//   test.
//
// Everything else (text, bytes, validation, mutation, documentation) is driven by the table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "prog/program.h"

namespace va {

enum class OperandKind : uint8_t {
  kU8,        // on the wire 1 byte; in text decimal, or 0x… on input
  kU16,       // 2 bytes; text hexadecimal where the table says so
  kU32,       // 4 bytes
  kU64,       // 8 bytes
  kOrdinal,   // 2 bytes; text `#n`: the n-th avail operation on that queue
  kPlusOne,   // 2 bytes, value + 1, so that 0 can mean "not given"; text is the value
  kEnum,      // 1 byte, modulo the number of names; text is the bare name
  kFeatures,  // 2 bytes, bits over the names; text NAME|NAME
};

struct Operand {
  std::string_view name;  // `name=value` in text; empty: the value stands alone, in table order
  OperandKind kind = OperandKind::kU8;
  std::span<const std::string_view> names;  // kEnum, kFeatures
  bool always = false;  // printed even when it is 0 (an operand 0 is left out otherwise)
  bool hex = false;     // printed in hexadecimal
  uint32_t limit = 0;   // numbers: values are below it (bytes: modulo); 0: all that the kind holds
};

// Which kinds of device can execute an operation; elsewhere the case is UNSUPPORTED.
enum DeviceKind : uint8_t {
  kReference = 1,
  kKernel = 2,
  kVhostUser = 4,
  kQemu = 8,
};

struct OpInfo {
  Opcode code = Opcode::kNop;
  std::string_view name;
  bool has_queue = false;
  bool has_segs = false;    // kAvail
  bool is_control = false;  // may be prefixed by `as other`; has begin and done events
  std::span<const Operand> operands;
  uint8_t devices = 0;  // DeviceKind bits
  std::string_view doc;
};

// All operations in opcode order; kNop is the first.
std::span<const OpInfo> all_ops();

// The row of `code`; a code without a row has kNop's.
const OpInfo& op_info(Opcode code);

// nullptr if there is no such operation.
const OpInfo* find_op(std::string_view name);

// op_info(code).is_control, without the table: runners ask it of each operation. Held to the table
// when it is compiled.
constexpr bool is_control(Opcode code) {
  return code >= Opcode::kVring && code <= Opcode::kBackendPacket && code != Opcode::kBare &&
         code != Opcode::kRegion;
}

// ---- values of enumerated operands, in the order of their names in the table -------------------

// kBackend arg[0]. `async`: the peer keeps requests until the Program completes them. `sync`: every
// request is complete when submit returns. `none` is fd -1; `same` the fd already installed;
// `bad_fd` a closed fd; `not_socket` an eventfd; `gone` a tap without an interface behind it.
//
// A name more would change what stored bytes mean, since an enumerated operand is read modulo its
// names; so what came later is an operation of its own. `backend_packet`: an AF_PACKET socket.
enum class BackendKind : uint8_t {
  kAsync,
  kSync,
  kNone,
  kSame,
  kBadFd,
  kNotSocket,
  kGone,
  kPacket,  // no name of kBackend's
};

// Whether it is VHOST_NET_SET_BACKEND, and then with what.
constexpr bool sets_backend(Opcode code) {
  return code == Opcode::kBackend || code == Opcode::kBackendPacket;
}
constexpr BackendKind backend_kind(const Op& op) {
  return op.code == Opcode::kBackendPacket ? BackendKind::kPacket
                                           : static_cast<BackendKind>(op.arg[0]);
}

// kComplete arg[1] and arg[2]; kRefuse arg[0].
enum class CompletionStatus : uint8_t { kOk, kFailed };
enum class CompletionTime : uint8_t { kAfter, kInside };
enum class RefuseError : uint8_t { kAgain, kNoMem, kNoBufs, kInval, kIo, kFault };

// kSetVringKick/Call/Err, kSetLogFd arg[0]: a fresh eventfd, -1, a closed fd, something else.
enum class FdKind : uint8_t { kFresh, kNone, kBadFd, kNotEvent };

// kLink arg[0]; kWorker arg[0].
enum class LinkState : uint8_t { kUp, kDown };
enum class WorkerMode : uint8_t { kRun, kHold };

// kAt arg[0]: named interleaving points inside one run of the worker. At a point completions and
// stores of the guest take effect at once; a control call is queued on the lock that it needs.
enum class Point : uint8_t {
  kStart,          // the worker has taken the queue's lock
  kFetched,        // a chain was fetched, nothing submitted yet
  kSubmitted,      // the backend's submit has returned
  kUsedWritten,    // used entries are stored, used idx is not
  kUsedPublished,  // used idx is stored, the call decision is not made
  kNotifyEnabled,  // kicks are enabled again, avail idx is not yet read again
  kDrained,        // completions at hand are published
  kEnd,            // the worker is about to drop the queue's lock
};
inline constexpr uint8_t kPoints = 8;

// kVring arg[2] and the trace header: feature names. VERSION_1 and INDIRECT_DESC are always acked
// unless LEGACY or NO_INDIRECT says otherwise.
enum FeatureName : uint16_t {
  kEventIdx = 1,
  kNotifyOnEmpty = 2,
  kMrgRxbuf = 4,
  kLogAll = 8,
  kInOrder = 16,
  kNetHdr = 32,  // VHOST_NET_F_VIRTIO_NET_HDR, bit 27: the device makes the header
  kNoIndirect = 64,
  kLegacy = 128,
};

// Feature bits as GET_FEATURES and SET_FEATURES carry them (VIRTIO 1.2, 6; linux/vhost_types.h).
inline constexpr uint64_t kBitMrgRxbuf = uint64_t{1} << 15;
inline constexpr uint64_t kBitNotifyOnEmpty = uint64_t{1} << 24;
inline constexpr uint64_t kBitLogAll = uint64_t{1} << 26;
inline constexpr uint64_t kBitNetHdr = uint64_t{1} << 27;
inline constexpr uint64_t kBitIndirectDesc = uint64_t{1} << 28;
inline constexpr uint64_t kBitEventIdx = uint64_t{1} << 29;
inline constexpr uint64_t kBitVersion1 = uint64_t{1} << 32;
inline constexpr uint64_t kBitInOrder = uint64_t{1} << 35;

// The feature bits that `vring features=` acks.
uint64_t feature_bits(uint64_t names);
// The names that stand for `bits`; bits without a name are left out.
uint64_t feature_names(uint64_t bits);

// kAvail arg[1]. `indirect`: the whole chain in one table. `quiet`: slot written, avail idx not.
enum class AvailMode : uint8_t { kDirect, kIndirect, kQuiet, kIndirectQuiet };

}  // namespace va
