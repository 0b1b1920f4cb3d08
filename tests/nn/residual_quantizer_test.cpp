// The residual quantizer against brute force and against the method's equations in double.
#include "nn/residual_quantizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "testing/gradient_check.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

using testing::random_matrix;
using Row = std::vector<double>;

constexpr std::array kUnified = {Distance::cosine, Distance::cosine, Distance::euclidean};

double dot(const Row& a, const Row& b) {
  double sum = 0.0;
  for (std::size_t c = 0; c < a.size(); ++c) sum += a[c] * b[c];
  return sum;
}

double square_distance(const Row& a, const Row& b) {
  double sum = 0.0;
  for (std::size_t c = 0; c < a.size(); ++c) sum += (a[c] - b[c]) * (a[c] - b[c]);
  return sum;
}

Row row_of(MatrixView<const float> m, std::size_t i) {
  const std::span<const float> row = m.row(i);
  return {row.begin(), row.end()};
}

Row scaled(Row row, double factor) {
  for (double& x : row) x *= factor;
  return row;
}

Row unit(const Row& row) { return scaled(row, 1.0 / std::sqrt(dot(row, row))); }

/// A residual as its level counts it.
Row counted(Distance distance, MatrixView<const float> residuals, std::size_t i) {
  const Row row = row_of(residuals, i);
  return distance == Distance::cosine ? unit(row) : row;
}

ResidualQuantizer random_quantizer(std::span<const Distance> distances, std::size_t codes,
                                   std::size_t dims) {
  ResidualQuantizer quantizer(distances, codes, dims);
  for (std::size_t l = 0; l < distances.size(); ++l) {
    MatrixView<float> codebook = quantizer.levels[l].codebook;
    testing::fill_random(codebook, 20 + l);
    for (std::size_t k = 0; k < codes; ++k) {
      const Row row = counted(distances[l], codebook, k);
      std::copy(row.begin(), row.end(), codebook[k]);
    }
  }
  return quantizer;
}

void expect_unit_rows(const Matrix& codebook) {
  for (std::size_t k = 0; k < codebook.rows(); ++k) {
    const Row row = row_of(codebook, k);
    EXPECT_NEAR(dot(row, row), 1.0, 1e-5) << "code " << k;
  }
}

TEST(ResidualQuantizer, ChoosesAsBruteForceDoesAtEveryLevel) {
  for (const std::size_t rows : testing::kOddSizes) {
    for (const std::size_t codes : testing::kOddSizes) {
      for (const std::size_t dims : testing::kOddSizes) {
        const ResidualQuantizer quantizer = random_quantizer(kUnified, codes, dims);
        Matrix z = random_matrix(rows, dims, 1, 2.0);
        StepArena arena;
        const auto cache = quantizer.forward(z, arena);
        for (std::size_t i = 0; i < rows; ++i) {
          Row residual = row_of(z, i);
          for (std::size_t l = 0; l < 3; ++l) {
            const Matrix& codebook = quantizer.levels[l].codebook;
            const auto badness = [&](std::size_t k) {
              const Row row = row_of(codebook, k);
              return kUnified[l] == Distance::cosine ? -dot(unit(residual), row)
                                                     : square_distance(residual, row);
            };
            const auto chosen = static_cast<std::size_t>(cache.codes[i * 3 + l]);
            ASSERT_LT(chosen, codes);
            // Within float rounding of the best, should two be as good.
            for (std::size_t k = 0; k < codes; ++k) EXPECT_LE(badness(chosen), badness(k) + 1e-4);
            for (std::size_t c = 0; c < dims; ++c) residual[c] -= codebook[chosen][c];
          }
        }
      }
    }
  }
}

TEST(ResidualQuantizer, LevelsAddUp) {
  const ResidualQuantizer quantizer = random_quantizer(kUnified, 17, 7);
  Matrix z = random_matrix(33, 7, 1, 2.0), decoded(33, 7);
  StepArena arena;
  const auto cache = quantizer.forward(z, arena);
  testing::expect_elements(cache.residuals[0], 0.0,
                           [&](std::size_t i, std::size_t c) { return z[i][c]; });
  for (std::size_t l = 0; l < 3; ++l) {
    testing::expect_elements(cache.residuals[l + 1], 1e-6, [&](std::size_t i, std::size_t c) {
      const auto code = static_cast<std::size_t>(cache.codes[i * 3 + l]);
      return double{cache.residuals[l][i][c]} - quantizer.levels[l].codebook[code][c];
    });
  }
  testing::expect_elements(cache.semantic, 5e-6, [&](std::size_t i, std::size_t c) {
    return double{z[i][c]} - cache.residuals[3][i][c];
  });
  for (std::size_t i = 0; i < 33; ++i) quantizer.decode(cache.codes.data() + 3 * i, decoded[i]);
  testing::expect_elements(cache.semantic, 0.0,
                           [&](std::size_t i, std::size_t c) { return decoded[i][c]; });
}

