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

SparseMatrix transpose(const SparseMatrix& matrix);

/// Terms (words and pairs of neighbouring words) and their inverse document frequencies
/// ln((1 + texts)/(1 + texts with the term)) + 1, the smoothed form scikit-learn documents.
struct Vocabulary {
  std::vector<std::string> terms;
  std::vector<float> idf;
  std::unordered_map<std::string, std::int32_t> numbers;

  void index_terms();  ///< fills `numbers` from `terms`
};

/// Terms in at least `min_df` texts; of these the `max_terms` in most texts, ties by the term.
Vocabulary fit_vocabulary(std::span<const std::string_view> texts, std::size_t min_df,
                          std::size_t max_terms);

/// Rows of (1 + ln count) · idf, scaled to unit length; a text without a known term is a zero row.
SparseMatrix tfidf(const Vocabulary& vocabulary, std::span<const std::string_view> texts);

}  // namespace tessera
