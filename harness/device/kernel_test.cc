#include "device/kernel.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace va {
namespace {

std::string canonical(const std::string& uri) {
  KernelOptions options;
  std::string error;
  return parse_kernel_uri(uri, options, error) ? options.uri : error;
}

TEST(KernelUri, DefaultsAreLeftOut) {
  EXPECT_EQ(canonical("kernel"), "kernel:6.1");
  EXPECT_EQ(canonical("kernel,zerocopy=on"), "kernel:6.1");
  EXPECT_EQ(canonical("kernel:6.12,zerocopy=off"), "kernel:6.12,zerocopy=off");
  EXPECT_EQ(canonical("kernel:/k/bzImage,modules=/m"), "kernel:/k/bzImage,modules=/m");
}

TEST(KernelUri, WhatItCannotBeIsSaid) {
  EXPECT_EQ(canonical("kernel:5.10"),
            "`kernel:5.10`: expected kernel:6.1, kernel:6.12, kernel:local or "
            "kernel:/path/bzImage");
  EXPECT_EQ(canonical("kernel,zerocopy=maybe"),
            "`kernel,zerocopy=maybe`: expected zerocopy=on, zerocopy=off, not `zerocopy=maybe`");
  EXPECT_EQ(canonical("kernel:6.1,modules=/m"),
            "`kernel:6.1,modules=/m`: expected zerocopy=on, zerocopy=off, not `modules=/m`");
}

TEST(KernelDevice, WhatThisMachineLacksIsBrokenAndNamed) {
  if (::access("/dev/vhost-net", F_OK) == 0) GTEST_SKIP() << "it has one";
  KernelOptions options;
  std::string error;
  ASSERT_TRUE(parse_kernel_uri("kernel:local", options, error)) << error;
  KernelDevice device(options);
  Trace trace;
  EXPECT_EQ(device.run(Program{}, kFuzzBudget, trace), RunResult::kBroken);
  EXPECT_NE(device.problem().find("modprobe vhost_net"), std::string::npos) << device.problem();
}

TEST(KernelDevice, AKernelThatIsNotThereIsBrokenAndNamed) {
  KernelOptions options;
  std::string error;
  ASSERT_TRUE(parse_kernel_uri("kernel:/nowhere/bzImage", options, error));
  KernelDevice device(options);
  Trace trace;
  EXPECT_EQ(device.run(Program{}, kFuzzBudget, trace), RunResult::kBroken);
  EXPECT_NE(device.problem().find("/nowhere/bzImage"), std::string::npos) << device.problem();
}

}  // namespace
}  // namespace va
