// Rules as JSON.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "attributes/attribute_values.h"
#include "attributes/json_fields.h"
#include "base/error.h"
#include "tessera/rules.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

Rules::Boost boost_from(const Json& json, const std::string& where) {
  JsonFields fields(json, "rules", where);
  Rules::Boost boost;
  boost.filter = fields.filter("filter").value_or(Filter());
  boost.add = fields.number("add", 0.0);
  boost.factor = fields.number("factor", 1.0);
  fields.finish();
  return boost;
}

Rules::Freshness freshness_from(const Json& json, const std::string& where, double now) {
  constexpr double kDay = 24.0 * 3600.0;
  JsonFields fields(json, "rules", where);
  Rules::Freshness fresh;
  fresh.attribute = fields.text("key");
  fresh.add = fields.number("add", 0.0);
  fresh.half_life = fields.number("half_life_days", 30.0) * kDay;
  fresh.now = now;
  fields.finish();
  return fresh;
}

Rules::Cap cap_from(const Json& json, const std::string& where) {
  JsonFields fields(json, "rules", where);
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
  JsonFields fields(json, "rules");
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
