// The safety set: what holds against any driver.
//
//   SAF-01  nothing is allocated when the device is closed
//   SAF-02  the device does not die
//   SAF-03  it comes to rest
//   SAF-04  the work it does is bounded by the work it was given, and so is each run of the worker
//   SAF-05  it stores nowhere but where its accessor was told
//   SAF-06  its own checks hold
//   (SAF-07, calls that do not return, is in lifecycle.h)
//   RUN-01  what the device cannot execute makes the case UNSUPPORTED
//   RUN-02  the budget of operations makes it INCONCLUSIVE
//
// The rules SPL-11 to SPL-16 of the specification's driver duties are judged by these.
#pragma once

#include "oracle/report.h"

namespace va::oracle {

class RobustnessRules {
 public:
  void begin() { *this = RobustnessRules(); }

  // kSteps: worker runs since the last one. `executed`: operations of the Program so far.
  void steps(Context& context, const Event& event, uint64_t executed);
  // A frame was sent.
  void frame() { ++frames_; }
  static void ending(Context& context, const Event& event);

 private:
  uint64_t runs_ = 0;    // of the worker, so far
  uint64_t frames_ = 0;  // since the last kSteps
};

}  // namespace va::oracle
