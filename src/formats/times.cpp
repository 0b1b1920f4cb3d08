#include "formats/times.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <ctime>

#include "base/error.h"
#include "base/numbers.h"
#include "base/texts.h"

namespace tessera {
namespace {

constexpr std::int64_t kEndSeconds = 1LL << 32;  // in the year 2106, and 1833 before 1970
constexpr std::string_view kBlank = " \t\r";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Takes parts of a date from the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  char front() const { return rest_.empty() ? '\0' : rest_[0]; }
  bool take(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_[0]) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool blanks() {
    const bool any = !rest_.empty() && rest_[0] == ' ';
    rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlank), rest_.size()));
    return any;
  }
  // As many digits as there are, from `least` to `most`.
  bool number(std::size_t least, std::size_t most, int& value) {
    std::size_t digits = 0;
    while (digits < std::min(most, rest_.size()) && is_digit(rest_[digits])) ++digits;
    if (digits < least) return false;
    value = parse_number<int>(rest_.substr(0, digits)).value_or(0);
    rest_.remove_prefix(digits);
    return true;
  }
  std::size_t digits() const {
    return static_cast<std::size_t>(std::ranges::find_if_not(rest_, is_digit) - rest_.begin());
  }
  // A word in lower case.
  std::string word() {
    std::string text;
    while (!rest_.empty() && is_letter(rest_[0])) {
      text += static_cast<char>(rest_[0] | 0x20);
      rest_.remove_prefix(1);
    }
    return text;
  }

 private:
  std::string_view rest_;
};

// The place of a word, or of its first three letters, among names; from 1, 0 if it is none.
template <std::size_t N>
int place_of(const std::string& word, const std::array<std::string_view, N>& names) {
  for (std::size_t i = 0; i < N; ++i) {
    if (word.size() >= 3 && names[i].starts_with(word)) return static_cast<int>(i) + 1;
  }
  return word == "sept" ? 9 : 0;
}

int month_of(const std::string& word) {
  constexpr std::array<std::string_view, 12> kMonths = {
      "january", "february", "march",     "april",   "may",      "june",
      "july",    "august",   "september", "october", "november", "december"};
  return place_of(word, kMonths);
}

bool is_weekday(const std::string& word) {
  constexpr std::array<std::string_view, 7> kDays = {"monday", "tuesday",  "wednesday", "thursday",
                                                     "friday", "saturday", "sunday"};
  return word != "sept" && place_of(word, kDays) > 0;
}

struct Moment {
  int year = 0, month = 0, day = 0;
  std::int64_t clock = 0;  // milliseconds of the day
  int zone = 0;            // minutes east
};

// "Z", "UTC", "GMT", "+02", "+0200", "+02:00" or nothing.
bool take_zone(Scanner& text, int& minutes) {
  minutes = 0;
  text.blanks();
  if (is_letter(text.front())) {
    const std::string word = text.word();
    return word == "z" || word == "utc" || word == "gmt";
  }
  const int sign = text.front() == '-' ? -1 : 1;
  if (!text.take("+-")) return true;
  int hour = 0;
  int minute = 0;
  if (!text.number(2, 2, hour)) return false;
  if ((text.take(":") || is_digit(text.front())) && !text.number(2, 2, minute)) return false;
  minutes = sign * (60 * hour + minute);
  return hour < 24 && minute < 60;
}

// Thousandths behind a point or comma.
bool take_fraction(Scanner& text, std::int64_t& milliseconds) {
  if (!text.take(".,")) return true;
  int weight = 100;
  bool any = false;
  for (int digit = 0; text.number(1, 1, digit); weight /= 10, any = true) {
    milliseconds += weight * digit;
  }
  return any;
}

