#pragma once
#include "base/safetensors.h"
#include "model/catalogue.h"

namespace tessera {

/// The largest magnitude of anything that scores: products of two such numbers stay far inside the
/// range of single precision.
inline constexpr float kLargestValue = 1e15F;

/// Values of the byte that stands for a code in a scan.
inline constexpr std::size_t kCodeBytes = 256;

/// What turns a user state into scores:
///   score(item) = Σ_l <tables of level l at the item's code, state> + <id_map · state + id_offset,
///                 ID vector of the item>.
/// Any linear map between an item's tokens and the states is folded into the tables.
struct ScoringTables {
  std::size_t levels = 0;
  std::size_t codebook_size = 0;
  Matrix tables;                 ///< [width, levels · codebook_size]
  Matrix id_map;                 ///< [ID dims, width]
  std::vector<float> id_offset;  ///< [ID dims]
  /// Item tokens lie anywhere; these axes say where states look at them. Row d of `id_axes` [ID
  /// dims, ID dims] is a direction of unit length, all of them orthogonal, and `axis_weights[d]`
  /// the root mean square that states have along it.
  Matrix id_axes;
  std::vector<float> axis_weights;
  /// The byte that stands for a code in a scan: the code itself up to 256 of them; with more,
  /// neighbours along the codebook's principal axis share one. [levels · codebook_size]
  std::vector<std::uint8_t> code_bytes;

  std::size_t width() const { return tables.rows() > 0 ? tables.rows() : id_map.cols(); }
  std::size_t id_dims() const { return id_map.rows(); }
};

/// Those of a trained model, without an orientation.
ScoringTables token_tables(const Recommender& model);
/// Fills in axes and code bytes for states like `typical_states` [any, width] (none: any direction
/// is as likely as another). Throws Error if a value is not finite or beyond kLargestValue.
void orient(ScoringTables& tables, MatrixView<const float> typical_states);

/// token_tables, oriented. The model's typical states are those after single items of its
/// catalogue.
ScoringTables scoring_tables(const Recommender& model, const Catalogue& catalogue);

/// The orientation as tensors that look into it, and back. Throws Error that names the file.
std::map<std::string, Tensor> orientation_tensors(const ScoringTables& tables);
void read_orientation(const SafeTensors& file, ScoringTables& tables);

/// What one state makes of the tables, in double precision.
struct TokenScores {
  std::vector<double> codes;  ///< [levels · codebook_size]
  std::vector<double> id;     ///< [ID dims], id_map · state + id_offset
};
/// Throws Error if the state is not finite or beyond kLargestValue.
TokenScores score_tokens(const ScoringTables& tables, std::span<const float> state);

/// The score of an item by its codes [levels] and its ID vector [ID dims].
double token_score(const ScoringTables& tables, const TokenScores& scores,
                   std::span<const std::int32_t> codes, std::span<const float> id);

/// Throws Error if a code is negative or not below `codebook_size`.
void check_codes(std::span<const std::int32_t> codes, std::size_t codebook_size);
/// Throws Error that begins with `what` if a value is not finite or beyond kLargestValue.
void check_values(std::span<const float> values, const char* what);

}  // namespace tessera
