// Filters as JSON.
#include <nlohmann/json.hpp>

#include "attributes/attribute_values.h"
#include "attributes/item_filter.h"
#include "base/error.h"
#include "tessera/filter.h"

namespace tessera {
namespace {

using Json = nlohmann::json;
using Condition = Filter::Condition;

Filter::Literal literal(const Json& json, const std::string& where) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  fail_usage("filter: {} must be a string, a number, true or false", where);
}

void read_range(const Json& json, Condition& condition, const std::string& where) {
  if (!json.is_object() || json.empty()) {
    fail_usage(R"(filter: {} must be an object such as {{"gte": 5, "lt": 20}})", where);
  }
  for (const auto& [name, bound] : json.items()) {
    std::optional<Filter::Literal>* place = name == "gt"    ? &condition.gt
                                            : name == "gte" ? &condition.gte
                                            : name == "lt"  ? &condition.lt
                                            : name == "lte" ? &condition.lte
                                                            : nullptr;
    if (place == nullptr) fail_usage("filter: {} knows gt, gte, lt, lte, not '{}'", where, name);
    *place = literal(bound, where + "." + name);
  }
}

Filter condition_from(const Json& json, const std::string& where) {
  if (!json.at("key").is_string()) fail_usage("filter: {}.key must be an attribute's name", where);
  if (json.size() != 2) {
    fail_usage("filter: {} must hold 'key' and one of match, any, range, exists", where);
  }
  Condition condition;
  condition.attribute = json.at("key").get<std::string>();
  bool negative = false;
  for (const auto& [name, value] : json.items()) {
    const std::string field = where + "." + name;
    if (name == "match") {
      condition.kind = Condition::Kind::any;
      condition.values = {literal(value, field)};
    } else if (name == "any") {
      condition.kind = Condition::Kind::any;
      if (!value.is_array()) fail_usage("filter: {} must be a list", field);
      for (const Json& one : value) condition.values.push_back(literal(one, field));
    } else if (name == "range") {
      condition.kind = Condition::Kind::range;
      read_range(value, condition, field);
    } else if (name == "exists") {
      if (!value.is_boolean()) fail_usage("filter: {} must be true or false", field);
      negative = !value.get<bool>();
    } else if (name != "key") {
      fail_usage("filter: {} knows match, any, range, exists, not '{}'", where, name);
    }
  }
  Filter filter{.condition = std::move(condition)};
  if (!negative) return filter;
  Filter none;
  none.must_not.push_back(std::move(filter));
  return none;
}

Filter filter_from(const Json& json, const std::string& where, int depth) {
  if (!json.is_object()) fail_usage("filter: {} must be an object", where);
  if (depth > kMaxFilterDepth) {
    fail_usage("filter: it nests deeper than {} levels", kMaxFilterDepth);
  }
  if (json.contains("key")) return condition_from(json, where);
  Filter filter;
  for (const auto& [name, list] : json.items()) {
    std::vector<Filter>* group = name == "must"       ? &filter.must
                                 : name == "should"   ? &filter.should
                                 : name == "must_not" ? &filter.must_not
                                                      : nullptr;
    if (group == nullptr) {
      fail_usage("filter: {} knows must, should, must_not, or key with a condition, not '{}'",
                 where, name);
    }
    const std::string field = where + "." + name;
    if (!list.is_array()) fail_usage("filter: {} must be a list", field);
    for (std::size_t i = 0; i < list.size(); ++i) {
      group->push_back(filter_from(list[i], fmt::format("{}[{}]", field, i), depth + 1));
    }
  }
  return filter;
}

}  // namespace

Filter filter_from_json(std::string_view text) {
  return filter_from(given_json(text, "filter"), "filter", 0);
}

Filter filter_from_text(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool json = first != std::string_view::npos && text[first] == '{';
  return json ? filter_from_json(text) : filter_from_words(text);
}

}  // namespace tessera
