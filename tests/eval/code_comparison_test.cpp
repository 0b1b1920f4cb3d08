// What became of items' codes from one training to the next.
#include "eval/code_comparison.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/random.h"
#include "testing/errors.h"

namespace tessera {
namespace {

constexpr std::size_t kCodedItems = 60, kCodes = 6;

Settings coded_settings() {
  Settings settings;
  for (const char* one :
       {"levels=2", "codebook_size=6", "semantic_dims=4", "collaborative_tokens=2",
        "collaborative_dims=4", "id_dims=2", "encoder_hidden=4", "hidden=4", "heads=1", "layers=1",
        "feed_forward=4", "max_length=4"}) {
    apply_setting(settings, one);
  }
  return settings;
}

/// A bundle of items i0, i1, … with random codes.
Bundle random_bundle() {
  Bundle bundle;
  bundle.model = Recommender(coded_settings(), kCodedItems, 3);
  bundle.model.initialise();
  Random random(7, {1});
  for (auto& level : bundle.model.item_encoder.quantizer.levels) {
    fill_normal(level.codebook.span(), 1.0, random);
  }
  std::vector<std::int32_t> codes(kCodedItems * 4);
  for (std::int32_t& code : codes) code = static_cast<std::int32_t>(random.below(kCodes));
  bundle.catalogue = catalogue_of_codes(bundle.model, codes);
  for (std::size_t i = 0; i < kCodedItems; ++i) {
    bundle.items.push_back({"i" + std::to_string(i), "title", ""});
  }
  return bundle;
}

TEST(CodeComparison, FindsTheBestAssignment) {
  Random random(3, {});
  for (std::size_t n = 1; n <= 6; ++n) {
    Matrix weights(n, n);
    for (float& weight : weights.span()) weight = static_cast<float>(random.below(20));
    const auto sum_of = [&](const std::vector<std::int32_t>& columns) {
      float sum = 0.0F;
      for (std::size_t i = 0; i < n; ++i) sum += weights[i][columns[i]];
      return sum;
    };
    std::vector<std::int32_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    float best = 0.0F;
    do {
      best = std::max(best, sum_of(order));
    } while (std::ranges::next_permutation(order).found);
    const std::vector<std::int32_t> found = best_assignment(weights);
    EXPECT_TRUE(std::ranges::is_permutation(found, order));
    EXPECT_EQ(sum_of(found), best) << n;
  }
}

TEST(CodeComparison, AModelIsItself) {
  const Bundle bundle = random_bundle();
  const CodeComparison same = compare_codes(bundle, bundle);
  EXPECT_EQ(same.common, kCodedItems);
  EXPECT_EQ(same.kept_all, kCodedItems);
  EXPECT_TRUE(same.moved.empty() && same.added.empty() && same.gone.empty());
  for (const LevelChange& level : same.levels) {
    EXPECT_EQ(level.kept_as_named, kCodedItems);
    EXPECT_EQ(level.renamed, 0U);
  }
}

// Other numbers for the same codes, items in another order, one moved, one new and one gone.
TEST(CodeComparison, NamesAreMatchedBeforeItemsAreCounted) {
  const Bundle earlier = random_bundle();
  Bundle later = random_bundle();
  std::vector<std::int32_t> codes(kCodedItems * 4);
  for (std::size_t i = 0; i < kCodedItems; ++i) {
    const std::size_t from = kCodedItems - 1 - i;  // their order is turned round
    later.items[i] = earlier.items[from];
    for (std::size_t l = 0; l < 4; ++l) {
      const auto shift = static_cast<std::int32_t>(l + 1);
      codes[i * 4 + l] = (earlier.catalogue.codes[from * 4 + l] + shift) % kCodes;
    }
  }
  codes[10 * 4 + 1] = (codes[10 * 4 + 1] + 1) % kCodes;
  later.items[20] = {"new", "fresh", ""};
  later.catalogue = catalogue_of_codes(later.model, codes);
  const CodeComparison found = compare_codes(earlier, later);
  EXPECT_EQ(found.common, kCodedItems - 1);
  EXPECT_EQ(found.kept_all, kCodedItems - 2);
  EXPECT_EQ(found.kept_semantic, kCodedItems - 2);
  for (std::size_t l = 0; l < 4; ++l) {
    EXPECT_EQ(found.levels[l].kept, kCodedItems - 1 - (l == 1 ? 1 : 0));
    EXPECT_EQ(found.levels[l].renamed, kCodes);
  }
  ASSERT_EQ(found.moved.size(), 1U);
  EXPECT_EQ(found.moved[0].id, later.items[10].id);
  EXPECT_EQ(found.moved[0].codes_changed, 1U);
  EXPECT_GT(found.moved[0].distance, 0.0);
  ASSERT_EQ(found.added.size(), 1U);
  EXPECT_EQ(found.added[0].id, "new");
  EXPECT_EQ(found.gone, std::vector<std::string>{earlier.items[kCodedItems - 1 - 20].id});
}

TEST(CodeComparison, WhatDoesNotCompareIsRefused) {
  const Bundle one = random_bundle();
  Bundle other = random_bundle();
  other.model.settings.levels = 1;
  testing::expect_error([&] { compare_codes(one, other); }, {"4 codes an item", "3"});
  other.model.settings.tokens = Tokens::id;
  testing::expect_error([&] { compare_codes(one, other); }, {"ID tokens alone"});
}

}  // namespace
}  // namespace tessera