// No gradient reaches a codebook: while the codes stay, every residual follows z one to one. This
// is what lets the commitment's gradient of all levels be added to that of z.
TEST(ResidualQuantizer, ResidualGradientMatchesFiniteDifferences) {
  const ResidualQuantizer quantizer = random_quantizer(kUnified, 17, 7);
  Matrix z = random_matrix(7, 7, 1, 2.0);
  StepArena arena, scratch;
  const auto before = quantizer.forward(z, arena);
  const Matrix weights = random_matrix(7, 7, 2);
  for (std::size_t l = 0; l <= 3; ++l) {
    testing::expect_gradient(
        z, weights,
        [&] {
          scratch.reset();
          const auto cache = quantizer.forward(z, scratch);
          EXPECT_TRUE(std::ranges::equal(cache.codes, before.codes)) << "choose another seed";
          return testing::weighted_sum(weights, cache.residuals[l]);
        },
        1e-3, 1e-3F);
  }
}

/// One moving-average step as the method writes it; a code whose count ends below 2 is marked dead.
struct PlainLevel {
  std::vector<Row> rows, sums;
  Row counts;
  std::vector<bool> dead;

  explicit PlainLevel(const ResidualQuantizer::Level& level) {
    for (std::size_t k = 0; k < level.codebook.rows(); ++k) {
      rows.push_back(row_of(level.codebook, k));
      sums.push_back(row_of(level.sums, k));
      counts.push_back(level.counts[0][k]);
    }
    dead.resize(rows.size());
  }

  void update(Distance distance, MatrixView<const float> residuals,
              const std::vector<std::size_t>& codes, std::span<const float> occurrences) {
    const std::size_t size = rows.size();
    Row batch_counts(size, 0.0);
    std::vector<Row> batch_sums(size, Row(residuals.cols, 0.0));
    for (std::size_t i = 0; i < occurrences.size(); ++i) {
      const Row residual = counted(distance, residuals, i);
      for (int n = 0; n < static_cast<int>(occurrences[i]); ++n) {
        batch_counts[codes[i]] += 1.0;
        for (std::size_t c = 0; c < residual.size(); ++c) batch_sums[codes[i]][c] += residual[c];
      }
    }
    double total = 0.0;
    for (std::size_t k = 0; k < size; ++k) {
      counts[k] = 0.8 * counts[k] + 0.2 * batch_counts[k];
      total += counts[k];
      for (std::size_t c = 0; c < residuals.cols; ++c) {
        sums[k][c] = 0.8 * sums[k][c] + 0.2 * batch_sums[k][c];
      }
    }
    for (std::size_t k = 0; k < size; ++k) {
      const double smoothed =
          (counts[k] + 1e-5) / (total + static_cast<double>(size) * 1e-5) * total;
      rows[k] = scaled(sums[k], 1.0 / smoothed);
      if (distance == Distance::cosine) rows[k] = unit(rows[k]);
      dead[k] = counts[k] < 2.0;
    }
  }
};

