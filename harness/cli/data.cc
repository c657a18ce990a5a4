#include "cli/data.h"

#include <fnmatch.h>
#include <string.h>  // strverscmp is not in <cstring>

#include <algorithm>
#include <filesystem>

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include "cli/report.h"
#include "oracle/driver_duty.h"
#include "prog/ops.h"
#include "trace/words.h"

namespace va {
namespace {

namespace fs = std::filesystem;

// Reads `[[name]]` tables of one file. Every problem is reported where the table stands.
class Reader {
 public:
  explicit Reader(std::string root, std::string file)
      : root_(std::move(root)), file_(std::move(file)) {}

  template <typename Take>
  Status tables(std::string_view name, Take take) {
    toml::parse_result parsed = toml::parse_file((fs::path(root_) / file_).string());
    if (!parsed) {
      const toml::source_position at = parsed.error().source().begin;
      return problem(std::string(parsed.error().description()), at);
    }
    const toml::array* entries = parsed.table()[name].as_array();
    if (entries == nullptr) return {};
    for (const toml::node& node : *entries) {
      const toml::table* table = node.as_table();
      if (table == nullptr) return problem("expected a table", node.source().begin);
      current_ = table;
      take();
      if (!status_.ok()) return status_;
    }
    return {};
  }

  // The file as one table.
  template <typename Take>
  Status whole(Take take) {
    toml::parse_result parsed = toml::parse_file((fs::path(root_) / file_).string());
    if (!parsed) {
      return problem(std::string(parsed.error().description()), parsed.error().source().begin);
    }
    current_ = &parsed.table();
    take();
    return status_;
  }

  // No field but these.
  void only(std::initializer_list<std::string_view> known) {
    for (const auto& [key, value] : *current_) {
      if (std::find(known.begin(), known.end(), key.str()) == known.end()) {
        wrong(key.str(), "a field that is known and not");
      }
    }
  }

  std::vector<std::string> list(std::string_view key) {
    std::vector<std::string> words;
    const toml::array* array = (*current_)[key].as_array();
    if (array == nullptr) {
      wrong(key, "a list of texts");
      return words;
    }
    for (const toml::node& node : *array) {
      words.push_back(node.value<std::string>().value_or(""));
      if (words.back().empty()) wrong(key, "a list of texts");
    }
    return words;
  }

  std::string one_of(std::string_view key, std::initializer_list<std::string_view> words,
                     bool required = true) {
    std::string value = text(key, required);
    if (value.empty() || std::find(words.begin(), words.end(), value) != words.end()) return value;
    std::string expected;
    for (const std::string_view word : words) {
      expected += (expected.empty() ? "`" : ", `") + std::string(word) + "`";
    }
    wrong(key, "one of " + expected);
    return value;
  }

  std::string text(std::string_view key, bool required = true) {
    const std::optional<std::string> value = (*current_)[key].value<std::string>();
    if (value.has_value() && !value->empty()) return *value;
    if (required) wrong(key, "a text");
    return "";
  }

  std::string item(std::string_view key, size_t index) {
    const std::optional<std::string> value = (*current_)[key][index].value<std::string>();
    return value.value_or("");
  }

  // `key = true`; a field that says no is left out.
  bool flag(std::string_view key) {
    if (!has(key)) return false;
    if (!(*current_)[key].value<bool>().value_or(false)) wrong(key, "`true`");
    return true;
  }

  bool has(std::string_view key) const { return current_->contains(key); }

  void wrong(std::string_view key, const std::string& expected) {
    if (!status_.ok()) return;
    status_ = problem("expected " + expected + " for `" + std::string(key) + "`",
                      current_->source().begin);
  }

 private:
  Status problem(const std::string& message, toml::source_position at) const {
    const Status inner =
        Status::error(message, static_cast<int>(at.line), static_cast<int>(at.column));
    return Status::error(inner.at(file_));
  }

