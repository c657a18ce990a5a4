// Fuzzes what the host reads from a guest. Any bytes may come out of a guest's serial port; the
// reader and the decoders must take them without harm, cut them alike however they arrive, and what
// they accept must survive being sent again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/frames.h"
#include "base/check.h"
#include "ops_per_input.h"

namespace {

constexpr uint32_t kOps = 64;  // operations of the Program that the answer claims to be of

// Counts the frames of a stream that arrives in pieces of `piece` bytes; decodes each.
size_t read_stream(std::span<const uint8_t> bytes, size_t piece, va::Trace& trace) {
  va::FrameReader reader;
  size_t frames = 0;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    reader.feed(bytes.subspan(at, std::min(piece, bytes.size() - at)));
    for (; reader.next() == va::FrameReader::State::kFrame; ++frames) {
      VA_CHECK(reader.payload().size() <= va::kMaxFramePayload);
      va::Hello hello;
      if (va::decode_hello(reader.payload(), hello)) {
        VA_CHECK(hello.release.size() <= va::kMaxRelease);
      }
      if (!va::decode_events(reader.payload(), kOps, trace)) continue;
      std::vector<uint8_t> again;
      va::encode_events(trace, again);
      va::Trace back;
      VA_CHECK(va::decode_events(again, kOps, back) && back.events == trace.events);
    }
  }
  return frames;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static va::OpsPerInput count;
  if (size == 0) return 0;
  const std::span<const uint8_t> bytes(data + 1, size - 1);
  static va::Trace trace;
  const size_t frames = read_stream(bytes, 1 + data[0] % 16, trace);
  VA_CHECK(frames == read_stream(bytes, std::max<size_t>(bytes.size(), 1), trace));
  count.add(frames);
  return 0;
}
