#include "index/scoring_tables.h"

#include <cmath>

#include "base/error.h"
#include "kernels/accumulate.h"

namespace tessera {

void check_codes(std::span<const std::int32_t> codes, std::size_t codebook_size) {
  for (const std::int32_t code : codes) {
    if (code < 0 || static_cast<std::size_t>(code) >= codebook_size) {
      fail("code {} is outside a codebook of {}", code, codebook_size);
    }
  }
}

void check_values(std::span<const float> values, const char* what) {
  for (const float value : values) {
    if (!(std::abs(value) <= kLargestValue)) {  // true for what is not a number
      fail("{} not finite or beyond {:g}: the model is damaged or has diverged", what,
           kLargestValue);
    }
  }
}

ScoringTables scoring_tables(const Recommender& model) {
  const Settings& settings = model.settings;
  ScoringTables tables;
  tables.width = settings.width();
  tables.id_dims = settings.id_width();
  tables.id_column = settings.shared_width();
  if (!settings.has_semantics()) return tables;
  tables.codebook_size = settings.codebook_size;
  for (std::size_t l = 0; l < settings.codes(); ++l) {
    const auto [rows, column] = model.item_encoder.token_table(l);
    check_values({rows.data, rows.size()}, "a codebook is");
    Matrix vectors(rows.cols, rows.rows);
    for (std::size_t c = 0; c < rows.rows; ++c) {
      for (std::size_t d = 0; d < rows.cols; ++d) vectors[d][c] = rows[c][d];
    }
    tables.places.push_back({std::move(vectors), column});
  }
  return tables;
}

void token_vector(const ScoringTables& tables, std::span<const std::int32_t> codes,
                  std::span<const float> id, std::span<double> out) {
  std::ranges::fill(out, 0.0);
  for (std::size_t l = 0; l < codes.size(); ++l) {
    const auto& [vectors, column] = tables.places[l];
    const float* vector = vectors[0] + codes[l];
    for (std::size_t d = 0; d < vectors.rows(); ++d, vector += vectors.cols()) {
      out[column + d] += double{*vector};
    }
  }
  for (std::size_t d = 0; d < id.size(); ++d) out[tables.id_column + d] += double{id[d]};
}

TokenScores score_tokens(const ScoringTables& tables, std::span<const float> state) {
  check_values(state, "the user's state is");
  TokenScores scores;
  scores.codes.assign(tables.places.size() * tables.codebook_size, 0.0);
  for (std::size_t l = 0; l < tables.places.size(); ++l) {
    const auto& [vectors, column] = tables.places[l];
    const auto sums = std::span(scores.codes).subspan(l * tables.codebook_size, vectors.cols());
    for (std::size_t d = 0; d < vectors.rows(); ++d) {
      accumulate_scaled(double{state[column + d]}, vectors.view().row(d), sums);
    }
  }
  const auto id = state.subspan(tables.id_column, tables.id_dims);
  scores.id.assign(id.begin(), id.end());
  return scores;
}

}  // namespace tessera
