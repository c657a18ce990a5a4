#include "engine/request_pool.h"

#include <gtest/gtest.h>

#include "base/check.h"
#include "base/poison.h"

namespace va {
namespace {

class Pool : public ::testing::Test {
 protected:
  RequestPool pool_;
};

TEST_F(Pool, ARequestIsInFlightWithItsHead) {
  const RequestToken token = pool_.acquire(5, 1);
  ASSERT_TRUE(token);
  ASSERT_NE(pool_.find(token), nullptr);
  EXPECT_EQ(pool_.find(token)->head, 5);
  EXPECT_EQ(pool_.find(token)->link, 1);
  EXPECT_EQ(pool_.find(token)->state, RequestState::kInFlight);
  EXPECT_EQ(pool_.in_use(), 1u);
}

TEST_F(Pool, AReleasedRequestIsGone) {
  const RequestToken token = pool_.acquire(5, 0);
  pool_.release(token.slot);
  EXPECT_EQ(pool_.find(token), nullptr);
  EXPECT_EQ(pool_.in_use(), 0u);
}

TEST_F(Pool, AStaleTokenDoesNotNameTheSlotsNextRequest) {
  const RequestToken stale = pool_.acquire(5, 0);
  pool_.release(stale.slot);
  const RequestToken next = pool_.acquire(6, 0);
  ASSERT_EQ(next.slot, stale.slot);
  EXPECT_EQ(pool_.find(stale), nullptr);
  EXPECT_EQ(pool_.find(next)->head, 6);
}

TEST_F(Pool, AStaleTokenSurvivesNoReset) {
  const RequestToken stale = pool_.acquire(5, 0);
  pool_.reset();
  EXPECT_EQ(pool_.find(stale), nullptr);
  const RequestToken next = pool_.acquire(6, 0);
  ASSERT_EQ(next.slot, stale.slot);
  EXPECT_NE(next.generation, stale.generation);
  EXPECT_EQ(pool_.find(stale), nullptr);
}

TEST_F(Pool, NoTokenAndWildTokensNameNothing) {
  pool_.acquire(0, 0);
  EXPECT_EQ(pool_.find(RequestToken{}), nullptr);
  EXPECT_EQ(pool_.find({RequestPool::kSlots, 1}), nullptr);
  EXPECT_EQ(pool_.find({UINT32_MAX, 1}), nullptr);
  EXPECT_EQ(pool_.find({1, 1}), nullptr);  // never used
}

TEST_F(Pool, HoldsAsManyAsItHasSlots) {
  for (uint32_t i = 0; i < RequestPool::kSlots; ++i) {
    ASSERT_FALSE(pool_.full());
    pool_.acquire(static_cast<uint16_t>(i), 0);
  }
  EXPECT_TRUE(pool_.full());
  pool_.release(700);
  EXPECT_FALSE(pool_.full());
  EXPECT_EQ(pool_.acquire(1, 0).slot, 700u);
}

int g_failed_checks = 0;

TEST_F(Pool, ReleasingTwiceIsABugOfTheCaller) {
  g_failed_checks = 0;
  const RequestToken token = pool_.acquire(5, 0);
  pool_.release(token.slot);
  set_check_handler([](const char*, const char*, int) { ++g_failed_checks; });
  pool_.release(token.slot);
  set_check_handler(nullptr);
  EXPECT_EQ(g_failed_checks, 1);
}

#ifdef VA_HAS_ASAN
TEST_F(Pool, OnlyASlotInUseMayBeTouched) {
  const RequestToken token = pool_.acquire(5, 0);
  const Request* request = pool_.find(token);
  EXPECT_FALSE(__asan_address_is_poisoned(request));
  EXPECT_TRUE(__asan_address_is_poisoned(request + 1));  // never used
  pool_.release(token.slot);
  EXPECT_TRUE(__asan_address_is_poisoned(request));
  EXPECT_TRUE(__asan_address_is_poisoned(reinterpret_cast<const char*>(request + 1) - 1));
}

TEST_F(Pool, ResetPoisonsWhatWasInUse) {
  const Request* request = pool_.find(pool_.acquire(5, 0));
  pool_.reset();
  EXPECT_TRUE(__asan_address_is_poisoned(request));
}
#endif

}  // namespace
}  // namespace va
