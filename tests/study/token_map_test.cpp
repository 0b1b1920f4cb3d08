#include "study/token_map.h"

#include <gtest/gtest.h>

#include "testing/small_model.h"

namespace tessera::testing {
namespace {

// Six items, three levels of five codes; the first-level codes are 2, 2, 2, 4, 4, 0.
Bundle small_bundle() {
  Bundle bundle;
  bundle.model = small_model(small_settings(), 6, 8);
  bundle.catalogue =
      catalogue_of_codes(bundle.model, {2, 0, 0, 2, 0, 0, 2, 1, 3, 4, 4, 4, 4, 0, 1, 0, 0, 0});
  bundle.items = {{"a", "apple", ""},  {"b", "", ""},      {"c", "cherry", ""},
                  {"d", "damson", ""}, {"e", "elder", ""}, {"f", "fig", ""}};
  return bundle;
}

TEST(TokenMap, CountsTheItemsOfEveryCode) {
  const TokenMap map = token_map(small_bundle(), 2, 2);
  ASSERT_EQ(map.levels.size(), 3U);
  std::vector<std::size_t> uses;
  for (const CodePlace& place : map.levels[0]) uses.push_back(place.items);
  EXPECT_EQ(uses, (std::vector<std::size_t>{1, 0, 3, 0, 2}));
  EXPECT_EQ(map.first_codes, (std::vector<std::int32_t>{2, 2, 2, 4, 4, 0}));
  EXPECT_EQ(map.items.size(), 6U);
}

TEST(TokenMap, ShowsItemsOfTheCommonestCodes) {
  const TokenMap map = token_map(small_bundle(), 2, 2);
  ASSERT_EQ(map.samples.size(), 2U);
  EXPECT_EQ(map.samples[0].code, 2);
  EXPECT_EQ(map.samples[0].items, 3U);
  EXPECT_EQ(map.samples[0].titles, (std::vector<std::string>{"apple", "b"})) << "or its id";
  EXPECT_EQ(map.samples[1].code, 4);
  EXPECT_EQ(token_map(small_bundle(), 9, 2).samples.size(), 3U) << "no code without items";
}

TEST(TokenMap, KeepsDistancesThatLieInThePlane) {
  // Codebook rows that differ in two dims alone are drawn at their true distances.
  Bundle bundle = small_bundle();
  Matrix& codebook = bundle.model.item_encoder.quantizer.levels[2].codebook;
  std::ranges::fill(codebook.span(), 0.25F);
  for (std::size_t c = 0; c < codebook.rows(); ++c) {
    codebook.view()[c][1] = static_cast<float>(c * c);
    codebook.view()[c][4] = static_cast<float>(3 * c);
  }
  const TokenMap map = token_map(bundle, 1, 1);
  for (std::size_t a = 0; a < 5; ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      const auto& p = map.levels[2][a].at;
      const auto& q = map.levels[2][b].at;
      const double dx = static_cast<double>(a * a) - static_cast<double>(b * b);
      const double dy = 3 * (static_cast<double>(a) - static_cast<double>(b));
      EXPECT_NEAR(std::hypot(p[0] - q[0], p[1] - q[1]), std::hypot(dx, dy), 1e-4);
    }
  }
}

TEST(TokenMap, OfIdTokensAloneIsEmpty) {
  Bundle bundle;
  bundle.model = small_model(small_settings("id"), 3, 0);
  bundle.catalogue = catalogue_of_codes(bundle.model, {});
  EXPECT_TRUE(token_map(bundle, 3, 3).levels.empty());
}

TEST(CodeHues, FollowTheDirectionOfACodesItems) {
  TokenMap map;
  map.levels.resize(1);
  map.levels[0].resize(3);
  map.items = {{1, 0}, {0, 2}, {0, -1}};
  map.first_codes = {0, 1, 2};
  const std::vector<double> hues = code_hues(map);
  ASSERT_EQ(hues.size(), 3U);
  EXPECT_NEAR(hues[0], 0, 1e-9);
  EXPECT_NEAR(hues[1], 90, 1e-9);
  EXPECT_NEAR(hues[2], 270, 1e-9);
}

}  // namespace
}  // namespace tessera::testing
