// Linux vhost-net in a QEMU guest, as a Device; or, as kernel:local, this machine's own, with the
// agent as a process in place of a guest. A kernel that dies then takes all with it.
//
// The guest is booted at the first run (its image is made then, if it is not there) and kept for
// all runs; the agent inside starts every Program from a clean device. What a failing device means:
//
//   the guest dies, hangs, or its kernel complains while a Program runs
//       -> it is started anew and the Program repeated alone, twice
//            seen again:     the trace ends in `died`, problem() is the evidence
//            not seen again: kInconclusive; the Programs before it are kept in a file
//   it never came up, or the agent talks nonsense
//       -> kBroken
//
// One guest per device URI and checkout, by a lock below build/guest. Destroying the device, or
// the death of this process, ends the guest.
//
// Tested by kernel_test.cc, and through `vassay smoke --device kernel`.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "agent/frames.h"
#include "device/device.h"
#include "device/kernel_guest.h"

namespace va {

// What a `kernel` URI says.
struct KernelOptions {
  std::string uri;             // canonical: kernel:6.1, kernel:6.12,zerocopy=off, …
  std::string kernel = "6.1";  // 6.1, 6.12, local (this machine's) or the path of a bzImage
  std::string modules;         // folder of a bzImage's modules; empty: the bzImage's folder
  bool zerocopy = true;        // vhost_net's experimental_zcopytx
  uint32_t timeout_s = 10;     // a Program
};

// Reads `kernel[:WHICH][,zerocopy=on|off][,modules=DIR]`. False: one sentence in `error`.
bool parse_kernel_uri(const std::string& uri, KernelOptions& out, std::string& error);

class KernelDevice : public Device {
 public:
  explicit KernelDevice(KernelOptions options);

  RunResult run(const Program& program, uint32_t budget, Trace& trace) override;
  const std::string& problem() const override { return problem_; }

 private:
  // How one attempt to run a Program ended; problem_ says more of all but kDone.
  enum class Attempt : uint8_t {
    kDone,
    kFailed,  // the device did
    kGaveUp,  // the agent could not bring the device, or its own packets, to a clean state
    kBlind,   // the agent did not see all that happened
    kBroken,
  };

  bool is_unsupported(const Program& program, Trace& trace);
  Attempt attempt(const Program& program, uint32_t budget, Trace& trace);
  Attempt await_answer(const Program& program, Trace& trace);
  bool bring_up();
  std::unique_ptr<Guest> start_guest();
  std::unique_ptr<Guest> start_local();
  RunResult repeat(const Program& program, uint32_t budget, Trace& trace);
  void remember(const Program& program);
  std::string write_history() const;

  const KernelOptions options_;
  TraceHeader header_;
  GuestImage image_;
  std::unique_ptr<Guest> guest_;
  bool must_restart_ = false;  // the guest answered, and cannot go on
  std::string problem_;
  std::vector<uint8_t> bytes_;
  std::deque<std::vector<uint8_t>> before_;  // Programs that this guest ran, latest last
};

}  // namespace va
