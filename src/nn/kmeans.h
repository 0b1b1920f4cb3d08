#pragma once
#include <cstdint>

#include "base/arena.h"

namespace tessera {

/// How a row is compared with the rows of a codebook.
enum class Distance { cosine, euclidean };

/// The length of a row, summed in double precision.
float norm(std::span<const float> row);
/// Brings a row to unit norm; a zero row has no direction and is left alone.
void normalise(std::span<float> row);

/// codes[i · code_stride] = the centre that is nearest to rows[i], the first of equals: by cosine
/// the one with the largest inner product, for which centres must be of unit norm.
void nearest_centres(MatrixView<const float> rows, MatrixView<const float> centres,
                     Distance distance, std::int32_t* codes, std::size_t code_stride,
                     StepArena& arena);

/// Centres of k-means with what their last round counted.
struct Centres {
  MatrixView<float> rows;   ///< [k, dims]; of unit norm by cosine
  MatrixView<float> sums;   ///< [k, dims], of the rows that each had
  std::span<float> counts;  ///< [k], their weights
};

/// What becomes of a centre to which no row is nearest: it stays, or starts again beside the one
/// that has most (as in faiss), so that codes are not wasted.
enum class EmptyCentre { stays, splits_largest };

/// Moves the given centres by so many rounds of k-means (Lloyd 1982), each row counted weights[i]
/// times; by cosine rows must be of unit norm, and means are brought to it.
void move_to_means(MatrixView<const float> rows, std::span<const float> weights, Distance distance,
                   std::size_t rounds, EmptyCentre empty, const Centres& centres);

}  // namespace tessera
