#include "tokenize/health.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "testing/errors.h"
#include "tokenize/small_vectors.h"

namespace tessera {
namespace {

using Json = nlohmann::json;
using testing::clustered;
using testing::small_options;

bool warns(const Json& health, const std::string& what) {
  return std::ranges::any_of(health.at("warnings"),
                             [&](const Json& one) { return one.at("what") == what; });
}

TokensToJudge judged(const IntMatrix& codes, std::vector<std::size_t> sizes) {
  TokensToJudge tokens;
  tokens.codes = &codes;
  tokens.sizes = std::move(sizes);
  return tokens;
}

TEST(Health, CountsUseAndCollisions) {
  const IntMatrix codes{4, 2, {0, 1, 0, 1, 1, 0, 1, 1}};
  const std::vector<std::string> ids = {"a", "b", "c", "d"};
  TokensToJudge tokens = judged(codes, {2, 4});
  tokens.ids = ids;
  const Json health = health_of(tokens);
  EXPECT_DOUBLE_EQ(health.at("levels")[0].at("activation"), 1.0);
  EXPECT_DOUBLE_EQ(health.at("levels")[0].at("perplexity"), 2.0);
  EXPECT_EQ(health.at("levels")[1].at("used"), 2);
  EXPECT_DOUBLE_EQ(health.at("levels")[1].at("activation"), 0.5);
  EXPECT_EQ(health.at("levels")[0].at("distinct_prefixes"), 2);
  const Json& collisions = health.at("collisions");
  EXPECT_DOUBLE_EQ(collisions.at("unique_share"), 0.5);
  EXPECT_DOUBLE_EQ(collisions.at("distinct_share"), 0.75);
  EXPECT_EQ(collisions.at("largest"), 2);
  EXPECT_EQ(collisions.at("groups")[0].at("codes"), Json({0, 1}));
  EXPECT_EQ(collisions.at("groups")[0].at("first")[1].at("id"), "b");
}

TEST(Health, MeasuresDecodingAsAPlainReadingDoes) {
  const Matrix x = clustered(200, 6, 20);
  const VectorSource source = vectors_in_memory(x);
  const auto tokenizer = SemanticTokenizer::fit(source, small_options(Quantizer::residual, {8, 8}));
  const IntMatrix codes = tokenizer.encode(source);
  TokensToJudge tokens = judged(codes, {8, 8});
  tokens.vectors = &source;
  tokens.tokenizer = &tokenizer;
  const Json health = health_of(tokens);
  const auto gap = [](const Matrix& a, std::size_t i, const Matrix& b, std::size_t j) {
    double sum = 0.0;
    for (std::size_t d = 0; d < a.cols(); ++d) sum += std::pow(double{a[i][d]} - b[j][d], 2);
    return sum;
  };
  const auto neighbours = [&](const Matrix& rows, std::size_t i) {
    std::vector<std::size_t> order;
    for (std::size_t j = 0; j < rows.rows(); ++j) {
      if (j != i) order.push_back(j);
    }
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
      return gap(rows, i, rows, a) < gap(rows, i, rows, b);
    });
    order.resize(10);
    return order;
  };
  const Matrix decoded = tokenizer.decode(codes);
  double error = 0.0, kept = 0.0;
  for (std::size_t i = 0; i < x.rows(); ++i) {
    error += gap(x, i, decoded, i) / 200.0;
    const auto wanted = neighbours(x, i), found = neighbours(decoded, i);
    for (const std::size_t item : wanted) {
      kept += std::ranges::count(found, item) > 0 ? 1.0 / 2000.0 : 0.0;
    }
  }
  const Json& last = health.at("decoding").back();
  EXPECT_NEAR(last.at("squared_error").get<double>(), error, 1e-4);
  // Items of one tuple are level with each other: rounding may order them otherwise.
  EXPECT_NEAR(last.at("neighbours_kept").get<double>(), kept, 0.05);
  EXPECT_LT(last.at("error"), health.at("decoding")[0].at("error"));
}

