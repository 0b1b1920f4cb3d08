#include "study/results.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "study/small_study.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera::testing {
namespace {

TEST(PlanStudy, GoesSeedBySeedThroughAllData) {
  const StudyGrid grid = study_grid({}, true);
  const std::size_t models = grid.variants.size();
  const Study study = plan_study(grid, {beauty_like("beauty"), beauty_like("sports")}, 2, true);
  ASSERT_EQ(study.runs.size(), 2 * 2 * models);
  EXPECT_EQ(study.runs[0].name, "beauty/unified-1");
  EXPECT_EQ(study.runs[models].name, "sports/unified-1");
  EXPECT_EQ(study.runs[2 * models].name, "beauty/unified-2");
  EXPECT_EQ(study.runs[2 * models].settings.seed, 2U);
  EXPECT_EQ(study.finished(), 0U);
}

TEST(EstimateOf, IsMeanAndSampleDeviation) {
  const Estimate estimate = estimate_of(std::vector{0.5, 0.6, 0.7});
  EXPECT_EQ(estimate.seeds, 3U);
  EXPECT_NEAR(estimate.mean, 0.6, 1e-12);
  EXPECT_NEAR(estimate.deviation, 0.1, 1e-12);
  EXPECT_EQ(estimate_of(std::vector{0.5}).deviation, 0);
  EXPECT_EQ(estimate_of({}).seeds, 0U);
}

TEST(FigureOf, NamesEveryFigure) {
  const RunResult result = result_at(0.5);
  EXPECT_EQ(figure_of(result, "sampled HR@10"), 0.5);
  EXPECT_EQ(figure_of(result, "full NDCG@10"), 0.05 / 2.5);
  EXPECT_EQ(figure_of(result, "activation 2"), 0.9);
  EXPECT_EQ(figure_of(result, "activation 4"), std::nullopt);
  EXPECT_EQ(figure_of(result, "perplexity 1"), 200.0);
  EXPECT_EQ(figure_of(result, "unique_share"), 0.75);
  EXPECT_EQ(figure_of(result, "catalogue_parameters"), 145'960.0);
  EXPECT_EQ(figure_of(result_at(0.5, 0), "unique_share"), std::nullopt) << "no codes, no tuples";
  EXPECT_THROW(figure_of(result, "sampled luck"), std::out_of_range);
}

TEST(FigureOf, AveragesTheSeedsThatAreFinished) {
  Study study = plan_study(study_grid({}, true), {beauty_like("beauty")}, 3, true);
  EXPECT_EQ(figure_of(study, 0, 0, "sampled HR@10").seeds, 0U);
  EXPECT_EQ(finished_run(study, 0, 0), nullptr);
  const std::size_t models = study.grid.variants.size();
  study.runs[0].result = result_at(0.5);
  study.runs[2 * models].result = result_at(0.52);
  const Estimate estimate = figure_of(study, 0, 0, "sampled HR@10");
  EXPECT_EQ(estimate.seeds, 2U);
  EXPECT_NEAR(estimate.mean, 0.51, 1e-12);
  EXPECT_EQ(finished_run(study, 0, 0), &study.runs[0]);
}

TEST(Results, ComeBackFromJsonAsTheyWere) {
  RunResult result = result_at(0.5);
  result.baselines["popularity"] = {metrics_at(0.3), metrics_at(0.01)};
  const nlohmann::json json = to_json(result);
  const RunResult back = result_from_json(json, "r.json");
  EXPECT_EQ(to_json(back), json);
  EXPECT_EQ(back.curve.size(), 3U);
  EXPECT_EQ(back.baselines.at("popularity").second.hr10, 0.01);
}

TEST(Results, ThatAreDamagedAreRefused) {
  for (const char* gone : {"epochs", "test", "curve", "tokens", "baselines"}) {
    nlohmann::json json = to_json(result_at(0.5));
    json.erase(gone);
    expect_error<Error>([&] { result_from_json(json, "r.json"); }, {"r.json", "damaged"});
  }
}

TEST(ReadCurve, NamesTheLineThatIsNoEpoch) {
  const TempDirectory directory;
  const fs::path file = directory.path() / "training.jsonl";
  const std::string epoch =
      R"({"epoch":1,"loss":{"total":2.5},"validation":{"HR@1":0.1,"HR@5":0.2,"HR@10":0.3,)"
      R"("NDCG@5":0.15,"NDCG@10":0.2,"MRR":0.18},"seconds":{"train":1,"validation":1}})";
  write_file(file, epoch + "\n" + epoch + "\n");
  const std::vector<CurvePoint> curve = read_curve(file);
  ASSERT_EQ(curve.size(), 2U);
  EXPECT_EQ(curve[1].loss, 2.5);
  EXPECT_EQ(curve[1].validation.ndcg10, 0.2);
  write_file(file, epoch + "\n{}\n");
  expect_error<Error>([&] { read_curve(file); }, {"training.jsonl:2"});
}

}  // namespace
}  // namespace tessera::testing
