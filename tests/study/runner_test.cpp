#include "study/runner.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/parallel.h"
#include "data/embed.h"
#include "data/simulate.h"
#include "study/small_study.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera::testing {
namespace {

using Json = nlohmann::json;

/// A simulated shop, embedded, made once.
const fs::path& shop() {
  static const TempDirectory directory;
  static const fs::path data = [] {
    const fs::path path = directory.path() / "shop";
    write_dataset(path, simulate_shop({.users = 150, .items = 80, .seed = 3}));
    embed_by_text(path, {.dims = 16});
    return path;
  }();
  return data;
}

/// Three models of the grid, enough for what a runner does.
Study small_study(const fs::path& source, std::size_t seeds = 1,
                  const std::vector<std::string>& more = {}) {
  std::vector<std::string> settings = kTinySettings;
  settings.insert(settings.end(), more.begin(), more.end());
  StudyGrid grid = study_grid(settings, true);
  Study study = plan_study(std::move(grid), {open_study_data(source, "")}, seeds, true);
  std::erase_if(study.runs, [](const StudyRun& run) { return run.variant > 2; });
  return study;
}

/// The report without what a clock says.
Json report_of(const fs::path& folder) {
  Json json = read_json(folder / "report.json");
  for (Json& run : json.at("runs")) {
    if (!run.at("result").is_null()) run["result"].erase("seconds");
  }
  return json;
}

class RunStudy : public ::testing::Test {
 protected:
  RunStudy() { omp_set_num_threads(1); }
  fs::path folder(const char* name) const { return directory_.path() / name; }

