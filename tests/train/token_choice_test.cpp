#include "train/token_choice.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "data/embed.h"
#include "data/simulate.h"
#include "eval/model_scorer.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"
#include "testing/thread_ranks.h"
#include "testing/threads.h"
#include "text/text_encoder_file.h"

namespace tessera {
namespace {

constexpr std::size_t kFirstEpochs = 12;
constexpr double kHardlyAny = 1e-5;  // learning rate, with which unified tokens stay behind

class TokenChoice : public ::testing::Test {
 protected:
  TokenChoice() {
    const fs::path shop = directory.path() / "shop";
    write_dataset(shop, simulate_shop({.users = 500, .items = 60, .seed = 3}));
    embed_by_text(shop, {.dims = 16});
  }
  TrainOptions options(const std::string& bundle, double learning_rate = kAutoReal) const {
    TrainOptions options;
    options.data_directory = directory.path() / "shop";
    options.bundle = directory.path() / bundle;
    options.settings = recipe(kDefaultRecipe);
    apply_settings(options.settings,
                   std::vector<std::string>{"codebook_size=8", "collaborative_tokens=4",
                                            "collaborative_dims=8", "encoder_hidden=16",
                                            "hidden=16", "batch_positions=100"});
    options.settings.collaborative_epochs = kFirstEpochs;
    options.settings.learning_rate = learning_rate;
    return options;
  }
  testing::TempDirectory directory;
  testing::ThreadCount alone{1};  // two would wait for each other most of the time
};

std::string tokens_of(const fs::path& bundle) {
  return read_config(bundle).at("settings").at("tokens");
}

std::vector<double> losses_of(const fs::path& bundle) {
  std::vector<double> losses;
  for_each_line(read_file(bundle / "training.jsonl"), [&](std::string_view line, std::size_t) {
    losses.push_back(parse_json(line, "training.jsonl").at("loss").at("total"));
  });
  return losses;
}

// By how many standard errors a model finds the targets of validation better than another.
double ahead(const fs::path& path, const fs::path& other) {
  const Bundle ours = read_bundle(path), theirs = read_bundle(other);
  const Dataset data = read_dataset_of(ours);
  const auto places = [&](const Bundle& of) {
    return rank_full(data, Split::validation, model_scorer(of.model, of.catalogue, data));
  };
  const auto a = places(ours), b = places(theirs);
  double mean = 0.0, variance = 0.0;
  const auto gap = [&](std::size_t i) {
    return metrics_of(a[i]).at("NDCG@10") - metrics_of(b[i]).at("NDCG@10");
  };
  for (std::size_t i = 0; i < a.size(); ++i) mean += gap(i) / double(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    variance += (gap(i) - mean) * (gap(i) - mean) / double(a.size());
  }
  return mean / std::sqrt(variance / double(a.size()));
}

TEST_F(TokenChoice, IdTokensAloneAreKeptWhereUnifiedOnesAreBehind) {
  const TrainOptions run = options("model", kHardlyAny);
  const TrainResult result = train(run);
  const fs::path ids = run.bundle / kCollaborativeStage;
  EXPECT_TRUE(result.ids_kept);
  EXPECT_EQ(result.best.at("NDCG@10"), result.ids_alone.at("NDCG@10"));
  EXPECT_EQ(result.best_epoch, kFirstEpochs);
  EXPECT_EQ(tokens_of(run.bundle), "id");
  for (const char* file : {kWeightsFile, "config.json", "training.jsonl", "items.jsonl"}) {
    EXPECT_TRUE(read_file(run.bundle / file) == read_file(ids / file)) << file;
  }

  TrainOptions both = options("both", kHardlyAny);
  both.settings.tokens = Tokens::unified;
  EXPECT_FALSE(train(both).ids_kept);
  EXPECT_EQ(tokens_of(both.bundle), "unified");
  EXPECT_LT(ahead(both.bundle, ids), -1.96);
}

// A fair peer needs no settings of its own.
TEST_F(TokenChoice, IdTokensAloneAreTrainedAsTheFirstStageIs) {
  TrainOptions both = options("both");
  both.settings.collaborative_dims = both.settings.id_only_dims;
  both.settings.epochs = 1;
  train(both);
  TrainOptions ids = options("ids");
  ids.settings.tokens = Tokens::id;
  ids.settings.epochs = kFirstEpochs;
  train(ids);
  // Of the first stage the last epoch is kept, of a model of its own the best.
  EXPECT_EQ(losses_of(ids.bundle), losses_of(both.bundle / kCollaborativeStage));
}

TEST_F(TokenChoice, IsNotMadeWhereUnifiedTokensWereToldHowLongToTrain) {
  TrainOptions run = options("model", kHardlyAny);
  run.settings.epochs = 1;
  const TrainResult result = train(run);
  EXPECT_TRUE(result.ids_ahead);
  EXPECT_FALSE(result.ids_kept);
  EXPECT_EQ(tokens_of(run.bundle), "unified");
}

TEST_F(TokenChoice, WithoutTextsThereIsNone) {
  TrainOptions run = options("model");
  run.data_directory = directory.path() / "without";
  Dataset data = read_dataset(directory.path() / "shop");
  for (CatalogueItem& item : data.items) item.text.clear();
  write_dataset(run.data_directory, data);
  EXPECT_FALSE(train(run).ids_kept);
  EXPECT_EQ(tokens_of(run.bundle), "id");
  EXPECT_EQ(read_config(run.bundle).at("settings").at("id_start"), "random");
  EXPECT_FALSE(fs::exists(run.bundle / kCollaborativeStage));
  run.settings.tokens = Tokens::unified;
  run.bundle = directory.path() / "unified";
  testing::expect_error([&] { train(run); }, {"embeddings.npy", "missing"});
}

TEST_F(TokenChoice, UnifiedTokensAreKeptWhereTheyAreNotBehindByMoreThanChance) {
  const TrainOptions run = options("model");
  const TrainResult result = train(run);
  EXPECT_FALSE(result.ids_kept);
  EXPECT_EQ(tokens_of(run.bundle), "unified");
  EXPECT_GE(ahead(run.bundle, run.bundle / kCollaborativeStage), -1.96);
}

TEST_F(TokenChoice, StaysWhenAFinishedRunIsResumed) {
  TrainOptions run = options("model", kHardlyAny);
  const TrainResult first = train(run);
  const std::string before = read_file(run.bundle / kWeightsFile);
  run.resume = true;
  const TrainResult again = train(run);
  EXPECT_TRUE(again.ids_kept);
  EXPECT_EQ(again.best.at("NDCG@10"), first.best.at("NDCG@10"));
  EXPECT_TRUE(read_file(run.bundle / kWeightsFile) == before);
}

TEST_F(TokenChoice, IsMadeAnewWhereMoreEpochsMakeUnifiedTokensBetter) {
  TrainOptions run = options("model", 5e-5);
  ASSERT_TRUE(train(run).ids_kept);
  run.resume = true;
  run.epochs = 60;
  const TrainResult result = train(run);
  EXPECT_FALSE(result.ids_kept);
  EXPECT_EQ(tokens_of(run.bundle), "unified");
  EXPECT_TRUE(read_file(run.bundle / kTextEncoderFile) ==
              read_file(run.data_directory / kTextEncoderFile));
}

TEST_F(TokenChoice, IsThatOfARefitToo) {
  TrainOptions run = options("model", kHardlyAny);
  run.refit = true;
  EXPECT_TRUE(train(run).refit);
  EXPECT_EQ(tokens_of(run.bundle / kSelection), "id");
  EXPECT_EQ(tokens_of(run.bundle), "id");
  EXPECT_EQ(read_config(run.bundle).at("epoch"), kFirstEpochs);
  EXPECT_FALSE(fs::exists(run.bundle / kCollaborativeStage));
}

TEST_F(TokenChoice, OfSeveralRanksIsThatOfOneProcess) {
  const TrainOptions run = options("model", kHardlyAny);
  TrainResult results[2];
  testing::run_as_ranks(2, [&](const Ranks& ranks) {
    TrainOptions own = run;
    own.ranks = ranks;
    results[ranks.rank] = train(own);
  });
  EXPECT_TRUE(results[0].ids_kept);
  EXPECT_EQ(results[0].best.at("MRR"), results[1].best.at("MRR"));
  EXPECT_EQ(tokens_of(run.bundle), "id");
}

}  // namespace
}  // namespace tessera
