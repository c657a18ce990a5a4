// THE table of events.
//
// How to add an event: give it the next number at the end of EventKind (trace.h; stored traces are
// read for years), add its row here, and its line to docs/program_syntax.md (a test compares).
#include <cstddef>

#include "base/hot.h"
#include "trace/trace.h"

namespace va {
namespace {

using Name = std::string_view;
using Kind = EventKind;

constexpr std::array<Name, 5> kNoopNames = {"full", "not_held", "not_reached", "no_device",
                                            "dropped"};
constexpr std::array<Name, 5> kUnsupportedNames = {"operation", "feature", "ordinals", "controls",
                                                   "held"};
constexpr std::array<Name, 2> kStatusNames = {"ok", "failed"};

// errno as Linux numbers it (asm-generic), those that a control call can return. 0 is success.
constexpr std::array<Name, 134> make_errno_names() {
  std::array<Name, 134> names{};
  constexpr std::array<Name, 35> kLow = {
      "ok",    "EPERM",  "ENOENT",  "ESRCH",  "EINTR",  "EIO",    "ENXIO",   "E2BIG",  "ENOEXEC",
      "EBADF", "ECHILD", "EAGAIN",  "ENOMEM", "EACCES", "EFAULT", "ENOTBLK", "EBUSY",  "EEXIST",
      "EXDEV", "ENODEV", "ENOTDIR", "EISDIR", "EINVAL", "ENFILE", "EMFILE",  "ENOTTY", "ETXTBSY",
      "EFBIG", "ENOSPC", "ESPIPE",  "EROFS",  "EMLINK", "EPIPE",  "EDOM",    "ERANGE"};
  for (size_t i = 0; i < kLow.size(); ++i) names[i] = kLow[i];
  names[38] = "ENOSYS";
  names[61] = "ENODATA";
  names[71] = "EPROTO";
  names[74] = "EBADMSG";
  names[75] = "EOVERFLOW";
  names[77] = "EBADFD";
  names[88] = "ENOTSOCK";
  names[90] = "EMSGSIZE";
  names[95] = "EOPNOTSUPP";
  names[100] = "ENETDOWN";
  names[104] = "ECONNRESET";
  names[105] = "ENOBUFS";
  names[107] = "ENOTCONN";
  names[108] = "ESHUTDOWN";
  names[110] = "ETIMEDOUT";
  names[111] = "ECONNREFUSED";
  names[125] = "ECANCELED";
  return names;
}
constexpr std::array<Name, 134> kErrnoNames = make_errno_names();

constexpr EventOperand number(Name name) {
  return {name, false, false, {}, 1, false};
}
constexpr EventOperand hex(Name name, uint8_t digits = 1) {
  return {name, true, false, {}, digits, false};
}
constexpr EventOperand named(Name name, std::span<const Name> names) {
  return {name, false, false, names, 1, false};
}
constexpr EventOperand kOrdinalOperand = {"", false, true, {}, 1, false};

constexpr std::array kDescOperands = {hex("addr"), hex("buf"), number("len"), hex("flags_next", 8)};
constexpr std::array kExposedOperands = {kOrdinalOperand, number("head"), number("slot"),
                                         hex("idx", 4)};
constexpr std::array kIdOperands = {number("id")};
constexpr std::array kNoopOperands = {named("", kNoopNames)};
constexpr std::array kUsedOperands = {number("slot"), number("id"), number("len")};
constexpr std::array kIdxOperands = {hex("", 4)};
constexpr std::array kWriteOperands = {hex("addr"), number("len")};
constexpr std::array kDirtyOperands = {hex("page")};
constexpr std::array kSubmittedOperands = {kOrdinalOperand};
constexpr std::array kCompletedOperands = {kOrdinalOperand, named("", kStatusNames)};
constexpr std::array kFrameOperands = {kOrdinalOperand, number("len"), hex("fill", 2)};
constexpr std::array kDoneOperands = {named("", kErrnoNames),
                                      EventOperand{"value", true, false, {}, 1, true}};
constexpr std::array kCountOperands = {number("")};
constexpr std::array kIdleOperands = {number("inflight")};
constexpr std::array kUnsupportedOperands = {named("", kUnsupportedNames)};
constexpr std::array kLineOperands = {number("line")};
constexpr std::array kDiedOperands = {number("status")};
constexpr std::array kAddrOperands = {hex("addr")};
constexpr std::array kInjectedOperands = {kOrdinalOperand, number("len")};
constexpr std::array kReceivedOperands = {number("id"), number("buffers"),
                                          EventOperand{"header", true, false, {}, 1, true}};

// kind, name, queue, operands, doc
constexpr std::array<EventInfo, kEventKinds> kEvents = {{
    {Kind::kNone, "none", false, {}, "nothing; never in a trace"},
    {Kind::kSetup, "setup", true, {}, "the default set-up was applied before this operation"},
    {Kind::kDescStored, "desc", true, kDescOperands,
     "the driver stored the descriptor at addr= (GPA): buf=, len=, flags and next << 16"},
    {Kind::kExposed, "exposed", true, kExposedOperands,
     "the driver made request #n available; idx= is avail idx after it (0x10000: not stored)"},
    {Kind::kReclaimed, "reclaimed", true, kIdOperands,
     "the driver took the used entry and freed the chain"},
    {Kind::kNoop, "noop", true, kNoopOperands, "the operation had no effect, and why"},
    {Kind::kUsed, "used", true, kUsedOperands, "the device stored a used entry"},
    {Kind::kUsedIdx, "used_idx", true, kIdxOperands, "the device stored used idx"},
    {Kind::kUsedFlags, "used_flags", true, kIdxOperands,
     "the device stored used flags; 1 is NO_NOTIFY"},
    {Kind::kAvailEvent, "avail_event", true, kIdxOperands, "the device stored avail_event"},
    {Kind::kWrite, "write", false, kWriteOperands,
     "the device changed other guest bytes, at a GPA"},
    {Kind::kDirty, "dirty", false, kDirtyOperands,
     "the device logged a page (GPA / 4096) as dirty, the first time since the last settle"},
    {Kind::kCall, "call", true, {}, "the driver was notified"},
    {Kind::kError, "error", true, {}, "the ring's error eventfd was signalled"},
    {Kind::kSubmitted, "submitted", true, kSubmittedOperands, "the backend holds request #n now"},
    {Kind::kCompleted, "completed", true, kCompletedOperands,
     "the backend is done with request #n"},
    {Kind::kFrame, "frame", true, kFrameOperands,
     "a frame on the wire (rx: as the driver read it): request, length, fill byte (0x100: mixed)"},
    {Kind::kBegin, "begin", false, {}, "the control call was issued"},
    {Kind::kDone, "done", false, kDoneOperands,
     "the control call returned: ok or an errno, and what it read"},
    {Kind::kSteps, "steps", false, kCountOperands, "worker steps since the last such event"},
    {Kind::kIdle, "idle", false, kIdleOperands,
     "settled; requests that the device still holds, where that is seen"},
    {Kind::kBusy, "busy", false, {}, "not idle after the bound"},
    {Kind::kAllocated, "allocated", false, kCountOperands, "objects still allocated at the end"},
    {Kind::kBudget, "budget", false, {}, "the operation budget ended the run"},
    {Kind::kUnsupported, "unsupported", false, kUnsupportedOperands,
     "the device cannot do it, and why"},
    {Kind::kAssertion, "assertion", false, kLineOperands,
     "a check of the engine failed (specimen builds)"},
    {Kind::kDied, "died", false, kDiedOperands,
     "the device went away while the Program ran: signal or exit status"},
    {Kind::kForeign, "foreign", false, kAddrOperands,
     "a store that did not go through the accessor (GPA)"},
    {Kind::kInjected, "injected", true, kInjectedOperands,
     "the backend has frame #n for the driver"},
    {Kind::kReceived, "received", true, kReceivedOperands,
     "the driver took a packet: first head, num_buffers as read (1 where the header has none), "
     "the first 8 bytes of the header where they are not 0"},
    {Kind::kLogged, "logged", false, {}, "the dirty log's eventfd was signalled"},
}};

constexpr bool in_order() {
  for (size_t i = 0; i < kEvents.size(); ++i) {
    if (kEvents[i].kind != static_cast<Kind>(i)) return false;
  }
  return true;
}
static_assert(in_order(), "a row stands where its EventKind says");

}  // namespace

std::span<const EventInfo> all_events() {
  return kEvents;
}

const EventInfo& event_info(EventKind kind) {
  const auto index = static_cast<size_t>(kind);
  return kEvents[index < kEvents.size() ? index : 0];
}

const EventInfo* find_event(std::string_view name) {
  for (const EventInfo& info : kEvents) {
    if (info.name == name && info.kind != Kind::kNone) return &info;
  }
  return nullptr;
}

// Made in its place and filled in by whole words: this is called for each event of a trace.
[[gnu::flatten]] void Trace::add(uint32_t op, EventKind kind, Queue queue, uint64_t a, uint64_t b,
                                 uint64_t c, uint64_t d) {
  static constexpr Event::Unset kUnset;
  static_assert(offsetof(Event, queue) == 1 && offsetof(Event, op) == 4);
  Event& event = events.emplace_back(kUnset);
  store_word(event, static_cast<uint64_t>(kind) | uint64_t{queue} << 8 | uint64_t{op} << 32);
  event.arg[0] = a;
  event.arg[1] = b;
  event.arg[2] = c;
  event.arg[3] = d;
}

}  // namespace va
