#pragma once
#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>

#include "base/error.h"

namespace tessera {

/// Throws UsageError if the option was given although nothing would come of it: it belongs `to`
/// something that was not asked for.
inline void check_belongs(const CLI::Option* option, bool fits, const std::string& to) {
  if (option->count() > 0 && !fits) fail_usage("{} belongs to {}", option->get_name(), to);
}

// CLI11 reads -1 as the largest unsigned number of all, and an empty word as a missing one.

/// A count from `least` to what an item number can hold.
inline CLI::Range count_from(std::size_t least) {
  return {least, static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())};
}

inline const CLI::Validator kSeed(
    [](std::string& text) {
      std::uint64_t seed = 0;
      const char* end = text.data() + text.size();
      const auto [at, error] = std::from_chars(text.data(), end, seed);
      const bool fits = error == std::errc() && at == end;
      return fits ? std::string() : "'" + text + "' is not a whole number from 0 to 2^64 - 1";
    },
    "");

inline const CLI::Validator kNotEmpty(
    [](std::string& text) { return std::string(text.empty() ? "must not be empty" : ""); }, "");

}  // namespace tessera