TEST(ResidualQuantizer, OneMovingAverageStepEqualsTheMethod) {
  constexpr std::size_t kCodes = 7, kDims = 5, kInputs = 33;
  ResidualQuantizer quantizer = random_quantizer(kUnified, kCodes, kDims);
  for (auto& level : quantizer.levels) {
    testing::fill_random(level.sums, 30);
    // Counts on both sides of the limit after decay.
    for (std::size_t k = 0; k < kCodes; ++k) level.counts[0][k] = k < 4 ? 9.0F : 0.25F;
  }
  // Rows beyond the inputs (targets, negatives) and inputs of weight 0 take no part.
  Matrix z = random_matrix(kInputs + 7, kDims, 1, 2.0);
  std::vector<float> weights(kInputs);
  for (std::size_t i = 0; i < kInputs; ++i) weights[i] = static_cast<float>(i % 4);
  StepArena arena;
  const auto cache = quantizer.forward(z, arena);
  std::vector<PlainLevel> plain(quantizer.levels.begin(), quantizer.levels.end());
  Random random(1);
  quantizer.update(cache, weights, random, arena);

  std::size_t dead = 0, alive = 0;
  for (std::size_t l = 0; l < 3; ++l) {
    std::vector<std::size_t> codes;
    for (std::size_t i = 0; i < kInputs; ++i) {
      codes.push_back(static_cast<std::size_t>(cache.codes[i * 3 + l]));
    }
    plain[l].update(kUnified[l], cache.residuals[l], codes, weights);
    const ResidualQuantizer::Level& level = quantizer.levels[l];
    for (std::size_t k = 0; k < kCodes; ++k) {
      SCOPED_TRACE(::testing::Message() << "level " << l << ", code " << k);
      const Row row = row_of(level.codebook, k);
      if (!plain[l].dead[k]) {
        ++alive;
        EXPECT_NEAR(level.counts[0][k], plain[l].counts[k], 1e-5);
        EXPECT_LE(square_distance(row, plain[l].rows[k]), 1e-10);
        EXPECT_LE(square_distance(row_of(level.sums, k), plain[l].sums[k]), 1e-9);
        continue;
      }
      ++dead;
      EXPECT_EQ(level.counts[0][k], 2.0F);
      EXPECT_LE(square_distance(row_of(level.sums, k), scaled(row, 2.0)), 1e-10);
      bool from_batch = false;
      for (std::size_t i = 0; i < kInputs; ++i) {
        const Row residual = counted(kUnified[l], cache.residuals[l], i);
        from_batch = from_batch || (weights[i] > 0.0F && square_distance(row, residual) < 1e-10);
      }
      EXPECT_TRUE(from_batch);
    }
    if (kUnified[l] == Distance::cosine) expect_unit_rows(level.codebook);
  }
  EXPECT_GE(dead, 3U);
  EXPECT_GE(alive, 3U);
}

TEST(ResidualQuantizer, DeadCodesRestartAtOccurrencesNotAtDistinctRows) {
  // All 2000 codes are dead; of two distinct rows the first occurs three times as often. The
  // share's standard error is .0097, the tolerance six times that. A third row of weight 0 is never
  // taken.
  constexpr std::array kOneLevel = {Distance::euclidean};
  ResidualQuantizer quantizer(kOneLevel, 2000, 2);
  Matrix z(3, 2);
  z[0][0] = 1.0F;
  z[1][0] = 2.0F;
  z[2][0] = 3.0F;
  StepArena arena;
  const auto cache = quantizer.forward(z, arena);
  Random random(1);
  quantizer.update(cache, std::vector<float>{0.75F, 0.25F, 0.0F}, random, arena);
  double first = 0.0;
  for (std::size_t k = 0; k < 2000; ++k) {
    const float x = quantizer.levels[0].codebook[k][0];
    EXPECT_TRUE(x == 1.0F || x == 2.0F) << x;
    first += x == 1.0F;
  }
  EXPECT_NEAR(first / 2000.0, 0.75, 6 * 0.0097);
}

TEST(ResidualQuantizer, ABatchWithoutOccurrencesMovesNothing) {
  ResidualQuantizer quantizer = random_quantizer(kUnified, 7, 5);
  Matrix z = random_matrix(17, 5, 1);
  StepArena arena;
  const auto cache = quantizer.forward(z, arena);
  const Matrix before = quantizer.levels[0].codebook.clone();
  Random random(1);
  quantizer.update(cache, std::vector<float>(17, 0.0F), random, arena);
  EXPECT_TRUE(testing::same_bits(quantizer.levels[0].codebook.span(), before.span()));
}

/// Quantizer after k-means on z.
ResidualQuantizer initialised(std::span<const Distance> distances, std::size_t codes,
                              const Matrix& z, std::span<const float> weights,
                              std::uint64_t seed = 1) {
  ResidualQuantizer quantizer(distances, codes, z.cols());
  Random random(seed);
  StepArena arena;
  quantizer.initialise(z, weights, random, arena);
  return quantizer;
}

