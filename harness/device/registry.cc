#include "device/registry.h"

#include <array>
#include <utility>

#include "device/kernel.h"
#include "device/reference.h"
#include "trace/trace.h"

namespace va {
namespace {

constexpr std::array kDevices = {
    DeviceInfo{"reference", "the same as reference:arrival"},
    DeviceInfo{"reference:arrival", "the reference engine, publishing as completions arrive"},
    DeviceInfo{"reference:inorder", "the reference engine, publishing as vhost-net zero-copy does"},
    DeviceInfo{"reference:copy",
               "the reference engine, sending copies in batches as vhost-net does"},
    DeviceInfo{"kernel[,zerocopy=on|off]", "the same as kernel:6.1"},
    DeviceInfo{"kernel:6.1[,zerocopy=on|off]", "vhost-net of Debian's 6.1 kernel, in a guest"},
    DeviceInfo{"kernel:6.12[,zerocopy=on|off]", "vhost-net of Debian's 6.12 kernel, in a guest"},
    DeviceInfo{"kernel:/path/bzImage[,modules=DIR][,zerocopy=on|off]",
               "vhost-net of that kernel, in a guest"},
    DeviceInfo{"kernel:local", "this machine's /dev/vhost-net, as root; no guest, no safety net"},
};

std::string known_devices() {
  std::string text;
  for (const DeviceInfo& info : kDevices) text += "\n  " + std::string(info.form);
  return text;
}

bool is_family(const std::string& uri, std::string_view family) {
  if (!uri.starts_with(family)) return false;
  return uri.size() == family.size() || uri[family.size()] == ':' || uri[family.size()] == ',';
}

std::unique_ptr<Device> make_reference(const std::string& uri, std::string& error) {
  const std::string whole = canonical_uri(uri);
  if (whole == "reference:arrival") return std::make_unique<ReferenceDevice>(Policy::kArrival);
  if (whole == "reference:inorder") return std::make_unique<ReferenceDevice>(Policy::kInorder);
  if (whole == "reference:copy") return std::make_unique<ReferenceDevice>(Policy::kCopy);
  error = "unknown device `" + uri + "`; there are" + known_devices();
  return nullptr;
}

std::unique_ptr<Device> make_kernel(const std::string& uri, const DeviceOptions& options,
                                    std::string& error) {
  KernelOptions kernel;
  if (!parse_kernel_uri(uri, kernel, error)) return nullptr;
  kernel.timeout_s = options.timeout_s;
  return std::make_unique<KernelDevice>(std::move(kernel));
}

}  // namespace

std::span<const DeviceInfo> all_devices() {
  return kDevices;
}

std::string canonical_uri(const std::string& uri) {
  if (uri == "reference") return "reference:arrival";
  KernelOptions kernel;
  std::string error;
  return is_family(uri, "kernel") && parse_kernel_uri(uri, kernel, error) ? kernel.uri : uri;
}

bool runs_in_process(const std::string& uri) {
  return is_family(uri, "reference");
}

std::unique_ptr<Device> make_device(const std::string& uri, const DeviceOptions& options,
                                    std::string& error) {
  if (is_family(uri, "reference")) return make_reference(uri, error);
  if (is_family(uri, "kernel")) return make_kernel(uri, options, error);
  error = "unknown device `" + uri + "`; there are" + known_devices();
  return nullptr;
}

}  // namespace va
