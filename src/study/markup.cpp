#include "study/markup.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace tessera {
namespace {

std::string counted(long count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string number(double value, int decimals) {
  std::string digits = fmt::format("{:.{}f}", std::abs(value), decimals);
  if (decimals > 0 && digits.starts_with("0.")) digits.erase(0, 1);
  const bool zero = digits.find_first_not_of(".0") == std::string::npos;
  return value < 0 && !zero ? "−" + digits : digits;
}

std::string signed_number(double value, int decimals) {
  const std::string digits = number(value, decimals);
  const bool zero = digits.find_first_not_of(".0") == std::string::npos;
  return value > 0 && !zero ? "+" + digits : digits;
}

std::string percent(double fraction, int decimals) {
  return fmt::format("{:.{}f} %", 100 * fraction, decimals);
}

std::string spoken_duration(double seconds) {
  if (seconds < 60) return counted(std::max(1L, std::lround(seconds)), "second");
  const long minutes = std::lround(seconds / 60);
  if (minutes < 60) return counted(minutes, "minute");
  const std::string hours = counted(minutes / 60, "hour");
  return minutes % 60 == 0 ? hours : hours + " " + counted(minutes % 60, "minute");
}

}  // namespace tessera
