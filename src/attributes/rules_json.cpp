// Rules as JSON.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "attributes/attribute_values.h"
#include "base/error.h"
#include "base/files.h"
#include "tessera/rules.h"

namespace tessera {
namespace {

using Json = nlohmann::json;
constexpr std::size_t kMaxEntries = 100;  // of a list

/// The fields of an object, each read once; what is left at the end is unknown.
class Fields {
 public:
  Fields(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (json.is_object()) return;
    fail_usage("rules{}{} must be an object", where_.empty() ? "" : ": ", where_);
  }

  const Json* find(const char* name) {
    known_.emplace_back(name);
    const auto found = json_.find(name);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  double number(const char* name, double otherwise) {
    const Json* value = find(name);
    if (value == nullptr) return otherwise;
    if (!value->is_number()) fail_usage("rules: {} must be a number", place(name));
    return value->get<double>();
  }
  std::string text(const char* name) {
    const Json* value = find(name);
    if (value == nullptr || !value->is_string()) {
      fail_usage("rules: {} must be a string", place(name));
    }
    return value->get<std::string>();
  }
  std::optional<Filter> filter(const char* name) {
    const Json* value = find(name);
    if (value == nullptr) return std::nullopt;
    return filter_from_text(value->is_string() ? value->get<std::string>() : dump_json(*value));
  }
  /// Calls visit(element, its place) for each element of a list.
  template <class Visit>
  void for_each(const char* name, const Visit& visit) {
    const Json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_array()) fail_usage("rules: {} must be a list", place(name));
    if (value->size() > kMaxEntries) {
      fail_usage("rules: {} may hold {} entries at most", place(name), kMaxEntries);
    }
    for (std::size_t i = 0; i < value->size(); ++i) {
      visit((*value)[i], fmt::format("{}[{}]", place(name), i));
    }
  }
  /// Throws UsageError for a field that was not asked for.
  void finish() const {
    for (const auto& [name, value] : json_.items()) {
      if (std::ranges::find(known_, name) != known_.end()) continue;
      const std::string near = nearest_word(name, known_);
      fail_usage("rules: unknown field '{}'{}", place(name.c_str()),
                 near.empty() ? "" : fmt::format(", did you mean '{}'?", near));
    }
  }

 private:
  std::string place(const char* name) const { return where_.empty() ? name : where_ + "." + name; }

  const Json& json_;
  std::string where_;
  std::vector<std::string> known_;
};

Rules::Boost boost_from(const Json& json, const std::string& where) {
  Fields fields(json, where);
  Rules::Boost boost;
  boost.filter = fields.filter("filter").value_or(Filter());
  boost.add = fields.number("add", 0.0);
  boost.factor = fields.number("factor", 1.0);
  fields.finish();
  return boost;
}

Rules::Freshness freshness_from(const Json& json, const std::string& where, double now) {
  constexpr double kDay = 24.0 * 3600.0;
  Fields fields(json, where);
  Rules::Freshness fresh;
  fresh.attribute = fields.text("key");
  fresh.add = fields.number("add", 0.0);
  fresh.half_life = fields.number("half_life_days", 30.0) * kDay;
  fresh.now = now;
  fields.finish();
  return fresh;
}

Rules::Cap cap_from(const Json& json, const std::string& where) {
  Fields fields(json, where);
  Rules::Cap cap;
  cap.attribute = fields.text("key");
  const double most = fields.number("most", 1.0);
  if (!(most >= 1.0 && most <= 1e6)) fail_usage("rules: {}.most must be 1 or more", where);
  cap.most = static_cast<std::size_t>(most);
  fields.finish();
  return cap;
}

}  // namespace

Rules rules_from_json(std::string_view text, double now,
                      const std::function<std::optional<std::int32_t>(std::string_view)>& number) {
  const Json json = given_json(text, "rules");
  Fields fields(json, "");
  Rules rules;
  fields.for_each("boosts", [&](const Json& entry, const std::string& where) {
    rules.boosts.push_back(boost_from(entry, where));
  });
  fields.for_each("freshness", [&](const Json& entry, const std::string& where) {
    rules.freshness.push_back(freshness_from(entry, where, now));
  });
  fields.for_each("caps", [&](const Json& entry, const std::string& where) {
    rules.caps.push_back(cap_from(entry, where));
  });
  fields.for_each("pinned", [&](const Json& entry, const std::string& where) {
    if (!entry.is_string() && !entry.is_number_integer()) {
      fail_usage("rules: {} must be an item's id", where);
    }
    const std::string id = entry.is_string() ? entry.get<std::string>() : entry.dump();
    if (const auto item = number(id)) rules.pinned.push_back(*item);
  });
  rules.popularity_penalty = fields.number("popularity_penalty", 0.0);
  if (fields.find("least_score") != nullptr) rules.least_score = fields.number("least_score", 0.0);
  rules.buried = fields.filter("buried");
  rules.diversity = fields.number("diversity", 0.0);
  rules.new_share = fields.number("new_share", 0.0);
  fields.finish();
  return rules;
}

}  // namespace tessera
