#include "study/grid.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"

namespace tessera {
namespace {

std::vector<std::string> labels_of(const Comparison& comparison) {
  std::vector<std::string> labels;
  for (const StudyPoint& point : comparison.points) labels.push_back(point.label);
  return labels;
}

const Settings& settings_at(const StudyGrid& grid, const std::string& key, std::size_t point) {
  return grid.variants[grid.comparison(key).points.at(point).variant].settings;
}

using Labels = std::vector<std::string>;

TEST(StudyGrid, HoldsEveryComparisonOfTheStudy) {
  const StudyGrid grid = study_grid({}, false);
  EXPECT_EQ(labels_of(grid.comparison("distance")), (Labels{"cosine", "euclidean", "unified"}));
  EXPECT_EQ(labels_of(grid.comparison("codebook_size")),
            (Labels{"64", "128", "256", "512", "1024"}));
  EXPECT_EQ(labels_of(grid.comparison("id_dims")), (Labels{"0", "2", "4", "8", "16", "32", "64"}));
  EXPECT_EQ(labels_of(grid.comparison("semantic_dims")), (Labels{"16", "32", "64", "128"}));
  EXPECT_EQ(settings_at(grid, "tokens", 0).tokens, "unified");
  EXPECT_EQ(settings_at(grid, "tokens", 1).tokens, "semantic");
  EXPECT_EQ(settings_at(grid, "tokens", 2).tokens, "id");
  EXPECT_EQ(settings_at(grid, "distance", 1).distance, "euclidean");
  EXPECT_EQ(settings_at(grid, "codebook_size", 4).codebook_size, 1024U);
  EXPECT_EQ(settings_at(grid, "id_dims", 0).tokens, "semantic") << "no dims: no ID token";
  EXPECT_EQ(settings_at(grid, "id_dims", 6).id_dims, 64U);
  EXPECT_EQ(settings_at(grid, "semantic_dims", 3).semantic_dims, 128U);
  EXPECT_THROW(grid.comparison("moods"), std::out_of_range);
}

TEST(StudyGrid, TrainsTheStudysOwnModelOnceAndFirst) {
  const StudyGrid grid = study_grid({}, false);
  EXPECT_EQ(to_json(grid.variants[0].settings), to_json(recipe("paper")));
  EXPECT_EQ(grid.comparison("distance").points[2].variant, 0U);
  EXPECT_EQ(grid.comparison("codebook_size").points[2].variant, 0U);
  EXPECT_EQ(grid.comparison("id_dims").points[3].variant, 0U);
  EXPECT_EQ(grid.comparison("semantic_dims").points[2].variant, 0U);
  std::set<std::string> names;
  std::set<std::string> settings;
  std::size_t paper = 0;
  for (const Variant& variant : grid.variants) {
    EXPECT_TRUE(names.insert(variant.name).second) << variant.name;
    EXPECT_TRUE(settings.insert(to_json(variant.settings).dump()).second) << variant.name;
    paper += variant.settings.recipe == "paper" ? 1 : 0;
  }
  EXPECT_EQ(paper, 3U + 2 + 4 + 5 + 3);
}

TEST(StudyGrid, ShowsTheDefaultRecipeWhereThereIsOne) {
  EXPECT_TRUE(has_recipe("paper"));
  EXPECT_FALSE(has_recipe("no such recipe"));
  std::size_t others = 0;
  for (const Variant& variant : study_grid({}, false).variants) {
    others += variant.settings.recipe == "default" ? 1 : 0;
  }
  EXPECT_EQ(others, has_recipe("default") ? 3U : 0U);
}

TEST(StudyGrid, AppliesAssignmentsBelowWhatAComparisonVaries) {
  const StudyGrid grid = study_grid({"epochs=2", "codebook_size=16"}, false);
  for (const Variant& variant : grid.variants) EXPECT_EQ(variant.settings.epochs, 2U);
  EXPECT_EQ(settings_at(grid, "tokens", 0).codebook_size, 16U);
  EXPECT_EQ(settings_at(grid, "codebook_size", 2).codebook_size, 256U);
  EXPECT_EQ(settings_at(grid, "id_dims", 1).codebook_size, 16U);
  EXPECT_THROW(study_grid({"epochz=2"}, false), UsageError);
}

TEST(StudyGrid, QuickHasTheSameComparisonsWithFewerPointsAndEpochs) {
  const StudyGrid whole = study_grid({}, false);
  const StudyGrid quick = study_grid({}, true);
  ASSERT_EQ(quick.comparisons.size(), whole.comparisons.size());
  for (std::size_t i = 0; i < whole.comparisons.size(); ++i) {
    EXPECT_EQ(quick.comparisons[i].key, whole.comparisons[i].key);
    EXPECT_LE(quick.comparisons[i].points.size(), whole.comparisons[i].points.size());
    EXPECT_GE(quick.comparisons[i].points.size(), 2U);
  }
  EXPECT_LT(quick.variants.size(), whole.variants.size());
  for (const Variant& variant : quick.variants) EXPECT_LE(variant.settings.epochs, 10U);
  EXPECT_EQ(study_grid({"epochs=1"}, true).variants[0].settings.epochs, 1U);
}

}  // namespace
}  // namespace tessera
