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

#ifdef VA_COVERAGE
// The failed side is there to be never reached, and no branch to be counted at each check.
inline void check(bool holds, const char* expression, const char* file, int line) {
  if (!holds) check_failed(expression, file, line);
}
#endif

}  // namespace va

#ifdef VA_COVERAGE
#define VA_CHECK(expression) \
  ::va::check(static_cast<bool>(expression), #expression, __FILE__, __LINE__)
#else
#define VA_CHECK(expression) \
  ((expression) ? static_cast<void>(0) : ::va::check_failed(#expression, __FILE__, __LINE__))
#endif
