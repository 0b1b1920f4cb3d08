#include "formats/times.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/numbers.h"

namespace tessera {
namespace {

constexpr std::int64_t kEndSeconds = 1LL << 32;  // in the year 2106

// Reads exactly `digits` digits from the front.
bool take_number(std::string_view& text, std::size_t digits, int& value) {
  if (text.size() < digits || text[0] == '-') return false;
  const auto number = parse_number<int>(text.substr(0, digits));
  value = number.value_or(0);
  text.remove_prefix(digits);
  return number.has_value();
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// "Z", "+02", "+0200", "+02:00" or nothing, in minutes.
bool take_zone(std::string_view& text, int& minutes) {
  minutes = 0;
  if (text.empty() || take(text, "Zz")) return true;
  const int sign = text[0] == '-' ? -1 : 1;
  int hour = 0;
  int minute = 0;
  if (!take(text, "+-") || !take_number(text, 2, hour)) return false;
  if (take(text, ":") || !text.empty()) {
    if (!take_number(text, 2, minute)) return false;
  }
  minutes = sign * (60 * hour + minute);
  return hour < 24 && minute < 60;
}

// Hours to seconds, with a fraction, in milliseconds.
bool take_clock(std::string_view& text, std::int64_t& milliseconds) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!take_number(text, 2, hour) || !take(text, ":") || !take_number(text, 2, minute)) {
    return false;
  }
  if (take(text, ":") && !take_number(text, 2, second)) return false;
  milliseconds = 1000LL * (3600LL * hour + 60LL * minute + second);
  if (take(text, ".,")) {
    int weight = 100;
    bool any = false;
    for (int digit = 0; take_number(text, 1, digit); weight /= 10, any = true) {
      milliseconds += weight * digit;
    }
    if (!any) return false;
  }
  return hour < 24 && minute < 60 && second <= 60;
}

bool parse_iso(std::string_view text, std::int64_t& milliseconds) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!take_number(text, 4, year) || !take(text, "-") || !take_number(text, 2, month) ||
      !take(text, "-") || !take_number(text, 2, day)) {
    return false;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  std::int64_t clock = 0;
  int zone = 0;
  if (take(text, "Tt ") && (!take_clock(text, clock) || !take_zone(text, zone))) return false;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  milliseconds = 86'400'000 * days + clock - 60'000LL * zone;
  return text.empty();
}

// Of a whole or decimal number of units of `scale` milliseconds; what is far beyond any time keeps
// its sign and is refused later.
bool parse_count(std::string_view text, std::int64_t scale, std::int64_t& milliseconds) {
  constexpr std::int64_t kFar = 2000 * kEndSeconds;
  if (const auto whole = parse_number<std::int64_t>(text)) {
    milliseconds = std::clamp(*whole, -kFar, kFar) * scale;
    return true;
  }
  const auto decimal = parse_number<double>(text);
  if (!decimal || !std::isfinite(*decimal)) return false;
  const auto far = static_cast<double>(kFar);
  milliseconds = static_cast<std::int64_t>(
      std::floor(std::clamp(*decimal, -far, far) * static_cast<double>(scale) + 1e-6));
  return true;
}

}  // namespace

std::int64_t parse_time(std::string_view text, TimeUnit unit) {
  if (text.empty() || text == "-1") return kUnknownTime;
  std::int64_t milliseconds = 0;
  const bool iso = unit == TimeUnit::iso8601;
  const std::int64_t scale = unit == TimeUnit::seconds ? 1000 : 1;
  if (!(iso ? parse_iso(text, milliseconds) : parse_count(text, scale, milliseconds))) {
    fail("time '{}' is no {}; correct it, leave it empty if unknown, or give --time-unit", text,
         iso ? "ISO 8601 date such as 2014-07-23T10:00:00Z" : "number");
  }
  if (milliseconds < 0) {
    fail("time '{}' is before 1970; correct it, or leave it empty (or -1) if unknown", text);
  }
  if (milliseconds >= 1000 * kEndSeconds) {
    fail("time '{}' is after the year 2105; correct it, or give --time-unit{}", text,
         unit == TimeUnit::seconds ? " ms" : "");
  }
  return milliseconds;
}

TimeUnit guess_time_unit(std::string_view text) {
  if (text.size() > 4 && text[4] == '-') return TimeUnit::iso8601;
  const double value = parse_number<double>(text).value_or(0);
  return value >= 1e11 ? TimeUnit::milliseconds : TimeUnit::seconds;  // seconds up to the year 5138
}

}  // namespace tessera
