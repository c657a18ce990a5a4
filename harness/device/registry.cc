#include "device/registry.h"

#include <array>
#include <utility>
#include <vector>

#include "device/kernel.h"
#include "device/reference.h"
#include "trace/trace.h"

namespace va {
namespace {

constexpr std::array kDevices = {
    DeviceInfo{"reference", "the same as reference:arrival"},
    DeviceInfo{"reference:arrival", "the reference engine, publishing as completions arrive"},
    DeviceInfo{"reference:inorder", "the reference engine, publishing as vhost-net zero-copy does"},
    DeviceInfo{"kernel[,zerocopy=on|off]", "the same as kernel:6.1"},
    DeviceInfo{"kernel:6.1[,zerocopy=on|off]", "vhost-net of Debian's 6.1 kernel, in a guest"},
    DeviceInfo{"kernel:6.12[,zerocopy=on|off]", "vhost-net of Debian's 6.12 kernel, in a guest"},
    DeviceInfo{"kernel:/path/bzImage[,modules=DIR][,zerocopy=on|off]",
               "vhost-net of that kernel, in a guest"},
};

std::string known_devices() {
  std::string text;
  for (const DeviceInfo& info : kDevices) text += "\n  " + std::string(info.form);
  return text;
}

// "a,b=c" -> {"a", "b=c"}
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  size_t at = 0;
  while (at <= text.size()) {
    const size_t end = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::unique_ptr<Device> make_reference(const std::string& uri, std::string& error) {
  const std::string whole = canonical_uri(uri);
  if (whole == "reference:arrival") return std::make_unique<ReferenceDevice>(Policy::kArrival);
  if (whole == "reference:inorder") return std::make_unique<ReferenceDevice>(Policy::kInorder);
  if (whole == "reference:copy") {
    error =
        "reference:copy (the batched copy path) is not built yet; there are "
        "reference:arrival and reference:inorder";
    return nullptr;
  }
  error = "unknown device `" + uri + "`; there are" + known_devices();
  return nullptr;
}

}  // namespace

std::span<const DeviceInfo> all_devices() {
  return kDevices;
}

std::string canonical_uri(const std::string& uri) {
  std::vector<std::string> parts = split(uri);
  if (parts[0] == "reference") parts[0] = "reference:arrival";
  if (parts[0] == "kernel") parts[0] = "kernel:6.1";
  std::string whole = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i] != "zerocopy=on") whole += "," + parts[i];
  }
  return whole;
}

bool runs_in_process(const std::string& uri) {
  return uri.starts_with("reference");
}

std::unique_ptr<Device> make_device(const std::string& uri, const DeviceOptions& options,
                                    std::string& error) {
  if (uri == "reference" || uri.starts_with("reference:")) return make_reference(uri, error);
  if (uri == "kernel" || uri.starts_with("kernel:") || uri.starts_with("kernel,")) {
    KernelOptions kernel;
    if (!parse_kernel_uri(uri, kernel, error)) return nullptr;
    kernel.timeout_s = options.timeout_s;
    return std::make_unique<KernelDevice>(kernel);
  }
  error = "unknown device `" + uri + "`; there are" + known_devices();
  return nullptr;
}

}  // namespace va
