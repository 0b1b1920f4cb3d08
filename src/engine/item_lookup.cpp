#include "engine/item_lookup.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "text/words.h"

namespace tessera {
namespace {

std::set<std::string> words_of(std::string_view id, std::string_view title) {
  std::set<std::string> words;
  for (const std::string_view text : {id, title}) {
    for (std::string& word : split_words(text)) words.insert(std::move(word));
  }
  return words;
}

}  // namespace

void ItemLookup::insert(std::int32_t item, std::string_view id, std::string_view title) {
  for (const std::string& word : words_of(id, title)) {
    std::vector<std::int32_t>& items = items_of_word_[word];
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
  for (const std::string& word : words_of(query, "")) {  // each once
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
