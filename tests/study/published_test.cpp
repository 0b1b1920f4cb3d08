#include "study/published.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(PublishedFigures, BelongToDataOfTheirSizeAlone) {
  EXPECT_EQ(published_dataset(22'363, 12'101), "Beauty");
  EXPECT_EQ(published_dataset(35'598, 18'357), "Sports");
  EXPECT_EQ(published_dataset(22'363, 12'102), "");
  EXPECT_TRUE(published_rows("", "sampled").empty());
}

TEST(PublishedFigures, AreFoundByWhatShapesTheModel) {
  Settings settings = recipe("paper");
  EXPECT_EQ(paper_figure("Beauty", settings, "sampled HR@10"), 0.5318);
  EXPECT_EQ(paper_figure("Sports", settings, "sampled NDCG@10"), 0.3139);
  EXPECT_EQ(paper_figure("Beauty", settings, "activation 3"), 1.0);
  EXPECT_EQ(paper_figure("Beauty", settings, "unique_share"), 0.8327);
  settings.seed = 9;
  settings.epochs = 4;
  EXPECT_EQ(paper_figure("Beauty", settings, "sampled HR@10"), 0.5318);
  settings.distance = "euclidean";
  EXPECT_EQ(paper_figure("Beauty", settings, "activation 1"), 0.0586);
  EXPECT_EQ(paper_figure("Beauty", settings, "activation 2"), std::nullopt);
  settings.distance = "cosine";
  EXPECT_EQ(paper_figure("Beauty", settings, "sampled MRR"), 0.2921);
  settings = recipe("paper");
  settings.codebook_size = 128;
  EXPECT_EQ(paper_figure("Sports", settings, "sampled HR@10"), 0.5247);
  EXPECT_EQ(paper_figure("Sports", settings, "sampled HR@5"), std::nullopt);
  EXPECT_EQ(paper_figure("Beauty", settings, "sampled HR@10"), std::nullopt);
  settings = recipe("paper");
  settings.tokens = "id";
  EXPECT_EQ(paper_figure("Beauty", settings, "sampled HR@10"), 0.4651);
  EXPECT_EQ(paper_figure("Beauty", settings, "unique_share"), std::nullopt);
  settings.tokens = "semantic";
  EXPECT_EQ(paper_figure("Beauty", settings, "sampled HR@10"), 0.4956);
  EXPECT_EQ(paper_figure("Beauty", settings, "full HR@10"), std::nullopt);
}

TEST(PublishedFigures, AreNotThoseOfModelsOfOtherShapes) {
  for (const char* change : {"id_dims=16", "semantic_dims=32", "levels=4", "codebook_size=64",
                             "hidden=32", "layers=1", "dropout=0.2"}) {
    Settings settings = recipe("paper");
    apply_setting(settings, change);
    EXPECT_EQ(paper_figure("Beauty", settings, "sampled HR@10"), std::nullopt) << change;
  }
  Settings other = recipe("paper");
  other.recipe = "default";
  EXPECT_EQ(paper_figure("Beauty", other, "sampled HR@10"), std::nullopt);
}

TEST(PublishedFigures, NameTheirSources) {
  for (const char* dataset : {"Beauty", "Sports"}) {
    for (const char* protocol : {"sampled", "full"}) {
      EXPECT_FALSE(published_rows(dataset, protocol).empty());
      for (const PublishedRow& row : published_rows(dataset, protocol)) {
        EXPECT_NE(std::string(row.source), "") << row.name;
        EXPECT_FALSE(row.hr10 <= row.ndcg10) << row.name;
      }
    }
  }
}

}  // namespace
}  // namespace tessera
