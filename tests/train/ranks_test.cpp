// Training by several ranks, which are threads here: the same as by one process.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "data/embed.h"
#include "data/parts.h"
#include "data/simulate.h"
#include "eval/model_scorer.h"
#include "ranks/placement.h"
#include "testing/temp_directory.h"
#include "testing/thread_ranks.h"
#include "train/shared_catalogue.h"
#include "train/state.h"
#include "train/tensor_files.h"
#include "train/trainer.h"
#include "train/validation.h"

namespace tessera {
namespace {

using testing::run_as_ranks;

constexpr double kSame = 1e-4;

class RanksTest : public ::testing::Test {
 protected:
  RanksTest() {
    write_dataset(shop(), simulate_shop({.users = 150, .items = 80, .seed = 3}));
    embed_by_text(shop(), {.dims = 16});
  }
  fs::path shop() const { return directory.path() / "shop"; }
  TrainOptions options(const std::string& bundle) const {
    TrainOptions options;
    options.data_directory = shop();
    options.bundle = directory.path() / bundle;
    options.settings.codebook_size = 8;
    options.settings.batch_users = 16;
    options.settings.epochs = 3;
    options.settings.dropout = 0.0;
    return options;
  }
  /// Trains with several ranks; every rank must come to the same.
  TrainResult train_by(std::size_t ranks, const TrainOptions& options) const {
    if (ranks == 1) return train(options);
    std::vector<TrainResult> results(ranks);
    run_as_ranks(ranks, [&](const Ranks& one) {
      TrainOptions own = options;
      own.ranks = one;
      results[one.rank] = train(own);
    });
    for (const TrainResult& result : results) {
      EXPECT_EQ(result.finished, results[0].finished);
      EXPECT_EQ(result.epochs, results[0].epochs);
      EXPECT_EQ(result.best.at("MRR"), results[0].best.at("MRR"));
    }
    return results[0];
  }
  /// The mean loss after each of so many steps.
  std::vector<double> losses(std::size_t ranks, TrainOptions options,
                             std::size_t at_most = 1000) const {
    std::vector<double> losses;
    std::atomic<std::size_t> steps = 0;
    options.on_step = [&](const StepReport& report) {
      losses.push_back(report.loss);
      ++steps;
    };
    options.interrupted = [&, at_most] { return steps >= at_most; };
    train_by(ranks, options);
    return losses;
  }
  testing::TempDirectory directory;
};

void expect_near(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], tolerance) << i;
}

TEST_F(RanksTest, TrainAlongTheSameLossesAsOneProcess) {
  for (const char* what : {"tokens=unified", "tokens=id", "objective=softmax"}) {
    TrainOptions run = options("one");
    apply_setting(run.settings, what);
    run.settings.epochs = 1;
    const std::vector<double> one = losses(1, run);
    ASSERT_EQ(one.size(), 10U);
    for (const std::size_t ranks : {2, 3}) {
      run.bundle = directory.path() / std::to_string(ranks);
      expect_near(losses(ranks, run), one, kSame);
    }
  }
}

TEST_F(RanksTest, WeighTargetsAsOneProcessDoes) {
  Dataset data = read_dataset(shop());
  for (std::size_t e = 0; e < data.events.size(); ++e) {
    data.weights.push_back(static_cast<float>(e % 4));
  }
  const fs::path weighed = directory.path() / "weighed";
  write_dataset(weighed, data);
  TrainOptions run = options("one");
  apply_setting(run.settings, "tokens=id");
  run.settings.epochs = 1;
  run.data_directory = weighed;
  const std::vector<double> alike = losses(1, run);
  apply_setting(run.settings, "event_weights=given");
  const std::vector<double> one = losses(1, run);
  EXPECT_GT(std::abs(one.back() - alike.back()), 10 * kSame);
  run.bundle = directory.path() / "three";
  expect_near(losses(3, run), one, kSame);
}

// Batches of one user: all ranks but one have nothing to add.
TEST_F(RanksTest, ARankWithoutUsersInABatchDoesItsPartOfTheItems) {
  TrainOptions run = options("one");
  run.settings.batch_users = 1;
  run.settings.codebook_size = 2;  // of a batch's few items more would be close calls
  const std::vector<double> one = losses(1, run, 8);
  run.bundle = directory.path() / "three";
  expect_near(losses(3, run, 8), one, kSame);
}

TEST_F(RanksTest, WriteTheBundleThatOneProcessWrites) {
  train_by(1, options("one"));
  train_by(2, options("two"));
  const Bundle one = read_bundle(directory.path() / "one");
  const Bundle two = read_bundle(directory.path() / "two");
  ASSERT_EQ(one.items.size(), two.items.size());
  for (std::size_t i = 0; i < one.items.size(); ++i) EXPECT_EQ(one.items[i].id, two.items[i].id);
  const auto a = one.catalogue.vectors.span();
  const auto b = two.catalogue.vectors.span();
  ASSERT_EQ(a.size(), b.size());
  std::size_t far = 0;
  for (std::size_t i = 0; i < a.size(); ++i) far += std::abs(a[i] - b[i]) > 0.02F ? 1 : 0;
  EXPECT_LT(far, a.size() / 50) << "but for an item whose code was a close call";
  EXPECT_TRUE(fs::exists(directory.path() / "two" / kTextEncoderFile));
}