 private:
  TempDirectory directory_;
};

TEST_F(RunStudy, TrainsMeasuresAndReportsEveryModel) {
  Study study = small_study(shop(), 2);
  std::vector<std::string> finished;
  StudyOptions options;
  options.report = folder("report");
  options.on_finished = [&](const StudyRun& run, bool cached) {
    EXPECT_FALSE(cached);
    EXPECT_TRUE(fs::exists(options.report / "index.html"));
    finished.push_back(run.name);
  };
  EXPECT_TRUE(run_study(study, options));
  EXPECT_EQ(finished, (std::vector<std::string>{"shop/unified-1", "shop/semantic-1", "shop/id-1",
                                                "shop/unified-2", "shop/semantic-2", "shop/id-2"}));
  const Json report = report_of(options.report);
  EXPECT_EQ(report.at("complete"), true);
  for (const StudyRun& run : study.runs) {
    ASSERT_TRUE(run.result) << run.name;
    EXPECT_EQ(run.result->epochs, 2U);
    EXPECT_EQ(run.result->sampled.users, study.data[0].tested);
    EXPECT_GT(run.result->sampled.hr10, run.result->full.hr10);
    EXPECT_EQ(run.result->codes.activation.size(), run.settings.has_semantics() ? 3U : 0U);
    EXPECT_EQ(run.result->baselines.empty(), run.name != "shop/unified-1");
    EXPECT_TRUE(fs::exists(options.report / "models" / run.name / "model.safetensors"));
  }
  EXPECT_NE(study.runs[0].result->sampled.mrr, study.runs[3].result->sampled.mrr) << "other seeds";
}

TEST_F(RunStudy, AnInterruptedStudyGoesOnToTheSameReport) {
  Study whole = small_study(shop());
  StudyOptions options;
  options.report = folder("whole");
  ASSERT_TRUE(run_study(whole, options));

  options.report = folder("broken");
  std::size_t rounds = 0;
  for (bool done = false; !done; ++rounds) {
    ASSERT_LT(rounds, 50U);
    Study study = small_study(shop());
    std::size_t asked = 0;  // a few steps, then a stop, again and again
    options.interrupted = [&] { return ++asked > 4; };
    done = run_study(study, options);
    EXPECT_EQ(report_of(options.report).at("complete"), done);
  }
  EXPECT_GT(rounds, 3U);
  EXPECT_EQ(report_of(folder("broken")), report_of(folder("whole")));
}

TEST_F(RunStudy, TwoModelsAtATimeGiveTheSameReport) {
  StudyOptions options;
  for (const std::size_t jobs : {1, 3}) {
    Study study = small_study(shop());
    options.report = folder(jobs == 1 ? "one" : "three");
    options.jobs = jobs;
    ASSERT_TRUE(run_study(study, options));
  }
  EXPECT_EQ(report_of(folder("one")), report_of(folder("three")));
}

TEST_F(RunStudy, AFinishedStudyTrainsNothingAndMoreSeedsOnlyTheNewOnes) {
  StudyOptions options;
  options.report = folder("report");
  Study study = small_study(shop());
  ASSERT_TRUE(run_study(study, options));
  std::size_t cached = 0;
  std::size_t trained = 0;
  options.on_finished = [&](const StudyRun&, bool before) { ++(before ? cached : trained); };
  Study again = small_study(shop());
  ASSERT_TRUE(run_study(again, options));
  EXPECT_EQ(cached, 3U);
  EXPECT_EQ(trained, 0U);
  EXPECT_EQ(to_json(*again.runs[0].result), to_json(*study.runs[0].result));
  Study more = small_study(shop(), 2);
  ASSERT_TRUE(run_study(more, options));
  EXPECT_EQ(trained, 3U);
}

TEST_F(RunStudy, ModelsOfOtherSettingsOrDataAreRefusedAndLeft) {
  StudyOptions options;
  options.report = folder("report");
  Study study = small_study(shop());
  ASSERT_TRUE(run_study(study, options));
  const Json before = read_json(options.report / "report.json");
  Study other = small_study(shop(), 1, {"dropout=0.1"});
  expect_error<Error>([&] { run_study(other, options); }, {"unified-1.json", "--out"});
  Study moved = small_study(shop());
  moved.data[0].fingerprint = "another";
  expect_error<Error>([&] { run_study(moved, options); }, {"unified-1.json", "--out"});
  EXPECT_EQ(read_json(options.report / "report.json"), before);
}

TEST_F(RunStudy, AFailureInOneModelEndsTheStudyWithItsReason) {
  StudyOptions options;
  options.report = folder("report");
  options.jobs = 2;
  Study study = small_study(shop());
  study.data[0].directory = folder("nowhere");
  expect_error<Error>([&] { run_study(study, options); }, {"nowhere"});
}

TEST_F(RunStudy, OpensRawFilesAndKnowsThemAgain) {
  const fs::path raw = folder("raw");
  fs::create_directories(raw);
  std::string lines;
  for (int u = 1; u <= 9; ++u) lines += fmt::format("u{} {} {} {} {}\n", u, u, u + 1, u + 2, u + 3);
  write_file(raw / "interactions.txt", lines);
  std::string texts;
  for (int i = 1; i <= 12; ++i) {
    texts += fmt::format("{}\"{}\": \"{} lamp\"", i == 1 ? "{" : ", ", i, i % 2 ? "red" : "blue");
  }
  write_file(raw / "item_text.json", texts + "}");
  const fs::path directory = folder("data");
  const StudyData data = open_study_data(raw, directory);
  EXPECT_EQ(data.name, "raw");
  EXPECT_EQ(data.users, 9U);
  EXPECT_EQ(data.items, 12U);
  EXPECT_EQ(data.tested, 9U);
  EXPECT_TRUE(data.negatives.empty());
  EXPECT_EQ(data.directory, directory);
  EXPECT_TRUE(fs::exists(directory / kEmbeddingsFile));
  EXPECT_EQ(open_study_data(raw / ".", directory).fingerprint, data.fingerprint);

  write_file(raw / "negatives.txt.gz", "someone 1 2 3\n");
  expect_error<Error>([&] { open_study_data(raw, directory); }, {"negatives.txt.gz:1"});
  fs::remove(raw / "negatives.txt.gz");
  write_file(raw / "interactions.txt", lines + "u10 1 2 3 4\n");
  expect_error<Error>([&] { open_study_data(raw, directory); }, {"other data", "--out"});
  expect_error<Error>([&] { open_study_data(folder("none"), directory); },
                      {"none", "interactions.txt"});
}

}  // namespace
}  // namespace tessera::testing
