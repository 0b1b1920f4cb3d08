#include "eval/code_statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace tessera {
namespace {

Settings settings_of(const char* tokens, std::size_t levels, std::size_t codebook_size,
                     std::size_t semantic_dims, std::size_t id_dims) {
  Settings settings;
  apply_setting(settings, std::string("tokens=") + tokens);
  settings.levels = levels;
  settings.codebook_size = codebook_size;
  settings.semantic_dims = semantic_dims;
  settings.id_dims = id_dims;
  return settings;
}

TEST(CodeStatistics, EqualThoseCountedByHand) {
  const std::vector<std::int32_t> codes = {0, 0, 0, 1, 1, 2, 1, 2, 1, 3};  // five items, two levels
  const CodeStatistics statistics = code_statistics(codes, 2, 4);
  EXPECT_EQ(statistics.activation, (std::vector<double>{0.5, 1.0}));
  ASSERT_EQ(statistics.perplexity.size(), 2U);
  EXPECT_NEAR(statistics.perplexity[0], std::exp(-0.4 * std::log(0.4) - 0.6 * std::log(0.6)),
              1e-12);
  EXPECT_NEAR(statistics.perplexity[1], std::exp(-3 * 0.2 * std::log(0.2) - 0.4 * std::log(0.4)),
              1e-12);
  EXPECT_DOUBLE_EQ(statistics.unique_share, 0.6);    // (0,0) (0,1) (1,3)
  EXPECT_DOUBLE_EQ(statistics.distinct_share, 0.8);  // … and (1,2)
  EXPECT_EQ(statistics.largest_collision, 2U);
}

TEST(CodeStatistics, TellCollapsedFromPerfectCodes) {
  const std::vector<std::int32_t> same(12, 3);
  const CodeStatistics collapsed = code_statistics(same, 3, 8);
  EXPECT_EQ(collapsed.activation, (std::vector<double>{0.125, 0.125, 0.125}));
  EXPECT_NEAR(collapsed.perplexity[0], 1.0, 1e-12);
  EXPECT_EQ(collapsed.unique_share, 0.0);
  EXPECT_DOUBLE_EQ(collapsed.distinct_share, 0.25);
  EXPECT_EQ(collapsed.largest_collision, 4U);

  const std::vector<std::int32_t> all = {0, 1, 2, 3};
  const CodeStatistics perfect = code_statistics(all, 1, 4);
  EXPECT_EQ(perfect.activation, std::vector<double>{1.0});
  EXPECT_NEAR(perfect.perplexity[0], 4.0, 1e-12);
  EXPECT_EQ(perfect.unique_share, 1.0);
  EXPECT_EQ(perfect.distinct_share, 1.0);
  EXPECT_EQ(perfect.largest_collision, 1U);
}

TEST(CodeStatistics, OfNoCodesAreEmpty) {
  EXPECT_TRUE(code_statistics({}, 0, 256).activation.empty());
  EXPECT_TRUE(code_statistics({}, 3, 256).activation.empty());
}

TEST(TokenAccount, GivesThePapersReductions) {
  const TokenAccount beauty = token_account(recipe("paper"), 12'101);
  EXPECT_EQ(beauty.catalogue_parameters, 12'101U * 8 + 3 * 256 * 64);
  EXPECT_NEAR(beauty.reduction, 0.8115, 5e-5);
  const Settings sports = settings_of("unified", 3, 128, 64, 8);
  EXPECT_NEAR(token_account(sports, 18'357).reduction, 0.8541, 5e-5);
  EXPECT_EQ(beauty.catalogue_bytes, 12'101U * (2 * 8 + 3) + 4 * 3 * 256 * 64);
  EXPECT_LE(beauty.catalogue_parameters, 0.20 * 12'101 * 64);
  EXPECT_LE(beauty.catalogue_bytes, 0.25 * 12'101 * 256);
}

TEST(TokenAccount, OfIdTokensAloneIsTheReferenceTable) {
  const TokenAccount account = token_account(settings_of("id", 3, 256, 64, 8), 1'000);
  EXPECT_EQ(account.catalogue_parameters, 64'000U);
  EXPECT_EQ(account.catalogue_bytes, 128'000U);
  EXPECT_EQ(account.reduction, 0.0);
}

TEST(TokenAccount, CountsWholeBitsOfEachCode) {
  const auto code_bytes = [](std::size_t items, std::size_t levels, std::size_t codebook) {
    Settings settings = settings_of("semantic", levels, codebook, 1, 0);
    const TokenAccount account = token_account(settings, items);
    return account.catalogue_bytes - 4 * account.catalogue_parameters;
  };
  EXPECT_EQ(code_bytes(8, 1, 2), 1U);
  EXPECT_EQ(code_bytes(8, 3, 256), 24U);
  EXPECT_EQ(code_bytes(8, 3, 257), 27U);
  EXPECT_EQ(code_bytes(8, 1, 128), 7U);
  EXPECT_EQ(code_bytes(3, 1, 5), 2U);  // nine bits
}

TEST(TokenAccount, CountsCollaborativeTokensWithTheOthers) {
  Settings settings = settings_of("unified", 3, 128, 64, 8);
  settings.collaborative_tokens = 16;
  settings.collaborative_dims = 32;
  const TokenAccount account = token_account(settings, 1'000);
  EXPECT_EQ(account.catalogue_parameters, 1'000U * 8 + 3 * 128 * 64 + 128 * 32);
  EXPECT_EQ(account.catalogue_bytes,
            1'000 * (2 * 8) + 4 * (3 * 128 * 64 + 128 * 32) + 1'000 * 19 * 7 / 8);
}

TEST(TokensJson, HoldsWhatProgramsRead) {
  const std::vector<std::int32_t> codes = {0, 1, 1, 1};
  const nlohmann::json json =
      to_json(token_statistics(settings_of("unified", 2, 2, 4, 1), codes, 2));
  EXPECT_EQ(json.at("catalogue_parameters"), 2 + 2 * 2 * 4);
  EXPECT_EQ(json.at("catalogue_bytes"), 2 * 2 + 4 * 16 + 1);
  EXPECT_DOUBLE_EQ(json.at("reduction"), 1.0 - 18.0 / 128.0);
  EXPECT_EQ(json.at("activation"), nlohmann::json({1.0, 0.5}));
  EXPECT_EQ(json.at("perplexity").size(), 2U);
  EXPECT_EQ(json.at("unique_share"), 1.0);
  EXPECT_EQ(json.at("distinct_share"), 1.0);
}

TEST(IdStatistics, CountsTheItemsThatNothingTrained) {
  const float tokens[] = {3, 4, 0, 0, 0, 1};
  const float none[] = {0, 0};
  const IdStatistics statistics = id_statistics(tokens, none);
  EXPECT_EQ(statistics.dims, 2U);
  EXPECT_NEAR(statistics.untaught_share, 1.0 / 3, 1e-12);
  EXPECT_NEAR(statistics.mean_length, 3.0, 1e-12);
  const float of_new_items[] = {0, 1};
  EXPECT_NEAR(id_statistics(tokens, of_new_items).untaught_share, 1.0 / 3, 1e-12);
  EXPECT_NEAR(id_statistics(tokens, of_new_items).mean_length, 2.5, 1e-12);
  EXPECT_EQ(id_statistics({}, {}).dims, 0U);
  EXPECT_EQ(id_statistics(none, none).mean_length, 0.0);
}

TEST(TokenStatistics, KeepTheKindsOfCodesApart) {
  Settings settings = settings_of("unified", 2, 4, 8, 2);
  settings.collaborative_tokens = 1;
  settings.collaborative_dims = 4;
  const std::int32_t codes[] = {0, 1, 3, 0, 1, 2, 2, 1, 3};  // of three items
  const TokenStatistics statistics = token_statistics(settings, codes, 3);
  EXPECT_EQ(statistics.semantic.activation, (std::vector<double>{0.5, 0.25}));
  EXPECT_EQ(statistics.semantic.largest_collision, 2U);
  EXPECT_NEAR(statistics.semantic.distinct_share, 2.0 / 3, 1e-12);
  EXPECT_EQ(statistics.collaborative.activation, (std::vector<double>{0.5}));
  EXPECT_EQ(statistics.collaborative.largest_collision, 2U);
  const nlohmann::json json = to_json(statistics);
  EXPECT_EQ(json.at("activation").size(), 2U);
  EXPECT_EQ(json.at("collaborative").at("activation").size(), 1U);
  settings.collaborative_tokens = 0;
  const std::int32_t semantic[] = {0, 1, 0, 1, 2, 1};
  const nlohmann::json plain = to_json(token_statistics(settings, semantic, 3));
  EXPECT_EQ(plain.at("activation"), json.at("activation"));
  EXPECT_FALSE(plain.contains("collaborative"));
  EXPECT_FALSE(plain.contains("id"));
}

}  // namespace
}  // namespace tessera
