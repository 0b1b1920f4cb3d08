#pragma once
#include <nlohmann/json.hpp>

namespace tessera {

/// A JSON number that is whole and not negative. get<std::size_t>() makes another number of −1, and
/// is undefined of 1e88. Throws nlohmann::json::type_error, as get does for what is no number.
inline std::size_t whole_number(const nlohmann::json& value) {
  if (!value.is_number_unsigned()) {
    throw nlohmann::json::type_error::create(302, "is no whole number", &value);
  }
  return value.get<std::size_t>();
}

}  // namespace tessera
