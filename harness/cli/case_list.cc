#include "cli/case_list.h"

#include <fmt/core.h>

#include "base/random.h"
#include "prog/mutate.h"
#include "prog/ops.h"

namespace va {
namespace {

// Mutations of a conforming Program that make a hostile one.
constexpr int kHostileSteps = 4;

uint8_t kinds_of(const std::vector<std::string>& devices) {
  uint8_t kinds = 0;
  for (const std::string& uri : devices) {
    kinds |= uri.starts_with("kernel") ? kKernel : kReference;
  }
  return kinds;
}

}  // namespace

std::string quoted(const std::string& word) {
  static constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

CaseList::CaseList(const Options& options, const std::vector<std::string>& devices)
    : generated_(options.generate),
      seed_(options.seed),
      hostile_(options.hostile),
      device_kinds_(kinds_of(devices)) {}

std::string CaseList::name(uint64_t index) const {
  return is_generated() ? fmt::format("generated {}", seed_ + index) : paths_[index];
}

void CaseList::generate(uint64_t index, Program& out) const {
  MutateOptions options = conforming_options();
  options.device_kinds = device_kinds_;
  Random random(seed_ + index);
  generate_conforming(random, options, out);
  options.conforming = false;
  for (int i = 0; hostile_ && i < kHostileSteps; ++i) mutate(out, random, options);
}

Status CaseList::read(uint64_t index, CaseFile& out) const {
  if (!is_generated()) return read_case(paths_[index], out);
  out = CaseFile{};
  out.path = name(index);
  out.bytes = true;
  generate(index, out.content.program);
  return {};
}

std::string CaseList::arguments(uint64_t index) const {
  if (!is_generated()) return quoted(paths_[index]);
  return fmt::format("--generate 1 --seed {}{}", seed_ + index, hostile_ ? " --hostile" : "");
}

}  // namespace va