// "8:26", "08:26:03.5", "8:26 PM".
bool take_clock(Scanner& text, std::int64_t& milliseconds) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!text.number(1, 2, hour) || !text.take(":") || !text.number(2, 2, minute)) return false;
  if (text.take(":") && !text.number(2, 2, second)) return false;
  std::int64_t fraction = 0;
  if (!take_fraction(text, fraction)) return false;
  Scanner after = text;
  after.blanks();
  const std::string half = after.word();
  if (half == "am" || half == "pm") {
    if (hour < 1 || hour > 12) return false;
    hour = hour % 12 + (half == "pm" ? 12 : 0);
    text = after;
  }
  milliseconds = 1000LL * (3600LL * hour + 60LL * minute + second) + fraction;
  return hour < 24 && minute < 60 && second <= 60;
}

// Behind a date: nothing, or a clock and a zone.
bool take_time_of_day(Scanner& text, Moment& moment) {
  if (text.done()) return true;
  const bool joined = text.take("Tt");
  text.take(",");
  if (!joined && !text.blanks()) return false;
  return take_clock(text, moment.clock) && take_zone(text, moment.zone);
}

// "20141118", "20141118083000", "20141118T083000"
bool take_compact(Scanner& text, Moment& moment) {
  const std::size_t digits = text.digits();
  if (digits != 8 && digits != 12 && digits != 14) return false;
  text.number(4, 4, moment.year);
  text.number(2, 2, moment.month);
  text.number(2, 2, moment.day);
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (digits > 8) {
    text.number(2, 2, hour);
    text.number(2, 2, minute);
    text.number(digits == 14 ? 2 : 0, 2, second);
    moment.clock = 1000LL * (3600LL * hour + 60LL * minute + second);
    return hour < 24 && minute < 60 && second <= 60 && take_zone(text, moment.zone);
  }
  return take_time_of_day(text, moment);
}

// "2014-7-23", "2020/07/05"
bool take_year_first(Scanner& text, Moment& moment) {
  if (!text.number(4, 4, moment.year)) return false;
  const char separator = text.front();
  const std::string_view same(&separator, 1);
  return text.take("-/.") && text.number(1, 2, moment.month) && text.take(same) &&
         text.number(1, 2, moment.day) && take_time_of_day(text, moment);
}

// "31/12/2010" with the two in this order.
bool take_year_last(Scanner& text, int& first, int& second, Moment& moment) {
  if (!text.number(1, 2, first)) return false;
  const char separator = text.front();
  const std::string_view same(&separator, 1);
  return text.take("-/.") && text.number(1, 2, second) && text.take(same) &&
         text.number(4, 4, moment.year) && take_time_of_day(text, moment);
}

// "Apr 03 18:00:09 +0000 2012", "April 3, 2012 8:26", "03 Apr 2012", "3-Apr-2012"
bool take_named_month(Scanner& text, Moment& moment) {
  const auto gap = [&] {
    text.take(",");
    text.take("-");
    text.blanks();
  };
  const bool day_first = text.number(1, 2, moment.day);
  gap();
  moment.month = month_of(text.word());
  gap();
  if (moment.month == 0 || (!day_first && !text.number(1, 2, moment.day))) return false;
  gap();
  if (text.digits() == 4) {
    return text.number(4, 4, moment.year) && take_time_of_day(text, moment);
  }
  return take_clock(text, moment.clock) && take_zone(text, moment.zone) && text.blanks() &&
         text.number(4, 4, moment.year);
}

bool take_date(Scanner text, TimeUnit unit, Moment& moment) {
  if (is_letter(text.front())) {
    Scanner behind = text;
    if (is_weekday(behind.word())) {
      behind.take(",.");
      behind.blanks();
      text = behind;
    }
  }
  const auto whole = [&](auto take) {
    Scanner attempt = text;
    moment = {};
    return take(attempt) && attempt.done();
  };
  if (whole([&](Scanner& s) { return take_compact(s, moment); }) ||
      whole([&](Scanner& s) { return take_year_first(s, moment); }) ||
      whole([&](Scanner& s) { return take_named_month(s, moment); })) {
    return true;
  }
  if (unit == TimeUnit::iso8601) return false;
  return whole([&](Scanner& s) {
    return unit == TimeUnit::day_first ? take_year_last(s, moment.day, moment.month, moment)
                                       : take_year_last(s, moment.month, moment.day, moment);
  });
}

