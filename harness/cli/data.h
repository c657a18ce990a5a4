// The project's data files, as values: rules (conformance/rules/*.toml), expectations
// (conformance/expectations/<device>.toml) and divergences (conformance/divergences.toml).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "oracle/judge.h"
#include "runner/compare.h"

namespace va {

// A requirement. `[[rule]]` in conformance/rules/*.toml; README.md there says what the fields mean.
struct Rule {
  std::string id;
  std::string requirement;  // one sentence
  std::string clause;       // where it stands; several with `; ` between them
  std::string label;        // of the clauses in VIRTIO, in the same way: numbers move, labels stay
  std::string level;        // MUST, SHOULD, TEXT, IMPL, ROB, OBS
  std::string file;         // relative to the project root
  std::string via;          // runs only through this front; empty: any
  std::string later;        // why nothing here can show it yet; empty: something can
  std::vector<std::string> devices;
  uint32_t needs = 0;       // what a trace must show: Sees bits
  uint32_t duties = 0;      // that it presumes of the driver (oracle/driver_duty.h)
  bool core = false;        // of the core set
  bool wants_case = false;  // the reference can run it, and it is about a device
};

// Reads all rules, sorted by id. Strict: every field and word is one that is known, and what the
// judge has a rule for says the same of needs and duties. The message of an error begins with the
// file.
Status load_rules(const std::string& root, std::vector<Rule>& out);

// nullptr if there is none.
const Rule* find_rule(const std::vector<Rule>& rules, std::string_view id);

// A planted bug. fuzzers/specimens/<id>.toml beside <id>.patch.
struct Specimen {
  std::string id;
  std::vector<std::string> rules;  // each of them speaks: `rule`, and those of `also`
};

// Reads all specimens, sorted by id.
Status load_specimens(const std::string& root, std::vector<Specimen>& out);

// A known deviation of one device. `[[expect]]` in conformance/expectations/<device>.toml: in
// this case, for this rule, the verdict is this one and not PASS.
struct Expected {
  std::string case_path;  // relative to the project root; `*` stands for any characters
  std::string rule;
  VerdictKind verdict = VerdictKind::kFail;
  std::string reason;
  std::string source;
  std::string version;      // of the device on which it was seen; empty: any
  std::string policy = {};  // the only one under which it happens; empty: any
};

// The files that may speak of a device, from the general to the particular: for
// `kernel:6.1,zerocopy=off` these are kernel.toml, kernel-6.1.toml and
// kernel-6.1,zerocopy=off.toml, in conformance/expectations. `:` and `/` become `-`.
std::vector<std::string> expectations_files(const std::string& device);

// Reads a device's expectations from those of its files that are there.
Status load_expectations(const std::string& root, const std::string& device,
                         std::vector<Expected>& out);

// Does the entry speak of this case (relative to the project root)?
bool lists(const Expected& entry, const std::string& case_path);

// A known difference between two devices. `[[divergence]]` in conformance/divergences.toml: a
// matcher on one kind of observation and at least one condition. It has to show in `witness`.
struct Divergence {
  std::string id;
  bool finding = false;  // the device breaks a rule (page names docs/findings/…)
  std::string on[2];     // device URIs, or their beginning up to a `:` or `,`
  EventKind event = EventKind::kNone;
  std::string op;        // the operation that differs (a control call); empty: any
  std::string after;     // an operation of this name stands before it in the Program
  std::string value[2];  // on the devices of `on`, in that order; empty: any
  std::string witness;   // case relative to the project root
  std::string reason;
  std::string source;
  std::string page;
  std::string version;  // of on[1] when it was seen; empty: any
};

Status load_divergences(const std::string& root, std::vector<Divergence>& out);

// Does `entry` explain `difference`, seen between the devices `left` and `right`?
bool explains(const Divergence& entry, const Difference& difference, const Program& program,
              const std::string& left, const std::string& right);

// Is the pair of devices the one that `entry` speaks of, in either order?
bool speaks_of(const Divergence& entry, const std::string& left, const std::string& right);

// Is version `seen` newer than `listed`? Runs of digits compare as numbers. An entry without
// version is never outdated.
bool newer(const std::string& seen, const std::string& listed);

}  // namespace va
