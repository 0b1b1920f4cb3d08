#include "train/text_agreement.h"

#include <gtest/gtest.h>

#include "base/npy.h"
#include "base/random.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"
#include "train/settings_by_data.h"

namespace tessera {
namespace {

constexpr std::size_t kReadItems = 60, kKinds = 6, kDims = 8;

std::size_t kind_of(std::size_t item) { return item % kKinds; }

// Users who keep to items of one kind, with six training events each.
Dataset shop(std::size_t users) {
  Random random(1, {});
  std::vector<std::vector<std::int32_t>> histories(users);
  for (std::size_t u = 0; u < users; ++u) {
    for (std::size_t e = 0; e < 8; ++e) {
      const std::size_t item = random.below(kReadItems / kKinds) * kKinds + kind_of(u);
      histories[u].push_back(static_cast<std::int32_t>(item));
    }
  }
  return testing::dataset_of(histories, kReadItems);
}

class TextAgreement : public ::testing::Test {
 protected:
  // Texts that say an item's kind with this weight beside chance.
  void write_texts(float weight) {
    Random random(2, {});
    Matrix texts(kReadItems, kDims);
    for (std::size_t i = 0; i < kReadItems; ++i) {
      for (float& x : texts.view().row(i)) x = 3.0F + static_cast<float>(random.normal());
      texts[i][kind_of(i)] += weight;
    }
    write(texts);
  }
  void write(const Matrix& texts) { write_npy(directory_.path() / kEmbeddingsFile, texts.view()); }
  std::optional<double> of(const Dataset& data) { return text_agreement(data, directory_.path()); }
  double text_events(const Dataset& data) { return text_events_by_data(data, directory_.path()); }

  testing::TempDirectory directory_;
};

TEST_F(TextAgreement, IsHighWhereTextsTellWhatIsChosenTogether) {
  write_texts(8.0F);
  EXPECT_GT(of(shop(500)), 0.85);
  EXPECT_EQ(text_events(shop(500)), 10.0);
}

TEST_F(TextAgreement, IsAHalfWhereTheySayNothing) {
  write_texts(0.0F);
  EXPECT_NEAR(of(shop(3000)).value(), 0.5, 0.06);  // of sixty items a few are alike by chance
  write(Matrix(kReadItems, kDims));
  EXPECT_EQ(of(shop(500)), 0.5);
  EXPECT_EQ(text_events(shop(500)), 0.0);
}

TEST_F(TextAgreement, WeighsTextsInBetweenByShare) {
  write_texts(0.8F);
  const double found = of(shop(3000)).value();
  ASSERT_GT(found, 0.53);
  ASSERT_LT(found, 0.63);
  EXPECT_NEAR(text_events(shop(3000)), 10.0 * (found - 0.51) / 0.14, 0.051);
}

TEST_F(TextAgreement, ItemsWithoutATextAreNeitherNearNorFar) {
  write_texts(8.0F);
  const double all = of(shop(1000)).value();
  Matrix texts = read_npy(directory_.path() / kEmbeddingsFile);
  for (std::size_t i = 0; i < kReadItems / 2; ++i) std::ranges::fill(texts.view().row(i), 0.0F);
  write(texts);
  const double half = of(shop(1000)).value();
  EXPECT_GT(half, 0.55);
  EXPECT_LT(half, all);
}

TEST_F(TextAgreement, AShortLogCannotTell) {
  write_texts(0.0F);
  EXPECT_EQ(of(shop(100)), std::nullopt);
  EXPECT_EQ(text_events(shop(100)), 10.0);
}

TEST_F(TextAgreement, NamesEmbeddingsThatAreMissing) {
  testing::expect_error([&] { of(shop(500)); }, {"embeddings.npy", "tessera embed"});
}

}  // namespace
}  // namespace tessera
