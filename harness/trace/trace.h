// Trace: a Program's run, as a plain value: a header and events in the order they were observed.
//
// A trace is judged without the device (oracle/). In text it is its Program with the observations
// written in (`<` lines); strip them and the Program is back. trace/events.cc holds the one table
// of events: name and operands.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "prog/program.h"

namespace va {

// Append-only, like opcodes: stored traces are read for years.
enum class EventKind : uint8_t {
  kNone = 0,

  // the driver, as it really acted: what an oracle needs to rebuild guest memory
  kSetup = 1,   // queue: the default set-up was applied before this operation
  kDescStored,  // addr = GPA of the 16 bytes, buf, len, flags | next << 16
  kExposed,     // ordinal, head, slot (in the avail ring), idx = avail idx after it (0x10000: not
                // stored)
  kReclaimed,   // id: the driver took a used entry and freed the chain
  kNoop,        // reason (NoopReason): the operation had no effect

  // the device's stores
  kUsed,        // slot, id, len
  kUsedIdx,     // value
  kUsedFlags,   // value
  kAvailEvent,  // value
  kWrite,       // addr = GPA, len: guest bytes changed that are none of the above
  kDirty,       // page = GPA / 4096
  kCall,        // the driver was notified (at quiescence: at least once since the last settle)
  kError,       // the ring's error eventfd was signalled

  // the backend
  kSubmitted,  // ordinal, head unknown to the backend; the backend holds the request now
  kCompleted,  // ordinal, status: the backend is done with it, its memory is the driver's again
  kFrame,      // ordinal, len, fill (prog/frame.h): what the wire saw; on a receive queue, what
               // the driver did

  // control calls
  kBegin,  // the call was issued
  kDone,   // errno (0 is success), value (features, base)

  // scheduling
  kSteps,      // n worker steps since the last kSteps
  kIdle,       // settled; inflight = requests the device still holds, where that is seen
  kBusy,       // not idle after the bound
  kAllocated,  // n: requests (and other objects) still allocated at the end
  kBudget,     // the operation budget ended the run

  // what ends or spoils a case
  kUnsupported,  // reason (UnsupportedReason)
  kAssertion,    // line: a check of the engine's failed (specimen builds)
  kDied,         // signal or exit status: the device went away while the Program ran
  kForeign,  // a store that did not go through the accessor: addr, found by the whole-memory check

  // receive
  kInjected,  // ordinal, len: the backend has a frame for the driver
  kReceived,  // id = first head, buffers = num_buffers as the driver read it (1 where the header
              // has none), header = its first 8 bytes, little-endian: flags, gso_type, hdr_len,
              // gso_size, csum_start; the driver took one packet, and its kFrame follows

  kLogged,  // the dirty log's eventfd was signalled (at quiescence: at least once since the last
            // settle)
};
inline constexpr uint8_t kEventKinds = static_cast<uint8_t>(EventKind::kLogged) + 1;

enum class NoopReason : uint8_t {
  kFull,        // avail: no free descriptor, or no room for the buffer
  kNotHeld,     // complete: no such request is held (never submitted, or complete already)
  kNotReached,  // at: the point was not reached before the settle
  kNoDevice,    // released
  kDropped,     // inject: the backend's queue is full, or its link is down
};
enum class UnsupportedReason : uint8_t {
  kOperation,  // the device cannot execute it
  kFeature,    // `vring features=`: not offered
  kOrdinals,   // two held ordinals are equal modulo 64
  kControls,   // more than one control call queued behind a pending one
  kHeld,       // more is held than the device's environment has room for
};

// One observation. `op` is the index in Program::ops of the operation during which it was made.
struct Event {
  EventKind kind;
  Queue queue;
  uint16_t unused;
  uint32_t op;
  std::array<uint64_t, 4> arg;  // in the order of the event's operands

  Event() : kind(EventKind::kNone), queue(0), unused(0), op(0), arg{} {}
  // For add(), which sets every member: clearing them first would be half of its cost.
  struct Unset {};
  explicit Event(Unset) {}  // NOLINT(cppcoreguidelines-pro-type-member-init)

  friend bool operator==(const Event&, const Event&) = default;
};

struct EventOperand {
  std::string_view name;  // `name=value`; empty: the value alone
  bool hex = false;
  bool ordinal = false;                     // `#n`; kNoOrdinal prints as `raw`
  std::span<const std::string_view> names;  // enumerated; other values print as numbers
  uint8_t digits = 1;                       // hexadecimal: at least that many
  bool quiet = false;                       // left out when it is 0
};
struct EventInfo {
  EventKind kind = EventKind::kNone;
  std::string_view name;
  bool has_queue = false;
  std::span<const EventOperand> operands;
  std::string_view doc;
};
std::span<const EventInfo> all_events();             // in the order of EventKind
const EventInfo& event_info(EventKind kind);         // total: out of range gives kNone's row
const EventInfo* find_event(std::string_view name);  // nullptr if there is none

// What a trace shows. A rule names what it needs; where it is missing the verdict is UNSUPPORTED.
enum Sees : uint32_t {
  kEveryStore = 1,  // each store of the device, in order; otherwise samples at settle points
  kWire = 2,
  kMemory = 4,  // changed guest bytes
  kDirtyPages = 8,
  kStepCounts = 16,
  kCalls = 32,
  kSubmits = 64,  // which requests the backend holds, and when each is complete
  kAllocations = 128,
  kErrors = 256,
  kLogSignals = 512,  // those of the dirty log's eventfd
};

enum class Policy : uint8_t { kUnknown, kArrival, kInorder, kCopy };

struct TraceHeader {
  std::string device;     // the device URI
  std::string version;    // of the device: kernel release, suite version
  uint64_t features = 0;  // offered
  Policy policy = Policy::kUnknown;
  uint32_t sees = 0;  // Sees bits
  friend bool operator==(const TraceHeader&, const TraceHeader&) = default;
};

struct Trace {
  TraceHeader header;
  std::vector<Event> events;

  void clear() { events.clear(); }  // keeps the memory and the header
  void add(uint32_t op, EventKind kind, Queue queue = 0, uint64_t a = 0, uint64_t b = 0,
           uint64_t c = 0, uint64_t d = 0);
  friend bool operator==(const Trace&, const Trace&) = default;
};

}  // namespace va
