#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace tessera {

/// Sets of labels by number, each kept once: items share few combinations, so that a column of them
/// is four bytes an item.
class LabelSets {
 public:
  /// The number of the empty set.
  static constexpr std::int32_t kNone = -1;

  /// The set's number; `labels` are ascending and distinct.
  std::int32_t intern(std::span<const std::string> labels);
  /// Its labels, in the order they were interned with.
  std::vector<std::string> labels(std::int32_t set) const;
  /// For each set whether it has one of these labels.
  std::vector<char> having(std::span<const std::string> labels) const;
  std::size_t size() const { return sets_.size(); }

 private:
  std::vector<std::string> words_;
  std::map<std::string, std::int32_t, std::less<>> number_of_word_;
  std::vector<std::vector<std::int32_t>> sets_;  // of words
  std::map<std::vector<std::int32_t>, std::int32_t> number_of_set_;
};

}  // namespace tessera
