#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace tessera {

/// A set of item numbers, one bit each.
class ItemSet {
 public:
  ItemSet() = default;
  /// Room for the numbers [0, items); all of them members, or none.
  explicit ItemSet(std::size_t items, bool all = false) : words_((items + 63) / 64) {
    if (!all) return;
    for (std::uint64_t& word : words_) word = ~std::uint64_t{0};
    if (items % 64 != 0) words_.back() = (std::uint64_t{1} << (items % 64)) - 1;
  }

  /// Grows as need be.
  void insert(std::int32_t item) {
    const auto word = static_cast<std::size_t>(item) / 64;
    if (word >= words_.size()) words_.resize(word + 1);
    words_[word] |= std::uint64_t{1} << (item % 64);
  }
  void erase(std::int32_t item) {
    const auto word = static_cast<std::size_t>(item) / 64;
    if (word < words_.size()) words_[word] &= ~(std::uint64_t{1} << (item % 64));
  }
  bool contains(std::int32_t item) const {
    const auto word = static_cast<std::size_t>(item) / 64;
    return word < words_.size() && (words_[word] >> (item % 64) & 1) != 0;
  }
  std::size_t count() const {
    std::size_t count = 0;
    for (const std::uint64_t word : words_) count += static_cast<std::size_t>(std::popcount(word));
    return count;
  }
  /// Members of the numbers [64·w, 64·w + 64), a bit each.
  std::uint64_t word(std::size_t w) const { return w < words_.size() ? words_[w] : 0; }
  /// Calls visit(item) for every member, ascending.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (std::size_t w = 0; w < words_.size(); ++w) {
      for (std::uint64_t word = words_[w]; word != 0; word &= word - 1) {
        visit(static_cast<std::int32_t>(w * 64 + static_cast<std::size_t>(std::countr_zero(word))));
      }
    }
  }

  // With another set; numbers beyond a set's room are no members of it.
  ItemSet& operator&=(const ItemSet& other) {
    for (std::size_t w = 0; w < words_.size(); ++w) {
      words_[w] &= w < other.words_.size() ? other.words_[w] : 0;
    }
    return *this;
  }
  ItemSet& operator|=(const ItemSet& other) {
    if (words_.size() < other.words_.size()) words_.resize(other.words_.size());
    for (std::size_t w = 0; w < other.words_.size(); ++w) words_[w] |= other.words_[w];
    return *this;
  }
  ItemSet& operator-=(const ItemSet& other) {
    const std::size_t both = std::min(words_.size(), other.words_.size());
    for (std::size_t w = 0; w < both; ++w) words_[w] &= ~other.words_[w];
    return *this;
  }
  std::size_t bytes() const { return words_.size() * sizeof(std::uint64_t); }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace tessera