// The first stage drops out by rank, so that the codes are others than one process's.
TEST_F(RanksTest, TrainBothStagesTogether) {
  TrainOptions run = options("two");
  run.settings.collaborative_tokens = 4;
  run.settings.collaborative_epochs = 2;
  run.settings.text_events = kAutoReal;
  run.settings.transformer_start = TransformerStart::first_stage;
  EXPECT_TRUE(train_by(2, run).finished);
  const Bundle bundle = read_bundle(run.bundle);
  EXPECT_EQ(bundle.catalogue.places, run.settings.codes());
  EXPECT_EQ(bundle.items.size(), 80U);
  EXPECT_EQ(bundle.config.at("settings").at("text_events"), 10.0) << "the log cannot tell";
  EXPECT_TRUE(fs::exists(run.bundle / kCollaborativeStage / "training.jsonl"));
}

TEST_F(RanksTest, RefitTogether) {
  TrainOptions run = options("two");
  run.settings.collaborative_tokens = 4;
  run.settings.collaborative_epochs = 2;
  run.refit = true;
  EXPECT_TRUE(train_by(2, run).refit);
  const Bundle bundle = read_bundle(run.bundle);
  EXPECT_EQ(bundle.config.at("refit"), true);
  EXPECT_EQ(bundle.catalogue.places, run.settings.codes());
  EXPECT_TRUE(fs::exists(run.bundle / kSelection / "config.json"));
}

// Broken off anywhere and gone on with by other numbers of ranks.
TEST_F(RanksTest, ResumeWithAnotherNumberOfRanks) {
  const std::vector<double> unbroken = losses(1, options("unbroken"));
  TrainOptions broken = options("broken");
  std::vector<double> all;
  std::atomic<std::size_t> steps = 0;
  broken.on_step = [&](const StepReport& report) {
    all.push_back(report.loss);
    ++steps;
  };
  for (const std::size_t ranks : {2, 3, 1, 2}) {
    const std::size_t stop_at = broken.resume && ranks == 2 ? unbroken.size() + 1 : steps + 7;
    broken.interrupted = [&steps, stop_at] { return steps >= stop_at; };
    const TrainResult result = train_by(ranks, broken);
    EXPECT_EQ(result.finished, all.size() == unbroken.size());
    broken.resume = true;
  }
  expect_near(all, unbroken, kSame);
}

TEST_F(RanksTest, ACheckpointReadByRowsAndWrittenByAllIsTheSame) {
  const Dataset data = read_dataset(shop());
  TrainOptions run = options("run");
  run.settings.collaborative_tokens = 4;
  run.settings.collaborative_epochs = 1;
  train(run);
  const fs::path before = run.bundle / "checkpoint.safetensors";
  const fs::path after = directory.path() / "after";
  run_as_ranks(3, [&](const Ranks& ranks) {
    TrainingState own = read_checkpoint(before, fingerprint(data), rows_held(ranks));
    EXPECT_EQ(own.model.items(), ranks.rank == 2 ? 26U : 27U);
    write_tensors(ranks, after, checkpoint_tensors(own), data.items.size(),
                  {{"state", describe(own, data.items.size())}});
  });
  EXPECT_EQ(read_file(before), read_file(after));
}

TEST_F(RanksTest, StartWithTheTableOfOneProcess) {
  Dataset data = read_dataset(shop());
  data.items[7].withheld = true;
  const Settings settings = options("").settings;
  TrainingState one = initial_state(settings, data, 16);
  const fs::path alone = directory.path() / "alone";
  const fs::path together = directory.path() / "together";
  write_safetensors(alone, checkpoint_tensors(one));
  run_as_ranks(3, [&](const Ranks& ranks) {
    TrainingState own =
        initial_state(settings, data, 16, {.first = ranks.rank, .step = ranks.size});
    write_tensors(ranks, together, checkpoint_tensors(own), data.items.size());
  });
  EXPECT_EQ(read_file(alone), read_file(together));
}

