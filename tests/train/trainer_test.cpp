#include "train/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/npy.h"
#include "base/random.h"
#include "data/embed.h"
#include "data/simulate.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using testing::expect_error;

class Trainer : public ::testing::Test {
 protected:
  Trainer() {
    write_dataset(directory.path() / "shop", simulate_shop({.users = 150, .items = 80, .seed = 3}));
    embed_by_text(directory.path() / "shop", {.dims = 16});
  }
  TrainOptions options(const std::string& bundle) const {
    TrainOptions options;
    options.data_directory = directory.path() / "shop";
    options.bundle = directory.path() / bundle;
    options.settings.codebook_size = 8;
    options.settings.batch_users = 32;
    options.settings.epochs = 3;
    if (collaborative) {
      options.settings.collaborative_tokens = 4;
      options.settings.collaborative_dims = 8;
      options.settings.collaborative_epochs = 2;
      options.settings.objective = Objective::softmax;
      options.settings.negatives = 20;
      options.settings.schedule = Schedule::linear;
      options.settings.weight_averaging = 0.5;
      options.settings.windows = Windows::all;
      options.settings.batch_users = 0;
      options.settings.batch_positions = 200;
      options.settings.max_length = 5;
      options.settings.convolution = 3;
      options.settings.transformer_start = TransformerStart::first_stage;
    }
    return options;
  }
  std::string model(const std::string& bundle) const {
    return read_file(directory.path() / bundle / "model.safetensors");
  }
  /// training.jsonl without what a clock says.
  std::vector<nlohmann::json> log(const std::string& bundle) const {
    std::vector<nlohmann::json> lines;
    const fs::path file = directory.path() / bundle / "training.jsonl";
    for_each_line(read_file(file), [&](std::string_view line, std::size_t) {
      lines.push_back(parse_json(line, file.string()));
      EXPECT_TRUE(lines.back().at("seconds").contains("train"));
      lines.back().erase("seconds");
    });
    return lines;
  }
  void expect_resumed_runs_equal_an_unbroken_one(bool refit = false) {
    TrainOptions at_once = options("unbroken");
    at_once.refit = refit;
    const TrainResult unbroken = train(at_once);
    ASSERT_TRUE(unbroken.finished);
    for (const int limit : {1, 7, 5}) {
      TrainOptions broken = options("broken" + std::to_string(limit));
      broken.refit = refit;
      int steps = 0;
      broken.interrupted = [&] { return ++steps > limit; };
      int runs = 1;
      TrainResult result = train(broken);
      EXPECT_FALSE(result.finished);
      while (!result.finished) {
        steps = 0;
        broken.resume = true;
        broken.refit = false;  // it knows what it was
        result = train(broken);
        ASSERT_LT(++runs, 80);
      }
      EXPECT_EQ(model("unbroken"), model(broken.bundle.filename()));
      EXPECT_EQ(log("unbroken"), log(broken.bundle.filename()));
      EXPECT_EQ(result.best.at("MRR"), unbroken.best.at("MRR"));
      EXPECT_EQ(result.best_epoch, unbroken.best_epoch);
    }
  }
  /// The same shop with two more events a user, which are held out: training sees all of the shop.
  fs::path grown_shop() const {
    const fs::path shop = directory.path() / "shop";
    const fs::path grown = directory.path() / "grown";
    Dataset data = read_dataset(shop);
    Dataset longer = data;
    longer.events.clear();
    longer.offsets = {0};
    for (std::size_t u = 0; u < data.users(); ++u) {
      const auto history = data.history(u);
      longer.events.insert(longer.events.end(), history.begin(), history.end());
      longer.events.insert(longer.events.end(), {1, 2});
      longer.offsets.push_back(static_cast<std::int64_t>(longer.events.size()));
    }
    longer.times.clear();
    write_dataset(grown, longer);
    fs::copy(shop / kEmbeddingsFile, grown / kEmbeddingsFile);
    return grown;
  }
  /// Expects that two runs ended with the same tensors, Adam's and the codebooks' included.
  void expect_same_end(const fs::path& a, const fs::path& b) const {
    const SafeTensors one(a / kCheckpointFile), other(b / kCheckpointFile);
    ASSERT_EQ(one.tensors().size(), other.tensors().size());
    for (const auto& [name, tensor] : one.tensors()) {
      EXPECT_TRUE(std::ranges::equal(tensor.bytes, other.at(name).bytes)) << name;
    }
  }
  bool collaborative = false;  ///< with such tokens, and what the default recipe has beside them
  testing::TempDirectory directory;
};

