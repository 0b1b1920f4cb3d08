#pragma once
#include <nlohmann/json.hpp>

namespace tessera {

/// JSON as answers are written: fields in the order given, numbers as short as floats allow.
using AnswerJson = nlohmann::basic_json<nlohmann::ordered_map, std::vector, std::string, bool,
                                        std::int64_t, std::uint64_t, float>;

}  // namespace tessera
