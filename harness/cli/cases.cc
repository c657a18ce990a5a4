#include "cli/cases.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>

#include "prog/decode.h"
#include "prog/print.h"

namespace va {
namespace {

namespace fs = std::filesystem;

// The nearest folder at or above `from` that holds conformance/rules; empty if there is none.
std::string checkout_above(fs::path from) {
  std::error_code error;
  while (!from.empty()) {
    if (fs::is_directory(from / "conformance" / "rules", error)) return from.string();
    if (!from.has_relative_path()) break;
    from = from.parent_path();
  }
  return "";
}

std::string find_root() {
  std::error_code error;
  const std::string root = checkout_above(fs::read_symlink("/proc/self/exe", error));
  return root.empty() ? checkout_above(fs::current_path(error)) : root;
}

bool is_text(const fs::path& path) {
  return path.extension() == ".vq";
}

// Sorted, so that a run's order is the same on every file system.
std::vector<std::string> files_below(const fs::path& folder, bool with_bytes) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    const fs::path& path = at->path();
    if (!at->is_regular_file(error) || path.filename().string().starts_with('.')) continue;
    if (is_text(path) || (with_bytes && !path.has_extension())) found.push_back(path.string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

bool looks_like_rule(const std::string& argument) {
  const size_t dash = argument.find('-');
  return dash != std::string::npos && dash > 0 &&
         std::all_of(argument.begin(), argument.begin() + static_cast<long>(dash),
                     [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

const std::string& project_root() {
  static const std::string root = find_root();
  return root;
}

std::string relative_to_root(const std::string& path) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(path, error);
  if (error) return path;
  const std::string relative = whole.lexically_relative(project_root()).string();
  return relative.empty() || relative.starts_with("..") ? path : relative;
}

std::vector<std::string> project_cases() {
  const fs::path root = project_root();
  std::vector<std::string> found = files_below(root / "conformance" / "cases", false);
  const std::vector<std::string> corpus = files_below(root / "corpus", false);
  found.insert(found.end(), corpus.begin(), corpus.end());
  return found;
}

std::string rule_of(std::string_view text) {
  static constexpr std::string_view kMark = "# rule: ";
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(kMark)) continue;
    line.remove_prefix(kMark.size());
    return std::string(line.substr(0, line.find_first_of(" \t\r")));
  }
  return "";
}

Status find_cases(const std::string& argument, std::vector<std::string>& paths) {
  std::error_code error;
  if (fs::is_directory(argument, error)) {
    const std::vector<std::string> found = files_below(argument, true);
    if (found.empty()) {
      return Status::error("the folder holds no case; expected .vq files, or fuzzer inputs");
    }
    paths.insert(paths.end(), found.begin(), found.end());
    return {};
  }
  if (fs::exists(argument, error)) {
    paths.push_back(argument);
    return {};
  }
  if (!looks_like_rule(argument)) {
    return Status::error("no such case; expected a file, a folder or a rule id (vassay rules)");
  }
  const size_t before = paths.size();
  for (const std::string& path : project_cases()) {
    std::string text;
    if (read_file(path, text).ok() && rule_of(text) == argument) {
      paths.push_back(fs::proximate(path, error).string());
    }
  }
  if (paths.size() > before) return {};
  return Status::error("no case names this rule in its `# rule:` line (vassay rules --coverage)");
}

Status read_file(const std::string& path, std::string& out) {
  std::error_code error;
  if (fs::is_directory(path, error)) return Status::error("is a folder; expected a file");
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status::error(fmt::format("cannot be read: {}", std::strerror(errno)));
  std::ostringstream all;
  all << file.rdbuf();
  out = std::move(all).str();
  return {};
}

Status read_case(const std::string& path, CaseFile& out) {
  out = CaseFile{};
  out.path = path;
  std::string content;
  if (const Status status = read_file(path, content); !status.ok()) return status;
  if (!is_text(path)) {
    out.bytes = true;
    const auto* data = reinterpret_cast<const uint8_t*>(content.data());
    decode(std::span(data, content.size()), out.content.program, kFuzzBudget);
    return {};
  }
  out.text = std::move(content);
  std::vector<std::string> warnings;
  Trace observed;  // a case may carry observations of an earlier run; they do not matter here
  const Status status =
      parse_case(out.text, Strictness::kLenient, out.content, &observed, &warnings);
  for (const std::string& warning : warnings) fmt::print(stderr, "{}:{}\n", path, warning);
  return status;
}

uint32_t line_number(const CaseFile& from, uint32_t op) {
  return op < from.content.lines.size() ? from.content.lines[op] : 0;
}

std::string line_text(const CaseFile& from, uint32_t op) {
  const std::vector<Op>& ops = from.content.program.ops;
  if (op >= ops.size()) return "the end";
  const uint32_t wanted = line_number(from, op);
  if (wanted == 0) return print_op(ops[op]);
  std::istringstream lines(from.text);
  std::string line;
  for (uint32_t i = 0; i < wanted && std::getline(lines, line); ++i) {
  }
  const size_t start = line.find_first_not_of(" \t");
  return start == std::string::npos ? "" : line.substr(start);
}

}  // namespace va
