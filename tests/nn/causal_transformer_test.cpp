// Gradients of the packed transformer by finite differences, and what its sequences may not see.
#include "nn/causal_transformer.h"

#include <gtest/gtest.h>

#include "testing/gradient_check.h"
#include "testing/matrices.h"

namespace tessera {
namespace {

using testing::random_matrix;

// Odd widths; sequences of 1, 7, 0 and 9 positions, the last as long as allowed.
constexpr TransformerShape kShape{
    .width = 5, .hidden = 6, .heads = 2, .feed_forward = 7, .layers = 2, .max_length = 9};
const std::vector<std::int32_t> kOffsets = {0, 1, 8, 8, 17};
constexpr std::size_t kPositions = 17;

/// Parameters of a size at which every part matters.
CausalTransformer random_transformer(const TransformerShape& shape = kShape) {
  CausalTransformer transformer(shape);
  ParameterList parameters;
  transformer.collect(parameters);
  std::size_t i = 0;
  for (Parameter* p : parameters) {
    const bool taps = p->name.ends_with("convolution");  // the others are as without
    testing::fill_random(p->value, taps ? 3000 + i : 50 + i, taps ? 0.2 : 0.5);
    testing::fill_random(p->grad, 500 + i);  // backward sets it whatever it held
    if (!taps) ++i;
  }
  return transformer;
}

void expect_gradients(const DropoutStep& dropout, const TransformerShape& shape = kShape) {
  CausalTransformer transformer = random_transformer(shape);
  Matrix x = random_matrix(kPositions, kShape.width, 1);
  const Matrix dy = random_matrix(kPositions, kShape.width, 2);
  StepArena arena, scratch;
  Matrix dy_copy = dy.clone();
  const MatrixView<float> dx =
      transformer.backward(transformer.forward(x, kOffsets, dropout, arena), dy_copy, arena);
  const auto loss = [&] {
    scratch.reset();
    return testing::weighted_sum(dy, transformer.forward(x, kOffsets, dropout, scratch).output);
  };
  // Rounding is 1e-6 of a loss of order 10, over steps of .02.
  constexpr double kTolerance = 2e-3;
  constexpr float kStep = 0.02F;
  testing::expect_gradient(x, dx, loss, kTolerance, kStep);
  ParameterList parameters;
  transformer.collect(parameters);
  ASSERT_EQ(parameters.size(), 3U + 2U * (shape.convolution > 0 ? 17U : 16U));
  for (Parameter* p : parameters) {
    SCOPED_TRACE(p->name);
    if (p->name.ends_with("key.bias")) {
      // It shifts all scores of a row alike, which the softmax does not see.
      for (const float g : p->grad.span()) EXPECT_NEAR(g, 0.0, 1e-4);
    } else {
      testing::expect_gradient(p->value, p->grad, loss, kTolerance, kStep);
    }
  }
}

TEST(CausalTransformer, GradientMatchesFiniteDifferences) { expect_gradients({}); }

TEST(CausalTransformer, GradientMatchesFiniteDifferencesUnderDropout) {
  expect_gradients({.probability = 0.3F, .seed = 11});
}

TransformerShape with_convolution() {
  TransformerShape shape = kShape;
  shape.convolution = 3;
  return shape;
}

TEST(CausalTransformer, GradientMatchesFiniteDifferencesWithAConvolution) {
  expect_gradients({}, with_convolution());
  expect_gradients({.probability = 0.3F, .seed = 11}, with_convolution());
}

TEST(CausalTransformer, FinalStatesAreTheLastOfAllStates) {
  for (const TransformerShape& shape : {kShape, with_convolution()}) {
    const CausalTransformer transformer = random_transformer(shape);
    const Matrix x = random_matrix(kPositions, kShape.width, 1);
    StepArena arena;
    const MatrixView<float> all = transformer.forward(x, kOffsets, {}, arena).output;
    const MatrixView<float> last = transformer.final_states(x, kOffsets, arena);
    for (std::size_t s = 0; s + 1 < kOffsets.size(); ++s) {
      for (std::size_t c = 0; c < kShape.width; ++c) {
        const bool empty = kOffsets[s] == kOffsets[s + 1];
        const float expected = empty ? 0.0F : all[static_cast<std::size_t>(kOffsets[s + 1] - 1)][c];
        EXPECT_NEAR(last[s][c], expected, 1e-5) << s;
      }
    }
  }
}

Matrix output_of(const CausalTransformer& transformer, MatrixView<const float> x,
                 SequenceOffsets offsets, const DropoutStep& dropout = {}) {
  StepArena arena;
  const MatrixView<float> output = transformer.forward(x, offsets, dropout, arena).output;
  Matrix copy(output.rows, output.cols);
  std::copy_n(output.data, output.size(), copy.span().begin());
  return copy;
}

TEST(CausalTransformer, ASequencePackedWithOthersGivesWhatItGivesAlone) {
  const CausalTransformer transformer = random_transformer(with_convolution());
  Matrix x = random_matrix(kPositions, kShape.width, 1);
  const Matrix together = output_of(transformer, x, kOffsets);
  for (std::size_t s = 0; s + 1 < kOffsets.size(); ++s) {
    const auto first = static_cast<std::size_t>(kOffsets[s]);
    const auto length = static_cast<std::size_t>(kOffsets[s + 1]) - first;
    if (length == 0) continue;
    const std::vector<std::int32_t> own = {0, static_cast<std::int32_t>(length)};
    const Matrix alone = output_of(transformer, x.view().row_block(first, length), own);
    testing::expect_elements(alone, 1e-5,
                             [&](std::size_t i, std::size_t c) { return together[first + i][c]; });
  }
}

TEST(CausalTransformer, LaterPositionsDoNotReachEarlierOnes) {
  const CausalTransformer transformer = random_transformer(with_convolution());
  Matrix x = random_matrix(kPositions, kShape.width, 1);
  const Matrix before = output_of(transformer, x, kOffsets);
  x[12][0] += 1.0F;  // position 4 of the last sequence
  const Matrix after = output_of(transformer, x, kOffsets);
  for (std::size_t i = 0; i < kPositions; ++i) {
    EXPECT_EQ(testing::same_bits(before.view().row(i), after.view().row(i)), i < 12) << i;
  }
}

TEST(CausalTransformer, DropoutIsFixedByItsSeed) {
  const CausalTransformer transformer = random_transformer();
  const Matrix x = random_matrix(kPositions, kShape.width, 1);
  const Matrix first = output_of(transformer, x, kOffsets, {0.5F, 3});
  const Matrix again = output_of(transformer, x, kOffsets, {0.5F, 3});
  const Matrix other = output_of(transformer, x, kOffsets, {0.5F, 4});
  EXPECT_TRUE(testing::same_bits(first.span(), again.span()));
  EXPECT_FALSE(testing::same_bits(first.span(), other.span()));
}

TEST(CausalTransformer, ABatchWithoutPositionsGivesZeroGradients) {
  CausalTransformer transformer = random_transformer();
  const std::vector<std::int32_t> offsets = {0, 0};
  StepArena arena;
  Matrix dy(0, kShape.width);
  const MatrixView<float> dx = transformer.backward(
      transformer.forward(Matrix(0, kShape.width), offsets, {}, arena), dy, arena);
  EXPECT_EQ(dx.rows, 0U);
  ParameterList parameters;
  transformer.collect(parameters);
  for (Parameter* p : parameters) {
    SCOPED_TRACE(p->name);
    testing::expect_elements(p->grad, 0.0, [](std::size_t, std::size_t) { return 0.0; });
  }
}

TEST(CausalTransformer, ASecondStepOfTheSameShapeAsksForNoMemory) {
  CausalTransformer transformer = random_transformer();
  const Matrix x = random_matrix(kPositions, kShape.width, 1);
  StepArena arena;
  const auto step = [&] {
    arena.reset();
    Matrix dy = random_matrix(kPositions, kShape.width, 2);
    transformer.backward(transformer.forward(x, kOffsets, {}, arena), dy, arena);
  };
  step();
  step();
  const std::size_t before = arena.system_allocations();
  step();
  EXPECT_EQ(arena.system_allocations(), before);
}

// Values of `whole` from a row and a column on.
Matrix part_of(const Matrix& whole, std::size_t row, std::size_t column, const Matrix& like) {
  Matrix part(like.rows(), like.cols());
  for (std::size_t r = 0; r < like.rows(); ++r) {
    std::copy_n(whole[row + r] + column, like.cols(), part[r]);
  }
  return part;
}

TEST(CausalTransformer, TakesOverWhatANarrowerOneHasLearned) {
  constexpr std::size_t kColumn = 4, kWider = 11;
  TransformerShape shape = with_convolution();
  CausalTransformer narrower = random_transformer(shape);
  shape.width = kWider;
  CausalTransformer wider(shape);
  Random random(1);
  wider.initialise(random);
  std::vector<Matrix> before;
  ParameterList parameters;
  wider.collect(parameters);
  std::size_t values = 0, changed = 0, taken = 0;
  for (const Parameter* p : parameters) before.push_back(p->value.clone());
  wider.take_over(narrower, kColumn);

  const auto expect_part = [&](const Parameter& of, std::size_t row, std::size_t column,
                               const Parameter& learned) {
    const Matrix part = part_of(of.value, row, column, learned.value);
    EXPECT_TRUE(testing::same_bits(part.span(), learned.value.span())) << of.name;
    taken += learned.value.size();
  };
  expect_part(wider.positions, 0, kColumn, narrower.positions);
  expect_part(wider.input_norm.gamma, 0, kColumn, narrower.input_norm.gamma);
  expect_part(wider.input_norm.beta, 0, kColumn, narrower.input_norm.beta);
  for (std::size_t l = 0; l < shape.layers; ++l) {
    CausalTransformer::Layer& ours = wider.layers[l];
    CausalTransformer::Layer& theirs = narrower.layers[l];
    using Reading = Linear CausalTransformer::Layer::*;
    for (const Reading reads :
         {&CausalTransformer::Layer::query, &CausalTransformer::Layer::key,
          &CausalTransformer::Layer::value, &CausalTransformer::Layer::expand}) {
      expect_part((ours.*reads).weight, 0, kColumn, (theirs.*reads).weight);
      expect_part((ours.*reads).bias, 0, 0, (theirs.*reads).bias);
    }
    for (const Reading writes :
         {&CausalTransformer::Layer::output, &CausalTransformer::Layer::contract}) {
      expect_part((ours.*writes).weight, kColumn, 0, (theirs.*writes).weight);
      expect_part((ours.*writes).bias, 0, kColumn, (theirs.*writes).bias);
    }
    expect_part(ours.convolution, 0, kColumn, theirs.convolution);
    for (const auto norm : {&CausalTransformer::Layer::attention_norm,
                            &CausalTransformer::Layer::feed_forward_norm}) {
      expect_part((ours.*norm).gamma, 0, kColumn, (theirs.*norm).gamma);
      expect_part((ours.*norm).beta, 0, kColumn, (theirs.*norm).beta);
    }
  }
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    const auto now = parameters[p]->value.span();
    values += now.size();
    for (std::size_t i = 0; i < now.size(); ++i) changed += now[i] != before[p].span()[i] ? 1 : 0;
  }
  EXPECT_EQ(changed, taken) << "and nothing else, of " << values;
}

}  // namespace
}  // namespace tessera
