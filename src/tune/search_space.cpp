#include "tune/search_space.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/numbers.h"
#include "base/random.h"
#include "base/texts.h"
#include "model/settings_table.h"

namespace tessera {
namespace {

constexpr std::array kNotSearched = {"recipe", "select", "selection_protocol", "epochs", "seed"};

void check_value(const Settings& start, const std::string& key, const std::string& value) {
  Settings settings = start;
  apply_setting(settings, key + '=' + value);
}

// Three digits tell settings apart, and anyone can write them again.
std::string number_word(double value, bool whole) {
  return whole ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

SearchedSetting parse_range(const std::string& word, const std::string& key,
                            std::string_view values, std::size_t dots) {
  const auto low = parse_number<double>(values.substr(0, dots));
  const auto high = parse_number<double>(values.substr(dots + 2));
  if (!low || !high || !(*low < *high)) {
    fail_usage("--search {}: write a range as {}=0.001..0.01, the lower end first", word, key);
  }
  const auto row = std::ranges::find(settings_table(), key, &Setting::key);
  const nlohmann::json value = row->get(Settings{});
  if (!value.is_number()) {
    fail_usage("--search {}: {} takes no range: list values as {}=a,b", word, key, key);
  }
  return {key, {}, *low, *high, value.is_number_integer()};
}

SearchedSetting parse_one(const std::string& word, const Settings& start) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == word.size()) {
    fail_usage("--search {}: write it as key=v1,v2 or key=low..high", word);
  }
  SearchedSetting searched{.key = word.substr(0, equals)};
  const std::string& key = searched.key;
  if (std::ranges::find(kNotSearched, key) != kNotSearched.end()) {
    fail_usage("--search {}: {} is the same for all trials: give it by --set", word, key);
  }
  const std::string_view values = std::string_view(word).substr(equals + 1);
  const std::size_t dots = values.find("..");
  if (dots == std::string_view::npos) {
    for (const std::string_view value : split(values, ",")) searched.values.emplace_back(value);
    for (const std::string& value : searched.values) check_value(start, key, value);
    return searched;
  }
  // Refuses a setting that there is not; the ends tell for all between them.
  check_value(start, key, std::string(values.substr(0, dots)));
  check_value(start, key, std::string(values.substr(dots + 2)));
  return parse_range(word, key, values, dots);
}

std::string draw(const SearchedSetting& of, Random& random) {
  if (!of.values.empty()) return of.values[random.below(of.values.size())];
  const double share = random.uniform();
  const bool by_logarithm = of.low > 0 && of.high >= 10 * of.low;
  const double value = by_logarithm ? of.low * std::pow(of.high / of.low, share)
                                    : of.low + share * (of.high - of.low);
  return number_word(value, of.whole);
}

}  // namespace

std::vector<SearchedSetting> parse_search(const std::vector<std::string>& words,
                                          const Settings& start) {
  std::vector<SearchedSetting> space;
  for (const std::string& word : words) {
    space.push_back(parse_one(word, start));
    if (std::ranges::count(space, space.back().key, &SearchedSetting::key) > 1) {
      fail_usage("--search {}: {} is searched already: give all its values at once", word,
                 space.back().key);
    }
  }
  return space;
}

std::vector<std::string> usual_search(const Settings& start) {
  std::vector<std::string> words = {"learning_rate=0.0003..0.003", "dropout=0.1,0.2,0.3,0.4,0.5",
                                    "weight_averaging=0,0.6"};
  if (start.has_collaborative()) words.emplace_back("text_events=0,2,5,10,20");
  return words;
}

std::vector<Changes> draw_trials(const Settings& start, const std::vector<SearchedSetting>& space,
                                 std::size_t count) {
  constexpr std::uint64_t kSearch = 7;  // a purpose beside those of training
  constexpr int kDraws = 100;
  std::vector<Changes> trials;
  std::vector<nlohmann::json> known;
  if (count > 0) {
    trials.emplace_back();
    known.push_back(to_json(start));
  }
  Random random(start.seed, {kSearch});
  for (int repeated = 0; trials.size() < count && repeated < kDraws; ++repeated) {
    Changes changes;
    for (const SearchedSetting& of : space) changes.push_back(of.key + '=' + draw(of, random));
    Settings settings = start;
    try {
      apply_settings(settings, changes);
    } catch (const UsageError&) {
      continue;
    }
    nlohmann::json json = to_json(settings);
    if (std::ranges::find(known, json) != known.end()) continue;
    known.push_back(std::move(json));
    trials.push_back(std::move(changes));
    repeated = -1;
  }
  return trials;
}

}  // namespace tessera
