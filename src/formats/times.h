#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tessera {

/// How a file writes times.
enum class TimeUnit {
  seconds,
  milliseconds,
  microseconds,
  nanoseconds,
  iso8601,      ///< dates: the year first, or the month by its name
  day_first,    ///< 31/12/2010 or 31.12.2010
  month_first,  ///< 12/31/2010
  pattern       ///< of strptime
};

struct TimeForm {
  TimeUnit unit = TimeUnit::seconds;
  std::string pattern{};
  /// Whether it was found by guess_time_form: a number of another unit is then refused.
  bool guessed = false;
};

/// An event whose time is not known.
inline constexpr std::int64_t kUnknownTime = -1;

/// Milliseconds since 1970 (UTC), negative before, of a whole or decimal number or a date with or
/// without clock, fraction and zone (none: UTC); kUnknownTime for "" and "-1", and -2 for the very
/// millisecond that kUnknownTime would be. Blanks around it do not matter. Dates: 2014-07-23,
/// 2020/7/5 or 20141118, each with 8:26, T08:26:03.5 or 8:26 PM behind and a zone such as Z, UTC or
/// +02:00; Tue Apr 03 18:00:09 +0000 2012; 3 April 2012; by the unit 31/12/2010 and 12/31/2010.
/// Throws Error, without a place, for what is no time or lies before 1834 or after 2105, saying
/// what to do.
std::int64_t parse_time(std::string_view text, const TimeForm& form);

/// The form that the first times of a file suggest, empty ones left out: numbers by their size,
/// and whether day or month comes first by a number above 12. Throws Error, without a place, that
/// asks where this cannot be told.
TimeForm guess_time_form(std::span<const std::string> texts);

/// Whether a text is surely meant as a time: a date, or a number as large as one of the years from
/// 1989 to 2105 in any unit.
bool looks_like_time(std::string_view text);

}  // namespace tessera
