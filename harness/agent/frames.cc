#include "agent/frames.h"

#include <algorithm>

#include "base/bytes.h"

namespace va {
namespace {

template <typename T>
void append(T value, std::vector<uint8_t>& out) {
  const size_t at = out.size();
  out.resize(at + sizeof(T));
  store_le(out.data() + at, value);
}

// Reads values off the front of `bytes`; after the end it reads zeros and is not ok().
class Cursor {
 public:
  explicit Cursor(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  template <typename T>
  T take() {
    if (bytes_.size() < sizeof(T)) {
      ok_ = false;
      bytes_ = {};
      return T{};
    }
    const T value = load_le<T>(bytes_.data());
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }

  std::span<const uint8_t> rest() const { return bytes_; }
  bool ok() const { return ok_; }

 private:
  std::span<const uint8_t> bytes_;
  bool ok_ = true;
};

bool known(uint8_t type) {
  return type >= static_cast<uint8_t>(FrameType::kHello) &&
         type <= static_cast<uint8_t>(FrameType::kBlind);
}

// kind, queue, op, mask
constexpr size_t kMinEventSize = 7;

}  // namespace

void append_frame_header(FrameType type, uint32_t payload_size, std::vector<uint8_t>& out) {
  append(payload_size, out);
  append(static_cast<uint8_t>(type), out);
}

void FrameReader::feed(std::span<const uint8_t> bytes) {
  payload_ = {};
  if (bad_) return;  // keeps nothing of a stream that is not ours
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(consumed_));
  consumed_ = 0;
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

FrameReader::State FrameReader::next() {
  payload_ = {};
  if (bad_) return State::kBad;
  const auto rest = std::span<const uint8_t>(buffer_).subspan(consumed_);
  if (rest.size() < kFrameHeader) return State::kMore;
  const uint32_t size = load_le<uint32_t>(rest.data());
  if (size > kMaxFramePayload || !known(rest[4])) {
    reset();
    bad_ = true;
    return State::kBad;
  }
  if (rest.size() - kFrameHeader < size) return State::kMore;
  type_ = static_cast<FrameType>(rest[4]);
  payload_ = rest.subspan(kFrameHeader, size);
  consumed_ += kFrameHeader + size;
  return State::kFrame;
}

void FrameReader::reset() {
  buffer_.clear();
  consumed_ = 0;
  bad_ = false;
  payload_ = {};
}

void encode_hello(const Hello& hello, std::vector<uint8_t>& out) {
  append(hello.protocol, out);
  append(hello.features, out);
  append(hello.backend_features, out);
  append(static_cast<uint8_t>(hello.zerocopy ? 1 : 0), out);
  const size_t length = std::min(hello.release.size(), kMaxRelease);
  out.insert(out.end(), hello.release.begin(),
             hello.release.begin() + static_cast<ptrdiff_t>(length));
}

bool decode_hello(std::span<const uint8_t> payload, Hello& hello) {
  Cursor cursor(payload);
  hello.protocol = cursor.take<uint32_t>();
  hello.features = cursor.take<uint64_t>();
  hello.backend_features = cursor.take<uint64_t>();
  hello.zerocopy = cursor.take<uint8_t>() != 0;
  const std::span<const uint8_t> release = cursor.rest();
  if (!cursor.ok() || release.size() > kMaxRelease) return false;
  const auto printable = [](uint8_t c) { return c > 0x20 && c < 0x7f; };
  if (!std::all_of(release.begin(), release.end(), printable)) return false;
  hello.release.assign(release.begin(), release.end());
  return true;
}

void encode_events(const Trace& trace, std::vector<uint8_t>& out) {
  append(static_cast<uint32_t>(trace.events.size()), out);
  for (const Event& event : trace.events) {
    append(static_cast<uint8_t>(event.kind), out);
    append(event.queue, out);
    append(event.op, out);
    const size_t mask_at = out.size();
    append(uint8_t{0}, out);
    for (size_t i = 0; i < event.arg.size(); ++i) {
      if (event.arg[i] == 0) continue;
      out[mask_at] = static_cast<uint8_t>(out[mask_at] | 1u << i);
      append(event.arg[i], out);
    }
  }
}

bool decode_events(std::span<const uint8_t> payload, uint32_t ops, Trace& trace) {
  trace.events.clear();
  Cursor cursor(payload);
  const uint32_t count = cursor.take<uint32_t>();
  if (count > cursor.rest().size() / kMinEventSize) return false;
  for (uint32_t i = 0; i < count; ++i) {
    Event event;
    const uint8_t kind = cursor.take<uint8_t>();
    event.kind = static_cast<EventKind>(kind);
    event.queue = cursor.take<uint8_t>();
    event.op = cursor.take<uint32_t>();
    const uint8_t mask = cursor.take<uint8_t>();
    if (kind == 0 || kind >= kEventKinds || event.queue >= kQueues || event.op > ops) return false;
    if (mask >> event.arg.size() != 0) return false;
    for (size_t k = 0; k < event.arg.size(); ++k) {
      if ((mask >> k & 1) != 0) event.arg[k] = cursor.take<uint64_t>();
    }
    if (!cursor.ok()) return false;
    trace.events.push_back(event);
  }
  return cursor.ok() && cursor.rest().empty();
}

}  // namespace va