bool parse_date(std::string_view text, TimeUnit unit, std::int64_t& milliseconds) {
  Moment moment;
  if (!take_date(Scanner(text), unit, moment)) return false;
  const std::chrono::year_month_day date{std::chrono::year(moment.year),
                                         std::chrono::month(static_cast<unsigned>(moment.month)),
                                         std::chrono::day(static_cast<unsigned>(moment.day))};
  if (!date.ok()) return false;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  milliseconds = 86'400'000 * days + moment.clock - 60'000LL * moment.zone;
  return true;
}

bool parse_pattern(std::string_view text, const std::string& pattern, std::int64_t& milliseconds) {
  std::tm parts{};
  parts.tm_mday = 1;
  const std::string whole(text);
  const char* end = ::strptime(whole.c_str(), pattern.c_str(), &parts);
  if (end == nullptr) return false;
  Scanner rest{std::string_view(end)};
  milliseconds = 0;
  if (!take_fraction(rest, milliseconds) || !rest.done()) return false;
  const long zone = parts.tm_gmtoff;  // which timegm sets anew
  milliseconds += 1000 * (static_cast<std::int64_t>(::timegm(&parts)) - zone);
  return true;
}

struct Scale {
  TimeUnit unit;
  double smallest;  // of plausible numbers: what is smaller is of the unit before
  std::int64_t times, over;
  const char* name;
};
constexpr std::array kScales = {
    Scale{TimeUnit::seconds, 0, 1000, 1, "seconds"},
    Scale{TimeUnit::milliseconds, 1e11, 1, 1, "milliseconds"},  // seconds up to the year 5138
    Scale{TimeUnit::microseconds, 1e14, 1, 1000, "microseconds"},
    Scale{TimeUnit::nanoseconds, 1e17, 1, 1'000'000, "nanoseconds"}};

const Scale* scale_of(TimeUnit unit) {
  const auto* const found = std::ranges::find(kScales, unit, &Scale::unit);
  return found == kScales.end() ? nullptr : found;
}

const Scale& scale_of(double number) {
  std::size_t i = kScales.size() - 1;
  while (i > 0 && number < kScales[i].smallest) --i;
  return kScales[i];
}

// Of a whole or decimal number; what is far beyond any time keeps its sign and is refused later.
bool parse_count(std::string_view text, const Scale& scale, std::int64_t& milliseconds) {
  constexpr std::int64_t kFar = 4'000 * kEndSeconds;  // milliseconds
  if (const auto whole = parse_number<std::int64_t>(text)) {
    const std::int64_t over = *whole / scale.over - (*whole % scale.over < 0 ? 1 : 0);
    milliseconds = std::clamp(over, -kFar / scale.times, kFar / scale.times) * scale.times;
    return true;
  }
  const auto decimal = parse_number<double>(text);
  if (!decimal || !std::isfinite(*decimal)) return false;
  const double value =
      *decimal * static_cast<double>(scale.times) / static_cast<double>(scale.over);
  const auto far = static_cast<double>(kFar);
  milliseconds = static_cast<std::int64_t>(std::floor(std::clamp(value, -far, far) + 1e-6));
  return true;
}

// A log whose unit changes midway would put half of its events into another year.
void check_unit(std::string_view text, const Scale& scale) {
  const double number = parse_number<double>(text).value_or(0);
  const Scale& likely = scale_of(number);
  if (number < 1e8 || likely.unit == scale.unit) return;
  fail(
      "time '{}' looks like {} where the first times of the file are {}; correct it, or give "
      "--time-unit",
      text, likely.name, scale.name);
}

const char* kind_of(const TimeForm& form) {
  switch (form.unit) {
    case TimeUnit::iso8601:
      return "ISO 8601 date such as 2014-07-23T10:00:00Z";
    case TimeUnit::day_first:
      return "date such as 31/12/2010 8:26";
    case TimeUnit::month_first:
      return "date such as 12/31/2010 8:26";
    case TimeUnit::pattern:
      return form.pattern.c_str();
    default:
      return "number";
  }
}

