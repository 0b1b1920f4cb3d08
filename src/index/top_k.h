#pragma once
#include <algorithm>
#include <limits>
#include <vector>

#include "index/search.h"

namespace tessera {

/// The k best of what was offered, by score and then by the lower item number.
class TopK {
 public:
  explicit TopK(std::size_t k) : k_(k) { heap_.reserve(std::min<std::size_t>(k, 4096)); }

  /// What a score must reach to have a chance: the k-th best so far.
  double threshold() const { return threshold_; }
  /// Whether the item would be among the k best now; never with a score that is not a number.
  bool admits(double score, std::int32_t item) const {
    if (heap_.size() < k_) return score >= threshold_;
    return k_ > 0 && better({score, item}, heap_.front());
  }
  /// Only after admits.
  void add(double score, std::int32_t item) {
    if (heap_.size() == k_) {
      std::ranges::pop_heap(heap_, better);
      heap_.pop_back();
    }
    heap_.push_back({score, item});
    std::ranges::push_heap(heap_, better);
    if (heap_.size() == k_) threshold_ = heap_.front().score;
  }
  /// Best first.
  std::vector<ScoredItem> take() {
    std::ranges::sort(heap_, better);
    std::vector<ScoredItem> items;
    items.reserve(heap_.size());
    for (const Entry& entry : heap_) items.push_back({entry.item, static_cast<float>(entry.score)});
    return items;
  }

 private:
  struct Entry {
    double score;
    std::int32_t item;
  };
  static bool better(const Entry& a, const Entry& b) {
    return a.score != b.score ? a.score > b.score : a.item < b.item;
  }
  std::size_t k_;
  std::vector<Entry> heap_;  // the worst in front
  double threshold_ = -std::numeric_limits<double>::infinity();
};

}  // namespace tessera
