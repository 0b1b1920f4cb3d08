#include "tune/tune.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/parallel.h"
#include "data/embed.h"
#include "data/simulate.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"
#include "train/trainer.h"

namespace tessera {
namespace {

using testing::expect_error;
using Json = nlohmann::json;

class Tuning : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory = std::make_unique<testing::TempDirectory>();
    write_dataset(data(), simulate_shop({.users = 150, .items = 80, .seed = 3}));
    embed_by_text(data(), {.dims = 16});
  }
  static void TearDownTestSuite() { directory.reset(); }
  static fs::path data() { return directory->path() / "shop"; }
  static fs::path at(const std::string& name) { return directory->path() / name; }

  static TuneOptions options(const std::string& out) {
    TuneOptions options;
    options.data_directory = data();
    options.out = at(out);
    options.start.codebook_size = 8;
    options.start.batch_users = 32;
    options.start.epochs = 9;
    options.start.tokens = Tokens::id;
    options.search = {"learning_rate=0.0003..0.03", "dropout=0.1..0.5"};
    return options;
  }
  static TuneOptions with_codes(const std::string& out) {
    TuneOptions options = Tuning::options(out);
    Settings& settings = options.start;
    settings.tokens = Tokens::unified;
    settings.collaborative_tokens = 4;
    settings.collaborative_dims = 8;
    settings.collaborative_epochs = 2;
    settings.objective = Objective::softmax;
    settings.negatives = 20;
    settings.epochs = 3;
    options.runs = 3;
    options.search = {"dropout=0.1,0.2,0.4", "learning_rate=0.003,0.002"};
    return options;
  }
  /// What a search found, without what a clock says.
  static Json found(const TuneResult& result) {
    Json json = to_json(result);
    for (const char* clock : {"seconds", "bundle", "finished"}) json.erase(clock);
    for (const TuneTrial& trial : result.trials) {
      for (Json line : trial.curve) {
        line.erase("seconds");
        json["curves"].push_back(line);
      }
    }
    return json;
  }
  static Settings settings_of(const TuneOptions& options, const TuneTrial& trial) {
    Settings settings = options.start;
    apply_settings(settings, trial.changes);
    return settings;
  }
  static void expect_bits_of_train(const TuneOptions& searched, const TuneResult& result,
                                   const std::string& bundle) {
    TrainOptions alone;
    alone.data_directory = data();
    alone.bundle = at(bundle);
    alone.settings = settings_of(searched, result.trials[*result.best]);
    ASSERT_TRUE(train(alone).finished);
    EXPECT_TRUE(read_file(alone.bundle / "model.safetensors") ==
                read_file(result.bundle / "model.safetensors"));
  }

  static std::unique_ptr<testing::TempDirectory> directory;
};
std::unique_ptr<testing::TempDirectory> Tuning::directory;

TEST_F(Tuning, NineTrialsAreHalvedTwiceAndTheFirstIsTrainedToItsEnd) {
  const TuneOptions asked = options("nine");
  const TuneResult result = tune(asked);
  ASSERT_TRUE(result.finished);
  ASSERT_EQ(result.trials.size(), 9U);
  std::map<std::size_t, std::size_t> lengths;
  for (const TuneTrial& trial : result.trials) ++lengths[trial.curve.size()];
  EXPECT_EQ(result.trials[0].curve.size(), 9U);
  EXPECT_TRUE(result.trials[0].changes.empty());
  const std::size_t whole = lengths[9];
  EXPECT_TRUE(whole == 1 || whole == 2);  // the winner, and the start unless it is that
  EXPECT_GE(lengths[3], 1U);
  EXPECT_EQ(lengths[1] + lengths[3] + whole, 9U);
  // Only the best model is left, with the bits of a training of its own.
  EXPECT_EQ(std::distance(fs::directory_iterator(asked.out / "models"), fs::directory_iterator()),
            1);
  expect_bits_of_train(asked, result, "nine_alone");
  const std::string page = read_file(asked.out / kTunePage);
  std::size_t curves = 0;
  for (std::size_t p = 0; (p = page.find("<polyline", p)) != std::string::npos; ++p) ++curves;
  EXPECT_EQ(curves, 9U);
}

TEST_F(Tuning, ASearchThatIsInterruptedAgainAndAgainFindsTheSame) {
  TuneOptions asked = options("unbroken");
  asked.start.epochs = 5;
  asked.runs = 5;
  const Json unbroken = found(tune(asked));
  asked.out = at("broken");
  int trials = 0;
  asked.on_trial = [&](const TuneTrial&, const std::string&) { ++trials; };
  asked.interrupted = [&] { return trials > 0; };
  TuneResult result = tune(asked);
  EXPECT_FALSE(result.finished);
  int interruptions = 0;
  while (!result.finished) {
    ASSERT_LT(++interruptions, 60);
    trials = 0;
    asked.resume = true;
    result = tune(asked);
  }
  EXPECT_GT(interruptions, 2);
  EXPECT_EQ(found(result), unbroken);
}

TEST_F(Tuning, TwoAtATimeFindWhatOneDoes) {
  // As many threads each: bits may depend on them.
  const int threads = thread_count();
  set_threads(1);
  TuneOptions asked = options("one");
  asked.start.epochs = 4;
  const Json one = found(tune(asked));
  asked.out = at("two");
  asked.jobs = 2;
  EXPECT_EQ(found(tune(asked)), one);
  set_threads(threads);
}

