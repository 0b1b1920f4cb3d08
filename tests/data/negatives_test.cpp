#include "data/negatives.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "data/prepare.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using testing::as_items;
using testing::dataset_of;
using testing::expect_error;
using Items = std::vector<std::int32_t>;

class ReadNegatives : public ::testing::Test {
 protected:
  testing::TempDirectory temp;
  const fs::path file = temp.path() / "negatives.txt";
  const Dataset data = dataset_of({{0, 1, 2}, {3, 4, 5}}, 9);

  void expect_refused(std::string_view lines, const char* line, std::string_view part) const {
    write_file(file, lines);
    expect_error([&] { read_negatives(file, data); }, {file.string() + line, part});
  }
};

TEST_F(ReadNegatives, GivesEachUserItsItems) {
  write_file(file, "u0 i3 i8 i8\r\nu1\ti0 i7  i6\r\n");  // repeated negatives are kept as given
  const Negatives negatives = read_negatives(file, data);
  EXPECT_EQ(negatives.per_user, 3U);
  EXPECT_EQ(as_items(negatives.of(0)), (Items{3, 8, 8}));
  EXPECT_EQ(as_items(negatives.of(1)), (Items{0, 7, 6}));
}

TEST_F(ReadNegatives, NamesTheLineThatDoesNotFit) {
  expect_refused("u1 i0 i7\nu0 i3 i8\n", ":1:", "user 'u1' where the dataset has 'u0'");
  expect_refused("u0 i3 i8\nu2 i0 i7\n", ":2:", "user 'u2'");
  expect_refused("u0 i3 i8\n", ":", "1 lines for 2 users");
  expect_refused("", ":", "0 lines for 2 users");
  expect_refused("u0 i3 i8\nu1 i0 i7\nu2 i0 i7\n", ":3:", "more lines");
  expect_refused("u0 i3 i8\n\nu1 i0 i7\n", ":2:", "empty line");
  expect_refused("u0\nu1\n", ":1:", "no items");
  expect_refused("u0 i3 i8\nu1 i0\n", ":2:", "1 items where the lines before have 2");
  expect_refused("u0 i3 i8\nu1 i0 i7 i8\n", ":2:", "3 items");
  expect_refused("u0 i3 i8\nu1 i0 i9\n", ":2:", "'i9' is not in the catalogue");
}

TEST_F(ReadNegatives, RefusesItemsOfTheUsersOwnHistory) {
  expect_refused("u0 i3 i8\nu1 i0 i5\n", ":2:", "'i5' is in the history");  // the test item
  expect_refused("u0 i3 i1\nu1 i0 i7\n", ":1:", "'i1' is in the history");  // the validation item
  expect_refused("u0 i0 i8\nu1 i0 i7\n", ":1:", "'i0' is in the history");
}

TEST_F(ReadNegatives, NamesAFileThatIsMissing) {
  expect_error([&] { read_negatives(file, data); }, {file.string(), "cannot open"});
}

TEST_F(ReadNegatives, FitTheBeautyDataset) {
  const fs::path beauty = fs::path(TESSERA_SHARED_DIR) / "data/beauty";
  if (!fs::exists(beauty)) GTEST_SKIP() << "needs " << beauty;
  PrepareReport report;
  PrepareOptions options;
  options.interactions = {beauty / "interactions.txt"};
  const Dataset prepared = prepare(options, report);
  const Negatives negatives = read_negatives(beauty / "negatives.txt.gz", prepared);
  EXPECT_EQ(negatives.per_user, 99U);
  EXPECT_EQ(negatives.items.size(), 22'363U * 99U);
  EXPECT_EQ(prepared.items[static_cast<std::size_t>(negatives.of(0)[0])].id, "3408");
}

TEST(DrawNegatives, AreDistinctAndOutsideTheWholeHistory) {
  const Dataset data = dataset_of({{0, 1, 2, 2}, {}, {5, 6}}, 12);
  const Negatives negatives = draw_negatives(data, 7, 9);
  ASSERT_EQ(negatives.items.size(), 27U);
  for (std::size_t u = 0; u < 3; ++u) {
    const std::set<std::int32_t> drawn(negatives.of(u).begin(), negatives.of(u).end());
    EXPECT_EQ(drawn.size(), 9U) << u;
    for (const std::int32_t item : data.history(u)) EXPECT_FALSE(drawn.contains(item)) << u;
    EXPECT_GE(*drawn.begin(), 0);
    EXPECT_LT(*drawn.rbegin(), 12);
  }
}

TEST(DrawNegatives, FollowTheSeed) {
  const Dataset data = dataset_of({{0, 1, 2}, {0, 1, 2}}, 500);
  const Negatives negatives = draw_negatives(data, 1, 99);
  EXPECT_EQ(negatives.per_user, 99U);
  EXPECT_EQ(negatives.items, draw_negatives(data, 1, 99).items);
  EXPECT_NE(negatives.items, draw_negatives(data, 2, 99).items);
  EXPECT_NE(as_items(negatives.of(0)), as_items(negatives.of(1)));
}

TEST(DrawNegatives, AreUniform) {
  const Dataset data = dataset_of(std::vector<Items>(4'000, Items{0}), 11);
  std::vector<double> counts(11);
  for (const std::int32_t item : draw_negatives(data, 3, 2).items) {
    ++counts[static_cast<std::size_t>(item)];
  }
  EXPECT_EQ(counts[0], 0.0);
  for (std::size_t i = 1; i < 11; ++i) EXPECT_NEAR(counts[i], 800.0, 5 * 26.0) << i;
}

TEST(DrawNegatives, NeedACatalogueLargeEnough) {
  const Dataset data = dataset_of({{0, 1, 2, 2}}, 10);
  EXPECT_EQ(draw_negatives(data, 1, 7).items.size(), 7U);
  expect_error([&] { draw_negatives(data, 1, 8); }, {"more than 7 items", "8 negatives"});
}

TEST(DrawNegatives, AreFewerForAUserWhoTouchedNearlyEverything) {
  std::vector<Items> histories(30, Items{4});
  for (std::int32_t item = 0; item < 197; ++item) histories[0].push_back(item);
  histories[1] = {0, 1, 2};
  const Dataset data = dataset_of(histories, 200);
  EXPECT_EQ(drawable_negatives(data), 99U);
  const Negatives negatives = draw_negatives(data, 1, 99);
  Items left = as_items(negatives.of(0));
  std::ranges::sort(left);
  EXPECT_EQ(left, (Items{197, 198, 199}));
  EXPECT_EQ(negatives.of(1).size(), 99U);
  // Another's draws do not depend on it.
  EXPECT_EQ(as_items(draw_negatives(dataset_of({{5}, {0, 1, 2}}, 200), 1, 99).of(1)),
            as_items(negatives.of(1)));
  EXPECT_EQ(as_items(negatives_of(negatives, Items{0}).of(0)).size(), 3U);
}

}  // namespace
}  // namespace tessera
