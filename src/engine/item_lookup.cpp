#include "engine/item_lookup.h"

#include <algorithm>
#include <iterator>

#include "text/words.h"

namespace tessera {
namespace {

/// Each once.
std::vector<std::string> words_of(std::string_view id, std::string_view title) {
  std::vector<std::string> words = split_words(id);
  std::ranges::move(split_words(title), std::back_inserter(words));
  std::ranges::sort(words);
  const auto rest = std::ranges::unique(words);
  words.erase(rest.begin(), rest.end());
  return words;
}

}  // namespace

void ItemLookup::insert(std::int32_t item, std::string_view id, std::string_view title) {
  for (const std::string& word : words_of(id, title)) {
    std::vector<std::int32_t>& items = items_of_word_[word];
    if (items.empty() || items.back() < item) {  // as when all of them are told in order
      items.push_back(item);
      continue;
    }
    const auto place = std::ranges::lower_bound(items, item);
    if (place == items.end() || *place != item) items.insert(place, item);
  }
}

void ItemLookup::erase(std::int32_t item, std::string_view id, std::string_view title) {
  for (const std::string& word : words_of(id, title)) {
    const auto found = items_of_word_.find(word);
    if (found == items_of_word_.end()) continue;
    std::erase(found->second, item);
    if (found->second.empty()) items_of_word_.erase(found);
  }
}

std::vector<std::int32_t> ItemLookup::items_with(std::string_view beginning) const {
  std::vector<std::int32_t> items;
  for (auto at = items_of_word_.lower_bound(beginning);
       at != items_of_word_.end() && at->first.starts_with(beginning); ++at) {
    items.insert(items.end(), at->second.begin(), at->second.end());
  }
  std::ranges::sort(items);
  const auto rest = std::ranges::unique(items);
  items.erase(rest.begin(), rest.end());
  return items;
}

std::vector<std::int32_t> ItemLookup::find(std::string_view query, std::size_t limit) const {
  std::vector<std::int32_t> found;
  bool first = true;
  for (const std::string& word : words_of(query, "")) {
    std::vector<std::int32_t> items = items_with(word);
    if (!first) {
      std::vector<std::int32_t> both;
      std::ranges::set_intersection(found, items, std::back_inserter(both));
      items = std::move(both);
    }
    found = std::move(items);
    first = false;
  }
  found.resize(std::min(found.size(), limit));
  return found;
}

}  // namespace tessera
