#include "formats/times.h"

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace tessera {
namespace {

using testing::expect_error;

std::int64_t iso(std::string_view text) { return parse_time(text, TimeUnit::iso8601); }

TEST(Times, ReadsSecondsAndMilliseconds) {
  EXPECT_EQ(parse_time("1318896000", TimeUnit::seconds), 1'318'896'000'000);
  EXPECT_EQ(parse_time("1318896000.25", TimeUnit::seconds), 1'318'896'000'250);
  EXPECT_EQ(parse_time("1.318896e9", TimeUnit::seconds), 1'318'896'000'000);
  EXPECT_EQ(parse_time("1318896000123", TimeUnit::milliseconds), 1'318'896'000'123);
  EXPECT_EQ(parse_time("0", TimeUnit::seconds), 0);
}

TEST(Times, ReadsIso8601) {
  // Values of `date -u -d … +%s`.
  EXPECT_EQ(iso("2011-10-18"), 1'318'896'000'000);
  EXPECT_EQ(iso("2011-10-18T01:02:03Z"), 1'318'899'723'000);
  EXPECT_EQ(iso("2011-10-18 01:02:03"), 1'318'899'723'000);
  EXPECT_EQ(iso("2011-10-18T01:02"), 1'318'899'720'000);
  EXPECT_EQ(iso("2011-10-18T01:02:03.5678Z"), 1'318'899'723'567);
  EXPECT_EQ(iso("2011-10-18T01:02:03+02:00"), 1'318'892'523'000);
  EXPECT_EQ(iso("2011-10-18T01:02:03-0530"), 1'318'919'523'000);
  EXPECT_EQ(iso("2012-02-29T00:00:00+01"), 1'330'470'000'000);
}

TEST(Times, KnowsUnknownTimes) {
  for (const TimeUnit unit : {TimeUnit::seconds, TimeUnit::milliseconds, TimeUnit::iso8601}) {
    EXPECT_EQ(parse_time("", unit), kUnknownTime);
    EXPECT_EQ(parse_time("-1", unit), kUnknownTime);
  }
}

TEST(Times, RefusesWhatIsNoTime) {
  for (const char* text : {"x", "12x", "1e400", "nan", "inf", "0x10", " 5", "5 ", "--5", "1,5"}) {
    expect_error([&] { parse_time(text, TimeUnit::seconds); }, {"time '", text});
  }
  for (const char* text :
       {"2011", "2011-13-01", "2011-02-29", "2011-10-18T", "2011-10-18T25:00",
        "2011-10-18T01:02:03.", "2011-10-18T01:02:03+", "2011-10-18T01:02:03+2:00", "2011-10-18x",
        "18.10.2011", "-011-10-18", "2011-1-1", "1318896000"}) {
    expect_error([&] { iso(text); }, {"time '", text, "ISO 8601"});
  }
}

TEST(Times, RefusesTimesThatAreNegativeOrAbsurd) {
  expect_error([] { parse_time("-2", TimeUnit::seconds); }, {"time '-2'", "before 1970"});
  expect_error([] { iso("1969-12-31"); }, {"before 1970"});
  expect_error([] { parse_time("1318896000000", TimeUnit::seconds); },
               {"after the year 2105", "--time-unit ms"});
  expect_error([] { parse_time("9223372036854775807", TimeUnit::milliseconds); }, {"after"});
  expect_error([] { parse_time("1e300", TimeUnit::seconds); }, {"after"});
  expect_error([] { parse_time("-9223372036854775808", TimeUnit::seconds); }, {"before 1970"});
  expect_error([] { iso("9999-01-01"); }, {"after"});
}

TEST(Times, GuessesTheUnit) {
  EXPECT_EQ(guess_time_unit("1318896000"), TimeUnit::seconds);
  EXPECT_EQ(guess_time_unit("1318896000123"), TimeUnit::milliseconds);
  EXPECT_EQ(guess_time_unit("2011-10-18T01:02:03Z"), TimeUnit::iso8601);
  EXPECT_EQ(guess_time_unit("?"), TimeUnit::seconds);
}

}  // namespace
}  // namespace tessera
