#include "serve/request_ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

namespace tessera {
namespace {

constexpr std::size_t kLongest = 128;

bool is_lower_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) { return text.find_first_not_of('0') == text.npos; }

}  // namespace

std::string request_id(std::string_view given) {
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7F' && c != '"' && c != '\\'; };
  if (!given.empty() && given.size() <= kLongest && std::ranges::all_of(given, is_plain)) {
    return std::string(given);
  }
  thread_local std::mt19937_64 random = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return fmt::format("{:016x}", random());
}

std::string_view trace_of(std::string_view traceparent) {
  // 00-TRACE-PARENT-FLAGS
  constexpr std::size_t kTrace = 3, kTraceDigits = 32, kParent = 36, kParentDigits = 16;
  constexpr std::size_t kFlags = 53, kSize = 55;
  const bool shaped = traceparent.size() == kSize && traceparent.starts_with("00-") &&
                      traceparent[kParent - 1] == '-' && traceparent[kFlags - 1] == '-';
  if (!shaped) return {};
  const std::string_view trace = traceparent.substr(kTrace, kTraceDigits);
  const std::string_view parent = traceparent.substr(kParent, kParentDigits);
  const bool good = is_lower_hex(trace) && is_lower_hex(parent) &&
                    is_lower_hex(traceparent.substr(kFlags)) && !is_zero(trace) && !is_zero(parent);
  return good ? trace : std::string_view();
}

}  // namespace tessera
