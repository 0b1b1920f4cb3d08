#include "attributes/attribute_values.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/numbers.h"
#include "base/texts.h"
#include "base/utf8.h"
#include "formats/times.h"

namespace tessera {
namespace {

using Json = nlohmann::json;
using Labels = std::vector<std::string>;

constexpr std::array<std::pair<std::string_view, AttributeType>, 4> kTypes = {
    {{"labels", AttributeType::labels},
     {"number", AttributeType::number},
     {"bool", AttributeType::boolean},
     {"time", AttributeType::time}}};

constexpr std::array<std::string_view, 4> kTrue = {"true", "1", "yes", "t"};
constexpr std::array<std::string_view, 4> kFalse = {"false", "0", "no", "f"};

std::optional<bool> truth(std::string_view text) {
  const auto is = [&](std::string_view word) { return same_words(text, word); };
  if (std::ranges::any_of(kTrue, is)) return true;
  if (std::ranges::any_of(kFalse, is)) return false;
  return std::nullopt;
}

[[noreturn]] void refuse_value(const Attribute& attribute, std::string_view value) {
  fail_usage("attribute '{}' is of type {}: it cannot hold '{}'", attribute.name,
             name_of(attribute.type), value);
}

AttributeValue value_from_json(const std::string& name, const Json& json) {
  if (json.is_null()) return {};
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return Labels{json.get<std::string>()};
  const auto is_string = [](const Json& element) { return element.is_string(); };
  if (!json.is_array() || !std::ranges::all_of(json, is_string)) {
    fail_usage("attribute '{}': give null, true, false, a number, a string or a list of strings",
               name);
  }
  return json.get<Labels>();
}

void in_order(Labels& labels) {
  std::ranges::sort(labels);
  const auto rest = std::ranges::unique(labels);
  labels.erase(rest.begin(), rest.end());
  std::erase(labels, "");
}

}  // namespace

std::string_view name_of(AttributeType type) {
  return std::ranges::find(kTypes, type, &decltype(kTypes)::value_type::second)->first;
}

AttributeType attribute_type(std::string_view name) {
  const auto found = std::ranges::find(kTypes, name, &decltype(kTypes)::value_type::first);
  if (found == kTypes.end()) {
    fail_usage("'{}' is no type of attribute: they are labels, number, bool and time", name);
  }
  return found->second;
}

double seconds_of(const Attribute& attribute, std::string_view text) {
  if (const auto number = parse_number<double>(text)) return *number;
  try {
    return static_cast<double>(parse_time(text, {.unit = TimeUnit::iso8601})) / 1000.0;
  } catch (const Error&) {
    fail_usage(
        "attribute '{}' holds times: give a date such as 2026-01-31, or seconds since 1970, "
        "not '{}'",
        attribute.name, text);
  }
}

AttributeValue typed(const Attribute& attribute, AttributeValue value) {
  if (std::holds_alternative<std::monostate>(value)) return value;
  if (auto* labels = std::get_if<Labels>(&value)) {
    const bool one = labels->size() == 1;
    if (attribute.type == AttributeType::time && one) return seconds_of(attribute, labels->front());
    if (attribute.type != AttributeType::labels) refuse_value(attribute, json_of(value));
    if (!std::ranges::all_of(*labels, is_utf8)) refuse_value(attribute, "text that is not UTF-8");
    in_order(*labels);
    if (labels->empty()) return {};
    return value;
  }
  const bool number = std::holds_alternative<double>(value);
  const bool numeric =
      attribute.type == AttributeType::number || attribute.type == AttributeType::time;
  if (number && !std::isfinite(std::get<double>(value))) refuse_value(attribute, "NaN or Inf");
  if (number ? numeric : attribute.type == AttributeType::boolean) return value;
  refuse_value(attribute, json_of(value));
}

AttributeValue value_of_text(const Attribute& attribute, std::string_view text, bool list) {
  text = trimmed(text);
  if (text.empty()) return {};
  if (attribute.type == AttributeType::number) {
    const auto number = parse_number<double>(text.starts_with('+') ? text.substr(1) : text);
    if (!number || !std::isfinite(*number)) refuse_value(attribute, text);
    return *number;
  }
  if (attribute.type == AttributeType::boolean) {
    const auto value = truth(text);
    if (!value) refuse_value(attribute, text);
    return *value;
  }
  if (attribute.type == AttributeType::time) return seconds_of(attribute, text);
  Labels labels;
  for (const std::string_view label : split(text, list ? ", " : "|")) {
    labels.emplace_back(trimmed(label));
  }
  return typed(attribute, std::move(labels));
}

AttributeType guess_attribute_type(std::span<const std::string> texts) {
  std::size_t filled = 0, numbers = 0, truths = 0, times = 0;
  for (const std::string& text : texts) {
    const std::string_view word = trimmed(text);
    if (word.empty()) continue;
    ++filled;
    numbers += parse_number<double>(word).has_value();
    truths += truth(word).has_value();
    times += looks_like_time(word);
  }
  if (filled == 0) return AttributeType::labels;
  if (truths == filled) return AttributeType::boolean;
  if (times == filled) return AttributeType::time;
  return numbers == filled ? AttributeType::number : AttributeType::labels;
}

Json to_json(const AttributeValue& value) {
  return std::visit(
      [](const auto& held) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::monostate>) {
          return nullptr;
        } else {
          return held;
        }
      },
      value);
}

std::string json_of(const AttributeValue& value) { return dump_json(to_json(value)); }

AttributeValue attribute_value_from_json(std::string_view text) {
  return value_from_json("", given_json(text, "attribute"));
}

Json given_json(std::string_view text, const std::string& what) {
  try {
    return parse_json(text, what);
  } catch (const Error& error) {
    fail_usage("{}", error.what());
  }
}

AttributeValues attribute_values_from_json(std::string_view text) {
  const Json json = given_json(text, "attributes");
  if (!json.is_object()) {
    fail_usage(R"(attributes: give an object such as {{"price": 4.5, "in_stock": true}})");
  }
  AttributeValues values;
  for (const auto& [name, value] : json.items()) {
    values.emplace_back(name, value_from_json(name, value));
  }
  return values;
}

}  // namespace tessera
