#include "device/reference.h"

#include "base/check.h"
#include "device/reference_port.h"
#include "engine/features.h"
#include "runner/local.h"

namespace va {
namespace {

constexpr uint32_t kReferenceSees = kEveryStore | kWire | kMemory | kDirtyPages | kStepCounts |
                                    kCalls | kSubmits | kAllocations | kErrors | kLogSignals;

PublicationPolicy publication(Policy policy) {
  switch (policy) {
    case Policy::kInorder:
      return PublicationPolicy::kInorder;
    case Policy::kCopy:
      return PublicationPolicy::kCopy;
    default:
      VA_CHECK(policy == Policy::kArrival);
      return PublicationPolicy::kArrival;
  }
}

const char* uri(Policy policy) {
  if (policy == Policy::kInorder) return "reference:inorder";
  return policy == Policy::kCopy ? "reference:copy" : "reference:arrival";
}

}  // namespace

struct ReferenceDevice::Parts {
  Parts(Policy policy, bool whole_memory_check)
      : port(publication(policy), whole_memory_check), runner(port) {
    header.device = uri(policy);
    header.version = kSuiteVersion;
    header.features = kOfferedFeatures;
    header.policy = policy;
    header.sees = kReferenceSees;
  }

  ReferencePort port;
  LocalRunner runner;
  TraceHeader header;
  std::string no_problem;
};

ReferenceDevice::ReferenceDevice(Policy policy, bool whole_memory_check)
    : parts_(std::make_unique<Parts>(policy, whole_memory_check)) {}

ReferenceDevice::~ReferenceDevice() = default;

RunResult ReferenceDevice::run(const Program& program, uint32_t budget, Trace& trace) {
  trace.header = parts_->header;
  parts_->runner.run(program, budget, trace);
  return RunResult::kRan;
}

const std::string& ReferenceDevice::problem() const {
  return parts_->no_problem;
}

uint32_t ReferenceDevice::executed() const {
  return parts_->runner.executed();
}

}  // namespace va
