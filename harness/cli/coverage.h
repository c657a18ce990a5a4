// Which cases and which specimens show that a rule speaks.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/data.h"

namespace va {

// Files or ids, in order, by the rule that they are about.
using NamesByRule = std::map<std::string, std::vector<std::string>>;

// The project's cases, relative to its root.
NamesByRule cases_by_rule();

// The project's specimens, by each rule that must catch them. Adds to `out`.
Status specimens_by_rule(NamesByRule& out);

// `rules --coverage`: prints what lacks a case or a specimen, and counts by group and by level.
// Returns the exit code: 0 where each rule that the reference can run has a case, and each of the
// core set a specimen too.
int coverage_command(const std::vector<Rule>& rules);

}  // namespace va
