// The reference engine as a Device.
#pragma once

#include <memory>
#include <string>

#include "device/device.h"
#include "trace/trace.h"

namespace va {

inline constexpr char kSuiteVersion[] = "0.1.0";

class ReferenceDevice : public Device {
 public:
  // `policy` is kArrival, kInorder or kCopy. `whole_memory_check`: see ReferencePort.
  explicit ReferenceDevice(Policy policy, bool whole_memory_check = true);
  ~ReferenceDevice() override;

  RunResult run(const Program& program, uint32_t budget, Trace& trace) override;
  const std::string& problem() const override;

  // Operations executed by the last run.
  uint32_t executed() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace va
