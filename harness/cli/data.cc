#include "cli/data.h"

#include <string.h>  // strverscmp is not in <cstring>

#include <algorithm>
#include <filesystem>

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include "prog/ops.h"

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

// "none" is for what the tool itself demands of a run, which no case can say; "later" for what
// needs a part of the reference that is not there yet.
bool wants_case(Reader& reader) {
  const std::string kind = reader.text("case", false);
  if (kind == "none" || kind == "later") return false;
  for (size_t i = 0;; ++i) {
    const std::string device = reader.item("devices", i);
    if (device.empty()) return i == 0;  // a rule that names no device is for all
    if (begins_device("reference", device)) return true;
  }
}

}  // namespace

Status load_rules(const std::string& root, std::vector<Rule>& out) {
  std::error_code error;
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(fs::path(root) / "conformance/rules", error)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path().filename().string());
  }
  for (const std::string& name : files) {
    Reader reader(root, "conformance/rules/" + name);
    const Status status = reader.tables("rule", [&] {
      out.push_back({reader.text("id"), reader.text("requirement"), reader.text("clause"),
                     reader.text("level"), "conformance/rules/" + name, wants_case(reader)});
    });
    if (!status.ok()) return status;
  }
  std::sort(out.begin(), out.end(), [](const Rule& a, const Rule& b) { return a.id < b.id; });
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
