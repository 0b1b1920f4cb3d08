#include "attributes/label_sets.h"

#include <algorithm>

namespace tessera {

std::int32_t LabelSets::intern(std::span<const std::string> labels) {
  if (labels.empty()) return kNone;
  std::vector<std::int32_t> set;
  for (const std::string& label : labels) {
    const auto [word, fresh] =
        number_of_word_.emplace(label, static_cast<std::int32_t>(words_.size()));
    if (fresh) words_.push_back(label);
    set.push_back(word->second);
  }
  const auto [found, fresh] = number_of_set_.emplace(set, static_cast<std::int32_t>(sets_.size()));
  if (fresh) sets_.push_back(std::move(set));
  return found->second;
}

std::vector<std::string> LabelSets::labels(std::int32_t set) const {
  std::vector<std::string> labels;
  if (set == kNone) return labels;
  for (const std::int32_t word : sets_[static_cast<std::size_t>(set)]) {
    labels.push_back(words_[static_cast<std::size_t>(word)]);
  }
  return labels;
}

std::vector<char> LabelSets::having(std::span<const std::string> labels) const {
  std::vector<std::int32_t> words;
  for (const std::string& label : labels) {
    const auto found = number_of_word_.find(label);
    if (found != number_of_word_.end()) words.push_back(found->second);
  }
  std::vector<char> having(sets_.size());
  for (std::size_t s = 0; s < sets_.size(); ++s) {
    having[s] = std::ranges::find_first_of(sets_[s], words) != sets_[s].end();
  }
  return having;
}

}  // namespace tessera
