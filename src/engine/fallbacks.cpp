// Lists for whoever has no history.
#include <algorithm>
#include <array>
#include <chrono>

#include "base/error.h"
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

/// The `count` newest items that the search lets pass, the newest first.
std::vector<std::int32_t> Model::State::newest(const Search& search, std::size_t count) const {
  const auto first_put = static_cast<std::int32_t>(bundle.catalogue.items());
  std::vector<std::int32_t> newest;
  const std::shared_lock lock(mutex);
  for (auto item = static_cast<std::int32_t>(items.size()) - 1; item >= first_put; --item) {
    if (newest.size() == count) return newest;
    if (search.passes(item)) newest.push_back(item);
  }
  const auto& schema = attributes.schema();
  const auto time = std::ranges::find(schema, AttributeType::time, &Attribute::type);
  if (time == schema.end()) return newest;
  const auto accepts = [&](std::int32_t item) { return item < first_put && search.passes(item); };
  std::ranges::copy(attributes.latest(time->name, seconds_now(), count - newest.size(), accepts),
                    std::back_inserter(newest));
  return newest;
}

const std::vector<TrendingItem>& Model::trending() const { return state_->trending; }
double Model::last_event() const { return state_->last_event; }

std::vector<SourcedItem> Model::fall_back(const Fallback& fallback, const RecommendOptions& options,
                                          History trending) const {
  const State& state = *state_;
  state.check(options);
  state.check(trending);
  const Search search(state, options);
  std::vector<std::int32_t> newest, trained;
  for (const TrendingItem& touched : state.trending) trained.push_back(touched.item);
  std::vector<History> lists;
  for (const Source source : fallback.order) {
    switch (source) {
      case Source::trending:
        lists.push_back(trending.empty() ? History(trained) : trending);
        break;
      case Source::popular:
        lists.emplace_back(state.by_popularity);
        break;
      case Source::newest:
        newest = state.newest(search, options.k);
        lists.emplace_back(newest);
        break;
    }
  }
  std::vector<SourcedItem> found;
  const std::shared_lock lock(state.mutex);
  std::vector<std::size_t> at(lists.size(), 0);
  // The next item of a list that passes and is not there yet; false at the list's end.
  const auto add_of = [&](std::size_t list) {
    while (at[list] < lists[list].size()) {
      const std::int32_t item = lists[list][at[list]++];
      const auto same = [&](const SourcedItem& other) { return other.item == item; };
      if (!search.passes(item) || std::ranges::any_of(found, same)) continue;
      found.push_back({item, fallback.order[list]});
      return true;
    }
    return false;
  };
  for (std::size_t ended = 0, list = 0; ended < lists.size() && found.size() < options.k;) {
    const bool added = add_of(list);
    ended = added ? 0 : ended + 1;
    if (!added || fallback.in_turns) list = (list + 1) % lists.size();
  }
  return found;
}

}  // namespace tessera
