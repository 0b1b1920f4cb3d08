#pragma once
#include "tokenize/tokenizer.h"

namespace tessera {

/// Codebooks fitted to rows of x [n, dims], for SemanticTokenizer::fit. `step` is told after each
/// part of the work.

using Step = std::function<void()>;

/// A residual quantizer's levels, as TokenizerOptions say.
std::vector<TokenBook> fit_residual(const Matrix& x, const TokenizerOptions& options,
                                    std::span<const Distance> distances, const Step& step);
/// How many steps that takes.
std::size_t residual_steps(const TokenizerOptions& options, std::span<const Distance> distances);

/// A part's codebook for each level: part l has the columns from dims · l / levels on.
std::vector<TokenBook> fit_parts(const Matrix& x, const TokenizerOptions& options,
                                 const Step& step);

/// The rotation [dims, dims] behind which parts lose least: first the principal axes, dealt out so
/// that parts have alike products of variances, then by turns codebooks and the rotation that
/// brings the vectors closest to what is decoded (Ge et al. 2013). Many short turns lose less than
/// few long ones: 38.0 % of the variance with 30 of 3 rounds, 42.8 % with 6 of 8
/// (lab/notes/tokenize.md).
inline constexpr std::size_t kRotationRounds = 30;
Matrix fit_rotation(const Matrix& x, const TokenizerOptions& options, const Step& step);

/// x · rotation.
Matrix rotated(MatrixView<const float> x, const Matrix& rotation);

}  // namespace tessera
