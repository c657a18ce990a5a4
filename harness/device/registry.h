// From a device URI to a device: the one place that knows them all.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "device/device.h"

namespace va {

struct DeviceOptions {
  uint32_t timeout_s = 10;  // a Program on a real device; a device in process counts steps
};

struct DeviceInfo {
  std::string_view form;  // URI, optional parts in brackets
  std::string_view doc;
};
std::span<const DeviceInfo> all_devices();

// nullptr and one sentence in `error` if there is no such device or its options are wrong. Making
// a device is cheap: what it needs (a guest) is started by its first run.
std::unique_ptr<Device> make_device(const std::string& uri, const DeviceOptions& options,
                                    std::string& error);

// The URI in full, defaults left out where they are options: `reference` is `reference:arrival`,
// `kernel,zerocopy=on` is `kernel:6.1`. Known URIs only.
std::string canonical_uri(const std::string& uri);

// Does the device run in the calling process, so that its crash is the caller's?
bool runs_in_process(const std::string& uri);

}  // namespace va
