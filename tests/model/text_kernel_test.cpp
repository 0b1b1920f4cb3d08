// Kernel ridge regression against the same in double precision, by plain elimination.
#include "model/text_kernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/half.h"
#include "base/random.h"
#include "model/text_map.h"

namespace tessera {
namespace {

constexpr std::size_t kItems = 40, kTextDims = 5, kDims = 3;

class Kernel : public ::testing::Test {
 protected:
  Kernel() : text(kItems, kTextDims), factors(kItems, kDims) {
    Random random(3);
    for (std::size_t i = 0; i < kItems; ++i) {
      for (float& x : text.view().row(i)) x = static_cast<float>(random.normal());
      const auto length = static_cast<float>(std::sqrt(squared_length(text.view().row(i))));
      for (float& x : text.view().row(i)) x = half_precision(x / length);
      for (std::size_t d = 0; d < kDims; ++d) {
        factors[i][d] = text[i][d] * text[i][d + 1] + 0.3F * static_cast<float>(random.normal());
      }
    }
    for (std::size_t i = 0; i + 1 < kItems; i += 2) {
      fitted.push_back(static_cast<std::int32_t>(i));
    }
  }

  double nearness(std::size_t a, std::size_t b) const {
    double squares = 0.0;
    for (std::size_t d = 0; d < kTextDims; ++d) {
      squares += std::pow(double{text[a][d]} - double{text[b][d]}, 2);
    }
    return std::exp(-squares);
  }

  // What the fitted items but `left_out` predict of an item, without scale. All of them are centres
  // whose kernel has `jitter` on its diagonal; a constant is regressed on beside it. By the dual:
  // f = k (K + 1)⁻¹ Y, with k(a, b) = φ(a) · φ(b).
  std::vector<double> predicted_by_hand(std::size_t item, std::int32_t left_out) const {
    constexpr double kJitter = 1e-3;
    const std::size_t m = fitted.size();
    // Kernel of features: k_a (K + jitter)⁻¹ k_b + 1, over all centres.
    std::vector<std::vector<double>> kernel(m, std::vector<double>(m));
    for (std::size_t a = 0; a < m; ++a) {
      for (std::size_t b = 0; b < m; ++b) {
        kernel[a][b] = nearness(number(a), number(b)) + (a == b ? kJitter : 0.0);
      }
    }
    const auto features = [&](std::size_t of) {
      std::vector<double> near(m);
      for (std::size_t c = 0; c < m; ++c) near[c] = nearness(of, number(c));
      return std::pair(near, solve(kernel, near));
    };
    const auto product = [&](const auto& a, const auto& b) {
      return std::inner_product(a.first.begin(), a.first.end(), b.second.begin(), 1.0);
    };
    std::vector<std::size_t> others;
    for (std::size_t a = 0; a < m; ++a) {
      if (fitted[a] != left_out) others.push_back(number(a));
    }
    std::vector<std::vector<double>> gram(others.size(), std::vector<double>(others.size()));
    for (std::size_t a = 0; a < others.size(); ++a) {
      for (std::size_t b = 0; b < others.size(); ++b) {
        gram[a][b] = product(features(others[a]), features(others[b])) + (a == b ? 1.0 : 0.0);
      }
    }
    std::vector<double> result(kDims);
    for (std::size_t d = 0; d < kDims; ++d) {
      std::vector<double> taught;
      for (const std::size_t other : others) taught.push_back(factors[other][d]);
      const std::vector<double> weights = solve(gram, taught);
      for (std::size_t a = 0; a < others.size(); ++a) {
        result[d] += weights[a] * product(features(item), features(others[a]));
      }
    }
    return result;
  }

  std::size_t number(std::size_t place) const { return static_cast<std::size_t>(fitted[place]); }

  // Gauss, with pivots.
  static std::vector<double> solve(std::vector<std::vector<double>> a, std::vector<double> b) {
    const std::size_t n = b.size();
    for (std::size_t c = 0; c < n; ++c) {
      std::size_t pivot = c;
      for (std::size_t r = c; r < n; ++r) {
        if (std::abs(a[r][c]) > std::abs(a[pivot][c])) pivot = r;
      }
      std::swap(a[c], a[pivot]);
      std::swap(b[c], b[pivot]);
      for (std::size_t r = c + 1; r < n; ++r) {
        const double share = a[r][c] / a[c][c];
        for (std::size_t k = c; k < n; ++k) a[r][k] -= share * a[c][k];
        b[r] -= share * b[c];
      }
    }
    for (std::size_t c = n; c-- > 0;) {
      for (std::size_t k = c + 1; k < n; ++k) b[c] -= a[c][k] * b[k];
      b[c] /= a[c][c];
    }
    return b;
  }

