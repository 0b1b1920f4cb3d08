#include "model/objective.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "testing/matrices.h"
#include "testing/threads.h"

namespace tessera {
namespace {

constexpr std::size_t kVectors = 40, kWidth = 10, kSharedNegatives = 70;

struct Gradients {
  double loss = 0.0;
  Matrix states, vectors;
};

struct Softmax {
  Matrix states, vectors;
  std::vector<std::int32_t> positives, negatives;
  std::vector<float> shares;

  explicit Softmax(std::size_t positions)
      : states(testing::random_matrix(positions, kWidth, 1)),
        vectors(testing::random_matrix(kVectors, kWidth, 2)) {
    Random random(3);
    const auto item = [&] { return static_cast<std::int32_t>(random.below(kVectors)); };
    for (std::size_t i = 0; i < positions; ++i) {
      positives.push_back(item());
      shares.push_back(static_cast<float>(random.below(3)) / static_cast<float>(positions));
    }
    for (std::size_t j = 0; j < kSharedNegatives; ++j) negatives.push_back(item());
  }

  // As the engine has it, added to gradients of 1.
  Gradients computed() const {
    Gradients g{0.0, Matrix(states.rows(), kWidth), Matrix(kVectors, kWidth)};
    for (Matrix* part : {&g.states, &g.vectors}) {
      for (float& x : part->span()) x = 1.0F;
    }
    StepArena arena;
    g.loss = softmax_objective({states, vectors, positives, negatives, shares}, g.states, g.vectors,
                               arena);
    return g;
  }

  double dot(std::size_t position, std::int32_t item) const {
    const std::span<const float> x = states.view().row(position);
    return std::inner_product(x.begin(), x.end(), vectors[static_cast<std::size_t>(item)], 0.0);
  }

  // One position and one item at a time, in double precision.
  void expect(const Gradients& found) const {
    std::vector<double> dstates(states.size(), 1.0), dvectors(vectors.size(), 1.0);
    double loss = 0.0;
    for (std::size_t i = 0; i < states.rows(); ++i) {
      std::vector<std::int32_t> candidates = {positives[i]};
      for (const std::int32_t negative : negatives) {
        if (negative != positives[i]) candidates.push_back(negative);
      }
      double sum = 0.0;
      for (const std::int32_t item : candidates) sum += std::exp(dot(i, item));
      loss += shares[i] * (std::log(sum) - dot(i, positives[i]));
      for (std::size_t c = 0; c < candidates.size(); ++c) {
        const auto item = static_cast<std::size_t>(candidates[c]);
        const double slope =
            shares[i] * (std::exp(dot(i, candidates[c])) / sum - (c == 0 ? 1.0 : 0.0));
        for (std::size_t w = 0; w < kWidth; ++w) {
          dstates[i * kWidth + w] += slope * vectors[item][w];
          dvectors[item * kWidth + w] += slope * states[i][w];
        }
      }
    }
    EXPECT_NEAR(found.loss, loss, 1e-5 * (1 + loss));
    testing::expect_elements(found.states, 1e-5,
                             [&](std::size_t i, std::size_t w) { return dstates[i * kWidth + w]; });
    testing::expect_elements(found.vectors, 1e-5, [&](std::size_t i, std::size_t w) {
      return dvectors[i * kWidth + w];
    });
  }
};

// Fewer positions than a thread's block, blocks with a rest, and more threads than blocks.
TEST(SoftmaxObjective, IsThatOfTheDefinitionForAnyNumberOfPositionsAndThreads) {
  for (const std::size_t positions : {1U, 95U, 97U, 200U, 333U}) {
    const Softmax softmax(positions);
    for (const int threads : {1, 2, 3, 8}) {
      SCOPED_TRACE(::testing::Message() << positions << " positions, " << threads << " threads");
      const testing::ThreadCount count(threads);
      softmax.expect(softmax.computed());
    }
  }
}

TEST(SoftmaxObjective, LosesNothingWithoutNegatives) {
  Softmax softmax(100);
  softmax.negatives.clear();
  softmax.expect(softmax.computed());
}

}  // namespace
}  // namespace tessera
