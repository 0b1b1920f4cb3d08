// The item encoder against a plain computation in double. Straight-through and stop-gradient are
// not derivatives of the loss: the plain loss holds constant what they hold constant.
#include "model/item_encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "testing/matrices.h"
#include "testing/small_model.h"

namespace tessera {
namespace {

using testing::kTextDims;
using testing::small_settings;
using Vector = std::vector<double>;

constexpr std::size_t kEncoderItems = 9;

double dot(const Vector& a, const Vector& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double distance_squared(const Vector& a, const Vector& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

Vector as_vector(std::span<const float> row) { return {row.begin(), row.end()}; }

/// Parameters in double, so that a step across a kink of ReLU is short enough to be rare.
using Values = std::map<const Parameter*, Vector>;

Vector plain_mlp(const Mlp& mlp, const Values& values, Vector x) {
  for (std::size_t l = 0; l < mlp.layers.size(); ++l) {
    const Vector& weight = values.at(&mlp.layers[l].weight);
    Vector y = values.at(&mlp.layers[l].bias);
    for (std::size_t o = 0; o < y.size(); ++o) {
      for (std::size_t i = 0; i < x.size(); ++i) y[o] += weight[o * x.size() + i] * x[i];
      if (l + 1 < mlp.layers.size()) y[o] = std::max(y[o], 0.0);
    }
    x = std::move(y);
  }
  return x;
}

/// The best code of a residual by the method's words.
std::size_t plain_code(const ResidualQuantizer::Level& level, const Vector& residual) {
  std::size_t best = 0;
  double best_score = -1e30;
  for (std::size_t c = 0; c < level.codebook.rows(); ++c) {
    const Vector row = as_vector(level.codebook.view().row(c));
    const double score =
        level.distance == Distance::cosine
            ? dot(residual, row) / std::sqrt(dot(row, row) * dot(residual, residual))
            : -distance_squared(residual, row);
    if (score > best_score) {
      best_score = score;
      best = c;
    }
  }
  return best;
}

class ItemEncoder : public ::testing::TestWithParam<const char*> {
 protected:
  ItemEncoder() {
    settings.reconstruction_weight = 0.7;
    settings.commitment_weight = 1.3;
    encoder = std::move(testing::small_model(settings, kEncoderItems, kTextDims).item_encoder);
    encoder.collect(parameters);
    for (const Parameter* parameter : parameters) {
      values[parameter] = as_vector(parameter->value.span());
    }
    cache = encoder.forward(text, step, arena);
    for (std::size_t i = 0; settings.has_semantics() && i < items.size(); ++i) {
      first_z.push_back(plain_z(i));
      Vector sum(settings.semantic_dims);
      for (std::size_t l = 0; l < settings.levels; ++l) {
        Vector residual = first_z[i];
        for (std::size_t c = 0; c < sum.size(); ++c) residual[c] -= sum[c];
        residuals.push_back(residual);
        codes.push_back(plain_code(encoder.quantizer.levels[l], residual));
        const float* row = encoder.quantizer.levels[l].codebook[codes.back()];
        for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += row[c];
        sums.push_back(sum);
      }
    }
  }

  Vector text_of(std::size_t i) const {
    return as_vector(text.view().row(static_cast<std::size_t>(items[i])));
  }
  Vector plain_z(std::size_t i) const { return plain_mlp(encoder.encoder, values, text_of(i)); }
  /// The sum of codebook rows up to and with a level.
  const Vector& sum(std::size_t i, std::size_t level) const {
    return sums[i * settings.levels + level];
  }
  const Vector& semantic(std::size_t i) const { return sum(i, settings.levels - 1); }

  /// Element c of what follows the semantic part: collaborative vectors, then the ID token.
  double beside_semantic(std::size_t i, std::size_t c) const {
    const auto item = static_cast<std::size_t>(items[i]);
    if (c >= settings.collaborative_width()) {
      const std::size_t at = item * settings.id_width() + c - settings.collaborative_width();
      return values.at(&encoder.ids)[at];
    }
    const CollaborativeTokens& tokens = encoder.collaborative;
    const std::size_t width = settings.collaborative_dims / settings.collaborative_tokens;
    const std::size_t part = c / width;
    const auto code = static_cast<std::size_t>(tokens.codes[item * tokens.parts + part]);
    return values.at(&tokens.vectors)[(part * settings.codebook_size + code) * width + c % width];
  }

  double plain_reconstruction() const {
    double loss = 0.0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      Vector q = plain_z(i);  // straight-through: z + sg(q − z)
      for (std::size_t c = 0; c < q.size(); ++c) q[c] += semantic(i)[c] - first_z[i][c];
      loss +=
          double{weights[i]} * distance_squared(plain_mlp(encoder.decoder, values, q), text_of(i));
    }
    return loss;
  }
  double plain_commitment(std::size_t level) const {
    double loss = 0.0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      loss += double{weights[i]} * distance_squared(plain_z(i), sum(i, level)) /
              static_cast<double>(settings.semantic_dims);
    }
    return loss;
  }
  /// A loss whose gradient by the item vectors is `dvectors`, plus the weighted item losses.
  double plain_loss() const {
    const std::size_t width = settings.semantic_width();
    double loss = 0.0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Vector d = as_vector(dvectors.view().row(i));
      if (width > 0) loss += dot(plain_z(i), {d.begin(), d.begin() + static_cast<long>(width)});
      for (std::size_t c = width; c < d.size(); ++c) loss += d[c] * beside_semantic(i, c - width);
    }
    if (!settings.has_semantics()) return loss;
    loss += settings.reconstruction_weight * plain_reconstruction();
    for (std::size_t l = 0; l < settings.levels; ++l) {
      loss += settings.commitment_weight * plain_commitment(l);
    }
    return loss;
  }