  Matrix text, factors;
  std::vector<std::int32_t> fitted;
};

TEST_F(Kernel, PredictsOfAnItemWhatTheOthersTell) {
  Matrix predicted(kItems, kDims);
  const TextKernel kernel = fit_text_kernel(text, factors, fitted, predicted);
  ASSERT_EQ(kernel.centres.rows(), fitted.size());
  // The one scale, of all that is predicted.
  double squares = 0.0, wanted = 0.0;
  for (const std::int32_t item : fitted) {
    const auto i = static_cast<std::size_t>(item);
    for (const double x : predicted_by_hand(i, item)) squares += x * x;
    wanted += squared_length(factors.view().row(i));
  }
  const double scale = std::sqrt(wanted / squares);
  for (std::size_t i = 0; i < kItems; ++i) {
    const bool taught = i % 2 == 0;
    const std::vector<double> by_hand =
        predicted_by_hand(i, taught ? static_cast<std::int32_t>(i) : -1);
    for (std::size_t d = 0; d < kDims; ++d) {
      EXPECT_NEAR(predicted[i][d], scale * by_hand[d], 2e-3) << i;
    }
  }
}

TEST_F(Kernel, OfANewItemIsWhatItPredictedAsItWasFitted) {
  Matrix predicted(kItems, kDims), again(kItems, kDims);
  const TextKernel kernel = fit_text_kernel(text, factors, fitted, predicted);
  StepArena arena;
  kernel.predict(text, again, arena);
  for (std::size_t i = 1; i < kItems; i += 2) {
    for (std::size_t d = 0; d < kDims; ++d) EXPECT_NEAR(again[i][d], predicted[i][d], 1e-5) << i;
  }
}

// A regression would predict short factors where texts say little.
TEST(TextKernel, PredictsFactorsOfNewItemsAsLongAsTheOthersAre) {
  constexpr std::size_t kMany = 600, kNew = 200;
  Random random(7);
  Matrix text(kMany, kTextDims), factors(kMany, kDims), predicted(kMany, kDims);
  for (std::size_t i = 0; i < kMany; ++i) {
    for (float& x : text.view().row(i)) x = static_cast<float>(random.normal());
    const auto length = static_cast<float>(std::sqrt(squared_length(text.view().row(i))));
    for (float& x : text.view().row(i)) x /= length;
    for (std::size_t d = 0; d < kDims; ++d) {
      factors[i][d] = text[i][d] + 2.0F * static_cast<float>(random.normal());
    }
  }
  std::vector<std::int32_t> fitted(kMany - kNew);
  std::iota(fitted.begin(), fitted.end(), 0);
  fit_text_kernel(text, factors, fitted, predicted);
  double taught = 0.0, foretold = 0.0;
  for (std::size_t i = 0; i < kMany; ++i) {
    if (i < fitted.size()) {
      taught += squared_length(factors.view().row(i)) / static_cast<double>(fitted.size());
    } else {
      foretold += squared_length(predicted.view().row(i)) / kNew;
    }
  }
  EXPECT_NEAR(foretold / taught, 1.0, 0.15);
}

TEST_F(Kernel, WithoutCentresIsALinearMap) {
  const TextKernel linear{{}, fit_text_map(text, factors)};
  Matrix predicted(kItems, kDims);
  StepArena arena;
  linear.predict(text, predicted, arena);
  for (std::size_t i = 0; i < kItems; ++i) {
    std::vector<float> by_map(kDims);
    predict_factors(linear.weights, text.view().row(i), by_map);
    for (std::size_t d = 0; d < kDims; ++d) EXPECT_NEAR(predicted[i][d], by_map[d], 1e-5);
  }
}

TEST_F(Kernel, BearsEqualTextsNoTextsAndNoItems) {
  std::ranges::fill(text.span(), 0.0F);
  Matrix predicted(kItems, kDims);
  fit_text_kernel(text, factors, fitted, predicted);
  for (const float x : predicted.span()) EXPECT_TRUE(std::isfinite(x));
  const TextKernel none = fit_text_kernel(text, factors, {}, predicted);
  for (const float x : predicted.span()) EXPECT_EQ(x, 0.0F);
  EXPECT_EQ(none.centres.rows(), 0U);
}

}  // namespace
}  // namespace tessera
