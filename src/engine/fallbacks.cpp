// Lists for whoever has no history, or a short one.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "attributes/attribute_values.h"
#include "attributes/json_fields.h"
#include "base/error.h"
#include "base/item_set.h"
#include "base/texts.h"
#include "engine/search.h"

namespace tessera {
namespace {

constexpr std::array<std::string_view, 3> kSources = {"trending", "popular", "newest"};
constexpr std::string_view kMixed = "mixed", kNone = "none";

Source source_of(const std::string& word) {
  const auto* const found = std::ranges::find(kSources, word);
  if (found == kSources.end()) {
    fail_usage("fallback: no '{}'; give some of {}, or {} or {} alone", printable(word),
               joined(kSources, ", "), kMixed, kNone);
  }
  return static_cast<Source>(found - kSources.begin());
}

void check_in_itself(const Blend& blend) {
  if (!(blend.share >= 0.0 && blend.share <= 1.0)) {
    fail_usage("blend: share must lie from 0 to 1");
  }
  if (blend.from.order.empty()) {
    fail_usage("blend: from: '{}' leaves nothing to blend with; give some of {}", kNone,
               joined(kSources, ", "));
  }
}

double seconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

}  // namespace

std::string_view name_of(Source source) { return kSources[static_cast<std::size_t>(source)]; }

Fallback fallback_from_words(std::span<const std::string> words) {
  Fallback fallback{.order = {}};
  if (words.size() == 1 && words[0] == kNone) return fallback;
  if (words.size() == 1 && words[0] == kMixed) {
    return {{Source::trending, Source::popular, Source::newest}, true};
  }
  for (const std::string& word : words) {
    const Source source = source_of(word);
    if (std::ranges::count(fallback.order, source) > 0) {
      fail_usage("fallback: '{}' stands there twice", word);
    }
    fallback.order.push_back(source);
  }
  if (fallback.order.empty()) {
    fail_usage("fallback: the list is empty; '{}' is what refuses", kNone);
  }
  return fallback;
}

Blend blend_from_json(std::string_view text) {
  const nlohmann::json json = given_json(text, "blend");
  Blend blend;
  if (json.is_number()) {
    blend.share = json.get<double>();
    check_in_itself(blend);
    return blend;
  }
  JsonFields fields(json, "blend");
  blend.share = fields.number("share", blend.share);
  const double events = fields.number("events", static_cast<double>(blend.events));
  if (!(events >= 1.0 && events <= 1e6 && events == std::floor(events))) {
    fail_usage("blend: events must be a whole number from 1");
  }
  blend.events = static_cast<std::size_t>(events);
  if (const auto words = fields.words("from")) blend.from = fallback_from_words(*words);
  fields.finish();
  check_in_itself(blend);
  return blend;
}

void Model::State::check(const Blend& blend) const {
  check_in_itself(blend);
  check(blend.trending);
}

void Model::check(const Fallback& fallback) const {
  if (!trending().empty() || std::ranges::count(fallback.order, Source::trending) == 0) return;
  fail_usage(
      "fallback: 'trending' needs to know when events were, and the bundle does not: prepare the "
      "dataset with times, and train anew");
}

std::vector<std::int32_t> Model::State::newest(std::size_t count, const Accepts& accepts) const {
  const auto first_put = static_cast<std::int32_t>(bundle.catalogue.items());
  std::vector<std::int32_t> newest;
  const std::shared_lock lock(mutex);
  for (auto item = static_cast<std::int32_t>(items.size()) - 1; item >= first_put; --item) {
    if (newest.size() == count) return newest;
    if (accepts(item)) newest.push_back(item);
  }
  const auto& schema = attributes.schema();
  const auto time = std::ranges::find(schema, AttributeType::time, &Attribute::type);
  if (time == schema.end()) return newest;
  const auto trained = [&](std::int32_t item) { return item < first_put && accepts(item); };
  std::ranges::copy(attributes.latest(time->name, seconds_now(), count - newest.size(), trained),
                    std::back_inserter(newest));
  return newest;
}

const std::vector<TrendingItem>& Model::trending() const { return state_->trending; }
double Model::last_event() const { return state_->last_event; }

std::vector<SourcedItem> Model::State::fall_back(const Fallback& fallback, History touched,
                                                 std::size_t count, const Accepts& accepts) const {
  std::vector<std::int32_t> latest, trained;
  for (const TrendingItem& one : trending) trained.push_back(one.item);
  std::vector<History> lists;
  for (const Source source : fallback.order) {
    switch (source) {
      case Source::trending:
        lists.push_back(touched.empty() ? History(trained) : touched);
        break;
      case Source::popular:
        lists.emplace_back(by_popularity);
        break;
      case Source::newest:
        latest = newest(count, accepts);
        lists.emplace_back(latest);
        break;
    }
  }
  std::vector<SourcedItem> found;
  ItemSet listed;
  const std::shared_lock lock(mutex);
  std::vector<std::size_t> at(lists.size(), 0);
  // The next item of a list that passes and is not there yet; false at the list's end.
  const auto add_of = [&](std::size_t list) {
    while (at[list] < lists[list].size()) {
      const std::int32_t item = lists[list][at[list]++];
      if (listed.contains(item) || !accepts(item)) continue;
      listed.insert(item);
      found.push_back({item, fallback.order[list]});
      return true;
    }
    return false;
  };
  for (std::size_t ended = 0, list = 0; ended < lists.size() && found.size() < count;) {
    const bool added = add_of(list);
    ended = added ? 0 : ended + 1;
    if (!added || fallback.in_turns) list = (list + 1) % lists.size();
  }
  return found;
}

std::vector<SourcedItem> Model::fall_back(const Fallback& fallback, const RecommendOptions& options,
                                          History trending) const {
  const State& state = *state_;
  state.check(options);
  state.check(trending);
  const Search search(state, options);
  const auto passes = [&](std::int32_t item) { return search.passes(item); };
  return state.fall_back(fallback, trending, options.k, passes);
}

}  // namespace tessera
