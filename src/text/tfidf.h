#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tessera {

/// Compressed sparse rows.
struct SparseMatrix {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<std::int64_t> offsets{0};  ///< [rows + 1]
  std::vector<std::int32_t> columns;     ///< ascending within a row
  std::vector<float> values;
};

/// Terms (words and pairs of neighbouring words) and their inverse document frequencies
/// ln((1 + texts)/(1 + texts with the term)) + 1, the smoothed form scikit-learn documents.
struct Vocabulary {
  std::vector<std::string> terms;
  std::vector<float> idf;
  std::unordered_map<std::string, std::int32_t> numbers;

  void index_terms();  ///< fills `numbers` from `terms`
};

/// Terms that `fit_vocabulary` counts at once.
inline constexpr std::size_t kCountedTerms = 4'000'000;

/// Terms in at least `min_df` texts; of these the `max_terms` in most texts, ties by the term.
/// Where the texts hold more than `counted` terms, the rarest are dropped on the way (lossy
/// counting, Manku and Motwani 2002): counts may then fall short by as much as was dropped at.
Vocabulary fit_vocabulary(std::span<const std::string_view> texts, std::size_t min_df,
                          std::size_t max_terms, std::size_t counted = kCountedTerms);

/// Rows of (1 + ln count) · idf, scaled to unit length; a text without a known term is a zero row.
SparseMatrix tfidf(const Vocabulary& vocabulary, std::span<const std::string_view> texts);

}  // namespace tessera
