// Names that trace headers use in text.
#pragma once

#include <array>
#include <string_view>

namespace va {

// In the order of Sees' bits. A trace without every-store was sampled, and says so.
inline constexpr std::array<std::string_view, 10> kSeesNames = {
    "every-store", "wire",    "memory",      "dirty-pages", "steps",
    "calls",       "submits", "allocations", "errors",      "log-signals"};
inline constexpr std::string_view kAtQuiescence = "at-quiescence";

// In the order of Policy.
inline constexpr std::array<std::string_view, 4> kPolicyNames = {"unknown", "arrival", "inorder",
                                                                 "copy"};

// `# rule: ID`, on a line of its own.
inline constexpr std::string_view kRulePrefix = "# rule:";
inline constexpr std::string_view kNeedsPrefix = "# needs:";

}  // namespace va
