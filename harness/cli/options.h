// What the command line said, and the commands that act on it. Each command returns its exit code.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace va {

struct Options {
  std::vector<std::string> devices;  // URIs as given; empty: `reference`
  std::vector<std::string> inputs;   // cases, traces or an id
  std::string rule;                  // minimize
  std::string junit;                 // file; empty: none
  uint64_t seed = 1;                 // of generated Programs and of what a device chooses
  uint32_t generate = 0;             // run: so many generated Programs
  uint32_t timeout_s = 10;           // a Program on a real device
  bool json = false;
  bool timings = false;
  bool strict = false;   // NON-STRICT fails
  bool hostile = false;  // generated Programs break the driver's duties
  bool batch = false;
  bool verbose = false;  // with the trace of every case
  bool coverage = false;
};

int run_command(const Options& options);
int judge_command(const Options& options);
int diff_command(const Options& options);
int fmt_command(const Options& options);
int encode_command(const Options& options);
int decode_command(const Options& options);
int minimize_command(const Options& options);
int rules_command(const Options& options);
int ops_command(const Options& options);
int devices_command(const Options& options);
int smoke_command(const Options& options);
int explain_command(const Options& options);

}  // namespace va
