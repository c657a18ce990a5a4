// Drives a fuzz target without an engine: runs each input, in the order of their paths.
//
//   TARGET [--repeat N] [-runs=N] FILE|FOLDER…
//
//   --repeat N   N passes over all inputs; -runs=N: N inputs, over and over
//   .vq files are cases: the target gets their bytes (a target that reads text gets the text)
//   -name=value  flags of libFuzzer's are passed over
//
// Inputs are read before the first run, so memory stays flat while they run; what it came to after
// the first pass and after the last is printed. Exit: 0; 2 for a path
// or a case that cannot be read (the others still run), and when there is no input.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "prog/encode.h"
#include "trace/case.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace va {
namespace {

#ifdef VA_READS_TEXT
constexpr bool kReadsText = true;
#else
constexpr bool kReadsText = false;
#endif

using Bytes = std::vector<uint8_t>;

struct Options {
  uint64_t repeat = 1;
  uint64_t runs = 0;  // 0: all inputs, `repeat` times
  std::vector<std::string> paths;
};

bool parse_count(std::string_view text, uint64_t& out) {
  const std::string digits(text);
  char* end = nullptr;
  out = std::strtoull(digits.c_str(), &end, 10);
  return !digits.empty() && *end == '\0' && out > 0;
}

bool parse_options(int argc, char** argv, Options& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--repeat") {
      if (++i == argc || !parse_count(argv[i], out.repeat)) return false;
    } else if (arg.starts_with("-runs=")) {
      if (!parse_count(arg.substr(6), out.runs)) return false;
    } else if (arg.starts_with('-')) {
      if (arg.find('=') == std::string_view::npos) return false;
    } else {
      out.paths.emplace_back(arg);
    }
  }
  return !out.paths.empty();
}

// Files below `path`, without what documents them, in the order of their names, so that a run is
// the same everywhere.
bool list_files(const std::string& path, std::vector<std::string>& out) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    out.push_back(path);
    return true;
  }
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path, error)) {
    const bool document = entry.path().extension() == ".md";
    if (entry.is_regular_file(error) && !document) found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  out.insert(out.end(), found.begin(), found.end());
  return !error;
}

bool read_input(const std::string& path, Bytes& out) {
  std::ifstream file(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
    return false;
  }
  if (kReadsText || !path.ends_with(".vq")) {
    out.assign(content.begin(), content.end());
    return true;
  }
  Case from;
  const Status status = parse_case(content, Strictness::kLenient, from, nullptr, nullptr);
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.at(path).c_str());
    return false;
  }
  encode(from.program, out);
  return true;
}

// Resident memory in KiB; 0 where the kernel does not tell. The peak would hide what leaks below
// it.
uint64_t resident_kib() {
  std::ifstream statm("/proc/self/statm");
  uint64_t size = 0;
  uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

int replay(const Options& options) {
  bool good = true;
  std::vector<std::string> files;
  for (const std::string& path : options.paths) good &= list_files(path, files);
  std::vector<Bytes> inputs;
  for (const std::string& file : files) {
    Bytes input;
    if (read_input(file, input)) {
      inputs.push_back(std::move(input));
    } else {
      good = false;
    }
  }
  if (inputs.empty()) {
    std::fprintf(stderr, "there is no input to run\n");
    return 2;
  }
  const uint64_t runs = options.runs != 0 ? options.runs : options.repeat * inputs.size();
  uint64_t first_pass = 0;
  for (uint64_t i = 0; i < runs; ++i) {
    if (i == inputs.size()) first_pass = resident_kib();
    const Bytes& input = inputs[i % inputs.size()];
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  const uint64_t last = resident_kib();
  std::fprintf(stderr, "runs: %llu of %zu inputs\n", static_cast<unsigned long long>(runs),
               inputs.size());
  std::fprintf(stderr, "memory: %llu KiB after the first pass, %llu KiB at the end\n",
               static_cast<unsigned long long>(runs > inputs.size() ? first_pass : last),
               static_cast<unsigned long long>(last));
  return good ? 0 : 2;
}

}  // namespace
}  // namespace va

int main(int argc, char** argv) {
  va::Options options;
  if (!va::parse_options(argc, argv, options)) {
    std::fprintf(stderr, "usage: %s [--repeat N] [-runs=N] FILE|FOLDER...\n", argv[0]);
    return 2;
  }
  return va::replay(options);
}
