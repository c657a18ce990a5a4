// The cases that a command works on: files, or Programs generated from consecutive seeds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/cases.h"
#include "cli/options.h"

namespace va {

class CaseList {
 public:
  // `devices` are URIs; a generated Program is made of what all of them can execute.
  CaseList(const Options& options, const std::vector<std::string>& devices);

  // Expands a CASE argument.
  Status add(const std::string& argument) { return find_cases(argument, paths_); }

  uint64_t size() const { return generated_ > 0 ? generated_ : paths_.size(); }
  bool is_generated() const { return generated_ > 0; }

  // For display: a path, or `generated N` with N the seed that makes it again.
  std::string name(uint64_t index) const;

  Status read(uint64_t index, CaseFile& out) const;

  // The Program alone, without allocation once `out` is warm. Generated lists only.
  void generate(uint64_t index, Program& out) const;

  // The arguments that name the case on a command line, quoted for a shell.
  std::string arguments(uint64_t index) const;

 private:
  std::vector<std::string> paths_;
  uint64_t generated_;
  uint64_t seed_;
  bool hostile_;
  uint8_t device_kinds_;
};

// One word of a shell command.
std::string quoted(const std::string& word);

}  // namespace va
