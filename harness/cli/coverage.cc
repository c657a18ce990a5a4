// Tested by conformance/test_rules.py.
#include "cli/coverage.h"

#include <fmt/core.h>

#include "cli/cases.h"
#include "cli/outcome.h"

namespace va {
namespace {

struct Counts {
  size_t rules = 0;
  size_t core = 0;
  size_t runnable = 0;  // by the reference
  size_t with_case = 0;
  size_t with_specimen = 0;

  void add(const Rule& rule, bool has_case, bool has_specimen) {
    ++rules;
    if (rule.core) ++core;
    if (!rule.wants_case) return;
    ++runnable;
    if (has_case) ++with_case;
    if (has_specimen) ++with_specimen;
  }
};

void print_counts(const char* title, const std::map<std::string, Counts>& table) {
  fmt::print("\n{:<6} {:>6} {:>6} {:>9} {:>6} {:>9}\n", title, "rules", "core", "runnable", "case",
             "specimen");
  for (const auto& [name, counts] : table) {
    fmt::print("{:<6} {:>6} {:>6} {:>9} {:>6} {:>9}\n", name, counts.rules, counts.core,
               counts.runnable, counts.with_case, counts.with_specimen);
  }
}

void print_sum(const char* kind, const Counts& counts) {
  fmt::print("{} of {} {}rules that the reference can run have a case, {} a specimen\n",
             counts.with_case, counts.runnable, kind, counts.with_specimen);
}

}  // namespace

NamesByRule cases_by_rule() {
  NamesByRule by_rule;
  for (const std::string& path : project_cases()) {
    std::string text;
    if (!read_file(path, text).ok()) continue;
    if (const std::string rule = rule_of(text); !rule.empty()) {
      by_rule[rule].push_back(relative_to_root(path));
    }
  }
  return by_rule;
}

Status specimens_by_rule(NamesByRule& out) {
  std::vector<Specimen> specimens;
  const Status status = load_specimens(project_root(), specimens);
  for (const Specimen& specimen : specimens) {
    for (const std::string& rule : specimen.rules) out[rule].push_back(specimen.id);
  }
  return status;
}

int coverage_command(const std::vector<Rule>& rules) {
  NamesByRule specimens;
  if (const Status status = specimens_by_rule(specimens); !status.ok()) {
    fmt::print(stderr, "{}\n", status.message());
    return kExitBroken;
  }
  const NamesByRule cases = cases_by_rule();
  std::map<std::string, Counts> groups;
  std::map<std::string, Counts> levels;
  Counts all;
  Counts core;
  for (const Rule& rule : rules) {
    const bool has_case = cases.contains(rule.id);
    const bool has_specimen = specimens.contains(rule.id);
    groups[rule.id.substr(0, 3)].add(rule, has_case, has_specimen);
    levels[rule.level].add(rule, has_case, has_specimen);
    all.add(rule, has_case, has_specimen);
    if (rule.core) core.add(rule, has_case, has_specimen);
    if (!rule.wants_case || (has_case && has_specimen)) continue;
    fmt::print("{:<8} {:<4} {:<21} {}\n", rule.id, rule.core ? "core" : "",
               has_case       ? "no specimen"
               : has_specimen ? "no case"
                              : "no case, no specimen",
               rule.requirement);
  }
  print_counts("group", groups);
  print_counts("level", levels);
  fmt::print("\n");
  print_sum("core ", core);
  print_sum("", all);
  const bool whole = all.with_case == all.runnable && core.with_specimen == core.runnable;
  return whole ? kExitOk : kExitFound;
}

}  // namespace va
