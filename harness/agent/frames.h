// The frames that the host and the guest agent exchange over virtio-serial.
//
//   frame   := length type payload      length: u32, little-endian, bytes of payload
//                                        type: u8 (FrameType)
//   hello   := protocol:u32 features:u64 backend_features:u64 zerocopy:u8 release:rest
//   run     := budget:u32 program:rest   the Program's byte form (prog/encode.h)
//   result  := count:u32 event*           last_result: the same, and the guest cannot go on
//   event   := kind:u8 queue:u8 op:u32 mask:u8 (u64 per bit set in mask, lowest first)
//
// Agent to host: hello once, heartbeat every second, result, error or blind for each run. Host to
// agent: run. Everything that comes from the guest is untrusted: the reader below and the decoders
// are total, and what they accept is bounded. The agent uses the same code for what the host sends.
// Tested by frames_test.cc and fuzzers/agent_frames.cc. Standard library only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "trace/trace.h"

namespace va {

inline constexpr uint32_t kAgentProtocol = 2;

enum class FrameType : uint8_t {
  kHello = 1,
  kRun = 2,
  kResult = 3,
  kHeartbeat = 4,
  kError = 5,  // payload: one sentence; the agent cannot go on
  kLastResult = 6,
  kBlind = 7,  // payload: one sentence; not all of the run was seen, and the guest cannot go on
};

// The largest payload either side accepts. A trace of the largest program that is ever sent
// (kCaseBudget operations) with a few events an operation fits.
inline constexpr uint32_t kMaxFramePayload = 64u << 20;
inline constexpr size_t kFrameHeader = 5;

// Appends the header of a frame; the caller appends (or sends) `payload_size` bytes behind it.
void append_frame_header(FrameType type, uint32_t payload_size, std::vector<uint8_t>& out);

// Cuts a byte stream into frames. A violation (an unknown type, a length beyond the bound) is
// final: there is no way to find the next frame.
class FrameReader {
 public:
  enum class State : uint8_t { kMore, kFrame, kBad };

  // Adds bytes as they come from the channel.
  void feed(std::span<const uint8_t> bytes);

  // kFrame: type() and payload() are the next frame, until the next call of next() or feed().
  // kMore: the next frame is not complete yet. kBad: the stream is not ours.
  State next();

  FrameType type() const { return type_; }
  std::span<const uint8_t> payload() const { return payload_; }

  // Forgets all: a new connection.
  void reset();

 private:
  std::vector<uint8_t> buffer_;
  size_t consumed_ = 0;  // bytes of buffer_ that belong to frames handed out already
  bool bad_ = false;
  FrameType type_ = FrameType::kHello;
  std::span<const uint8_t> payload_;
};

// What the agent says when it is up.
struct Hello {
  uint32_t protocol = kAgentProtocol;
  uint64_t features = 0;          // VHOST_GET_FEATURES
  uint64_t backend_features = 0;  // VHOST_GET_BACKEND_FEATURES
  bool zerocopy = false;          // vhost_net's experimental_zcopytx
  std::string release;            // of the kernel; at most kMaxRelease printable characters
};
inline constexpr size_t kMaxRelease = 64;

void encode_hello(const Hello& hello, std::vector<uint8_t>& out);
bool decode_hello(std::span<const uint8_t> payload, Hello& hello);

// The events of a trace; its header is not sent. decode_events() overwrites `trace.events` and
// refuses what no agent of ours sends: an unknown kind, an operation beyond `ops`, bytes left over.
void encode_events(const Trace& trace, std::vector<uint8_t>& out);
bool decode_events(std::span<const uint8_t> payload, uint32_t ops, Trace& trace);

}  // namespace va
