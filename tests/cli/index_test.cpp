// The index of a bundle and what is exported for other programs.
#include "base/npy.h"
#include "base/safetensors.h"
#include "cli/shop.h"

namespace tessera::testing {
namespace {

class IndexCommand : public CommandTest {
 protected:
  std::string recommended(const std::string& model) const {
    return output_of("recommend --json --users " + users_ + " --data " + shop().data + " --model " +
                     model);
  }
  std::string users_ = file("users.txt", "U000001\nU000002\nU000003\n");
};

TEST_F(IndexCommand, RecommendationsAreTheSameWithAndWithoutItsFile) {
  const std::string model = copy(shop().model, "model");
  const std::string without = recommended(model);
  EXPECT_NE(output_of("index --model " + model).find("150 items"), std::string::npos);
  EXPECT_TRUE(fs::exists(model + "/index.safetensors"));
  EXPECT_EQ(recommended(model), without);
}

TEST_F(IndexCommand, AnIndexOfAnOlderTrainingIsNotUsed) {
  const std::string model = copy(shop().model, "model");
  output_of("index --model " + model);
  output_of("train --data " + shop().data + " --out " + model + kTiny + "--set seed=9");
  const std::string with_old_index = recommended(model);
  fs::remove(model + "/index.safetensors");
  EXPECT_EQ(with_old_index, recommended(model));
}

TEST_F(IndexCommand, ADamagedIndexIsNamed) {
  const std::string model = copy(shop().model, "model");
  output_of("index --model " + model);
  fs::resize_file(model + "/index.safetensors", 1000);
  expect_refusal(tessera("recommend --user U000001 --model " + model), 1,
                 {"index.safetensors", "cut short"});
  expect_refusal(tessera("index --model " + path("nowhere")), 1, {"nowhere"});
}

TEST_F(IndexCommand, IsCheckedWithoutBeingWritten) {
  const std::string model = copy(shop().model, "model"), index = model + "/index.safetensors";
  expect_refusal(tessera("index --check --model " + model), 1, {index});
  EXPECT_FALSE(fs::exists(index));
  output_of("index --model " + model);
  EXPECT_NE(output_of("index --check --model " + model).find("whole"), std::string::npos);
  const std::string whole = content_of(index);
  std::string bad = whole;
  bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] + 1);
  write(index, bad);
  expect_refusal(tessera("index --check --model " + model), 1, {index, "damaged"});
  EXPECT_EQ(content_of(index), bad);
  output_of("train --data " + shop().data + " --out " + model + kTiny + "--set seed=9");
  write(index, whole);
  expect_refusal(tessera("index --check --model " + model), 1, {index, "another training"});
}

TEST_F(IndexCommand, ExportedVectorsRankAsTheModelDoes) {
  const std::string out = path("vectors.npy");
  output_of("export --model " + shop().model + " --what vectors --out " + out);
  const Matrix vectors = read_npy(out);
  ASSERT_EQ(vectors.rows(), 150U);
  ASSERT_EQ(vectors.cols(), 16U + 8U);
  // The semantic part is the sum of the item's codebook rows, the rest its ID vector.
  const SafeTensors model(shop().model + "/model.safetensors");
  const Matrix ids = model.matrix("id_tokens");
  for (std::size_t i = 0; i < 150; ++i) {
    for (std::size_t d = 0; d < 8; ++d) EXPECT_EQ(vectors[i][16 + d], ids[i][d]);
  }
}

TEST_F(IndexCommand, ExportedTokensAreThoseOfTheTokensCommand) {
  const std::string out = path("tokens.json");
  output_of("export --model " + shop().model + " --what tokens --out " + out);
  const Json tokens = Json::parse(content_of(out));
  ASSERT_EQ(tokens.size(), 150U);
  for (const std::string& item : {tokens.begin().key(), tokens.rbegin().key()}) {
    const Json shown = json_of("tokens --json --item " + item + " --model " + shop().model);
    EXPECT_EQ(tokens.at(item), shown.at("codes"));
  }
}

TEST_F(IndexCommand, ExportRefusesWhatItCannotDo) {
  const Finished pictures = tessera("export --what pictures --out x --model " + shop().model);
  EXPECT_EQ(pictures.exit_code, 2);
  EXPECT_NE(pictures.err.find("pictures not in {vectors,tokens"), std::string::npos);
  expect_refusal(tessera("export --what vectors --model " + shop().model), 2, {"--out"});
  expect_refusal(tessera("export --what vectors --out /nowhere/v.npy --model " + shop().model), 1,
                 {"/nowhere/v.npy"});
}

}  // namespace
}  // namespace tessera::testing
