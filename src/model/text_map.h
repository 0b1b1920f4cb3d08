#pragma once
#include "base/matrix.h"
#include "ranks/ranks.h"

namespace tessera {

/// The map [text dims + 1, dims] from text embeddings and a 1 to what events taught of items: ridge
/// regression over the rows of text [items, text dims] and factors [items, dims], scaled until the
/// factors it predicts are as long as those of the items, in the mean of squares. A regression
/// predicts towards the mean, and short factors would be outscored by all. Of ranks each gives
/// items of its own and gets the map of all.
Matrix fit_text_map(MatrixView<const float> text, MatrixView<const float> factors,
                    const Ranks& ranks = kAlone);

/// Factors [dims] that a text [text dims] predicts.
void predict_factors(const Matrix& map, std::span<const float> text, std::span<float> factors);

/// That of factors, or of any row.
double squared_length(std::span<const float> row);

}  // namespace tessera
