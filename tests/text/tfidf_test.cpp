#include "text/tfidf.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "testing/threads.h"

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

TEST(Tfidf, IsTheSameWithAnyNumberOfThreads) {
  std::vector<std::string> owned;
  for (int i = 0; i < 300; ++i) owned.push_back("tea " + std::to_string(i % 7) + " pot");
  const std::vector<std::string_view> texts(owned.begin(), owned.end());
  const Vocabulary vocabulary = fit_vocabulary(texts, 1, 100);
  const auto [one, two] =
      testing::with_one_and_two_threads([&] { return tfidf(vocabulary, texts); });
  EXPECT_EQ(one.offsets, two.offsets);
  EXPECT_EQ(one.columns, two.columns);
  EXPECT_EQ(one.values, two.values);
  EXPECT_EQ(one.rows, 300U);
}

TEST(FitVocabulary, KeepsTheFrequentTermsWhenThereAreMoreThanItCounts) {
  std::vector<std::string> owned;
  for (int i = 0; i < 500; ++i) {
    owned.push_back("often, seldom" + std::to_string(i) + (i % 2 == 0 ? ", half" : ""));
  }
  const std::vector<std::string_view> texts(owned.begin(), owned.end());
  const Vocabulary vocabulary = fit_vocabulary(texts, 2, 2, 50);
  EXPECT_EQ(vocabulary.terms, (std::vector<std::string>{"often", "half"}));
}

}  // namespace
}  // namespace tessera
