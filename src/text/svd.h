#pragma once
#include "base/matrix.h"
#include "base/progress.h"
#include "text/tfidf.h"

namespace tessera {

/// c = a · b for sparse a [n, m], dense b [m, k].
void multiply(const SparseMatrix& a, MatrixView<const float> b, MatrixView<float> c);

/// Power rounds that serve for text: the spectrum of TF-IDF falls slowly, more rounds gain little.
inline constexpr std::size_t kPowerRounds = 6;

/// The leading right singular vectors [cols, dims] of a sparse matrix, by decreasing singular
/// value; columns beyond its rank are zero. Randomised subspace iteration on aᵀa (Halko, Martinsson
/// and Tropp 2011, algorithm 4.4) with `rounds` power rounds. Holds three matrices [cols, 1.1
/// dims], however many rows a has. The same seed gives the same result.
Matrix right_singular_vectors(const SparseMatrix& a, std::size_t dims, std::uint64_t seed,
                              std::size_t rounds = kPowerRounds,
                              const ProgressFunction& progress = {});

}  // namespace tessera
