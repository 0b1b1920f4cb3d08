#include "tokenize/tokenizer.h"

#include <gtest/gtest.h>

#include <limits>

#include "testing/errors.h"
#include "testing/temp_directory.h"
#include "tokenize/small_vectors.h"

namespace tessera {
namespace {

using testing::clustered;
using testing::error_of;
using testing::expect_error;
using testing::small_options;

double variance_of(const Matrix& x) {
  double sum = 0.0;
  for (std::size_t d = 0; d < x.cols(); ++d) {
    double mean = 0.0, squares = 0.0;
    for (std::size_t i = 0; i < x.rows(); ++i) {
      mean += x[i][d];
      squares += double{x[i][d]} * x[i][d];
    }
    mean /= static_cast<double>(x.rows());
    sum += squares / static_cast<double>(x.rows()) - mean * mean;
  }
  return sum;
}

class EveryQuantizer : public ::testing::TestWithParam<Quantizer> {};

TEST_P(EveryQuantizer, SavesWhatItLoads) {
  const Matrix x = clustered(400, 12, 20);
  const auto tokenizer =
      SemanticTokenizer::fit(vectors_in_memory(x), small_options(GetParam(), {16, 16, 16}));
  const testing::TempDirectory directory;
  tokenizer.save(directory.path() / "tokenizer.safetensors");
  const auto loaded = SemanticTokenizer::load(directory.path() / "tokenizer.safetensors");
  const IntMatrix codes = tokenizer.encode(vectors_in_memory(x));
  EXPECT_EQ(codes.values, loaded.encode(vectors_in_memory(x)).values);
  const Matrix decoded = tokenizer.decode(codes), again = loaded.decode(codes);
  EXPECT_TRUE(std::ranges::equal(decoded.span(), again.span()));
  EXPECT_EQ(loaded.word(), tokenizer.word());
  EXPECT_EQ(loaded.parameters(), tokenizer.parameters());
}

TEST_P(EveryQuantizer, GivesTheSameCodesForTheSameSeed) {
  const Matrix x = clustered(300, 12, 20);
  const TokenizerOptions options = small_options(GetParam(), {8, 8, 8});
  const auto codes = [&] {
    return SemanticTokenizer::fit(vectors_in_memory(x), options)
        .encode(vectors_in_memory(x))
        .values;
  };
  EXPECT_EQ(codes(), codes());
}

TEST_P(EveryQuantizer, ExplainsMostOfClusteredVectors) {
  const Matrix x = clustered(600, 12, 8);
  TokenizerOptions options = small_options(GetParam(), {16, 16, 16});
  options.updates = 200;
  const auto tokenizer = SemanticTokenizer::fit(vectors_in_memory(x), options);
  EXPECT_LT(error_of(tokenizer, x), 0.3 * variance_of(x));
}

INSTANTIATE_TEST_SUITE_P(Quantizers, EveryQuantizer,
                         ::testing::Values(Quantizer::residual, Quantizer::trained,
                                           Quantizer::product, Quantizer::opq));

TEST(Tokenizer, TakesEveryDistanceAtResidualLevels) {
  const Matrix x = clustered(400, 10, 12);
  for (const Quantizer quantizer : {Quantizer::residual, Quantizer::trained}) {
    for (const LevelDistances distance :
         {LevelDistances::cosine, LevelDistances::euclidean, LevelDistances::unified}) {
      TokenizerOptions options = small_options(quantizer, {8, 8, 8});
      options.distance = distance;
      const auto tokenizer = SemanticTokenizer::fit(vectors_in_memory(x), options);
      const auto& books = tokenizer.codes().books();
      EXPECT_EQ(books[0].distance == Distance::cosine, distance != LevelDistances::euclidean);
      EXPECT_EQ(books[2].distance == Distance::cosine, distance == LevelDistances::cosine);
      EXPECT_LT(error_of(tokenizer, x), variance_of(x));
    }
  }
}

TEST(Tokenizer, HasLevelsOfDifferentSizes) {
  const Matrix x = clustered(300, 9, 20);
  for (const Quantizer quantizer : {Quantizer::residual, Quantizer::product, Quantizer::opq}) {
    const auto tokenizer =
        SemanticTokenizer::fit(vectors_in_memory(x), small_options(quantizer, {32, 8, 4, 2}));
    EXPECT_EQ(tokenizer.codes().codes(0), 32U);
    EXPECT_EQ(tokenizer.codes().codes(3), 2U);
  }
  EXPECT_THROW(
      SemanticTokenizer::fit(vectors_in_memory(x), small_options(Quantizer::trained, {32, 8})),
      UsageError);
}

TEST(Tokenizer, SolvesCodebooksTogetherBetterThanLevelByLevel) {
  const Matrix x = clustered(2000, 16, 200);
  TokenizerOptions together = small_options(Quantizer::residual, {32, 32, 32});
  TokenizerOptions apart = together;
  apart.distance = LevelDistances::cosine;  // which solves nothing together
  const auto one = SemanticTokenizer::fit(vectors_in_memory(x), together);
  TokenizerOptions greedy = together;
  greedy.beam = 1;
  const auto two = SemanticTokenizer::fit(vectors_in_memory(x), greedy);
  EXPECT_LT(error_of(one, x), error_of(two, x));
  EXPECT_LT(error_of(one, x), error_of(SemanticTokenizer::fit(vectors_in_memory(x), apart), x));
}

TEST(Tokenizer, RotatesForParts) {
  // Columns that go together lie in different parts: a rotation brings them into one.
  Matrix x = clustered(1500, 4, 40);
  Matrix mixed(x.rows(), 8);
  for (std::size_t i = 0; i < x.rows(); ++i) {
    for (std::size_t d = 0; d < 4; ++d) mixed[i][d] = mixed[i][d + 4] = x[i][d];
  }
  const auto plain =
      SemanticTokenizer::fit(vectors_in_memory(mixed), small_options(Quantizer::product, {16, 16}));
  const auto turned =
      SemanticTokenizer::fit(vectors_in_memory(mixed), small_options(Quantizer::opq, {16, 16}));
  EXPECT_LT(error_of(turned, mixed), 0.8 * error_of(plain, mixed));
}

TEST(Tokenizer, RefusesWhatCannotBeQuantized) {
  const Matrix none(0, 4), narrow(10, 2);
  expect_error([&] { SemanticTokenizer::fit(vectors_in_memory(none), {}); }, {"holds no vectors"});
  expect_error(
      [&] {
        SemanticTokenizer::fit(vectors_in_memory(narrow),
                               small_options(Quantizer::product, {2, 2, 2}));
      },
      {"cannot be cut into 3 parts"});
  Matrix x = clustered(50, 4, 5);
  const auto tokenizer =
      SemanticTokenizer::fit(vectors_in_memory(x), small_options(Quantizer::residual, {4, 4}));
  x[7][1] = std::numeric_limits<float>::quiet_NaN();
  expect_error([&] { tokenizer.encode(vectors_in_memory(x)); }, {"row 7 holds NaN or Inf"});
  expect_error([&] { tokenizer.encode(vectors_in_memory(narrow)); }, {"2 columns"});
  expect_error([&] { tokenizer.decode({1, 2, {0, 4}}); }, {"level 2 has no code 4"});
}

TEST(Tokenizer, QuantizesFewEqualAndZeroVectors) {
  for (const Quantizer quantizer :
       {Quantizer::residual, Quantizer::trained, Quantizer::product, Quantizer::opq}) {
    for (const std::size_t rows : {1U, 3U}) {
      const Matrix zeros(rows, 6);
      const auto tokenizer =
          SemanticTokenizer::fit(vectors_in_memory(zeros), small_options(quantizer, {4, 4}));
      EXPECT_EQ(tokenizer.encode(vectors_in_memory(zeros)).rows, rows);
    }
  }
}

}  // namespace
}  // namespace tessera
