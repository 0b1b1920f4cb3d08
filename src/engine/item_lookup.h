#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// Finds items by the beginnings of words of their ids and titles. Words are those of split_words,
/// so that case and accents' composition do not matter. Not for several threads at once.
class ItemLookup {
 public:
  void insert(std::int32_t item, std::string_view id, std::string_view title);
  void erase(std::int32_t item, std::string_view id, std::string_view title);

  /// Up to `limit` items in which every word of `query` begins some word, ascending by number.
  std::vector<std::int32_t> find(std::string_view query, std::size_t limit) const;

 private:
  /// Items with a word that begins so, ascending.
  std::vector<std::int32_t> items_with(std::string_view beginning) const;

  std::map<std::string, std::vector<std::int32_t>, std::less<>> items_of_word_;  // ascending
};

}  // namespace tessera
