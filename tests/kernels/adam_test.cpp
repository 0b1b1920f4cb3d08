// Adam against algorithm 1 of its paper, written out in double.
#include "kernels/adam.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace tessera
