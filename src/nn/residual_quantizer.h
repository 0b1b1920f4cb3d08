#pragma once
#include <cstdint>

#include "base/arena.h"
#include "nn/kmeans.h"
#include "nn/parameter.h"
#include "ranks/ranks.h"

namespace tessera {

/// The rows of a batch of which each rank holds a part, and which codebooks follow together.
struct SharedRows {
  std::span<const float> weights;  ///< of all rows, in an order that every rank knows
  /// Of each, its place among the rows at hand, or -1. Empty: the rows at hand are all there are.
  std::span<const std::int32_t> mine;
  const Ranks* ranks = &kAlone;
};

/// Residual quantization with codebooks that follow their residuals by exponential moving average
/// (van den Oord et al. 2017, appendix A; residual levels as Zeghidour et al. 2021; a distance for
/// each level as Lin et al. 2025). No gradient reaches a codebook.
struct ResidualQuantizer {
  static constexpr float kDecay = 0.8F;
  static constexpr float kLaplace = 1e-5F;
  static constexpr float kDeadCount = 2.0F;
  static constexpr std::size_t kMeansRounds = 100;

  struct Level {
    Distance distance = Distance::cosine;
    Matrix codebook;  ///< [codes, dims]; rows of unit norm at a cosine level
    Matrix sums;      ///< [codes, dims], moving average of the residuals' sums
    Matrix counts;    ///< [1, codes], moving average of the assignments
  };
  std::vector<Level> levels;

  /// What `forward` found for rows 0 … n-1.
  struct Cache {
    std::span<std::int32_t> codes;           ///< [n, levels]
    std::span<MatrixView<float>> residuals;  ///< levels + 1 of [n, dims]; the first is z
    MatrixView<float> semantic;              ///< [n, dims], the sum of the chosen codebook rows
  };

  ResidualQuantizer() = default;
  ResidualQuantizer(std::span<const Distance> distances, std::size_t codes, std::size_t dims);

  /// Codes, residuals and semantic vectors of z [n, dims].
  Cache forward(MatrixView<float> z, StepArena& arena) const;
  /// The semantic vector of given codes [levels].
  void decode(const std::int32_t* codes, float* semantic) const;

  /// k-means, level by level, on the rows of z, each counted `weights[i]` times; with fewer
  /// distinct rows than codes the centres start as a sample with replacement.
  void initialise(MatrixView<const float> z, std::span<const float> weights, Random& random,
                  StepArena& arena, const SharedRows& shared = {},
                  std::size_t rounds = kMeansRounds);
  /// One moving-average step from the assignments of a batch whose row i occurs weights[i] times
  /// (rows of weight 0 take no part); then rows with a count below kDeadCount restart at a random
  /// residual, and cosine rows are normalised again.
  void update(const Cache& cache, std::span<const float> weights, Random& random, StepArena& arena,
              const SharedRows& shared = {});
};

}  // namespace tessera