TEST_F(Trainer, ASeedGivesOneResult) {
  train(options("a"));
  train(options("b"));
  EXPECT_EQ(model("a"), model("b"));
  EXPECT_EQ(log("a"), log("b"));
  TrainOptions other = options("c");
  other.settings.seed = 2;
  train(other);
  EXPECT_NE(model("a"), model("c"));
}

// Wherever a run is interrupted, within an epoch or between two, it goes on to the same result.
TEST_F(Trainer, AResumedRunEqualsAnUnbrokenOne) { expect_resumed_runs_equal_an_unbroken_one(); }

TEST_F(Trainer, AResumedRunOfTwoStagesEqualsAnUnbrokenOne) {
  collaborative = true;
  expect_resumed_runs_equal_an_unbroken_one();
  EXPECT_EQ(log(std::string("unbroken/") + kCollaborativeStage).size(), 2U);
}

// What a refit must come to is what a training comes to that happens to hold out other events.
TEST_F(Trainer, ARefitTrainsOnEveryEventForTheBestEpochs) {
  for (const bool two_stages : {false, true}) {
    collaborative = two_stages;
    TrainOptions run = options(two_stages ? "two" : "one");
    run.settings.epochs = 6;
    run.settings.learning_rate = 0.01;
    run.refit = true;
    const TrainResult result = train(run);
    ASSERT_TRUE(result.finished && result.refit);
    const fs::path selection = run.bundle / kSelection;
    const nlohmann::json config = read_config(run.bundle);
    EXPECT_EQ(config.at("refit"), true);
    EXPECT_EQ(config.at("epoch"), result.best_epoch);
    EXPECT_FALSE(config.contains("validation")) << "nothing validated it";
    EXPECT_EQ(config.at("chosen").at("bundle"), kSelection);
    EXPECT_EQ(config.at("chosen").at("epoch"), result.best_epoch);
    EXPECT_EQ(config.at("chosen").at("validation"), read_config(selection).at("validation"));
    EXPECT_EQ(read_config(selection).at("epoch"), result.best_epoch);
    EXPECT_FALSE(read_config(selection).contains("refit"));

    TrainOptions expected = options(two_stages ? "two-expected" : "one-expected");
    expected.settings.learning_rate = 0.01;
    expected.settings.epochs = result.best_epoch;
    expected.settings.patience = 100;
    expected.data_directory = grown_shop();
    train(expected);
    expect_same_end(expected.bundle, run.bundle);
    fs::remove_all(expected.data_directory);

    TrainOptions alone = options(two_stages ? "two-alone" : "one-alone");
    alone.refit = true;
    alone.chosen_by = selection;
    alone.settings = {};
    EXPECT_EQ(train(alone).best.at("MRR"), result.best.at("MRR"));
    EXPECT_EQ(model(run.bundle.filename()), model(alone.bundle.filename()));
  }
}

TEST_F(Trainer, AResumedRefitEqualsAnUnbrokenOne) {
  collaborative = true;
  expect_resumed_runs_equal_an_unbroken_one(true);
}

TEST_F(Trainer, ATrainingForgetsWhatAnEarlierRefitWasChosenBy) {
  TrainOptions run = options("a");
  run.settings.epochs = 1;
  run.refit = true;
  train(run);
  ASSERT_TRUE(fs::exists(run.bundle / kSelection));
  run.refit = false;
  train(run);
  EXPECT_FALSE(fs::exists(run.bundle / kSelection));
  EXPECT_FALSE(read_config(run.bundle).contains("refit"));
}

TEST_F(Trainer, WhatCannotBeRefitIsRefused) {
  TrainOptions run = options("a");
  run.settings.epochs = 1;
  train(run);
  TrainOptions over = run;
  over.refit = true;
  over.chosen_by = run.bundle;
  expect_error([&] { train(over); }, {"would overwrite", "elsewhere"});
  over.bundle = directory.path() / "b";
  over.chosen_by = directory.path() / "nowhere";
  expect_error([&] { train(over); }, {"nowhere", "not a model bundle"});
  over.resume = true;
  expect_error<UsageError>([&] { train(over); }, {"does not go with resuming"});
}

TEST_F(Trainer, ResumingAFinishedRunChangesNothing) {
  TrainOptions finished = options("a");
  const TrainResult first = train(finished);
  const std::string before = model("a");
  finished.resume = true;
  const TrainResult second = train(finished);
  EXPECT_TRUE(second.finished);
  EXPECT_EQ(second.epochs, first.epochs);
  EXPECT_EQ(second.best.at("NDCG@10"), first.best.at("NDCG@10"));
  EXPECT_EQ(model("a"), before);
}

