// What a command shows: text for people, JSON for programs, JUnit for build servers.
//
// Results are shown as they come, so that a run that is ended early has shown all it found.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/execute.h"
#include "cli/options.h"
#include "runner/compare.h"

namespace va {

inline constexpr int kJsonSchema = 1;

// A finding with everything that is said of it.
struct ShownFinding {
  std::string verdict;
  std::string rule;
  std::string requirement;  // from conformance/rules; empty if the rule is not there
  std::string clause;       // with its level
  std::string expected;
  std::string actual;
  std::string listed;  // reason of the expectation that it meets; empty: none
  uint32_t op = 0;
  uint32_t line = 0;      // 0: the case has no lines
  std::string line_text;  // what stands there
};

struct ShownDifference {
  std::string event;
  std::string queue;  // empty where the event has none
  std::string left;
  std::string right;
  std::string explained;  // id and reason of the divergence; empty: none
  uint32_t settle = 0;
  uint32_t op = 0;
  uint32_t line = 0;
  std::string line_text;
};

// A case on a device, or on two, ready to be shown.
struct Shown {
  std::string path;
  std::vector<std::string> devices;
  VerdictKind verdict = VerdictKind::kPass;
  std::string reason;
  std::string evidence;
  std::vector<ShownFinding> findings;
  std::vector<ShownDifference> differences;
  std::vector<std::string> notices;
  std::vector<std::string> traces;  // canonical text, one for each device
  std::string repeat;               // the command that shows it again
  double seconds = 0;
};

// One line of JSON, without newline.
std::string to_json(const Shown& shown, bool timings);
std::string input_error_json(const std::string& path, const std::string& message);
std::string summary_json(const std::map<VerdictKind, uint64_t>& counts);

// Names of Sees bits, "calls, errors".
std::string sees_text(uint32_t sees);

// nullptr if no oracle speaks of the rule.
const RuleInfo* find_judged(std::string_view id);

// Documents of the lists: operations; rules, with whether an oracle speaks of them.
std::string ops_json();
std::string rules_json(const std::vector<Rule>& rules);
std::string devices_json();

// A JUnit document.
std::string to_junit(const std::vector<Shown>& all, bool timings);

// Brings a result into the form that is shown; `repeat` is the caller's.
Shown shown_of(const std::string& device, const CaseFile& from, const CaseResult& result,
               const std::vector<Rule>& rules);

// "vassay run --device URI CASE"; `arguments` are quoted already.
std::string repeat_command(std::string_view command, const std::vector<std::string>& devices,
                           const std::string& arguments);

class Reporter {
 public:
  explicit Reporter(const Options& options);

  // A heading over the results that follow.
  void heading(const std::string& text);
  void add(const Shown& shown);
  // Results that are counted and not shown one by one.
  void count(VerdictKind verdict, uint64_t n);
  // On stderr as `PATH:LINE:COL: …`; in --batch also as a line of JSON.
  void input_error(const std::string& path, const Status& status);
  void note(const std::string& text);
  // The summary. False if the JUnit file cannot be written.
  bool finish();

 private:
  void print_text(const Shown& shown) const;
  void print_finding(const Shown& shown, const ShownFinding& finding) const;
  void print_difference(const Shown& shown, const ShownDifference& difference) const;
  void print_json_row(const std::string& row);

  const Options& options_;
  bool machine_;  // JSON on stdout
  bool colour_;
  uint64_t rows_ = 0;
  std::map<VerdictKind, uint64_t> counts_;
  std::vector<Shown> for_junit_;
};

}  // namespace va