  std::string root_;
  std::string file_;
  const toml::table* current_ = nullptr;
  Status status_;
};

bool begins_device(const std::string& pattern, const std::string& device) {
  if (!device.starts_with(pattern)) return false;
  if (device.size() == pattern.size()) return true;
  return device[pattern.size()] == ':' || device[pattern.size()] == ',';
}

bool same_order(const Divergence& entry, const std::string& left, const std::string& right) {
  return begins_device(entry.on[0], left) && begins_device(entry.on[1], right);
}

void read_expected(Reader& reader, Expected& entry) {
  entry.case_path = reader.item("cases", 0);
  if (entry.case_path.empty()) entry.case_path = reader.text("case");
  entry.rule = reader.text("rule");
  entry.reason = reader.text("reason");
  entry.source = reader.text("source");
  entry.version = reader.text("version", false);
  entry.policy = reader.text("policy", false);
  const std::string verdict = reader.text("verdict");
  for (VerdictKind kind : {VerdictKind::kNonStrict, VerdictKind::kInconclusive, VerdictKind::kFail,
                           VerdictKind::kRobustness}) {
    if (verdict_name(kind) != verdict) continue;
    entry.verdict = kind;
    return;
  }
  reader.wrong("verdict", "NON-STRICT, INCONCLUSIVE, FAIL or ROBUSTNESS");
}

void read_divergence(Reader& reader, Divergence& entry) {
  entry.id = reader.text("id");
  const std::string kind = reader.text("kind");
  entry.finding = kind == "finding";
  if (kind != "finding" && kind != "divergence") reader.wrong("kind", "`divergence` or `finding`");
  for (size_t i = 0; i < 2; ++i) {
    entry.on[i] = reader.item("on", i);
    entry.value[i] = reader.item("values", i);
    if (entry.on[i].empty()) reader.wrong("on", "two device URIs");
  }
  const EventInfo* event = find_event(reader.text("event"));
  if (event == nullptr) {
    reader.wrong("event", "the name of an event");
  } else {
    entry.event = event->kind;
  }
  entry.op = reader.text("op", false);
  entry.after = reader.text("after", false);
  for (const std::string& name : {entry.op, entry.after}) {
    if (!name.empty() && find_op(name) == nullptr) reader.wrong("op", "the name of an operation");
  }
  if (entry.op.empty() && entry.after.empty() && entry.value[0].empty() && entry.value[1].empty()) {
    reader.wrong("op", "a condition (op, after or values): an entry never covers a whole family");
  }
  entry.witness = reader.text("witness");
  entry.reason = reader.text("reason");
  entry.source = reader.text("source");
  entry.page = reader.text("page", entry.finding);
  entry.version = reader.text("version", false);
}

// "ring" stands for all that concerns the ring itself.
uint32_t duty_named(std::string_view name) {
  using namespace oracle;
  if (name == "ring") return kAllDuties & ~(kBufferKept | kNamed | kRoomForName);
  for (uint32_t bit = 1; bit < kAllDuties; bit <<= 1) {
    if (duty_info(bit).name == name) return bit;
  }
  return 0;
}

uint32_t sight_named(std::string_view name) {
  for (size_t i = 0; i < kSeesNames.size(); ++i) {
    if (kSeesNames[i] == name) return 1u << i;
  }
  return 0;
}

void read_words(Reader& reader, Rule& rule) {
  for (const std::string& word : reader.list("needs")) {
    rule.needs |= sight_named(word);
    if (sight_named(word) == 0) reader.wrong("needs", "words of a trace's `sees`");
  }
  for (const std::string& word : reader.list("duties")) {
    rule.duties |= duty_named(word);
    if (duty_named(word) == 0) reader.wrong("duties", "`ring` or the names of duties");
  }
  for (const std::string& queue : reader.list("queues")) {
    if (queue != "tx" && queue != "rx") reader.wrong("queues", "`tx` or `rx`");
  }
  rule.devices = reader.list("devices");
  if (rule.devices.empty()) reader.wrong("devices", "at least one device");
  for (const std::string& device : rule.devices) {
    const bool known = begins_device("reference", device.substr(0, device.find(':'))) ||
                       device == "kernel" || device == "vhost-user" || device == "qemu" ||
                       device == "dpdk-async";
    if (!known) reader.wrong("devices", "kinds of device");
  }
}

size_t count_clauses(const std::string& clause, std::string_view beginning) {
  size_t count = 0;
  for (size_t at = 0; at != std::string::npos;) {
    at += at == 0 ? 0 : 2;
    if (std::string_view(clause).substr(at).starts_with(beginning)) ++count;
    at = clause.find("; ", at);
  }
  return count;
}

// A clause of VIRTIO has a label, and no other clause has one.
void read_clause(Reader& reader, Rule& rule) {
  rule.clause = reader.text("clause");
  rule.label = reader.text("label", false);
  const size_t labels = rule.label.empty() ? 0 : count_clauses(rule.label, "");
  if (labels != count_clauses(rule.clause, "VIRTIO ")) {
    reader.wrong("label", "a label for each clause of VIRTIO");
  }
  const bool normative = rule.label.find("devicenormative:") != std::string::npos ||
                         rule.label.find("Legacy Interface") != std::string::npos ||
                         count_clauses(rule.clause, "vhost-user, ") != 0;
  if ((rule.level == "MUST" || rule.level == "SHOULD") && !normative) {
    reader.wrong("clause", "a normative clause for its level");
  }
}

// "none" is for what the tool itself demands of a run, which no case can say.
void read_rule(Reader& reader, Rule& rule) {
  reader.only({"id", "level", "core", "clause", "label", "requirement", "queues", "needs", "duties",
               "devices", "case", "via", "later"});
  rule.id = reader.text("id");
  rule.requirement = reader.text("requirement");
  rule.level = reader.one_of("level", {"MUST", "SHOULD", "TEXT", "IMPL", "ROB", "OBS"});
  rule.core = reader.flag("core");
  rule.via = reader.one_of("via", {"vhost-user"}, false);
  rule.later = reader.text("later", false);
  read_clause(reader, rule);
  read_words(reader, rule);
  const std::string kind = reader.one_of("case", {"states", "none"}, false);
  const RuleInfo* judged = find_judged(rule.id);
  if (judged != nullptr && (judged->needs != rule.needs || judged->duties != rule.duties)) {
    reader.wrong("needs` and `duties", "what harness/oracle/rules/table.cc says");
  }
  const int reasons = !kind.empty() + !rule.later.empty();
  const bool shown = judged != nullptr || reasons == 1 || !rule.via.empty();
  if (!shown || reasons > 1) reader.wrong("case", "a rule of the judge's, or `case` or `later`");
  const bool runs =
      std::any_of(rule.devices.begin(), rule.devices.end(),
                  [](const std::string& device) { return begins_device("reference", device); });
  rule.wants_case = runs && kind != "none" && rule.via.empty() && rule.later.empty();
}

// The TOML files of a folder, relative to the root.
std::vector<std::string> toml_files(const std::string& root, const std::string& folder) {
  std::error_code error;
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(fs::path(root) / folder, error)) {
    if (entry.path().extension() != ".toml") continue;
    files.push_back(folder + "/" + entry.path().filename().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Status load_rules(const std::string& root, std::vector<Rule>& out) {
  for (const std::string& name : toml_files(root, "conformance/rules")) {
    Reader reader(root, name);
    const Status status = reader.tables("rule", [&] {
      Rule& rule = out.emplace_back();
      rule.file = name;
      read_rule(reader, rule);
    });
    if (!status.ok()) return status;
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Rule& a, const Rule& b) { return a.id < b.id; });
  const auto twice = std::adjacent_find(out.begin(), out.end(),
                                        [](const Rule& a, const Rule& b) { return a.id == b.id; });
  if (twice == out.end()) return {};
  return Status::error(twice->file + ": there is another rule " + twice->id);
}

Status load_specimens(const std::string& root, std::vector<Specimen>& out) {
  for (const std::string& name : toml_files(root, "fuzzers/specimens")) {
    Reader reader(root, name);
    const Status status = reader.whole([&] {
      reader.only({"id", "hazards", "origin", "symptom", "rule", "also", "cases", "device",
                   "reached", "triggered"});
      Specimen& specimen = out.emplace_back();
      specimen.id = reader.text("id");
      if (specimen.id != fs::path(name).stem()) reader.wrong("id", "the file's name");
      specimen.rules = {reader.text("rule")};
      if (!reader.has("also")) return;
      for (const std::string& rule : reader.list("also")) specimen.rules.push_back(rule);
    });
    if (!status.ok()) return status;
  }
  return {};
}

const Rule* find_rule(const std::vector<Rule>& rules, std::string_view id) {
  for (const Rule& rule : rules) {
    if (rule.id == id) return &rule;
  }
  return nullptr;
}

std::vector<std::string> expectations_files(const std::string& device) {
  std::vector<std::string> files;
  std::string name;
  for (char c : device) {
    if (c == ':' || c == ',') files.push_back("conformance/expectations/" + name + ".toml");
    name += c == ':' || c == '/' ? '-' : c;
  }
  files.push_back("conformance/expectations/" + name + ".toml");
  return files;
}

Status load_expectations(const std::string& root, const std::string& device,
                         std::vector<Expected>& out) {
  for (const std::string& file : expectations_files(device)) {
    if (!fs::exists(fs::path(root) / file)) continue;
    Reader reader(root, file);
    const Status status = reader.tables("expect", [&] {
      read_expected(reader, out.emplace_back());
      for (size_t i = 1; !reader.item("cases", i).empty(); ++i) {
        Expected entry = out.back();
        entry.case_path = reader.item("cases", i);
        out.push_back(std::move(entry));
      }
    });
    if (!status.ok()) return status;
  }
  return {};
}

bool lists(const Expected& entry, const std::string& case_path) {
  return ::fnmatch(entry.case_path.c_str(), case_path.c_str(), 0) == 0;
}

Status load_divergences(const std::string& root, std::vector<Divergence>& out) {
  const std::string file = "conformance/divergences.toml";
  if (!fs::exists(fs::path(root) / file)) return {};
  Reader reader(root, file);
  return reader.tables("divergence", [&] { read_divergence(reader, out.emplace_back()); });
}

bool speaks_of(const Divergence& entry, const std::string& left, const std::string& right) {
  return same_order(entry, left, right) || same_order(entry, right, left);
}

bool explains(const Divergence& entry, const Difference& difference, const Program& program,
              const std::string& left, const std::string& right) {
  if (entry.event != difference.kind) return false;
  const bool straight = same_order(entry, left, right);
  if (!straight && !same_order(entry, right, left)) return false;
  const std::string& first = straight ? difference.left : difference.right;
  const std::string& second = straight ? difference.right : difference.left;
  if (!entry.value[0].empty() && entry.value[0] != first) return false;
  if (!entry.value[1].empty() && entry.value[1] != second) return false;
  const size_t op = std::min<size_t>(difference.op, program.ops.size());
  if (!entry.op.empty()) {
    if (op == program.ops.size() || op_info(program.ops[op].code).name != entry.op) return false;
  }
  if (entry.after.empty()) return true;
  return std::any_of(program.ops.begin(), program.ops.begin() + static_cast<long>(op),
                     [&](const Op& each) { return op_info(each.code).name == entry.after; });
}

bool newer(const std::string& seen, const std::string& listed) {
  return !listed.empty() && strverscmp(seen.c_str(), listed.c_str()) > 0;
}

}  // namespace va
