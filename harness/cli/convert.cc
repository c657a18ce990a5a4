// fmt, encode, decode: text and bytes of the same Program, on stdout.
#include <fmt/core.h>

#include <cstdio>
#include <span>

#include "cli/cases.h"
#include "cli/options.h"
#include "cli/outcome.h"
#include "prog/decode.h"
#include "prog/encode.h"

namespace va {
namespace {

// Applies `convert` to every input file; those that cannot be converted are said, the others done.
template <typename Convert>
int each_input(const Options& options, Convert convert) {
  int code = options.inputs.empty() ? kExitUsage : kExitOk;
  for (const std::string& path : options.inputs) {
    std::string content;
    Status status = read_file(path, content);
    if (status.ok()) status = convert(content);
    if (status.ok()) continue;
    fmt::print(stderr, "{}\n", status.at(path));
    code = kExitUsage;
  }
  return code;
}

void put(std::span<const uint8_t> bytes) {
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
}

}  // namespace

int fmt_command(const Options& options) {
  return each_input(options, [](const std::string& content) {
    Case parsed;
    Trace trace;
    const Status status = parse_case(content, Strictness::kStrict, parsed, &trace, nullptr);
    if (!status.ok()) return status;
    const bool observed = !trace.header.device.empty();
    fmt::print("{}", print_case(parsed, observed ? &trace : nullptr));
    return status;
  });
}

int encode_command(const Options& options) {
  return each_input(options, [](const std::string& content) {
    Case parsed;
    const Status status = parse_case(content, Strictness::kLenient, parsed, nullptr, nullptr);
    if (!status.ok()) return status;
    std::vector<uint8_t> bytes;
    encode(parsed.program, bytes);
    put(bytes);
    return status;
  });
}

int decode_command(const Options& options) {
  return each_input(options, [](const std::string& content) {
    Case decoded;
    const auto* data = reinterpret_cast<const uint8_t*>(content.data());
    decode(std::span(data, content.size()), decoded.program);
    fmt::print("{}", print_case(decoded));
    return Status();
  });
}

}  // namespace va
