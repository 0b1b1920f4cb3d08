#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "tessera/items.h"

namespace tessera {

/// A set of item numbers, one bit each.
class ItemSet {
 public:
  ItemSet() = default;
  /// Room for the numbers [0, items); all of them members, or none.
  explicit ItemSet(std::size_t items, bool all = false)
      : words_((items + 63) / 64, all ? ~std::uint64_t{0} : 0) {}

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
  std::size_t bytes() const { return words_.size() * sizeof(std::uint64_t); }

 private:
  std::vector<std::uint64_t> words_;
};

/// Which items a search may return: those in `allowed` (if given), not in `excluded`, and for which
/// `accepts` (if given) is true. All of it is only borrowed for the call.
struct SearchFilter {
  const ItemSet* allowed = nullptr;
  std::span<const std::int32_t> excluded = {};
  std::function<bool(std::int32_t)> accepts = {};
};

}  // namespace tessera
