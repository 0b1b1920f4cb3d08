#pragma once
#include <functional>

#include "model/recommender.h"
#include "tessera/items.h"

namespace tessera {

/// The whole catalogue as a trained model sees it.
struct Catalogue {
  std::size_t places = 0;           ///< of codes in an item: its levels, then collaborative parts
  std::vector<std::int32_t> codes;  ///< [items, places]
  Matrix vectors;                   ///< [distinct, width]
  /// Item → row of `vectors`: items with equal tokens share a row, so that they score bitwise
  /// equal.
  std::vector<std::int32_t> rows;

  std::size_t items() const { return rows.size(); }
};

/// Codes of every item by its text embedding (the encoder, in blocks), and the item vectors, their
/// ID tokens in half precision as a bundle keeps them.
Catalogue encode_catalogue(const Recommender& model, MatrixView<const float> text);
/// The item vectors of given codes [items, places].
Catalogue catalogue_of_codes(const Recommender& model, std::vector<std::int32_t> codes);

/// Codes [items, places] of more items by their text embeddings [items, text dims], as
/// encode_catalogue chooses those of items without training events. Throws Error if the model has
/// no semantic tokens or the embeddings another width.
std::vector<std::int32_t> encode_items(const Recommender& model, MatrixView<const float> text,
                                       StepArena& arena);
/// The item vector of codes [places] and an ID vector [ID dims], each empty where the model has no
/// such tokens.
std::vector<float> item_vector(const Recommender& model, std::span<const std::int32_t> codes,
                               std::span<const float> id);

/// The state after the last position of each packed sequence of item vectors [positions, width],
/// states [sequences, width]. No sequence may be longer than max_length; an empty one has state 0.
/// Scratch comes from the arena, which the caller resets.
void sequence_states(const Recommender& model, MatrixView<const float> vectors,
                     SequenceOffsets offsets, StepArena& arena, MatrixView<float> states);

/// Copies the vectors of items to rows [items, width].
using CopyVectors = std::function<void(History items, MatrixView<float> rows)>;
/// From a catalogue, which must outlive it.
CopyVectors copy_from(const Catalogue& catalogue);

/// The state after the last item of each history, states [histories, width]. Only the last
/// max_length items of a history count; an empty history has state 0. Histories are done in blocks.
void user_states(const Recommender& model, const CopyVectors& copy_vectors,
                 std::span<const History> histories, MatrixView<float> states);
/// The same with the vectors of a catalogue.
void user_states(const Recommender& model, const Catalogue& catalogue,
                 std::span<const History> histories, MatrixView<float> states);

/// scores[i][item] = <state i, item vector>, scores [states, items].
void score_catalogue(const Catalogue& catalogue, MatrixView<const float> states,
                     MatrixView<float> scores);
/// scores[i][j] = <state i, vector of candidates[i][j]>.
void score_candidates(const Catalogue& catalogue, MatrixView<const float> states,
                      MatrixView<const std::int32_t> candidates, MatrixView<float> scores);

}  // namespace tessera