TEST_F(Tuning, ASettingThatIsBadLoses) {
  TuneOptions asked = options("bad");
  asked.search = {"learning_rate=1e-9,0.004"};
  asked.start.learning_rate = 1e-8;
  const TuneResult result = tune(asked);
  ASSERT_EQ(result.trials.size(), 3U);
  EXPECT_EQ(result.trials[*result.best].changes, Changes{"learning_rate=0.004"});
  EXPECT_TRUE(result.trials[*result.best].finished);
}

TEST_F(Tuning, ATrialWhoseTrainingFailsIsSaidToAndTheOthersGoOn) {
  TuneOptions asked = options("failing");
  asked.data_directory = at("no embeddings");
  write_dataset(asked.data_directory, simulate_shop({.users = 60, .items = 30, .seed = 3}));
  asked.start.epochs = 2;
  asked.search = {"tokens=id,semantic", "dropout=0.1,0.5"};
  const TuneResult result = tune(asked);
  ASSERT_EQ(result.trials.size(), 4U);
  EXPECT_EQ(std::ranges::count(result.trials, "", &TuneTrial::failure), 2);
  for (const TuneTrial& trial : result.trials) {
    if (trial.failure.empty()) continue;
    EXPECT_EQ(trial.changes[0], "tokens=semantic");
    EXPECT_NE(trial.failure.find("embeddings.npy"), std::string::npos) << trial.failure;
    EXPECT_NE(trial.number, *result.best);
  }
  EXPECT_NE(read_file(asked.out / kTunePage).find("failed, "), std::string::npos);
}

TEST_F(Tuning, WhatFailsForTheFirstTrialEndsTheSearch) {
  TuneOptions asked = options("first_fails");
  asked.data_directory = at("not embedded");
  write_dataset(asked.data_directory, simulate_shop({.users = 30, .items = 20, .seed = 3}));
  asked.start.tokens = Tokens::semantic;
  expect_error([&] { tune(asked); }, {"embeddings.npy"});
}

TEST_F(Tuning, TheBudgetIsKept) {
  TuneOptions asked = options("budget");
  asked.start.epochs = 2;
  asked.runs = 4;
  const TuneResult four = tune(asked);
  ASSERT_EQ(four.trials.size(), 4U);
  // More of them begin with the same.
  asked.resume = true;
  asked.runs = 12;
  const TuneResult twelve = tune(asked);
  ASSERT_EQ(twelve.trials.size(), 12U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(twelve.trials[i].changes, four.trials[i].changes);
  EXPECT_GE(twelve.trials[*twelve.best].value(twelve.metric),
            four.trials[*four.best].value(four.metric));
  EXPECT_TRUE(fs::exists(twelve.bundle / "model.safetensors"));
}

TEST_F(Tuning, TimeThatIsOverStaysSoUntilThereIsMore) {
  TuneOptions asked = options("time");
  asked.start.epochs = 2;
  asked.runs = 3;
  asked.seconds = 1e-6;
  const TuneResult none = tune(asked);
  EXPECT_TRUE(none.finished && none.time_over);
  EXPECT_FALSE(none.best);
  asked.resume = true;
  asked.seconds.reset();
  asked.runs.reset();
  EXPECT_TRUE(tune(asked).time_over);
  asked.seconds = 3600;
  const TuneResult rest = tune(asked);
  EXPECT_FALSE(rest.time_over);
  TuneOptions at_once = options("no limit of time");
  at_once.start.epochs = 2;
  at_once.runs = 3;
  EXPECT_EQ(found(tune(at_once)), found(rest));
}

TEST_F(Tuning, TrialsShareTheModelThatTheirCodesComeFromWithTheBitsOfTheirOwn) {
  const TuneOptions asked = with_codes("codes");
  TuneOptions twice = asked;
  std::size_t folders = 0;
  twice.on_trial = [&](const TuneTrial&, const std::string&) {
    const fs::directory_iterator codes(asked.out / "codes");
    folders = std::max<std::size_t>(folders, std::distance(codes, fs::directory_iterator()));
  };
  const TuneResult result = tune(twice);
  EXPECT_EQ(folders, 1U);
  EXPECT_FALSE(fs::exists(asked.out / "codes"));
  expect_bits_of_train(asked, result, "codes_alone");
  EXPECT_TRUE(fs::exists(result.bundle / kCollaborativeStage / "training.jsonl"));
}

TEST_F(Tuning, TrialsWhoseModelsForCodesDifferShareNone) {
  TuneOptions asked = with_codes("deeper");
  asked.search = {"layers=1,3"};
  std::size_t folders = 0;
  asked.on_trial = [&](const TuneTrial&, const std::string&) {
    const fs::directory_iterator codes(asked.out / "codes");
    folders = std::max<std::size_t>(folders, std::distance(codes, fs::directory_iterator()));
  };
  const TuneResult result = tune(asked);
  EXPECT_EQ(folders, 3U);
  expect_bits_of_train(asked, result, "deeper_alone");
}

TEST_F(Tuning, ASearchIsNeitherOverwrittenNorMixedWithAnother) {
  TuneOptions asked = options("there");
  asked.start.epochs = 1;
  asked.runs = 1;
  tune(asked);
  expect_error([&] { tune(asked); }, {"there", "--resume"});
  asked.resume = true;
  asked.data_directory = at("other shop");
  write_dataset(asked.data_directory, simulate_shop({.users = 40, .items = 20, .seed = 5}));
  expect_error([&] { tune(asked); }, {"other data"});
  asked.resume = false;
  asked.out = data();
  expect_error([&] { tune(asked); }, {"shop", "a dataset"});
  asked.out = at("nothing there");
  asked.resume = true;
  expect_error([&] { tune(asked); }, {"nothing there", "--resume"});
  EXPECT_FALSE(fs::exists(asked.out));
}

}  // namespace
}  // namespace tessera