  /// The slope of the plain loss by a parameter along a direction must be the gradient's.
  void expect_slope(const Parameter& parameter, const Vector& direction, double tolerance) {
    constexpr double kStep = 1e-6;
    Vector& value = values.at(&parameter);
    const Vector middle = value;
    const auto loss_at = [&](double shift) {
      for (std::size_t e = 0; e < value.size(); ++e) value[e] = middle[e] + shift * direction[e];
      return plain_loss();
    };
    const double slope = (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
    value = middle;
    EXPECT_NEAR(slope, dot(as_vector(parameter.grad.span()), direction), tolerance)
        << parameter.name;
  }

  const std::vector<std::int32_t> items = {7, 2, 4, 0, 8};
  const std::vector<float> weights = {0.5F, 0.3F, 0.2F};  // the first three are inputs
  const StepItems step{items, weights};
  Settings settings = small_settings(GetParam());
  const Matrix text = testing::random_matrix(kEncoderItems, kTextDims, 1);
  const Matrix dvectors = testing::random_matrix(items.size(), settings.width(), 2);
  UnifiedItemEncoder encoder;
  ParameterList parameters;
  Values values;
  StepArena arena;
  UnifiedItemEncoder::Cache cache;
  std::vector<Vector> first_z;          // of each distinct item, at the parameters given
  std::vector<Vector> residuals, sums;  // [distinct · levels], likewise
  std::vector<std::size_t> codes;       // [distinct · levels]
};

INSTANTIATE_TEST_SUITE_P(Tokens, ItemEncoder,
                         ::testing::Values("unified", "semantic", "id", "collaborative"),
                         [](const auto& tokens) { return std::string(tokens.param); });

TEST_P(ItemEncoder, PutsTheChosenCodebookRowsBesideTheIdToken) {
  ASSERT_EQ(cache.vectors.rows, items.size());
  ASSERT_EQ(cache.vectors.cols, settings.width());
  ASSERT_EQ(cache.quantized.codes.size(), codes.size());
  for (std::size_t e = 0; e < codes.size(); ++e) {
    EXPECT_EQ(static_cast<std::size_t>(cache.quantized.codes[e]), codes[e]) << e;
  }
  testing::expect_elements(cache.vectors, 1e-5, [&](std::size_t i, std::size_t c) {
    const std::size_t width = settings.semantic_width();
    if (c < width) return semantic(i)[c];
    return beside_semantic(i, c - width);
  });
}

TEST_P(ItemEncoder, ReportsItsLosses) {
  const ItemLosses losses = encoder.backward(cache, dvectors, arena);
  if (!settings.has_semantics()) {
    EXPECT_EQ(losses.reconstruction, 0.0);
    EXPECT_TRUE(losses.commitment.empty());
    return;
  }
  EXPECT_NEAR(losses.reconstruction, plain_reconstruction(), 1e-5 * plain_reconstruction());
  ASSERT_EQ(losses.commitment.size(), settings.levels);
  ASSERT_EQ(losses.residual_norm.size(), settings.levels);
  for (std::size_t l = 0; l < settings.levels; ++l) {
    EXPECT_NEAR(losses.commitment[l], plain_commitment(l), 1e-5 * plain_commitment(l)) << l;
    double norm = 0.0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const Vector& residual = residuals[i * settings.levels + l];
      norm += double{weights[i]} * std::sqrt(dot(residual, residual));
    }
    EXPECT_NEAR(losses.residual_norm[l], norm, 1e-5 * norm) << l;
  }
}

TEST_P(ItemEncoder, HasTheGradientOfThePlainLoss) {
  encoder.backward(cache, dvectors, arena);
  ASSERT_EQ(parameters.size(), (settings.has_ids() ? 1U : 0U) +
                                   (settings.has_semantics() ? 12U : 0U) +
                                   (settings.has_collaborative() ? 1U : 0U));
  for (const Parameter* parameter : parameters) {
    Vector along = as_vector(parameter->grad.span());
    const double length = std::sqrt(dot(along, along));
    ASSERT_GT(length, 1e-2) << parameter->name;
    for (double& x : along) x /= length;
    expect_slope(*parameter, along, 1e-4 * length);
    Random random(3);
    Vector across(along.size());
    for (double& x : across) x = random.normal() / std::sqrt(static_cast<double>(across.size()));
    expect_slope(*parameter, across, 1e-4 * length);
  }
}

TEST_P(ItemEncoder, SetsGradientsAndLeavesOthersItemsAtZero) {
  encoder.backward(cache, dvectors, arena);
  std::vector<Matrix> first;
  for (const Parameter* parameter : parameters) first.push_back(parameter->grad.clone());
  encoder.backward(cache, dvectors, arena);
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    EXPECT_TRUE(testing::same_bits(first[p].span(), parameters[p]->grad.span()));
  }
  for (const std::size_t absent : {1U, 3U, 5U, 6U}) {
    if (!settings.has_ids()) break;
    for (const float g : encoder.ids.grad.view().row(absent)) EXPECT_EQ(g, 0.0F);
  }
}

}  // namespace
}  // namespace tessera
