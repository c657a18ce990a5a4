#include "oracle/guest_bytes.h"

#include <gtest/gtest.h>

#include "prog/layout.h"

namespace va::oracle {
namespace {

TEST(GuestBytes, AProgramBeginsWithZeroes) {
  GuestBytes bytes;
  for (int i = 0; i < 3; ++i) {
    bytes.begin();
    EXPECT_EQ(bytes.load16(kArenaGpa + 6), 0);
    EXPECT_TRUE(bytes.known(kArenaGpa, kArenaSize));
    bytes.store(kArenaGpa + 5, "\x01\x02\x03", 3);
    EXPECT_EQ(bytes.load16(kArenaGpa + 6), 0x0302);
    EXPECT_EQ(bytes.load16(kArenaGpa + 5), 0x0201);
  }
}

TEST(GuestBytes, PayloadIsNotKnownUntilStoredOver) {
  GuestBytes bytes;
  bytes.begin();
  bytes.payload(kArenaGpa + 64, 100);
  EXPECT_FALSE(bytes.known(kArenaGpa + 64, 16));
  EXPECT_TRUE(bytes.known(kArenaGpa, 64));
  bytes.tick();
  const uint8_t half[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  bytes.store(kArenaGpa + 64, half, 2);
  bytes.store(kArenaGpa + 70, half, 2);
  EXPECT_FALSE(bytes.known(kArenaGpa + 64, 16));
  EXPECT_EQ(bytes.load16(kArenaGpa + 64), 0x0201);  // partial stores are kept all the same
  const uint8_t whole[16] = {9};
  bytes.store(kArenaGpa + 64, whole, 16);
  EXPECT_TRUE(bytes.known(kArenaGpa + 64, 16));
  EXPECT_FALSE(bytes.known(kArenaGpa + 64, 17));
}

TEST(GuestBytes, EndsOfTheArena) {
  GuestBytes bytes;
  bytes.begin();
  const uint8_t eight[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  bytes.store(kArenaGpa + kArenaSize - 2, eight, 8);
  bytes.store(kArenaGpa - 6, eight, 8);
  bytes.store(UINT64_MAX - 3, eight, 4);
  EXPECT_EQ(bytes.load16(kArenaGpa + kArenaSize - 2), 0x0201);
  EXPECT_EQ(bytes.load16(kArenaGpa), 0x0807);
  EXPECT_EQ(bytes.load16(kArenaGpa - 1), 0x0700);
  EXPECT_FALSE(bytes.known(kArenaGpa + kArenaSize - 1, 2));
  EXPECT_FALSE(bytes.known(kArenaGpa - 1, 2));
}

TEST(GuestBytes, ClaimsAreByGranule) {
  GuestBytes bytes;
  bytes.claim(kArenaGpa + 17, 5);
  EXPECT_EQ(bytes.owner(kArenaGpa + 31), 5u);
  EXPECT_EQ(bytes.owner(kArenaGpa + 32), 0u);
  EXPECT_EQ(bytes.owner(0), 0u);
}

}  // namespace
}  // namespace va::oracle
