#include "train/new_items.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/half.h"
#include "data/embed.h"
#include "data/simulate.h"
#include "eval/model_scorer.h"
#include "testing/temp_directory.h"
#include "testing/thread_ranks.h"

namespace tessera {
namespace {

constexpr std::size_t kShopItems = 60;
const double kMost = std::end(kNewIdShares)[-1];

class NewItems : public ::testing::Test {
 protected:
  NewItems() {
    Dataset data = simulate_shop({.users = 200, .items = kShopItems, .seed = 3});
    write_dataset(directory.path() / "whole", data);
    embed_by_text(directory.path() / "whole", {.dims = 16});
    for (std::size_t i = 0; i < kShopItems; i += 5) data.items[i].withheld = true;
    hide_withheld(data);
    write_dataset(directory.path() / "shop", data);
    embed_by_text(directory.path() / "shop", {.dims = 16});
  }
  TrainOptions options(const std::string& bundle, std::size_t first_epochs,
                       std::size_t epochs) const {
    TrainOptions options;
    options.data_directory = directory.path() / "shop";
    options.bundle = directory.path() / bundle;
    options.settings = recipe("default");
    options.settings.tokens = Tokens::unified;
    options.settings.levels = 3;
    options.settings.id_dims = 6;
    options.settings.codebook_size = 8;
    options.settings.collaborative_tokens = 4;
    options.settings.collaborative_dims = 8;
    options.settings.encoder_hidden = {16};
    options.settings.hidden = 16;
    options.settings.id_only_dims = 16;
    options.settings.batch_positions = 100;
    options.settings.collaborative_epochs = first_epochs;
    options.settings.epochs = epochs;
    return options;
  }
  /// Expects the token of new items to be what its share of the rarest ones' is, and withheld ones
  /// to have it.
  void expect_token(const fs::path& path) const;
  testing::TempDirectory directory;
};

// By counting again: the mean ID token of the rarest twentieth of the items that have events.
std::vector<float> rare_token(const Bundle& bundle, const Dataset& data) {
  std::vector<std::size_t> events(data.items.size()), order;
  for (std::size_t u = 0; u < data.users(); ++u) {
    for (const std::int32_t item : train_history(data, u)) ++events[std::size_t(item)];
  }
  for (std::size_t count = 1; order.size() < data.items.size() && count < 10'000; ++count) {
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (events[i] == count) order.push_back(i);
    }
  }
  const std::size_t rare = (order.size() + 19) / 20;
  std::vector<double> mean(bundle.model.settings.id_width());
  for (std::size_t i = 0; i < rare; ++i) {
    for (std::size_t d = 0; d < mean.size(); ++d) {
      mean[d] += double{bundle.model.item_encoder.ids.value[order[i]][d]};
    }
  }
  std::vector<float> token;
  for (const double x : mean) token.push_back(static_cast<float>(x / double(rare)));
  return token;
}

void NewItems::expect_token(const fs::path& path) const {
  const Bundle bundle = read_bundle(path);
  Dataset data = read_dataset_of(bundle);
  if (is_refit(bundle.config)) hold_nothing_out(data);
  const double share = bundle.config.at(kNewIdShare);
  const std::vector<float> rare = rare_token(bundle, data);
  const UnifiedItemEncoder& encoder = bundle.model.item_encoder;
  for (std::size_t d = 0; d < rare.size(); ++d) {
    EXPECT_NEAR(encoder.new_id[d], share * double{rare[d]}, 1e-3 * std::abs(rare[d]));
  }
  for (std::size_t i = 0; i < data.items.size(); ++i) {
    EXPECT_EQ(std::ranges::equal(encoder.ids.value.view().row(i), encoder.new_id),
              data.items[i].withheld);
  }
}

// By how many standard errors the model finds known targets better than the other, where new items
// have the given ID token.
double ahead(Bundle& bundle, const Bundle& other, const Dataset& data, double share) {
  const std::vector<float> rare = rare_token(bundle, data);
  for (std::size_t i = 0; i < kShopItems; i += 5) {
    float* vector = bundle.catalogue.vectors[i];
    for (std::size_t d = 0; d < rare.size(); ++d) {
      vector[bundle.model.settings.width() - rare.size() + d] =
          half_precision(static_cast<float>(share * double{rare[d]}));
    }
  }
  const auto places = [&](const Bundle& of) {
    return rank_full(data, Split::validation, model_scorer(of.model, of.catalogue, data));
  };
  const auto ours = places(bundle), theirs = places(other);
  const auto users = evaluated_users(data, Split::validation);
  std::vector<double> gaps;
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto target = target_of(data, std::size_t(users[i]), Split::validation);
    if (target % 5 == 0) continue;
    gaps.push_back(metrics_of(ours[i]).at("NDCG@10") - metrics_of(theirs[i]).at("NDCG@10"));
  }
  double mean = 0.0, variance = 0.0;
  for (const double gap : gaps) mean += gap / double(gaps.size());
  for (const double gap : gaps) variance += (gap - mean) * (gap - mean) / double(gaps.size());
  return mean / std::sqrt(variance / double(gaps.size()));
}

