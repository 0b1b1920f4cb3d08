#include "formats/times.h"

#include <gtest/gtest.h>

#include "testing/errors.h"

namespace tessera {
namespace {

using testing::expect_error;
using Texts = std::vector<std::string>;

std::int64_t in(TimeUnit unit, std::string_view text) { return parse_time(text, {unit}); }
std::int64_t iso(std::string_view text) { return in(TimeUnit::iso8601, text); }
std::int64_t strptime(const std::string& pattern, std::string_view text) {
  return parse_time(text, {TimeUnit::pattern, pattern});
}
/// As in a file that holds this time alone.
std::int64_t guessed(const std::string& text) {
  return parse_time(text, guess_time_form(Texts{text}));
}

TEST(Times, ReadsNumbersOfAnyUnit) {
  EXPECT_EQ(in(TimeUnit::seconds, "1318896000"), 1'318'896'000'000);
  EXPECT_EQ(in(TimeUnit::seconds, "1318896000.25"), 1'318'896'000'250);
  EXPECT_EQ(in(TimeUnit::seconds, "1.318896e9"), 1'318'896'000'000);
  EXPECT_EQ(in(TimeUnit::milliseconds, "1318896000123"), 1'318'896'000'123);
  EXPECT_EQ(in(TimeUnit::microseconds, "1318896000123999"), 1'318'896'000'123);
  EXPECT_EQ(in(TimeUnit::nanoseconds, "1318896000123999999"), 1'318'896'000'123);
  EXPECT_EQ(in(TimeUnit::nanoseconds, "1.318896e18"), 1'318'896'000'000);
  EXPECT_EQ(in(TimeUnit::seconds, "0"), 0);
  EXPECT_EQ(in(TimeUnit::seconds, " 7 "), 7000);
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

TEST(Times, ReadsDatesAsFilesWriteThem) {
  // Values of `date -u -d … +%s`.
  EXPECT_EQ(guessed("2020/07/05 00:08:23"), 1'593'907'703'000);
  EXPECT_EQ(guessed("2019-10-01 00:00:00 UTC"), 1'569'888'000'000);
  EXPECT_EQ(guessed("Tue Apr 03 18:00:09 +0000 2012"), 1'333'476'009'000);
  EXPECT_EQ(guessed("Tue, 03 Apr 2012 18:00:09 +0200"), 1'333'468'809'000);
  EXPECT_EQ(guessed("April 3, 2012 6:00 PM"), 1'333'476'000'000);
  EXPECT_EQ(guessed("3-Apr-2012"), 1'333'411'200'000);
  EXPECT_EQ(guessed("2011-1-8 9:05  "), 1'294'477'500'000);
  EXPECT_EQ(guessed("20141118"), 1'416'268'800'000);
  EXPECT_EQ(guessed("20141118083000"), 1'416'299'400'000);
  EXPECT_EQ(guessed("20141118T08:30:00Z"), 1'416'299'400'000);
  EXPECT_EQ(guessed("31/12/2010 8:26"), 1'293'783'960'000);
  EXPECT_EQ(guessed("12/31/2010 12:26 AM"), 1'293'755'160'000);
  EXPECT_EQ(guessed("1.2.2010"), 1'264'982'400'000);
  EXPECT_EQ(guessed("1318896000123"), 1'318'896'000'123);
  EXPECT_EQ(guessed("1318896000123456"), 1'318'896'000'123);
  EXPECT_EQ(guessed("1318896000123456789"), 1'318'896'000'123);
}

TEST(Times, AskWhetherDayOrMonthComesFirst) {
  expect_error([] { guessed("12/1/2010 8:26"); },
               {"time '12/1/2010 8:26'", "--time-unit dmy or mdy"});
  EXPECT_EQ(guess_time_form(Texts{"12/1/2010 8:26", "12/13/2010 9:00"}).unit,
            TimeUnit::month_first);
  EXPECT_EQ(guess_time_form(Texts{"", "12/1/2010", "13/12/2010"}).unit, TimeUnit::day_first);
  expect_error([] { guess_time_form(Texts{"12/13/2010", "13/12/2010"}); }, {"dmy or mdy"});
  EXPECT_EQ(in(TimeUnit::month_first, "12/1/2010 8:26"), 1'291'191'960'000);
  EXPECT_EQ(in(TimeUnit::day_first, "12/1/2010 8:26"), 1'263'284'760'000);
}

TEST(Times, FollowAPattern) {
  EXPECT_EQ(strptime("%d.%m.%y %H:%M", "03.04.12 18:00"), 1'333'476'000'000);
  EXPECT_EQ(strptime("%Y%m%dT%H%M%S%z", "20120403T180009+0200"), 1'333'468'809'000);
  EXPECT_EQ(strptime("%Y-%m-%d %H:%M:%S", "2012-04-03 18:00:09.25"), 1'333'476'009'250);
  expect_error([] { strptime("%d.%m.%y", "2012-04-03"); }, {"time '2012-04-03'", "%d.%m.%y"});
}

TEST(Times, KnowUnknownTimes) {
  for (const TimeUnit unit : {TimeUnit::seconds, TimeUnit::milliseconds, TimeUnit::iso8601}) {
    EXPECT_EQ(in(unit, ""), kUnknownTime);
    EXPECT_EQ(in(unit, "-1"), kUnknownTime);
  }
}

TEST(Times, MayLieBefore1970) {
  EXPECT_EQ(iso("1969-12-31"), -86'400'000);
  EXPECT_EQ(in(TimeUnit::seconds, "-2"), -2000);
  EXPECT_EQ(in(TimeUnit::nanoseconds, "-1000001"), -2);
  EXPECT_EQ(iso("1969-12-31T23:59:59.999Z"), kUnknownTime - 1) << "which is not unknown";
}

TEST(Times, RefuseANumberOfAnotherUnit) {
  const TimeForm milliseconds = guess_time_form(Texts{"978300760123"});
  expect_error([&] { parse_time("978300800", milliseconds); },
               {"time '978300800' looks like seconds", "milliseconds", "--time-unit"});
  const TimeForm seconds = guess_time_form(Texts{"", "978300760"});
  expect_error([&] { parse_time("978300800123", seconds); }, {"looks like milliseconds"});
  EXPECT_EQ(parse_time("978300800", {TimeUnit::milliseconds}), 978'300'800) << "if it is meant";
}

TEST(Times, RefuseWhatIsNoTime) {
  for (const char* text : {"x", "12x", "1e400", "nan", "inf", "0x10", "--5", "1,5"}) {
    expect_error([&] { in(TimeUnit::seconds, text); }, {"time '", text});
  }
  for (const char* text :
       {"2011", "2011-13-01", "2011-02-29", "2011-10-18T", "2011-10-18T25:00",
        "2011-10-18T01:02:03.", "2011-10-18T01:02:03+", "2011-10-18T01:02:03+2:00", "2011-10-18x",
        "18.10.2011", "-011-10-18", "2011-1/1", "1318896000", "20141318", "Tue Apr 2012",
        "Foo 03 2012", "2011-10-18 13:00 PM"}) {
    expect_error([&] { iso(text); }, {"time '", text, "ISO 8601"});
  }
}

TEST(Times, RefuseTimesThatAreAbsurd) {
  expect_error([] { in(TimeUnit::seconds, "1318896000000"); },
               {"after the year 2105", "--time-unit ms"});
  expect_error([] { in(TimeUnit::milliseconds, "9223372036854775807"); }, {"after"});
  expect_error([] { in(TimeUnit::seconds, "1e300"); }, {"after"});
  expect_error([] { in(TimeUnit::seconds, "-9223372036854775808"); }, {"before the year 1834"});
  expect_error([] { iso("9999-01-01"); }, {"after"});
}

TEST(Times, GuessTheUnit) {
  const auto unit = [](const std::string& text) { return guess_time_form(Texts{text}).unit; };
  EXPECT_EQ(unit("1318896000"), TimeUnit::seconds);
  EXPECT_EQ(unit("1318896000123"), TimeUnit::milliseconds);
  EXPECT_EQ(unit("2011-10-18T01:02:03Z"), TimeUnit::iso8601);
  EXPECT_EQ(unit("7"), TimeUnit::seconds);
  EXPECT_EQ(guess_time_form(Texts{"20141118", "20141399"}).unit, TimeUnit::seconds);
}

}  // namespace
}  // namespace tessera
