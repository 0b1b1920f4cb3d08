#pragma once
#include "model/catalogue.h"

namespace tessera {

/// The largest magnitude of anything that scores: products of two such numbers stay far inside the
/// range of single precision.
inline constexpr float kLargestValue = 1e15F;

/// What an item's tokens stand for: its vector is the sum of those of its codes, each from its
/// place's column on, and of its ID vector from `id_column` on. Its score is the inner product with
/// the user's state.
struct ScoringTables {
  struct Place {
    Matrix vectors;          ///< [its dims, codebook size], a code's vector a column
    std::size_t column = 0;  ///< of the item vector, where they begin
  };
  std::size_t width = 0;  ///< of item vectors and states
  std::size_t codebook_size = 0;
  std::vector<Place> places;
  std::size_t id_dims = 0, id_column = 0;
};

/// Those of a trained model. Throws Error if a value is not finite or beyond kLargestValue.
ScoringTables scoring_tables(const Recommender& model);

/// The item vector of codes [places] and an ID vector [ID dims], in double precision, to
/// `out` [width].
void token_vector(const ScoringTables& tables, std::span<const std::int32_t> codes,
                  std::span<const float> id, std::span<double> out);

/// What one state makes of the tables, in double precision.
struct TokenScores {
  std::vector<double> codes;  ///< [places · codebook size]
  std::vector<double> id;     ///< [ID dims], the state where ID vectors lie
};
/// Throws Error if the state is not finite or beyond kLargestValue.
TokenScores score_tokens(const ScoringTables& tables, std::span<const float> state);

/// The score of an item by its codes [places] and its ID vector [ID dims]. Four places are summed
/// side by side: one after the other they would wait for each other. Whatever the codes are stored
/// as, equal tokens score bitwise equal.
template <class Code>
double token_score(const TokenScores& scores, std::size_t codebook_size,
                   std::span<const Code> codes, std::span<const float> id) {
  double sums[4] = {};
  const double* place = scores.codes.data();
  std::size_t l = 0;
  for (; l + 4 <= codes.size(); l += 4, place += 4 * codebook_size) {
    for (std::size_t j = 0; j < 4; ++j) {
      sums[j] += place[j * codebook_size + static_cast<std::size_t>(codes[l + j])];
    }
  }
  for (; l < codes.size(); ++l, place += codebook_size) {
    sums[0] += place[static_cast<std::size_t>(codes[l])];
  }
  for (std::size_t d = 0; d < id.size(); ++d) sums[d % 4] += scores.id[d] * double{id[d]};
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// Throws Error if a code is negative or not below `codebook_size`.
void check_codes(std::span<const std::int32_t> codes, std::size_t codebook_size);
/// Throws Error that begins with `what` if a value is not finite or beyond kLargestValue.
void check_values(std::span<const float> values, const char* what);

}  // namespace tessera
