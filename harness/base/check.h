// Always-on checks for the suite's own invariants.
//
// Three kinds of wrong have three mechanisms: bad input is a Status, non-conformance is a verdict,
// and a bug of the suite is a failed check. A failed check prints "vassay-bug:" so that it is never
// mistaken for a finding about a device. Specimen builds (planted bugs) install a handler that
// turns a failed engine check into a trace event, so that the oracle and not the check is put to
// the proof.
#pragma once

namespace va {

using CheckHandler = void (*)(const char* expression, const char* file, int line);

// Replaces what happens on a failed check. nullptr restores the default: print and abort.
// A handler that returns lets execution go on behind the failed check.
void set_check_handler(CheckHandler handler);

void check_failed(const char* expression, const char* file, int line);

}  // namespace va

#define VA_CHECK(expression) \
  ((expression) ? static_cast<void>(0) : ::va::check_failed(#expression, __FILE__, __LINE__))
