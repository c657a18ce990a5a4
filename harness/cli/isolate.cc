// The child sends what it saw over a pipe as one packet: a fixed head, three strings, the events.
// It also sends on its way down, from the handler of a deadly signal: the trace then lies as the
// crash left it, which is why the head comes first and the events, plain values in one vector,
// last. The handler gives the signal back to whoever had it before (a sanitizer, or the default).
#include "cli/isolate.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <type_traits>

#include "base/check.h"

namespace va {
namespace {

static_assert(std::is_trivially_copyable_v<Event>);

struct Head {
  uint8_t complete;  // 1: run() returned
  RunResult result;
  Policy policy;
  uint32_t sees;
  uint64_t features;
  std::array<uint32_t, 3> text_len;  // device, version, problem
  uint32_t events;
};

constexpr std::array<int, 5> kDeadly = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

// The child's own: what the signal handler can reach.
struct Child {
  int pipe = -1;
  const Trace* trace = nullptr;
  std::array<struct sigaction, kDeadly.size()> previous{};
};
Child child_state;

void write_all(int fd, const void* data, size_t len) {
  const char* at = static_cast<const char*>(data);
  while (len > 0) {
    const ssize_t n = write(fd, at, len);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    at += n;
    len -= static_cast<size_t>(n);
  }
}

bool read_all(int fd, void* data, size_t len) {
  char* at = static_cast<char*>(data);
  while (len > 0) {
    const ssize_t n = read(fd, at, len);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    len -= static_cast<size_t>(n);
  }
  return true;
}

// Async-signal-safe: writes bytes that lie ready.
void send(bool complete, RunResult result, const char* problem, size_t problem_len) {
  const Trace& trace = *child_state.trace;
  const TraceHeader& header = trace.header;
  Head head{};
  head.complete = complete ? 1 : 0;
  head.result = result;
  head.policy = header.policy;
  head.sees = header.sees;
  head.features = header.features;
  head.text_len = {static_cast<uint32_t>(header.device.size()),
                   static_cast<uint32_t>(header.version.size()),
                   static_cast<uint32_t>(problem_len)};
  head.events = static_cast<uint32_t>(trace.events.size());
  write_all(child_state.pipe, &head, sizeof(head));
  write_all(child_state.pipe, header.device.data(), header.device.size());
  write_all(child_state.pipe, header.version.data(), header.version.size());
  write_all(child_state.pipe, problem, problem_len);
  write_all(child_state.pipe, trace.events.data(), trace.events.size() * sizeof(Event));
}

void on_deadly_signal(int signal, siginfo_t* info, void* /*context*/) {
  send(false, RunResult::kRan, "", 0);
  for (size_t i = 0; i < kDeadly.size(); ++i) {
    if (kDeadly[i] == signal) sigaction(signal, &child_state.previous[i], nullptr);
  }
  // Returning repeats a fault, with its address for a sanitizer; what was sent has to be sent
  // again.
  if (info->si_code <= 0) raise(signal);
}

[[noreturn]] void run_child(int pipe, int stderr_to, Device& device, const Program& program,
                            uint32_t budget, uint32_t timeout_s, Trace& trace) {
  dup2(stderr_to, STDERR_FILENO);
  set_check_handler(nullptr);
  signal(SIGINT, SIG_IGN);  // the parent ends the run between two cases
  trace.clear();
  child_state.pipe = pipe;
  child_state.trace = &trace;
  struct sigaction action {};
  action.sa_sigaction = on_deadly_signal;
  action.sa_flags = SA_SIGINFO;
  for (size_t i = 0; i < kDeadly.size(); ++i) {
    sigaction(kDeadly[i], &action, &child_state.previous[i]);
  }
  alarm(timeout_s);
  const RunResult result = device.run(program, budget, trace);
  const std::string& problem = device.problem();
  send(true, result, problem.data(), problem.size());
  _exit(0);
}

// False: the child sent nothing, or not all.
bool receive(int pipe, Head& head, Trace& out, std::string& problem) {
  if (!read_all(pipe, &head, sizeof(head))) return false;
  out.header.policy = head.policy;
  out.header.sees = head.sees;
  out.header.features = head.features;
  std::array<std::string*, 3> texts = {&out.header.device, &out.header.version, &problem};
  for (size_t i = 0; i < texts.size(); ++i) {
    texts[i]->resize(head.text_len[i]);
    if (!read_all(pipe, texts[i]->data(), texts[i]->size())) return false;
  }
  out.events.resize(head.events);
  if (read_all(pipe, out.events.data(), out.events.size() * sizeof(Event))) return true;
  out.events.clear();
  return false;
}

// waitpid's status as `died` shows it: 0 is a good end.
int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string content_of(int fd) {
  std::string text;
  std::array<char, 4096> part{};
  lseek(fd, 0, SEEK_SET);
  for (ssize_t n = 0; (n = read(fd, part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<size_t>(n));
  }
  return text;
}

}  // namespace

RunResult run_isolated(Device& device, const Program& program, uint32_t budget, uint32_t timeout_s,
                       Trace& out, std::string& evidence) {
  std::array<int, 2> pipe_fds{};
  const int said = memfd_create("stderr", MFD_CLOEXEC);
  if (said < 0 || pipe(pipe_fds.data()) != 0) {
    evidence = std::string("cannot start a child: ") + std::strerror(errno);
    return RunResult::kBroken;
  }
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    close(pipe_fds[0]);
    run_child(pipe_fds[1], said, device, program, budget, timeout_s, out);
  }
  close(pipe_fds[1]);
  Head head{};
  out.clear();
  evidence.clear();
  const bool received = child > 0 && receive(pipe_fds[0], head, out, evidence);
  close(pipe_fds[0]);
  const int status = child > 0 ? wait_for(child) : 1;
  if (!received || head.complete == 0) {
    const uint32_t op = out.events.empty() ? 0 : out.events.back().op;
    out.add(op, EventKind::kDied, 0, static_cast<uint64_t>(status));
    evidence = content_of(said);
    head.result = child > 0 ? RunResult::kRan : RunResult::kBroken;
  } else {
    write_all(STDERR_FILENO, content_of(said).data(), content_of(said).size());
  }
  close(said);
  return head.result;
}

uint64_t first_bad(uint64_t count, const std::function<bool(uint64_t)>& good) {
  void* shared =
      mmap(nullptr, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 0;
  auto* reached = static_cast<volatile uint64_t*>(shared);
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    while (*reached < count && good(*reached)) *reached = *reached + 1;
    _exit(0);
  }
  if (child > 0) wait_for(child);
  const uint64_t result = *reached;
  munmap(shared, sizeof(uint64_t));
  return result;
}

}  // namespace va
