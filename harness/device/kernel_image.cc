#include "device/kernel_image.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <vector>

namespace va {
namespace {

namespace fs = std::filesystem;

constexpr char kImageScript[] = "ci/guest-image";
constexpr char kAgentName[] = "vassay-agent";

fs::path executable() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error);
}

// The checkout: upwards of the executable, which is in build/<preset>/bin.
fs::path find_root() {
  for (fs::path at = executable().parent_path(); at.has_relative_path(); at = at.parent_path()) {
    if (fs::exists(at / kImageScript)) return at;
  }
  return {};
}

// Beside the executable; sanitizer builds have no agent of their own.
fs::path find_agent(const fs::path& root) {
  const fs::path beside = executable().parent_path() / kAgentName;
  return fs::exists(beside) ? beside : root / "build/dev/bin" / kAgentName;
}

// Runs a program to its end. Its standard error is returned, without the last newline.
int run_program(const std::vector<std::string>& arguments, std::string& said) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return 127;
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  std::array<char, 1024> part{};
  for (ssize_t n = 0; (n = ::read(ends[0], part.data(), part.size())) > 0;) {
    said.append(part.data(), static_cast<size_t>(n));
  }
  ::close(ends[0]);
  while (!said.empty() && said.back() == '\n') said.pop_back();
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

// A folder name of its own for each kernel that is given by path.
std::string label_of(const std::string& kernel, const std::string& modules) {
  if (kernel.find('/') == std::string::npos) return kernel;
  return "path-" + std::to_string(std::hash<std::string>()(kernel + "\n" + modules));
}

}  // namespace

bool make_guest_image(const std::string& kernel, const std::string& modules, GuestImage& image,
                      std::string& error) {
  const fs::path root = find_root();
  if (root.empty()) {
    error = std::string("no ") + kImageScript + " above the folder of this executable";
    return false;
  }
  const fs::path folder = root / "build/guest" / label_of(kernel, modules);
  std::vector<std::string> arguments = {
      (root / kImageScript).string(), "--kernel", kernel,         "--agent",
      find_agent(root).string(),      "--out",    folder.string()};
  if (!modules.empty()) arguments.insert(arguments.end(), {"--modules", modules});
  if (run_program(arguments, error) != 0) {
    if (error.empty()) error = std::string(kImageScript) + " failed without a word";
    return false;
  }
  error.clear();
  image = {folder.string(), (folder / "vmlinuz").string(), (folder / "initrd.img").string()};
  return true;
}

bool find_local_agent(std::string& agent, std::string& folder, std::string& error) {
  const fs::path root = find_root();
  agent = find_agent(root).string();
  folder = (root / "build/guest").string();
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (root.empty() || !fs::exists(agent)) error = "there is no " + agent + "; build preset dev";
  if (failed) error = folder + ": " + failed.message();
  return error.empty();
}

std::string find_qemu(std::string& error) {
  constexpr char kQemu[] = "qemu-system-x86_64";
  const char* path = std::getenv("PATH");
  std::string folders = path != nullptr ? path : "/usr/bin";
  for (size_t at = 0; at <= folders.size();) {
    const size_t end = std::min(folders.find(':', at), folders.size());
    const std::string file = folders.substr(at, end - at) + "/" + kQemu;
    if (::access(file.c_str(), X_OK) == 0) return file;
    at = end + 1;
  }
  error = std::string(kQemu) + " is not installed; run: apt-get install qemu-system-x86";
  return "";
}

}  // namespace va