// Where the first stage knows little, more, or much beside the second.
TEST_F(NewItems, StandBackAsLittleAsServesKnownOnes) {
  std::vector<double> shares;
  for (const auto& [first, second] : {std::pair{1, 6}, {12, 6}, {12, 2}}) {
    const TrainOptions run = options("model" + std::to_string(shares.size()), first, second);
    const TrainResult result = train(run);
    Bundle bundle = read_bundle(run.bundle);
    const Bundle ids_alone = read_bundle(run.bundle / kCollaborativeStage);
    const Dataset data = read_dataset_of(bundle);
    shares.push_back(result.new_id_share);
    EXPECT_EQ(bundle.config.at(kNewIdShare), result.new_id_share);
    EXPECT_EQ(bundle.config.at("validation").at("NDCG@10"), result.best.at("NDCG@10"));
    for (const double share : kNewIdShares) {
      const double by = ahead(bundle, ids_alone, data, share);
      if (share < result.new_id_share) {
        EXPECT_LT(by, -1.96) << share;
      } else if (share == result.new_id_share && share < kMost) {
        EXPECT_GE(by, -1.96) << share;
      }
    }
  }
  EXPECT_EQ(shares.front(), 0.0);
  EXPECT_EQ(shares.back(), kMost);
}

TEST_F(NewItems, HaveAShareOfWhatRarelyMetOnesHave) {
  const TrainOptions run = options("model", 12, 2);
  ASSERT_GT(train(run).new_id_share, 0.0);
  expect_token(run.bundle);
}

// The model of every event has the share of the one that chose its epochs, of its own ID tokens.
TEST_F(NewItems, OfARefitStandBackAsTheChoiceSays) {
  TrainOptions run = options("model", 12, 2);
  run.refit = true;
  const double share = train(run).new_id_share;
  EXPECT_GT(share, 0.0);
  EXPECT_EQ(read_config(run.bundle / kSelection).at(kNewIdShare), share);
  EXPECT_EQ(read_config(run.bundle).at(kNewIdShare), share);
  expect_token(run.bundle);
}

TEST_F(NewItems, OfSeveralRanksAreThoseOfOneProcess) {
  const TrainOptions run = options("model", 12, 2);
  TrainResult results[2];
  testing::run_as_ranks(2, [&](const Ranks& ranks) {
    TrainOptions own = run;
    own.ranks = ranks;
    results[ranks.rank] = train(own);
  });
  EXPECT_EQ(results[0].new_id_share, train(options("alone", 12, 2)).new_id_share);
  EXPECT_EQ(results[0].best.at("MRR"), results[1].best.at("MRR"));
  expect_token(run.bundle);
}

TEST_F(NewItems, HaveNoneWhereNothingIsWithheld) {
  TrainOptions run = options("model", 12, 2);
  run.data_directory = directory.path() / "whole";
  EXPECT_EQ(train(run).new_id_share, 0.0);
  EXPECT_TRUE(is_zero(read_bundle(run.bundle).model.item_encoder.new_id));
  EXPECT_FALSE(read_config(run.bundle).contains(kNewIdShare));
}

TEST_F(NewItems, OfARunThatIsBrokenOffAreThoseOfAnUnbrokenOne) {
  TrainOptions run = options("unbroken", 12, 2);
  train(run);
  TrainOptions broken = options("broken", 12, 2);
  int steps = 0;
  broken.interrupted = [&] { return ++steps > 40; };
  for (int runs = 0; !train(broken).finished; ++runs) {
    ASSERT_LT(runs, 100);
    steps = 0;
    broken.resume = true;
  }
  for (const char* file : {kWeightsFile, "config.json"}) {
    EXPECT_TRUE(read_file(run.bundle / file) == read_file(broken.bundle / file)) << file;
  }
}

}  // namespace
}  // namespace tessera