bool is_compact_date(std::string_view text) {
  std::int64_t milliseconds = 0;
  return text.size() >= 8 && std::ranges::all_of(text, is_digit) && text[0] != '0' &&
         (text.starts_with("19") || text.starts_with("20")) &&
         parse_date(text, TimeUnit::iso8601, milliseconds);
}

// Whether a text is a date with the year last; then its first two numbers.
bool year_last(std::string_view text, int& first, int& second) {
  Scanner scanner(text);
  Moment moment;
  return take_year_last(scanner, first, second, moment);
}

TimeUnit guess_order(std::span<const std::string> texts) {
  bool day = false;
  bool month = false;
  bool dots = false;
  std::string_view example;
  for (const std::string& text : texts) {
    int first = 0;
    int second = 0;
    const std::string_view plain = trimmed(text, kBlank);
    if (!year_last(plain, first, second)) continue;
    example = plain;
    day = day || first > 12;
    month = month || second > 12;
    dots = dots || plain.find('.') < 3;
  }
  if (day != month) return day ? TimeUnit::day_first : TimeUnit::month_first;
  if (!day && dots) return TimeUnit::day_first;
  fail(
      "time '{}': does the day or the month come first? Give --time-unit dmy or mdy, or "
      "--time-format",
      example);
}

}  // namespace

std::int64_t parse_time(std::string_view given, const TimeForm& form) {
  const std::string_view text = trimmed(given, kBlank);
  if (text.empty() || text == "-1") return kUnknownTime;
  std::int64_t milliseconds = 0;
  const Scale* scale = scale_of(form.unit);
  if (scale != nullptr && form.guessed) check_unit(text, *scale);
  const bool good = scale != nullptr ? parse_count(text, *scale, milliseconds)
                    : form.unit == TimeUnit::pattern
                        ? parse_pattern(text, form.pattern, milliseconds)
                        : parse_date(text, form.unit, milliseconds);
  if (!good) {
    fail(
        "time '{}' is no {}; correct it, leave it empty if unknown, or give --time-unit or "
        "--time-format",
        given, kind_of(form));
  }
  if (milliseconds < -1000 * kEndSeconds) {
    fail("time '{}' is before the year 1834; correct it, or leave it empty (or -1) if unknown",
         given);
  }
  if (milliseconds >= 1000 * kEndSeconds) {
    fail("time '{}' is after the year 2105; correct it, or give --time-unit{}", given,
         form.unit == TimeUnit::seconds ? " ms" : "");
  }
  return milliseconds == kUnknownTime ? kUnknownTime - 1 : milliseconds;
}

TimeForm guess_time_form(std::span<const std::string> texts) {
  const auto first = std::ranges::find_if(texts, [](const std::string& text) {
    return !trimmed(text, kBlank).empty() && trimmed(text, kBlank) != "-1";
  });
  if (first == texts.end()) return {.guessed = true};
  const std::string_view text = trimmed(*first, kBlank);
  if (const auto number = parse_number<double>(text)) {
    const bool dates = std::ranges::all_of(texts, [](const std::string& one) {
      const std::string_view plain = trimmed(one, kBlank);
      return plain.empty() || plain == "-1" || is_compact_date(plain);
    });
    return {dates ? TimeUnit::iso8601 : scale_of(*number).unit, {}, true};
  }
  int day = 0;
  int month = 0;
  return {year_last(text, day, month) ? guess_order(texts) : TimeUnit::iso8601, {}, true};
}

bool looks_like_time(std::string_view given) {
  const std::string_view text = trimmed(given, kBlank);
  if (const auto number = parse_number<double>(text)) {
    if (is_compact_date(text)) return true;
    const Scale& scale = scale_of(*number);
    const double seconds =
        *number / 1000.0 * static_cast<double>(scale.times) / static_cast<double>(scale.over);
    return seconds >= 6e8 && seconds < static_cast<double>(kEndSeconds);
  }
  std::int64_t milliseconds = 0;
  return parse_date(text, TimeUnit::day_first, milliseconds) ||
         parse_date(text, TimeUnit::month_first, milliseconds);
}

}  // namespace tessera
