#include "prog/ops.h"

#include <array>

namespace va {
namespace {

using Kind = OperandKind;
using Name = std::string_view;

constexpr std::array<Name, 7> kBackendNames = {"async",  "sync",       "none", "same",
                                               "bad_fd", "not_socket", "gone"};
constexpr std::array<Name, 2> kStatusNames = {"ok", "failed"};
constexpr std::array<Name, 2> kTimeNames = {"after", "inside"};
constexpr std::array<Name, 6> kErrorNames = {"EAGAIN", "ENOMEM", "ENOBUFS",
                                             "EINVAL", "EIO",    "EFAULT"};
constexpr std::array<Name, 4> kFdNames = {"fresh", "none", "bad_fd", "not_event"};
constexpr std::array<Name, 2> kLinkNames = {"up", "down"};
constexpr std::array<Name, 2> kWorkerNames = {"run", "hold"};
constexpr std::array<Name, kPoints> kPointNames = {
    "start",          "fetched",        "submitted", "used_written",
    "used_published", "notify_enabled", "drained",   "end"};
constexpr std::array<Name, 8> kFeatureNames = {"EVENT_IDX",   "NOTIFY_ON_EMPTY", "MRG_RXBUF",
                                               "LOG_ALL",     "IN_ORDER",        "NET_HDR",
                                               "NO_INDIRECT", "LEGACY"};
constexpr std::array<Name, 4> kAvailNames = {"direct", "indirect", "quiet", "indirect_quiet"};
constexpr std::array<Name, 2> kCongestNames = {"on", "off"};

constexpr std::array kAvailOperands = {
    Operand{"head", Kind::kPlusOne, {}, false, false},
    Operand{"", Kind::kEnum, kAvailNames, false, false},
    Operand{"at", Kind::kU32, {}, false, true},
};
constexpr std::array kDescOperands = {
    Operand{"", Kind::kU16, {}, true, false},      Operand{"addr", Kind::kU64, {}, false, true},
    Operand{"len", Kind::kU32, {}, false, false},  Operand{"flags", Kind::kU16, {}, false, true},
    Operand{"next", Kind::kU16, {}, false, false},
};
constexpr std::array kAvailEntryOperands = {
    Operand{"", Kind::kU16, {}, true, false},
    Operand{"", Kind::kU16, {}, true, false},
};
constexpr std::array kIdxOperands = {Operand{"", Kind::kU16, {}, true, true}};
constexpr std::array kStoreOperands = {
    Operand{"", Kind::kU64, {}, true, true},
    Operand{"", Kind::kU64, {}, true, true},
    Operand{"size", Kind::kU8, {}, false, false},
};
constexpr std::array kScribbleOperands = {
    Operand{"", Kind::kOrdinal, {}, true, false},
    Operand{"", Kind::kU8, {}, true, true},
};
constexpr std::array kVringOperands = {
    Operand{"num", Kind::kU16, {}, false, false},
    Operand{"base", Kind::kU16, {}, false, true},
    Operand{"features", Kind::kFeatures, kFeatureNames, false, false},
};
constexpr std::array kBackendOperands = {Operand{"", Kind::kEnum, kBackendNames, true, false}};
constexpr std::array kFeaturesOperands = {Operand{"", Kind::kU64, {}, true, true}};
constexpr std::array kRegionOperands = {
    Operand{"", Kind::kU8, {}, true, false, 64},
    Operand{"gpa", Kind::kU64, {}, true, true},
    Operand{"size", Kind::kU64, {}, true, true},
    Operand{"user", Kind::kU64, {}, true, true},
};
constexpr std::array kMemTableOperands = {
    Operand{"n", Kind::kPlusOne, {}, false, false},
    Operand{"padding", Kind::kU32, {}, false, false},
};
constexpr std::array kLogBaseOperands = {Operand{"", Kind::kU64, {}, true, true}};
constexpr std::array kFdOperands = {Operand{"", Kind::kEnum, kFdNames, true, false}};
constexpr std::array kNumOperands = {Operand{"", Kind::kU32, {}, true, false}};
constexpr std::array kBaseOperands = {Operand{"", Kind::kU32, {}, true, true}};
constexpr std::array kAddrOperands = {
    Operand{"desc", Kind::kU64, {}, true, true},   Operand{"avail", Kind::kU64, {}, true, true},
    Operand{"used", Kind::kU64, {}, true, true},   Operand{"log", Kind::kU64, {}, false, true},
    Operand{"flags", Kind::kU32, {}, false, true},
};
constexpr std::array kCompleteOperands = {
    Operand{"", Kind::kOrdinal, {}, true, false},
    Operand{"", Kind::kEnum, kStatusNames, false, false},
    Operand{"", Kind::kEnum, kTimeNames, false, false},
    Operand{"len", Kind::kPlusOne, {}, false, false},
};
constexpr std::array kRefuseOperands = {
    Operand{"", Kind::kEnum, kErrorNames, true, false},
    Operand{"n", Kind::kU8, {}, false, false},
    Operand{"", Kind::kEnum, kTimeNames, false, false},
};
constexpr std::array kCongestOperands = {Operand{"", Kind::kEnum, kCongestNames, true, false}};
constexpr std::array kLinkOperands = {Operand{"", Kind::kEnum, kLinkNames, true, false}};
constexpr std::array kInjectOperands = {Operand{"", Kind::kU16, {}, true, false}};
constexpr std::array kStepOperands = {Operand{"", Kind::kU8, {}, false, false}};
constexpr std::array kAtOperands = {
    Operand{"", Kind::kEnum, kPointNames, true, false},
    Operand{"nth", Kind::kU8, {}, false, false},
};
constexpr std::array kFailAllocOperands = {Operand{"", Kind::kU8, {}, true, false}};
constexpr std::array kWorkerOperands = {Operand{"", Kind::kEnum, kWorkerNames, true, false}};
constexpr std::array kRepeatOperands = {Operand{"", Kind::kU32, {}, true, false}};
constexpr std::array kRaceOperands = {
    Operand{"", Kind::kU8, {}, true, false},
    Operand{"n", Kind::kU32, {}, false, false},
};

constexpr uint8_t kAll = kReference | kKernel | kVhostUser | kQemu;
constexpr uint8_t kRefKernel = kReference | kKernel;
constexpr uint8_t kRef = kReference;

// code, name, queue, segs, control, operands, devices, doc
constexpr std::array kOps = {
    OpInfo{Opcode::kNop,
           "nop",
           false,
           false,
           false,
           {},
           kAll,
           "does nothing; every unassigned opcode is one"},
    OpInfo{Opcode::kAvail, "avail", true, true, false, kAvailOperands, kAll,
           "builds a chain from free descriptors (head= names the head, at= the buffer's address) "
           "and makes it available"},
    OpInfo{Opcode::kKick,
           "kick",
           true,
           false,
           false,
           {},
           kAll,
           "notifies the device, whether it asked for it or not"},
    OpInfo{Opcode::kDesc, "desc", true, false, false, kDescOperands, kAll,
           "stores a descriptor, as it stands, in the table's slot"},
    OpInfo{Opcode::kAvailEntry, "avail_entry", true, false, false, kAvailEntryOperands, kAll,
           "stores a head (second) in the avail ring's slot (first)"},
    OpInfo{Opcode::kAvailIdx, "avail_idx", true, false, false, kIdxOperands, kAll,
           "stores avail idx; later avail operations go on from it"},
    OpInfo{Opcode::kAvailFlags, "avail_flags", true, false, false, kIdxOperands, kAll,
           "stores avail flags; 1 is NO_INTERRUPT"},
    OpInfo{Opcode::kUsedEvent, "used_event", true, false, false, kIdxOperands, kAll,
           "stores used_event"},
    OpInfo{Opcode::kStore, "store", false, false, false, kStoreOperands, kAll,
           "stores a value (second) of size= 1, 2, 4 or 8 bytes (default 8) at a guest address "
           "(first)"},
    OpInfo{Opcode::kScribble, "scribble", true, false, false, kScribbleOperands, kAll,
           "overwrites the payload of request #n's buffer with a fill byte"},
    OpInfo{Opcode::kVring, "vring", true, false, true, kVringOperands, kRefKernel,
           "sets the queue up: owner, features, memory table, num (8), base (also put in avail idx "
           "and used idx), addresses, eventfds, with LOG_ALL the log"},
    OpInfo{Opcode::kBackend, "backend", true, false, true, kBackendOperands, kRefKernel,
           "VHOST_NET_SET_BACKEND with a new peer of that kind"},
    OpInfo{Opcode::kBare,
           "bare",
           false,
           false,
           false,
           {},
           kRefKernel,
           "no default set-up: the Program makes every control call itself"},
    OpInfo{Opcode::kOpen,
           "open",
           false,
           false,
           true,
           {},
           kRefKernel,
           "opens the device anew after release"},
    OpInfo{Opcode::kSetOwner, "set_owner", false, false, true, {}, kRefKernel, "VHOST_SET_OWNER"},
    OpInfo{Opcode::kResetOwner,
           "reset_owner",
           false,
           false,
           true,
           {},
           kRefKernel,
           "VHOST_RESET_OWNER"},
    OpInfo{Opcode::kGetFeatures,
           "get_features",
           false,
           false,
           true,
           {},
           kRefKernel,
           "VHOST_GET_FEATURES"},
    OpInfo{Opcode::kSetFeatures, "set_features", false, false, true, kFeaturesOperands, kRefKernel,
           "VHOST_SET_FEATURES"},
    OpInfo{Opcode::kGetBackendFeatures,
           "get_backend_features",
           false,
           false,
           true,
           {},
           kRefKernel,
           "VHOST_GET_BACKEND_FEATURES"},
    OpInfo{Opcode::kSetBackendFeatures, "set_backend_features", false, false, true,
           kFeaturesOperands, kRefKernel, "VHOST_SET_BACKEND_FEATURES"},
    OpInfo{Opcode::kRegion, "region", false, false, false, kRegionOperands, kRefKernel,
           "stages a region (0 to 63) for the next set_mem_table; user= is an address as "
           "set_vring_addr takes it"},
    OpInfo{Opcode::kSetMemTable, "set_mem_table", false, false, true, kMemTableOperands, kRefKernel,
           "VHOST_SET_MEM_TABLE with n= staged regions (all staged; the default table if none is)"},
    OpInfo{Opcode::kSetLogBase, "set_log_base", false, false, true, kLogBaseOperands, kRefKernel,
           "VHOST_SET_LOG_BASE with a user address; 0 is the log's own memory, 0x210000000000"},
    OpInfo{Opcode::kSetLogFd, "set_log_fd", false, false, true, kFdOperands, kRefKernel,
           "VHOST_SET_LOG_FD"},
    OpInfo{Opcode::kSetVringNum, "set_vring_num", true, false, true, kNumOperands, kRefKernel,
           "VHOST_SET_VRING_NUM"},
    OpInfo{Opcode::kSetVringBase, "set_vring_base", true, false, true, kBaseOperands, kRefKernel,
           "VHOST_SET_VRING_BASE"},
    OpInfo{Opcode::kGetVringBase,
           "get_vring_base",
           true,
           false,
           true,
           {},
           kRefKernel,
           "VHOST_GET_VRING_BASE"},
    OpInfo{Opcode::kSetVringAddr, "set_vring_addr", true, false, true, kAddrOperands, kRefKernel,
           "VHOST_SET_VRING_ADDR"},
    OpInfo{Opcode::kSetVringKick, "set_vring_kick", true, false, true, kFdOperands, kRefKernel,
           "VHOST_SET_VRING_KICK"},
    OpInfo{Opcode::kSetVringCall, "set_vring_call", true, false, true, kFdOperands, kRefKernel,
           "VHOST_SET_VRING_CALL"},
    OpInfo{Opcode::kSetVringErr, "set_vring_err", true, false, true, kFdOperands, kRefKernel,
           "VHOST_SET_VRING_ERR"},
    OpInfo{Opcode::kRelease,
           "release",
           false,
           false,
           true,
           {},
           kRefKernel,
           "closes the device's last fd"},
    OpInfo{
        Opcode::kBackendPacket,
        "backend_packet",
        true,
        false,
        true,
        {},
        kRefKernel,
        "VHOST_NET_SET_BACKEND with an AF_PACKET socket, which takes frames by copy, one by one; "
        "on the kernel with NET_HDR only"},
    OpInfo{Opcode::kComplete, "complete", true, false, false, kCompleteOperands, kRefKernel,
           "the backend completes request #n; `inside`: within its submit, before submit returns"},
    OpInfo{Opcode::kRefuse, "refuse", true, false, false, kRefuseOperands, kRef,
           "the next n= (1) submits return an error; `inside`: after completing the request"},
    OpInfo{Opcode::kCongest, "congest", true, false, false, kCongestOperands, kRefKernel,
           "the backend's send buffer is full (EAGAIN) until `off`"},
    OpInfo{Opcode::kLink, "link", true, false, false, kLinkOperands, kRefKernel,
           "the backend goes down (EIO on submit) or comes back"},
    OpInfo{Opcode::kInject, "inject", true, false, false, kInjectOperands, kRefKernel,
           "the backend has a frame of that many bytes (0: 60, at least 14) for the driver, in its "
           "queue of 256"},
    OpInfo{Opcode::kStep, "step", false, false, false, kStepOperands, kRef,
           "lets a held worker run n (1) times"},
    OpInfo{Opcode::kSettle,
           "settle",
           false,
           false,
           false,
           {},
           kAll,
           "waits until the device is idle and observes it; `busy` past the bound"},
    OpInfo{Opcode::kAt, "at", false, false, false, kAtOperands, kRef,
           "the next operation happens when the worker reaches the point for the nth= time (0 the "
           "first), at the next settle if it does not"},
    OpInfo{Opcode::kFailAlloc, "fail_alloc", false, false, false, kFailAllocOperands, kRef,
           "the n-th allocation from here on fails (0 the next)"},
    OpInfo{Opcode::kWorker, "worker", false, false, false, kWorkerOperands, kRef,
           "`hold`: the worker runs by step and settle only; `run`: after every operation that "
           "wakes it"},
    OpInfo{Opcode::kRepeat, "repeat", false, false, false, kRepeatOperands, kAll,
           "repeats the operations up to `end`; not nested"},
    OpInfo{Opcode::kEnd, "end", false, false, false, {}, kAll, "ends a repeat"},
    OpInfo{Opcode::kRace, "race", true, false, false, kRaceOperands, 0,
           "races a notification n= times"},
    OpInfo{Opcode::kWatch,
           "watch",
           true,
           false,
           false,
           {},
           0,
           "watches the used ring from a thread of its own"},
};

constexpr bool agrees_on_control() {
  for (const OpInfo& info : kOps) {
    if (info.is_control != is_control(info.code)) return false;
  }
  return true;
}
static_assert(agrees_on_control());

constexpr std::array<uint8_t, 256> make_index() {
  std::array<uint8_t, 256> index{};
  for (size_t i = 0; i < kOps.size(); ++i) {
    index[static_cast<uint8_t>(kOps[i].code)] = static_cast<uint8_t>(i);
  }
  return index;
}
constexpr std::array<uint8_t, 256> kIndex = make_index();

}  // namespace

std::span<const OpInfo> all_ops() {
  return kOps;
}

const OpInfo& op_info(Opcode code) {
  return kOps[kIndex[static_cast<uint8_t>(code)]];
}

const OpInfo* find_op(std::string_view name) {
  for (const OpInfo& info : kOps) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

uint64_t feature_names(uint64_t bits) {
  uint64_t names = 0;
  if ((bits & kBitVersion1) == 0) names |= kLegacy;
  if ((bits & kBitIndirectDesc) == 0) names |= kNoIndirect;
  if ((bits & kBitEventIdx) != 0) names |= kEventIdx;
  if ((bits & kBitNotifyOnEmpty) != 0) names |= kNotifyOnEmpty;
  if ((bits & kBitMrgRxbuf) != 0) names |= kMrgRxbuf;
  if ((bits & kBitLogAll) != 0) names |= kLogAll;
  if ((bits & kBitInOrder) != 0) names |= kInOrder;
  if ((bits & kBitNetHdr) != 0) names |= kNetHdr;
  return names;
}

uint64_t feature_bits(uint64_t names) {
  uint64_t bits = 0;
  if ((names & kLegacy) == 0) bits |= kBitVersion1;
  if ((names & kNoIndirect) == 0) bits |= kBitIndirectDesc;
  if ((names & kEventIdx) != 0) bits |= kBitEventIdx;
  if ((names & kNotifyOnEmpty) != 0) bits |= kBitNotifyOnEmpty;
  if ((names & kMrgRxbuf) != 0) bits |= kBitMrgRxbuf;
  if ((names & kLogAll) != 0) bits |= kBitLogAll;
  if ((names & kInOrder) != 0) bits |= kBitInOrder;
  if ((names & kNetHdr) != 0) bits |= kBitNetHdr;
  return bits;
}

}  // namespace va
