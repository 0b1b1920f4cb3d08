#pragma once
#include <cstdint>
#include <functional>

#include "base/matrix.h"
#include "data/embed.h"
#include "ranks/ranks.h"

namespace tessera {

/// Reads the text embeddings of so many items here, from the first on: [count, text dims]. All of
/// them may be more than memory has room for.
using ReadTexts = std::function<Matrix(std::size_t first, std::size_t count)>;

/// Those of a dataset directory, of the rows `held` of `items`. Errors as read_embeddings.
ReadTexts texts_in(const fs::path& directory, std::size_t items, const RowSelection& held);

/// Moves ID tokens [items here, dims] from where they began towards what the texts of their items
/// say: by a step of one length along the item's coordinates on the
/// leading principal axes of all texts, as many as an ID token has dims. Axes weigh by the root of
/// their deviation (half whitened), since the first ones would outvote all others. An item that
/// few events teach then stays near items of like text (Harte et al. 2023, who start a sequence
/// model's items at embeddings of their texts). Rows of zeros, tokens of withheld items, and items
/// without text stay as they are.
void start_at_text(Matrix& ids, const ReadTexts& texts, const Ranks& ranks);

/// Puts the ID tokens [items here, dims] of the rows `places` where the texts of their items say
/// that they would have been learned: by the map from text to the tokens of the rows `taught`
/// (model/text_map.h), of the first 65,536 of a rank. Rows are those here, of each rank its own,
/// ascending.
void place_by_text(Matrix& ids, const ReadTexts& texts, std::span<const std::int32_t> taught,
                   std::span<const std::int32_t> places, const Ranks& ranks);

}  // namespace tessera
