// The determinism check's voice: runs each file on both policies, N times over, and prints one line
// a file and policy with a hash of the trace's text. Two builds (compiler, sanitizer, fuzz flags)
// of a sound suite print the same; a run that differs from the one before it ends with exit code 1.
//
//   va_digest [--repeat N] FILE…      FILE: .vq text, anything else is bytes
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "device/reference.h"
#include "prog/decode.h"
#include "trace/case.h"

namespace va {
namespace {

uint64_t hash_of(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

bool read_program(const std::string& path, Program& program) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
    return false;
  }
  if (!path.ends_with(".vq")) {
    decode({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, program);
    return true;
  }
  Case from;
  const Status status = parse_case(bytes, Strictness::kLenient, from, nullptr, nullptr);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.at(path).c_str());
  program = from.program;
  return status.ok();
}

// False if two runs of the same program differ.
bool digest(const std::string& path, const Program& program, ReferenceDevice& device,
            uint32_t repeat) {
  Case from;
  from.program = program;
  Trace first;
  Trace again;
  device.run(program, kFuzzBudget, first);
  for (uint32_t i = 1; i < repeat; ++i) {
    device.run(program, kFuzzBudget, again);
    if (again == first) continue;
    std::fprintf(stderr, "%s: run %u on %s gave another trace\n", path.c_str(), i,
                 first.header.device.c_str());
    return false;
  }
  std::printf("%016llx %s %s\n", static_cast<unsigned long long>(hash_of(print_case(from, &first))),
              first.header.device.c_str(), path.c_str());
  return true;
}

int main_of(const std::vector<std::string>& paths, uint32_t repeat) {
  ReferenceDevice devices[] = {ReferenceDevice(Policy::kArrival),
                               ReferenceDevice(Policy::kInorder)};
  int exit_code = 0;
  for (const std::string& path : paths) {
    Program program;
    if (!read_program(path, program)) {
      exit_code = 2;
      continue;
    }
    for (ReferenceDevice& device : devices) {
      if (!digest(path, program, device, repeat) && exit_code == 0) exit_code = 1;
    }
  }
  return exit_code;
}

}  // namespace
}  // namespace va

int main(int argc, char** argv) {
  uint32_t repeat = 2;
  int first = 1;
  if (argc > 2 && std::strcmp(argv[1], "--repeat") == 0) {
    repeat = static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10));
    first = 3;
  }
  if (first >= argc) {
    std::fprintf(stderr, "usage: va_digest [--repeat N] FILE…\n");
    return 2;
  }
  return va::main_of({argv + first, argv + argc}, repeat);
}
