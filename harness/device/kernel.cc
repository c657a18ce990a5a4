#include "device/kernel.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/bytes.h"
#include "prog/encode.h"
#include "prog/ops.h"

namespace va {
namespace {

constexpr uint32_t kKernelSees = kWire | kMemory | kDirtyPages | kCalls | kErrors | kLogSignals;
constexpr size_t kRemembered = 32;  // Programs that ran on a guest before it failed
constexpr int kRepeats = 2;
constexpr char kLocal[] = "local";
constexpr char kLocalDevice[] = "/dev/vhost-net";
// `died` has a status; a guest has none of its own.
constexpr uint64_t kGuestFailed = 1;

std::string name_of(bool zerocopy) {
  return zerocopy ? "zerocopy" : "copy";
}

// How this machine's vhost_net was loaded; as it is by default where it is not loaded.
bool local_zerocopy() {
  std::ifstream file("/sys/module/vhost_net/parameters/experimental_zcopytx");
  int value = 0;
  return file >> value && value != 0;
}

}  // namespace

bool parse_kernel_uri(const std::string& uri, KernelOptions& out, std::string& error) {
  out = KernelOptions{};
  std::string rest = uri;
  const size_t comma = std::min(rest.find(','), rest.size());
  const std::string which = rest.substr(0, comma);
  rest.erase(0, comma);
  if (which.starts_with("kernel:")) out.kernel = which.substr(7);
  const bool by_path = out.kernel.starts_with('/');
  if (!by_path && out.kernel != "6.1" && out.kernel != "6.12" && out.kernel != kLocal) {
    error = "`" + uri + "`: expected kernel:6.1, kernel:6.12, kernel:local or kernel:/path/bzImage";
    return false;
  }
  if (out.kernel == kLocal) out.zerocopy = local_zerocopy();
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(',', 1), rest.size());
    const std::string option = rest.substr(1, end - 1);
    rest.erase(0, end);
    if (option == "zerocopy=on" || option == "zerocopy=off") {
      out.zerocopy = option == "zerocopy=on";
    } else if (by_path && option.starts_with("modules=/")) {
      out.modules = option.substr(8);
    } else {
      error = "`" + uri + "`: expected zerocopy=on, zerocopy=off";
      error += by_path ? " or modules=/DIR" : "";
      error += ", not `" + option + "`";
      return false;
    }
  }
  out.uri = "kernel:" + out.kernel + (out.modules.empty() ? "" : ",modules=" + out.modules) +
            (out.zerocopy ? "" : ",zerocopy=off");
  return true;
}

KernelDevice::KernelDevice(KernelOptions options) : options_(std::move(options)) {
  header_.device = options_.uri;
  header_.policy = options_.zerocopy ? Policy::kInorder : Policy::kCopy;
  header_.sees = kKernelSees;
}

RunResult KernelDevice::run(const Program& program, uint32_t budget, Trace& trace) {
  problem_.clear();
  if (is_unsupported(program, trace)) return guest_ ? RunResult::kRan : RunResult::kBroken;
  const Attempt first = attempt(program, budget, trace);
  if (first == Attempt::kBroken) return RunResult::kBroken;
  if (first == Attempt::kBlind) return RunResult::kInconclusive;
  if (first != Attempt::kDone) return repeat(program, budget, trace);
  remember(program);
  return RunResult::kRan;
}

// What the operations table says that a kernel cannot do is not sent: the agent runs the rest of
// such a Program no better.
bool KernelDevice::is_unsupported(const Program& program, Trace& trace) {
  for (size_t i = 0; i < program.ops.size(); ++i) {
    if ((op_info(program.ops[i].code).devices & kKernel) != 0) continue;
    trace.clear();
    if (bring_up()) trace.header = header_;
    trace.add(static_cast<uint32_t>(i), EventKind::kUnsupported, kTx,
              static_cast<uint64_t>(UnsupportedReason::kOperation));
    return true;
  }
  return false;
}

// The failure is the device's if it can be seen again on a fresh guest with this Program alone.
RunResult KernelDevice::repeat(const Program& program, uint32_t budget, Trace& trace) {
  const std::string first_problem = problem_;
  const std::string history = write_history();
  for (int i = 0; i < kRepeats; ++i) {
    guest_.reset();
    const Attempt again = attempt(program, budget, trace);
    if (again == Attempt::kDone) continue;
    guest_.reset();
    if (again == Attempt::kBlind) return RunResult::kInconclusive;
    if (again != Attempt::kFailed) return RunResult::kBroken;
    problem_ = "seen again on a fresh guest: " + problem_;
    const uint32_t op = trace.events.empty() ? 0 : trace.events.back().op;
    trace.add(op, EventKind::kDied, 0, kGuestFailed);
    return RunResult::kRan;
  }
  problem_ =
      "the guest failed once and not when the program was repeated alone (what ran before: " +
      history + "): " + first_problem;
  return RunResult::kInconclusive;
}

