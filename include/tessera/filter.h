#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tessera {

/// What an item must be like to be listed: a condition about one attribute, or a group of filters.
/// An item passes a group if it passes all of `must`, at least one of `should` (where there are
/// any) and none of `must_not`; the empty filter lets everything pass.
struct Filter {
  /// A value as filters write it: a time may be a number of seconds or a date.
  using Literal = std::variant<bool, double, std::string>;

  struct Condition {
    enum class Kind {
      any,    ///< equals one of `values`; of labels: has one of them
      range,  ///< lies within all bounds
      exists  ///< holds anything at all
    };
    std::string attribute;
    Kind kind = Kind::exists;
    std::vector<Literal> values = {};
    std::optional<Literal> gt = {}, gte = {}, lt = {}, lte = {};
  };

  std::optional<Condition> condition = {};
  std::vector<Filter> must = {}, should = {}, must_not = {};
};

/// From JSON, as the service takes it. Throws UsageError that says what is wrong and where.
///
///     {"must": [{"key": "brand", "match": "x"}, {"key": "price", "range": {"lt": 20}}],
///      "must_not": [{"key": "category", "any": ["tea", "coffee"]}, {"key": "ends", "exists":
///      true}]}
Filter filter_from_json(std::string_view json);

/// From words, as the command line takes it: names with =, !=, <, <=, >, >=, in (…), exists, joined
/// by and, or, not and parentheses. A boolean's name alone asks for true. Text and dates stand in
/// quotes. Throws UsageError that says where.
///
///     price < 20 and category in ("tea", "coffee") and not brand = "x" and published >=
///     "2026-01-31"
Filter filter_from_words(std::string_view words);

/// Either: JSON if it begins with a brace.
Filter filter_from_text(std::string_view text);

}  // namespace tessera