TEST(Health, KnowsWhatCodesTellOfLabels) {
  const std::size_t items = 400;
  IntMatrix codes{items, 2, {}};
  std::vector<std::string> labels;
  Random random(3);
  for (std::size_t i = 0; i < items; ++i) {
    const auto kind = static_cast<std::int32_t>(random.below(4));
    codes.values.push_back(kind / 2);  // half of what there is to know
    codes.values.push_back(kind);      // all of it
    labels.push_back("kind " + std::to_string(kind));
  }
  TokensToJudge tokens = judged(codes, {2, 4});
  tokens.labels = labels;
  const Json levels = health_of(tokens).at("labels").at("levels");
  EXPECT_NEAR(levels[0].at("information").get<double>(), 0.5, 0.02);
  EXPECT_NEAR(levels[1].at("information").get<double>(), 1.0, 1e-9);
  EXPECT_LT(levels[1].at("by_chance").get<double>(), 0.05);
}

TEST(Health, WarnsOfEachTroubleOnce) {
  // 1,000 items of which nearly all have one code at the first level.
  IntMatrix collapsed{1000, 2, std::vector<std::int32_t>(2000)};
  for (std::size_t i = 0; i < 1000; ++i) {
    collapsed.row(i)[0] = i < 990 ? 0 : static_cast<std::int32_t>(i % 8);
    collapsed.row(i)[1] = static_cast<std::int32_t>(i % 8);
  }
  const Json health = health_of(judged(collapsed, {8, 16}));
  EXPECT_TRUE(warns(health, "collapse"));
  EXPECT_TRUE(warns(health, "dead codes"));
  EXPECT_TRUE(warns(health, "collisions"));
  for (const Json& warning : health.at("warnings")) {
    EXPECT_FALSE(warning.at("remedy").get<std::string>().empty());
  }

  Matrix x = clustered(300, 6, 30);
  std::fill_n(x[3], 6, 0.0F);
  std::copy_n(x[10], 6, x[11]);
  const VectorSource source = vectors_in_memory(x);
  const auto tokenizer =
      SemanticTokenizer::fit(source, small_options(Quantizer::residual, {16, 16, 16}));
  const IntMatrix codes = tokenizer.encode(source);
  TokensToJudge tokens = judged(codes, {16, 16, 16});
  tokens.vectors = &source;
  tokens.tokenizer = &tokenizer;
  const Json of_vectors = health_of(tokens);
  EXPECT_EQ(of_vectors.at("vectors"), Json({{"zero", 1}, {"repeated", 1}}));
  EXPECT_TRUE(warns(of_vectors, "zero vectors"));
  EXPECT_TRUE(warns(of_vectors, "duplicate vectors"));
  EXPECT_GE(of_vectors.at("collisions").at("by_equal_vectors"), 1);
}

TEST(Health, JudgesNoPartByTheMeanOfTheOthers) {
  Matrix x = clustered(300, 6, 30);
  for (float& value : x.span()) value += 20.0F;
  const VectorSource source = vectors_in_memory(x);
  const auto tokenizer =
      SemanticTokenizer::fit(source, small_options(Quantizer::product, {16, 16}));
  const IntMatrix codes = tokenizer.encode(source);
  TokensToJudge tokens = judged(codes, {16, 16});
  tokens.vectors = &source;
  tokens.tokenizer = &tokenizer;
  const Json health = health_of(tokens);
  EXPECT_GT(health.at("decoding")[0].at("error"), 1.0);
  EXPECT_FALSE(warns(health, "idle level"));
}

TEST(Health, IsQuietAboutGoodTokens) {
  IntMatrix codes{256, 2, {}};
  for (std::int32_t i = 0; i < 256; ++i) codes.values.insert(codes.values.end(), {i / 16, i % 16});
  EXPECT_EQ(health_of(judged(codes, {16, 16})).at("warnings"), Json::array());
}

TEST(Health, RefusesCodesThatNoLevelHas) {
  const IntMatrix codes{2, 1, {0, 9}};
  testing::expect_error([&] { health_of(judged(codes, {4})); }, {"code 9 of level 1"});
}

TEST(HealthPage, CannotBeBrokenByATitle) {
  const IntMatrix codes{2, 1, {0, 0}};
  const std::vector<std::string> ids = {"a", "b"};
  const std::vector<std::string> titles = {"</script><script>alert(1)</script>", "<!--"};
  TokensToJudge tokens = judged(codes, {4});
  tokens.ids = ids;
  tokens.titles = titles;
  const std::string page = health_page(health_of(tokens), "shop </script>");
  EXPECT_EQ(page.find("alert(1)</script>"), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos) << "the page must need nothing from elsewhere";
  EXPECT_NE(page.find("\\u003c/script>"), std::string::npos);
}

}  // namespace
}  // namespace tessera