bool KernelDevice::bring_up() {
  if (std::exchange(must_restart_, false)) guest_.reset();
  if (guest_ != nullptr) return true;
  guest_ = options_.kernel == kLocal ? start_local() : start_guest();
  if (guest_ == nullptr) return false;
  problem_.clear();     // of an accelerator that was tried
  guest_->complaint();  // what the boot had to say is no Program's fault
  before_.clear();
  header_.version = guest_->hello().release;
  header_.features = guest_->hello().features;
  return true;
}

std::unique_ptr<Guest> KernelDevice::start_guest() {
  if (find_qemu(problem_).empty()) return nullptr;
  if (!make_guest_image(options_.kernel, options_.modules, image_, problem_)) return nullptr;
  return Guest::boot(image_, name_of(options_.zerocopy), options_.zerocopy, problem_);
}

std::unique_ptr<Guest> KernelDevice::start_local() {
  if (::access(kLocalDevice, R_OK | W_OK) != 0) {
    problem_ = std::string("this machine's ") + kLocalDevice +
               " cannot be used: " + std::strerror(errno) + "; run, as root: modprobe vhost_net";
    return nullptr;
  }
  std::string agent;
  if (!find_local_agent(agent, image_.folder, problem_)) return nullptr;
  std::unique_ptr<Guest> guest = Guest::local(agent, image_.folder, problem_);
  if (guest != nullptr && guest->hello().zerocopy != options_.zerocopy) {
    problem_ = "this machine's vhost_net is loaded with experimental_zcopytx=" +
               std::to_string(guest->hello().zerocopy) +
               "; load it anew, or say zerocopy=" + (guest->hello().zerocopy ? "on" : "off");
    guest.reset();
  }
  return guest;
}

KernelDevice::Attempt KernelDevice::attempt(const Program& program, uint32_t budget, Trace& trace) {
  trace.clear();
  if (!bring_up()) return Attempt::kBroken;
  trace.header = header_;
  encode(program, bytes_);
  std::vector<uint8_t> payload(sizeof budget);
  store_le(payload.data(), budget);
  payload.insert(payload.end(), bytes_.begin(), bytes_.end());
  if (payload.size() > kMaxFramePayload) {
    problem_ = "the program is too large to be sent to the guest";
    return Attempt::kBroken;
  }
  if (!guest_->send(FrameType::kRun, payload)) {
    problem_ = "the guest is gone; it said: " + guest_->last_words();
    return Attempt::kFailed;
  }
  const Attempt result = await_answer(program, trace);
  const std::string complaint = guest_->complaint();
  if (!complaint.empty() && result != Attempt::kBroken) {
    problem_ = "the guest's kernel complained:\n" + complaint;
    return Attempt::kFailed;
  }
  return result;
}

KernelDevice::Attempt KernelDevice::await_answer(const Program& program, Trace& trace) {
  const std::string limit = std::to_string(options_.timeout_s) + " s";
  switch (guest_->wait(std::chrono::seconds(options_.timeout_s))) {
    case Guest::Wait::kFrame:
      break;
    case Guest::Wait::kTimeout:
      problem_ = "the program did not end within " + limit + "; the guest is alive";
      return Attempt::kFailed;
    case Guest::Wait::kSilent:
      problem_ = "the guest hangs: not even a heartbeat; it said: " + guest_->last_words();
      return Attempt::kFailed;
    case Guest::Wait::kGone:
      problem_ = "the guest died; it said: " + guest_->last_words();
      return Attempt::kFailed;
    case Guest::Wait::kNonsense:
      problem_ = "the agent in the guest sent what is no frame";
      return Attempt::kBroken;
  }
  if (guest_->type() == FrameType::kError || guest_->type() == FrameType::kBlind) {
    must_restart_ = true;
    problem_ = std::string(guest_->payload().begin(), guest_->payload().end());
    return guest_->type() == FrameType::kError ? Attempt::kGaveUp : Attempt::kBlind;
  }
  const auto ops = static_cast<uint32_t>(program.ops.size());
  const bool last = guest_->type() == FrameType::kLastResult;
  if ((!last && guest_->type() != FrameType::kResult) ||
      !decode_events(guest_->payload(), ops, trace)) {
    problem_ = "the agent in the guest sent an answer that is no trace";
    return Attempt::kBroken;
  }
  must_restart_ = last;
  return Attempt::kDone;
}

void KernelDevice::remember(const Program& program) {
  if (before_.size() == kRemembered) before_.pop_front();
  encode(program, bytes_);
  before_.push_back(bytes_);
}

// The Programs that this guest ran before, one file each (a case in bytes), latest last.
std::string KernelDevice::write_history() const {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(image_.folder) / (name_of(options_.zerocopy) + ".before");
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  fs::create_directories(folder, ignored);
  size_t number = 0;
  for (const std::vector<uint8_t>& bytes : before_) {
    std::ofstream file(folder / std::to_string(100 + number++), std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  return folder.string();
}

}  // namespace va
