#pragma once
#include <cstdint>
#include <string_view>

namespace tessera {

/// How a file writes times.
enum class TimeUnit { seconds, milliseconds, iso8601 };

/// An event whose time is not known.
inline constexpr std::int64_t kUnknownTime = -1;

/// Milliseconds since 1970 (UTC), of a whole or decimal number or an ISO 8601 date with or without
/// time, fraction and zone (none: UTC); kUnknownTime for "" and "-1". Throws Error, without a
/// place, for what is no time or lies before 1970 or after 2105, saying what to do.
std::int64_t parse_time(std::string_view text, TimeUnit unit);

/// The unit that the first time of a file suggests: a date, or a number too large for seconds.
TimeUnit guess_time_unit(std::string_view text);

}  // namespace tessera
