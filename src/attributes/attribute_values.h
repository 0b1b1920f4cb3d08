#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>

#include "tessera/attributes.h"

namespace tessera {

/// The type of this name ("labels", "number", "bool", "time"); UsageError for another.
AttributeType attribute_type(std::string_view name);

/// The value as the attribute holds it: labels in order and each once, dates as seconds. Throws
/// UsageError that names the attribute, for a value of another type.
AttributeValue typed(const Attribute& attribute, AttributeValue value);

/// The value that a field of a file writes: nothing for "". Several labels stand with | between, or
/// are the elements of a list (`list`), which the reader of records has joined with ", ". Throws
/// Error, without a place.
AttributeValue value_of_text(const Attribute& attribute, std::string_view text, bool list);

/// The type that the first values of a field suggest; labels where nothing else fits.
AttributeType guess_attribute_type(std::span<const std::string> texts);

nlohmann::json to_json(const AttributeValue& value);
/// A value from what json_of made of it. Throws UsageError.
AttributeValue attribute_value_from_json(std::string_view json);

/// JSON that a caller gives, as parse_json, with a UsageError for what is none.
nlohmann::json given_json(std::string_view text, const std::string& what);

/// A date, or a number of seconds, as seconds; UsageError that names the attribute otherwise.
double seconds_of(const Attribute& attribute, std::string_view text);

}  // namespace tessera
