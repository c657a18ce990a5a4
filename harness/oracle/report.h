// Where rules speak: it decides whether one may, and says each thing once.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "oracle/judge.h"
#include "oracle/model.h"
#include "oracle/rules/table.h"

namespace va::oracle {

class Report {
 public:
  void begin(Verdicts& out, Model& model, uint32_t sees) {
    out_ = &out;
    model_ = &model;
    if (sees != sees_) see(sees);
    said_ = {};
  }

  bool sees(uint32_t bits) const { return (sees_ & bits) == bits; }

  // Whether `rule` may be judged on `queue` now: the trace shows what it needs, the driver kept the
  // duties that it presumes, and the device has not broken the used ring before.
  bool may_judge(Rule rule, Queue queue) const {
    const uint32_t voids = voids_[static_cast<size_t>(rule)];
    if (voids == kNoDuties || voids == kUnseen) return voids == kNoDuties;
    const QueueModel& q = model_->queue(queue);
    return !q.spoiled && (q.duty.broken & voids) == 0;
  }

  // A finding to be filled in, or nullptr if the rule may not speak or has spoken on that queue.
  // Valid until the next call.
  Finding* open(Rule rule, VerdictKind kind, Queue queue, uint32_t op);

  // A finding of the case's own, which nothing silences. `rule` has static storage or the judge's.
  Finding& add(std::string_view rule, VerdictKind kind, Queue queue, uint32_t op);

 private:
  static constexpr uint32_t kUnseen = ~uint32_t{0};  // in voids_: the trace does not show enough

  void see(uint32_t bits);

  Verdicts* out_ = nullptr;
  Model* model_ = nullptr;
  uint32_t sees_ = kUnseen;
  std::array<uint32_t, kRules> voids_{};  // by rule: the duties whose breach silences it
  std::array<std::array<uint64_t, 2>, kQueues> said_{};
};

// What a rule is told besides the event.
struct Context {
  Model& model;
  Report& report;
  Policy policy;
  uint32_t op;
};

// Whether each chain is used as soon as its request completes, whatever its elders do: the policy
// says so, and IN_ORDER, where it is acked, forbids it (VIRTIO 1.2, 2.7.9).
inline bool uses_on_arrival(const Context& context) {
  return context.policy == Policy::kArrival && (context.model.acked_features() & kBitInOrder) == 0;
}

// "head 3 (#7)", or "head 3" where it has no ordinal.
std::string describe(const Request& request);
std::string hex16(uint64_t value);

}  // namespace va::oracle