TEST(ResidualQuantizerInitialise, CentresAreTheMeansOfTheirWeightedRows) {
  Matrix z = random_matrix(33, 5, 1, 2.0);
  std::vector<float> weights(33);
  for (std::size_t i = 0; i < 33; ++i) weights[i] = static_cast<float>(i % 4);
  const ResidualQuantizer quantizer = initialised(kUnified, 5, z, weights);
  StepArena arena;
  const auto cache = quantizer.forward(z, arena);
  for (std::size_t l = 0; l < 3; ++l) {
    const ResidualQuantizer::Level& level = quantizer.levels[l];
    double occurrences = 0.0;
    for (std::size_t k = 0; k < 5; ++k) {
      Row sum(5, 0.0);
      double count = 0.0;
      for (std::size_t i = 0; i < 33; ++i) {
        if (cache.codes[i * 3 + l] != static_cast<std::int32_t>(k)) continue;
        const Row residual = counted(kUnified[l], cache.residuals[l], i);
        count += weights[i];
        for (std::size_t c = 0; c < 5; ++c) sum[c] += weights[i] * residual[c];
      }
      occurrences += count;
      EXPECT_NEAR(level.counts[0][k], count, 1e-4);
      EXPECT_LE(square_distance(row_of(level.sums, k), sum), 1e-8);
      if (count == 0.0) continue;
      const Row mean = kUnified[l] == Distance::cosine ? unit(sum) : scaled(sum, 1.0 / count);
      EXPECT_LE(square_distance(row_of(level.codebook, k), mean), 1e-9);
    }
    EXPECT_GT(occurrences, 0.0);
  }
  expect_unit_rows(quantizer.levels[0].codebook);
  expect_unit_rows(quantizer.levels[1].codebook);
}

/// Σ weight · ‖residual‖² before each level and after the last.
Row errors(const ResidualQuantizer& quantizer, Matrix& z, std::span<const float> weights) {
  StepArena arena;
  const auto cache = quantizer.forward(z, arena);
  Row result;
  for (const MatrixView<float>& residual : cache.residuals) {
    double sum = 0.0;
    for (std::size_t i = 0; i < z.rows(); ++i) {
      const Row row = row_of(residual, i);
      sum += weights[i] * dot(row, row);
    }
    result.push_back(sum);
  }
  return result;
}

TEST(ResidualQuantizerInitialise, FewerDistinctRowsThanCodesStillLowerTheError) {
  constexpr std::array kEuclidean = {Distance::euclidean, Distance::euclidean, Distance::euclidean};
  for (const std::size_t rows : {std::size_t{1}, std::size_t{7}}) {
    Matrix z = random_matrix(rows, 5, 1, 2.0);
    const std::vector<float> weights(rows, 3.0F);
    const ResidualQuantizer quantizer = initialised(kEuclidean, 17, z, weights);
    const Row error = errors(quantizer, z, weights);
    for (std::size_t l = 0; l < 3; ++l) EXPECT_LE(error[l + 1], error[l] + 1e-9);
    EXPECT_LT(error[1], 0.5 * error[0]);
  }
}

TEST(ResidualQuantizerInitialise, FewerDistinctRowsThanCodesStillGiveUnitRows) {
  Matrix z = random_matrix(7, 5, 1, 2.0);
  const ResidualQuantizer quantizer = initialised(kUnified, 33, z, std::vector<float>(7, 1.0F));
  expect_unit_rows(quantizer.levels[0].codebook);
  expect_unit_rows(quantizer.levels[1].codebook);
  for (const float x : quantizer.levels[2].codebook.span()) EXPECT_TRUE(std::isfinite(x));
}

TEST(ResidualQuantizerInitialise, RowsOfWeightZeroTakeNoPart) {
  Matrix z = random_matrix(17, 5, 1);
  std::vector<float> weights(17, 1.0F);
  for (std::size_t i = 10; i < 17; ++i) {
    weights[i] = 0.0F;
    for (float& x : z.view().row(i)) x = 1e6F;  // would carry any centre it took part in away
  }
  for (const std::size_t codes : {std::size_t{5}, std::size_t{33}}) {
    const ResidualQuantizer quantizer = initialised(kUnified, codes, z, weights);
    for (const float x : quantizer.levels[2].codebook.span()) EXPECT_LT(std::abs(x), 10.0F);
    const std::span<const float> counts = quantizer.levels[0].counts.span();
    EXPECT_NEAR(std::accumulate(counts.begin(), counts.end(), 0.0), 10.0, 1e-4);
  }
}

TEST(ResidualQuantizerInitialise, IsFixedByItsSeed) {
  const Matrix z = random_matrix(33, 5, 1);
  const std::vector<float> weights(33, 1.0F);
  const auto codebook = [&](std::uint64_t seed) {
    return std::move(initialised(kUnified, 7, z, weights, seed).levels[2].codebook);
  };
  EXPECT_TRUE(testing::same_bits(codebook(1).span(), codebook(1).span()));
  EXPECT_FALSE(testing::same_bits(codebook(1).span(), codebook(2).span()));
}

}  // namespace
}  // namespace tessera