TEST_F(Trainer, SaysWhatIdTokensAloneReachedBeforeUnifiedOnes) {
  EXPECT_EQ(train(options("paper")).ids_alone.users, 0U);
  collaborative = true;
  TrainOptions both = options("both");
  const TrainResult result = train(both);
  const std::string select = both.settings.select;
  EXPECT_EQ(result.ids_alone.users, result.best.users);
  EXPECT_EQ(result.ids_alone.at(select),
            log("both/collaborative").back().at("validation").at(select).get<double>());
  EXPECT_EQ(result.ids_ahead, result.ids_alone.at(select) > result.best.at(select));
  both.resume = true;
  EXPECT_EQ(train(both).ids_alone.at(select), result.ids_alone.at(select));
}

// A run that ends before its first step of unified tokens holds them as they begin.
TEST_F(Trainer, TheTransformerBeginsAtRandomOrWhereThatOfIdTokensAloneEnded) {
  collaborative = true;
  const auto weight_at_start = [&](const std::string& name, TransformerStart start) {
    TrainOptions run = options(name);
    run.settings.transformer_start = start;
    bool first_stage_ended = false;
    run.on_epoch = [&](const EpochReport& report) {
      first_stage_ended = report.first_stage && report.epoch == report.epochs;
    };
    run.interrupted = [&] { return first_stage_ended; };
    EXPECT_FALSE(train(run).finished);
    const SafeTensors state(run.bundle / kCheckpointFile);
    return state.matrix("layers.1.contract.weight");
  };
  const auto from = [&](const std::string& name) {
    const Bundle first = read_bundle(directory.path() / name / kCollaborativeStage);
    return first.model.transformer.layers[1].contract.weight.value.clone();
  };
  const Matrix random = weight_at_start("random", TransformerStart::random);
  const Matrix begun = weight_at_start("begun", TransformerStart::first_stage);
  const Matrix learned = from("begun");
  const std::size_t first = options("begun").settings.semantic_dims;
  ASSERT_EQ(learned.rows(), 8U);
  ASSERT_LT(first + learned.rows(), begun.rows());
  for (std::size_t r = 0; r < begun.rows(); ++r) {
    const bool taken = r >= first && r < first + learned.rows();
    const auto expected = taken ? learned.view().row(r - first) : random.view().row(r);
    EXPECT_TRUE(std::ranges::equal(begun.view().row(r), expected)) << r;
    EXPECT_EQ(std::ranges::equal(begun.view().row(r), random.view().row(r)), !taken) << r;
  }
}

TEST_F(Trainer, CodesLeaveTextsOutThatSayNothing) {
  collaborative = true;
  const auto trained = [&](const std::string& name) {
    TrainOptions run = options(name);
    run.settings.text_events = kAutoReal;
    run.settings.epochs = 1;
    train(run);
    const auto settings = [&](const fs::path& bundle) {
      return read_config(bundle).at("settings");
    };
    return std::pair(settings(run.bundle).at("text_events"),
                     settings(run.bundle / kCollaborativeStage).at("id_start"));
  };
  const fs::path shop = directory.path() / "shop";
  write_dataset(shop, simulate_shop({.users = 600, .items = 80, .seed = 3}));
  embed_by_text(shop, {.dims = 16});
  const auto told = trained("told");
  EXPECT_GT(told.first, 0.0);
  EXPECT_EQ(told.second, "text");
  Matrix dealt = read_npy(shop / kEmbeddingsFile);
  Random random(1, {});
  for (float& x : dealt.span()) x = static_cast<float>(random.normal());
  write_npy(shop / kEmbeddingsFile, dealt.view());
  const auto untold = trained("untold");
  EXPECT_EQ(untold.first, 0.0);
  EXPECT_EQ(untold.second, "random");
}

TEST_F(Trainer, StopsEarlyAndKeepsTheBestEpoch) {
  TrainOptions early = options("early");
  early.settings.epochs = 60;
  early.settings.patience = 2;
  early.settings.learning_rate = 0.03;
  std::vector<EpochReport> reports;
  early.on_epoch = [&](const EpochReport& report) { reports.push_back(report); };
  const TrainResult result = train(early);
  ASSERT_LT(result.epochs, 60U);
  EXPECT_EQ(result.epochs, result.best_epoch + 2);
  ASSERT_EQ(reports.size(), result.epochs);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    EXPECT_EQ(reports[i].epoch, i + 1);
    EXPECT_LE(reports[i].validation.at("MRR"), result.best.at("MRR"));
    EXPECT_EQ(reports[i].validation.at("MRR") == result.best.at("MRR") && reports[i].best,
              i + 1 == result.best_epoch);
  }
  EXPECT_EQ(read_bundle(early.bundle).config.at("epoch"), result.best_epoch);
}

