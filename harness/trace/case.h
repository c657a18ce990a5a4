// Case: a Program with its comment, rule and expectations, as a .vq file holds it; and the text of
// traces, which is the same grammar with observations. docs/program_syntax.md is the manual.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "prog/program.h"
#include "trace/trace.h"

namespace va {

enum class Mark : uint8_t { kMust, kMay, kMustNot };  // `>`, `>?`, `>!`

// Stands behind an operation and speaks of what was observed since the settle before it (or the
// start) up to and with that operation. A value of the ring (used_idx, used_flags, avail_event) is
// observed while it stands, whenever it was stored.
struct Expectation {
  Mark mark = Mark::kMust;
  uint32_t op = 0;    // index of the operation it stands behind
  uint32_t line = 0;  // in the file, for messages; 0 if made by hand
  Event pattern;      // kind, queue and the operands that `given` names
  uint8_t given = 0;  // bit i: operand i must match
};

// Comments and blank lines, so that text -> Case -> text loses nothing.
struct Note {
  uint32_t op = 0;        // stands before this operation (ops.size(): at the end)
  uint32_t after = 0;     // how many expectations and observations of op - 1 stand before it
  bool trailing = false;  // at the end of op's own line; `after` n > 0: of the n-th line behind op
  std::string text;       // without newline, with its '#'; empty: a blank line
};

struct Case {
  Program program;
  std::vector<Expectation> expectations;
  std::vector<Note> notes;
  std::vector<uint32_t> lines;  // source line of each operation; empty if made by hand
  std::string rule;             // from `# rule: ID`; empty if it names none
  bool needs_held = false;      // from `# needs: held`: about requests that the device holds

  void clear();
};

enum class Strictness : uint8_t { kLenient, kStrict };

// Reads a case, or a trace (then `trace` gets header and events; nullptr: `<` lines are an error in
// strict mode and ignored in lenient). Lenient reading passes over what it can ignore and says so
// in `warnings` (one "LINE:COL: …" each). The error names line, column and what was expected.
Status parse_case(std::string_view text, Strictness strictness, Case& out, Trace* trace,
                  std::vector<std::string>* warnings);

// Canonical text. With `trace`, its header stands first and its events stand behind their
// operations.
std::string print_case(const Case& from, const Trace* trace = nullptr);

// One line each, without newline; `vassay ops` style.
std::string print_event(const Event& event);
std::string print_expectation(const Expectation& expectation);  // with its mark: `>! call tx`

}  // namespace va
