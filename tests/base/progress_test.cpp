#include "base/progress.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(FormatDuration, MinutesAndSecondsBelowAnHour) {
  EXPECT_EQ(format_duration(0), "0:00");
  EXPECT_EQ(format_duration(5), "0:05");
  EXPECT_EQ(format_duration(65), "1:05");
  EXPECT_EQ(format_duration(3599), "59:59");
}

TEST(FormatDuration, HoursFromAnHourOn) {
  EXPECT_EQ(format_duration(3600), "1:00:00");
  EXPECT_EQ(format_duration(7207), "2:00:07");
  EXPECT_EQ(format_duration(360'000), "100:00:00");
}

TEST(FormatDuration, RoundsToTheNearestSecond) {
  EXPECT_EQ(format_duration(0.4), "0:00");
  EXPECT_EQ(format_duration(59.6), "1:00");
  EXPECT_EQ(format_duration(3599.5), "1:00:00");
}

TEST(Progress, ShortTasksPrintNothing) {
  ::testing::internal::CaptureStderr();
  {
    Progress progress("counting", 100);
    for (std::size_t i = 0; i <= 100; ++i) progress.update(i, "note");
    Progress nothing_to_do("nothing", 0);
    nothing_to_do.update(0);
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace tessera
