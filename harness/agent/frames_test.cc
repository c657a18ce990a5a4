#include "agent/frames.h"

#include <gtest/gtest.h>

namespace va {
namespace {

std::vector<uint8_t> frame(FrameType type, std::vector<uint8_t> payload) {
  std::vector<uint8_t> out;
  append_frame_header(type, static_cast<uint32_t>(payload.size()), out);
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

TEST(FrameReader, CutsAStreamIntoFramesByteByByte) {
  std::vector<uint8_t> stream = frame(FrameType::kHello, {1, 2, 3});
  const std::vector<uint8_t> second = frame(FrameType::kHeartbeat, {});
  stream.insert(stream.end(), second.begin(), second.end());
  FrameReader reader;
  std::vector<FrameType> types;
  for (const uint8_t byte : stream) {
    reader.feed({&byte, 1});
    while (reader.next() == FrameReader::State::kFrame) types.push_back(reader.type());
  }
  EXPECT_EQ(types, (std::vector<FrameType>{FrameType::kHello, FrameType::kHeartbeat}));
}

TEST(FrameReader, SeveralFramesInOneRead) {
  std::vector<uint8_t> stream = frame(FrameType::kRun, {7});
  const std::vector<uint8_t> second = frame(FrameType::kResult, {8, 9});
  stream.insert(stream.end(), second.begin(), second.end());
  FrameReader reader;
  reader.feed(stream);
  ASSERT_EQ(reader.next(), FrameReader::State::kFrame);
  EXPECT_EQ(reader.payload().size(), 1u);
  ASSERT_EQ(reader.next(), FrameReader::State::kFrame);
  EXPECT_EQ(reader.type(), FrameType::kResult);
  EXPECT_EQ(reader.payload()[1], 9);
  EXPECT_EQ(reader.next(), FrameReader::State::kMore);
}

TEST(FrameReader, AnUnknownTypeIsFinal) {
  FrameReader reader;
  reader.feed(frame(static_cast<FrameType>(99), {}));
  EXPECT_EQ(reader.next(), FrameReader::State::kBad);
  reader.feed(frame(FrameType::kHello, {}));
  EXPECT_EQ(reader.next(), FrameReader::State::kBad);
  reader.reset();
  reader.feed(frame(FrameType::kHello, {}));
  EXPECT_EQ(reader.next(), FrameReader::State::kFrame);
}

TEST(FrameReader, ALengthBeyondTheBoundIsRefusedBeforeItsBytesCome) {
  FrameReader reader;
  std::vector<uint8_t> header;
  append_frame_header(FrameType::kResult, kMaxFramePayload + 1, header);
  reader.feed(header);
  EXPECT_EQ(reader.next(), FrameReader::State::kBad);
}

TEST(Hello, SurvivesTheWire) {
  const Hello hello{kAgentProtocol, 0x33d008000, 2, true, "6.1.0-56-amd64"};
  std::vector<uint8_t> bytes;
  encode_hello(hello, bytes);
  Hello read;
  ASSERT_TRUE(decode_hello(bytes, read));
  EXPECT_EQ(read.features, hello.features);
  EXPECT_EQ(read.backend_features, hello.backend_features);
  EXPECT_EQ(read.zerocopy, hello.zerocopy);
  EXPECT_EQ(read.release, hello.release);
}

TEST(Hello, CutShortOrUnprintableIsRefused) {
  std::vector<uint8_t> bytes;
  encode_hello(Hello{}, bytes);
  Hello read;
  EXPECT_FALSE(decode_hello(std::span<const uint8_t>(bytes).first(bytes.size() - 1), read));
  bytes.push_back('\n');
  EXPECT_FALSE(decode_hello(bytes, read));
}

TEST(Events, SurviveTheWire) {
  Trace trace;
  trace.add(0, EventKind::kBegin);
  trace.add(1, EventKind::kUsed, kTx, 3, 2, 0, 0);
  trace.add(2, EventKind::kFrame, kTx, 0xffffffff, 1400, 0x11);
  std::vector<uint8_t> bytes;
  encode_events(trace, bytes);
  Trace read;
  ASSERT_TRUE(decode_events(bytes, 2, read));
  EXPECT_EQ(read.events, trace.events);
}

TEST(Events, WhatNoAgentSendsIsRefused) {
  Trace trace;
  trace.add(2, EventKind::kUsed, kTx, 3);
  std::vector<uint8_t> bytes;
  encode_events(trace, bytes);
  Trace read;
  EXPECT_FALSE(decode_events(bytes, 1, read)) << "an operation beyond the program";
  EXPECT_FALSE(decode_events(std::span<const uint8_t>(bytes).first(bytes.size() - 1), 2, read));
  bytes.push_back(0);
  EXPECT_FALSE(decode_events(bytes, 2, read)) << "bytes left over";
  bytes.pop_back();
  bytes[4] = 0xee;
  EXPECT_FALSE(decode_events(bytes, 2, read)) << "an unknown kind";
  const std::vector<uint8_t> huge = {0xff, 0xff, 0xff, 0xff};
  EXPECT_FALSE(decode_events(huge, 2, read)) << "a count without events";
}

}  // namespace
}  // namespace va
