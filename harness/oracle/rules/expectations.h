// What the case itself expects: `>` must, `>!` must not, `>?` may.
//
// An expectation speaks of what was observed since the settle before its operation (or the start),
// up to and with that operation. Behind a settle it ends with that settle's idle, so that what
// follows the last operation (the epilogue) is not counted. In a repeat it must hold each time.
//
// A missing observation is never a pass: where the trace does not show the kind of event, the
// verdict is UNSUPPORTED, for `>!` too. A trace that samples shows stores, calls and frames at
// settles only.
#pragma once

#include <string_view>
#include <vector>

#include "oracle/report.h"
#include "trace/case.h"

namespace va::oracle {

class Expectations {
 public:
  // `from` may be nullptr: there are none. `rule` names findings; it has the judge's lifetime.
  void begin(const Case* from, std::string_view rule);

  bool any() const { return from_ != nullptr; }
  // The device settled (event number `end` - 1) in operation `op`.
  void settled(Context& context, const Trace& trace, uint32_t op, size_t end);
  // Operation `op` is over; events before number `end` were seen.
  void left(Context& context, const Trace& trace, uint32_t op, size_t end);
  void stop() { from_ = nullptr; }  // what follows is not judged

 private:
  void judge(Context& context, const Trace& trace, const Expectation& expectation, size_t end);

  const Case* from_ = nullptr;
  std::string_view rule_;
  size_t window_ = 0;        // first event since the last settle
  bool settled_ = false;     // the operation at hand is a settle, and was judged
  std::vector<char> spoke_;  // by expectation
};

}  // namespace va::oracle
