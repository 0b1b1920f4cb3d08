// Adam against algorithm 1 of its paper, written out in double.
#include "kernels/adam.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "testing/matrices.h"

namespace tessera {
namespace {

using testing::random_matrix;

struct PlainAdam {
  AdamSettings settings;
  std::vector<double> m, v, value;

  void update(int step, std::span<const float> grad) {
    const double beta1 = settings.beta1, beta2 = settings.beta2;
    for (std::size_t i = 0; i < value.size(); ++i) {
      m[i] = beta1 * m[i] + (1.0 - beta1) * grad[i];
      v[i] = beta2 * v[i] + (1.0 - beta2) * grad[i] * grad[i];
      const double m_hat = m[i] / (1.0 - std::pow(beta1, step));
      const double v_hat = v[i] / (1.0 - std::pow(beta2, step));
      value[i] -= settings.learning_rate * m_hat / (std::sqrt(v_hat) + settings.epsilon);
    }
  }
};

void expect_adam(const AdamSettings& settings, std::size_t size) {
  const auto before = random_matrix(1, size, 1);
  Matrix m(1, size), v(1, size), value = before.clone();
  PlainAdam plain{settings,
                  std::vector<double>(size),
                  std::vector<double>(size),
                  {before.span().begin(), before.span().end()}};
  // Gradients over many magnitudes, a zero among them: epsilon matters for the smallest.
  const auto scale = [](std::size_t i) { return std::pow(10.0, -static_cast<double>(i % 10)); };
  for (int step = 1; step <= 5; ++step) {
    Matrix grad = random_matrix(1, size, 10 + static_cast<std::uint64_t>(step));
    for (std::size_t i = 0; i < size; ++i) grad[0][i] *= static_cast<float>(scale(i));
    if (size > 3) grad[0][3] = 0.0F;
    adam_update(settings, static_cast<std::uint64_t>(step), grad.span(), m.span(), v.span(),
                value.span());
    plain.update(step, grad.span());
  }
  // A change of value is a few learning rates; 2e-4 of one is left to float rounding.
  for (std::size_t i = 0; i < size; ++i) {
    const double change = double{value[0][i]} - before[0][i];
    EXPECT_NEAR(change, plain.value[i] - before[0][i], 2e-4 * settings.learning_rate + 3e-7) << i;
    EXPECT_NEAR(m[0][i], plain.m[i], 1e-6 * scale(i)) << i;
    EXPECT_NEAR(v[0][i], plain.v[i], 1e-5 * plain.v[i]) << i;
  }
}

TEST(Adam, EqualsThePaperOverSeveralSteps) {
  for (const std::size_t size : testing::kOddSizes) {
    expect_adam({}, size);
    expect_adam({0.05F, 0.5F, 0.9F, 1e-3F}, size);
  }
}

TEST(Adam, TheFirstStepIsTheLearningRateAgainstTheSign) {
  std::vector<float> grad = {1e-3F, -2.0F, 500.0F}, m(3), v(3), value(3);
  adam_update({}, 1, grad, m, v, value);
  testing::expect_values(value, 1e-7, [&](std::size_t i) { return grad[i] > 0 ? -1e-3 : 1e-3; });
}

TEST(Adam, AZeroGradientAtTheStartChangesNothing) {
  std::vector<float> grad(17, 0.0F), m(17), v(17), value(17, 0.5F);
  adam_update({}, 1, grad, m, v, value);
  testing::expect_values(value, 0.0, [](std::size_t) { return 0.5; });
}

TEST(AdamRows, EqualDenseAdamThoughMostRowsAreLeftAloneForLong) {
  constexpr std::size_t kRows = 40;
  constexpr std::uint64_t kSteps = 900;
  const AdamSettings settings;
  std::vector<AdamFactors> factors;
  for (std::uint64_t step = 1; step <= kSteps; ++step) {
    factors.push_back(adam_factors(settings, step));
  }
  for (const std::size_t cols :
       {std::size_t{1}, std::size_t{8}, std::size_t{11}, std::size_t{64}}) {
    Matrix value = random_matrix(kRows, cols, 1), m(kRows, cols), v(kRows, cols), done(1, kRows);
    Matrix dense = value.clone(), dense_m(kRows, cols), dense_v(kRows, cols);
    const Matrix before = value.clone();
    Random random(2);
    for (std::uint64_t step = 1; step <= kSteps; ++step) {
      Matrix grad(kRows, cols);
      // Rows of two kinds: some seen every few steps, others a few times in all.
      std::vector<std::int32_t> rows = {static_cast<std::int32_t>(random.below(kRows / 2))};
      if (step % 300 == 1) rows.push_back(static_cast<std::int32_t>(kRows / 2 + step % 19));
      for (const std::int32_t row : rows) {
        testing::fill_random(grad.view().row_block(static_cast<std::size_t>(row), 1), step * 64);
      }
      adam_update_rows(settings, factors, step - 1, rows, {}, m, v, value, done.span());
      // What a step reads is where dense Adam has it.
      for (const std::int32_t row : rows) {
        for (std::size_t c = 0; c < cols; ++c) {
          const auto r = static_cast<std::size_t>(row);
          ASSERT_NEAR(value[r][c], dense[r][c], 2e-6) << step;
        }
      }
      adam_update_rows(settings, factors, step, rows, grad, m, v, value, done.span());
      adam_update(settings, step, grad.span(), dense_m.span(), dense_v.span(), dense.span());
    }
    std::vector<std::int32_t> all(kRows);
    std::iota(all.begin(), all.end(), 0);
    adam_update_rows(settings, factors, kSteps, all, {}, m, v, value, done.span());
    double moved = 0.0;
    for (std::size_t i = 0; i < value.size(); ++i) {
      EXPECT_NEAR(value.span()[i], dense.span()[i], 2e-6);
      EXPECT_NEAR(m.span()[i], dense_m.span()[i], 1e-6);
      EXPECT_NEAR(v.span()[i], dense_v.span()[i], 1e-4 * dense_v.span()[i] + 1e-12);
      moved = std::max(moved, std::abs(double{value.span()[i]} - before.span()[i]));
    }
    EXPECT_GT(moved, 0.01);
    for (const float last : done.span()) EXPECT_EQ(last, static_cast<float>(kSteps));
  }
}

}  // namespace
}  // namespace tessera
