// Finding and reading cases.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "trace/case.h"

namespace va {

// A case as it was read, with its text for messages.
struct CaseFile {
  std::string path;  // as the user named it, for display
  std::string text;  // empty for bytes
  Case content;      // of bytes: the decoded Program
  bool bytes = false;
};

// Folder that holds conformance/ and corpus/: found upwards of the executable, else of the current
// folder; empty if neither finds it.
const std::string& project_root();

// `path` relative to the project root, the form in which cases are named in conformance/*.toml. A
// path outside stays as it is.
std::string relative_to_root(const std::string& path);

// All .vq files below conformance/cases and corpus, sorted.
std::vector<std::string> project_cases();

// The id in the `# rule: ID` line of a case's text; empty if there is none.
std::string rule_of(std::string_view text);

// Expands one CASE argument: a file is itself, a folder its .vq files and files without extension
// (fuzzer inputs) in sorted order, a rule id the cases that name the rule. Appends to `paths`.
Status find_cases(const std::string& argument, std::vector<std::string>& paths);

// Reads a whole file.
Status read_file(const std::string& path, std::string& out);

// Reads a case: text if it ends in .vq, else bytes. Warnings go to stderr as `PATH:LINE:COL: …`.
Status read_case(const std::string& path, CaseFile& out);

// The case's line `op` stands on, without indentation; its canonical text if it was never in a
// file. Behind the last operation: "the end".
std::string line_text(const CaseFile& from, uint32_t op);

// Its number, from 1; 0 where there is none.
uint32_t line_number(const CaseFile& from, uint32_t op);

}  // namespace va
