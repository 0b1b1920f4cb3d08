#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tessera {

/// What an attribute of items holds: some words of a vocabulary of its own (a brand, categories), a
/// number, true or false, or a time.
enum class AttributeType { labels, number, boolean, time };

/// An attribute that items of a catalogue may have.
struct Attribute {
  std::string name;
  AttributeType type = AttributeType::labels;

  friend bool operator==(const Attribute&, const Attribute&) = default;
};

/// "labels", "number", "bool" or "time".
std::string_view name_of(AttributeType type);

/// What one attribute holds for one item: nothing, true or false, a number (of a time: unix
/// seconds), or labels, ascending and each once.
using AttributeValue = std::variant<std::monostate, bool, double, std::vector<std::string>>;

/// Some attributes of an item by name; an empty value takes the attribute away.
using AttributeValues = std::vector<std::pair<std::string, AttributeValue>>;

/// From a JSON object such as {"price": 4.5, "in_stock": true, "category": ["tea", "gifts"],
/// "brand": null}. Throws UsageError that names the attribute.
AttributeValues attribute_values_from_json(std::string_view json);
/// A value as JSON: null, true, 4.5, or a list of labels; a time as its seconds.
std::string json_of(const AttributeValue& value);

}  // namespace tessera