TEST_F(Trainer, EveryKindOfTokenTrainsOnEitherProtocol) {
  for (const char* tokens : {"id", "semantic", "unified"}) {
    for (const char* protocol : {"sampled", "full"}) {
      TrainOptions one = options(std::string(tokens) + protocol);
      apply_setting(one.settings, std::string("tokens=") + tokens);
      apply_setting(one.settings, std::string("selection_protocol=") + protocol);
      one.settings.epochs = 1;
      const TrainResult result = train(one);
      EXPECT_EQ(result.best.users, 150U);
      EXPECT_EQ(read_bundle(one.bundle).items.size(), 80U);
      EXPECT_EQ(fs::exists(one.bundle / kTextEncoderFile), std::string(tokens) != "id");
    }
  }
}

TEST_F(Trainer, WhatCannotBeResumedIsRefused) {
  TrainOptions none = options("none");
  none.resume = true;
  expect_error([&] { train(none); }, {"checkpoint", "--resume"});

  TrainOptions run = options("a");
  run.settings.epochs = 1;
  train(run);
  run.resume = true;
  write_dataset(directory.path() / "other", simulate_shop({.users = 50, .items = 80, .seed = 9}));
  run.data_directory = directory.path() / "other";
  expect_error([&] { train(run); }, {"checkpoint.safetensors", "other data"});

  run.data_directory = directory.path() / "shop";
  const fs::path file = run.bundle / "checkpoint.safetensors";
  const std::string whole = read_file(file);
  write_file(file, whole.substr(0, whole.size() / 2));
  expect_error([&] { train(run); }, {"checkpoint.safetensors", "damaged"});
}

TEST_F(Trainer, MissingEmbeddingsAreAskedFor) {
  fs::remove(directory.path() / "shop" / kEmbeddingsFile);
  expect_error([&] { train(options("a")); }, {"embeddings.npy", "tessera embed"});
  TrainOptions ids = options("ids");
  ids.settings.tokens = Tokens::id;
  ids.settings.epochs = 1;
  EXPECT_TRUE(train(ids).finished);
}

TEST_F(Trainer, WeightsThatADatasetDoesNotHaveAreAskedForBeforeAnythingIsWritten) {
  TrainOptions run = options("weighed");
  apply_setting(run.settings, "event_weights=given");
  expect_error([&] { train(run); }, {"event_weights=given", "--event-types"});
  EXPECT_FALSE(fs::exists(run.bundle));
}

TEST_F(Trainer, ADivergedRunIsStopped) {
  Matrix huge = read_embeddings(directory.path() / "shop", 80);
  for (float& value : huge.span()) value *= 1e30F;
  write_npy(directory.path() / "shop" / kEmbeddingsFile, huge);
  expect_error([&] { train(options("wild")); }, {"not finite", "epoch 1", "embeddings"});
}

TEST_F(Trainer, AWithheldItemHasAZeroIdTokenAndSemanticTokensOfItsText) {
  const fs::path shop = directory.path() / "shop";
  Dataset data = read_dataset(shop);
  for (std::size_t i = 0; i < data.items.size(); i += 7) data.items[i].withheld = true;
  write_dataset(shop, data);
  embed_by_text(shop, {.dims = 16});
  train(options("cold"));
  const Bundle bundle = read_bundle(directory.path() / "cold");
  const Catalogue encoded = encode_catalogue(bundle.model, read_embeddings(shop, 80));
  EXPECT_EQ(bundle.catalogue.codes, encoded.codes);
  const std::size_t semantic = bundle.model.settings.semantic_width();
  for (std::size_t i = 0; i < 80; ++i) {
    const auto vector = bundle.catalogue.vectors.view().row(i);
    const bool zero = std::ranges::all_of(vector.subspan(semantic), [](float x) { return x == 0; });
    EXPECT_EQ(zero, data.items[i].withheld) << i;
    EXPECT_TRUE(std::ranges::any_of(vector.first(semantic), [](float x) { return x != 0; }));
  }
}

}  // namespace
}  // namespace tessera