// What evaluation finds on the validation split, whoever ranks which users. Semantic tokens alone
// make items collide: equal scores must stay equal over ranks.
TEST_F(RanksTest, ValidateAsEvaluationDoes) {
  const Dataset data = read_dataset(shop());
  const Negatives negatives = draw_negatives(data, 7, 20);
  for (const char* tokens : {"unified", "semantic", "id"}) {
    TrainOptions run = options(tokens);
    apply_setting(run.settings, std::string("tokens=") + tokens);
    run.settings.epochs = 1;
    train(run);
    Bundle bundle = read_bundle(run.bundle);
    Matrix vectors(data.items.size(), bundle.catalogue.vectors.cols());
    for (std::size_t i = 0; i < data.items.size(); ++i) {
      std::ranges::copy(
          bundle.catalogue.vectors.view().row(static_cast<std::size_t>(bundle.catalogue.rows[i])),
          vectors[i]);
    }
    const Scorer scorer = model_scorer(bundle.model, bundle.catalogue, data);
    for (const Protocol protocol : {Protocol::full, Protocol::sampled}) {
      bundle.model.settings.selection_protocol = protocol;
      const auto places = protocol == Protocol::full
                              ? rank_full(data, Split::validation, scorer)
                              : rank_sampled(data, Split::validation, negatives, scorer);
      const Metrics expected = metrics_of(places);
      // By blocks, of one rank that holds all of them.
      EXPECT_TRUE(std::ranges::equal(
          rank_by_blocks(bundle.model, bundle.catalogue, data, negatives, kAlone), places,
          [](TargetPlace a, TargetPlace b) { return a.better == b.better && a.tied == b.tied; }));
      const Metrics one = validate(bundle.model, bundle.catalogue, data, negatives);
      EXPECT_EQ(one.users, expected.users);
      EXPECT_EQ(one.values, expected.values) << tokens << (protocol == Protocol::full);
      run_as_ranks(3, [&](const Ranks& ranks) {
        const DatasetPart part = part_of(data, ranks.rank, ranks.size);
        const Negatives own = negatives_of(negatives, part.users);
        Catalogue catalogue;
        catalogue.rows.resize(rows_of_rank(data.items.size(), ranks.rank, ranks.size));
        catalogue.vectors = Matrix(catalogue.rows.size(), vectors.cols());
        for (std::size_t row = 0; row < catalogue.rows.size(); ++row) {
          std::ranges::copy(vectors.view().row(ranks.rank + row * ranks.size),
                            catalogue.vectors[row]);
        }
        std::iota(catalogue.rows.begin(), catalogue.rows.end(), 0);
        const Metrics all = validate(bundle.model, catalogue, part.data, own, {ranks, part.users});
        EXPECT_EQ(all.users, expected.users);
        EXPECT_EQ(all.values, expected.values) << tokens << (protocol == Protocol::full);
      });
    }
  }
}

TEST_F(RanksTest, RefuseScoresThatAreNotNumbers) {
  const Dataset data = read_dataset(shop());
  const Negatives negatives = draw_negatives(data, 7, 20);
  TrainOptions run = options("run");
  run.settings.epochs = 1;
  train(run);
  Bundle bundle = read_bundle(run.bundle);
  for (const std::size_t item : {data.items.size() - 1, data.items.size() - 2}) {
    std::ranges::fill(bundle.catalogue.vectors.view().row(item), std::nanf(""));
  }
  for (const Protocol protocol : {Protocol::full, Protocol::sampled}) {
    bundle.model.settings.selection_protocol = protocol;
    EXPECT_THROW(validate(bundle.model, bundle.catalogue, data, negatives), Error);
    EXPECT_THROW(rank_by_blocks(bundle.model, bundle.catalogue, data, negatives, kAlone), Error);
  }
}

TEST_F(RanksTest, EmbeddingsHaveOneFingerprintInMemoryAndOnDisk) {
  EXPECT_EQ(embeddings_fingerprint(shop(), 80), fingerprint(read_embeddings(shop(), 80).view()));
  EXPECT_THROW(embeddings_fingerprint(shop(), 79), Error);
  const Matrix own = read_embeddings(shop(), 80, {.first = 2, .step = 3});
  EXPECT_EQ(own.rows(), 26U);
  EXPECT_THROW(read_embeddings(shop(), 83, {.first = 2, .step = 3}), Error);
}

TEST_F(RanksTest, TheOnlyPartIsTheWholeAndNotACopy) {
  Dataset data = read_dataset(shop());
  const std::int32_t* events = data.events.data();
  const DatasetPart whole = part_of(std::move(data), 0, 1);
  EXPECT_EQ(whole.data.events.data(), events);
  EXPECT_TRUE(whole.users.empty());
  Negatives negatives = draw_negatives(whole.data, 7, 20);
  const std::int32_t* items = negatives.items.data();
  EXPECT_EQ(negatives_of(std::move(negatives), whole.users).items.data(), items);
}

TEST_F(RanksTest, EveryUserIsInOnePart) {
  const Dataset data = read_dataset(shop());
  std::vector<int> met(data.users(), 0);
  for (std::size_t part = 0; part < 4; ++part) {
    const DatasetPart own = part_of(data, part, 4);
    for (std::size_t u = 0; u < own.users.size(); ++u) {
      const auto number = static_cast<std::size_t>(own.users[u]);
      ++met[number];
      EXPECT_EQ(own.data.user_ids[u], data.user_ids[number]);
      EXPECT_TRUE(std::ranges::equal(own.data.history(u), data.history(number)));
    }
    EXPECT_GT(own.users.size(), 15U);
  }
  EXPECT_EQ(std::ranges::count(met, 1), static_cast<long>(met.size()));
}

}  // namespace
}  // namespace tessera
