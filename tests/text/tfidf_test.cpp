#include "text/tfidf.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace tessera {
namespace {

using Texts = std::vector<std::string_view>;

TEST(FitVocabulary, CountsTextsNotOccurrences) {
  const Texts texts = {"red red red pot", "blue pot", "blue lid"};
  const Vocabulary vocabulary = fit_vocabulary(texts, 2, 100);
  EXPECT_EQ(vocabulary.terms, (std::vector<std::string>{"blue", "pot"}));
}

TEST(FitVocabulary, HoldsWordsAndPairsOfNeighbours) {
  const Texts texts = {"Red pot, lid", "red POT"};
  EXPECT_EQ(fit_vocabulary(texts, 2, 100).terms,
            (std::vector<std::string>{"pot", "red", "red pot"}));
  EXPECT_EQ(fit_vocabulary(texts, 1, 100).terms,
            (std::vector<std::string>{"pot", "red", "red pot", "lid", "pot lid"}));
}

TEST(FitVocabulary, CapsTermsByFrequencyThenByTheTerm) {
  const Texts texts = {"d", "d", "d", "c", "c", "b", "b", "a"};
  EXPECT_EQ(fit_vocabulary(texts, 1, 2).terms, (std::vector<std::string>{"d", "b"}));
  EXPECT_EQ(fit_vocabulary(texts, 1, 3).terms, (std::vector<std::string>{"d", "b", "c"}));
  EXPECT_TRUE(fit_vocabulary(texts, 1, 0).terms.empty());
  EXPECT_TRUE(fit_vocabulary(texts, 4, 9).terms.empty());
}

TEST(FitVocabulary, OfNoTextsIsEmpty) {
  const Vocabulary vocabulary = fit_vocabulary({}, 1, 10);
  EXPECT_TRUE(vocabulary.terms.empty());
  const SparseMatrix matrix = tfidf(vocabulary, {});
  EXPECT_EQ(matrix.rows, 0U);
  EXPECT_EQ(matrix.offsets, std::vector<std::int64_t>{0});
}

TEST(FitVocabulary, SmoothsInverseDocumentFrequencies) {
  const Texts texts = {"a", "a", "b", ""};
  const Vocabulary vocabulary = fit_vocabulary(texts, 1, 10);
  ASSERT_EQ(vocabulary.terms, (std::vector<std::string>{"a", "b"}));
  EXPECT_FLOAT_EQ(vocabulary.idf[0], static_cast<float>(std::log(5.0 / 3.0) + 1.0));
  EXPECT_FLOAT_EQ(vocabulary.idf[1], static_cast<float>(std::log(5.0 / 2.0) + 1.0));
  EXPECT_EQ(vocabulary.numbers.at("b"), 1);
}

TEST(Tfidf, EqualsTheFormulaComputedByHand) {
  // Frequencies: oil 2, tea 2, tea oil 1, oil oil 1; 3 texts.
  const Texts texts = {"oil oil oil", "tea oil", "tea"};
  const Vocabulary vocabulary = fit_vocabulary(texts, 1, 10);
  ASSERT_EQ(vocabulary.terms, (std::vector<std::string>{"oil", "tea", "oil oil", "tea oil"}));
  const double common = std::log(4.0 / 3.0) + 1.0;
  const double rare = std::log(4.0 / 2.0) + 1.0;
  const double oil = (1.0 + std::log(3.0)) * common;
  const double oil_oil = (1.0 + std::log(2.0)) * rare;
  const double first = std::hypot(oil, oil_oil);
  const double second = std::sqrt(2.0 * common * common + rare * rare);

  const SparseMatrix matrix = tfidf(vocabulary, texts);
  EXPECT_EQ(matrix.rows, 3U);
  EXPECT_EQ(matrix.cols, 4U);
  EXPECT_EQ(matrix.offsets, (std::vector<std::int64_t>{0, 2, 5, 6}));
  EXPECT_EQ(matrix.columns, (std::vector<std::int32_t>{0, 2, 0, 1, 3, 1}));
  const std::vector<double> expected = {oil / first,     oil_oil / first, common / second,
                                        common / second, rare / second,   1.0};
  for (std::size_t e = 0; e < expected.size(); ++e) {
    EXPECT_NEAR(matrix.values[e], expected[e], 1e-6) << e;
  }
}

TEST(Tfidf, GivesTextWithoutKnownTermsAnEmptyRow) {
  const Vocabulary vocabulary = fit_vocabulary(Texts{"tea", "tea"}, 1, 10);
  const SparseMatrix matrix = tfidf(vocabulary, Texts{"", "coffee", "TEA!", "\xff"});
  EXPECT_EQ(matrix.rows, 4U);
  EXPECT_EQ(matrix.offsets, (std::vector<std::int64_t>{0, 0, 0, 1, 1}));
}

TEST(Transpose, MovesEveryEntryAndKeepsColumnsAscending) {
  SparseMatrix matrix{.rows = 3, .cols = 4, .offsets = {0}, .columns = {}, .values = {}};
  std::vector<float> dense(12);
  Random random(3);
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 4; ++column) {
      if (random.below(2) == 0) continue;
      dense[row * 4 + column] = static_cast<float>(random.uniform());
      matrix.columns.push_back(static_cast<std::int32_t>(column));
      matrix.values.push_back(dense[row * 4 + column]);
    }
    matrix.offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
  }
  const SparseMatrix result = transpose(matrix);
  ASSERT_EQ(result.rows, 4U);
  ASSERT_EQ(result.cols, 3U);
  ASSERT_EQ(result.offsets.size(), 5U);
  std::vector<float> back(12);
  for (std::size_t row = 0; row < 4; ++row) {
    for (auto e = result.offsets[row]; e < result.offsets[row + 1]; ++e) {
      const auto at = static_cast<std::size_t>(e);
      if (e > result.offsets[row]) {
        EXPECT_LT(result.columns[at - 1], result.columns[at]);
      }
      back[static_cast<std::size_t>(result.columns[at]) * 4 + row] = result.values[at];
    }
  }
  EXPECT_EQ(back, dense);
}

}  // namespace
}  // namespace tessera
