// Items like others: cosines with what is liked, what is not, and a text.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/small_bundle.h"
#include "tessera/model.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using Numbers = std::vector<std::int32_t>;
using testing::expect_error;

class Similar : public ::testing::Test {
 protected:
  Similar() { testing::write_small_bundle(directory.path()); }

  std::vector<double> unit(std::int32_t item) const {
    const std::vector<float> row = model().vectors(Numbers{item});
    double squares = 0.0;
    for (const float x : row) squares += double{x} * double{x};
    std::vector<double> unit;
    for (const float x : row) unit.push_back(double{x} / std::sqrt(squares));
    return unit;
  }
  double cosine_with(const std::vector<double>& direction, std::int32_t item) const {
    const std::vector<double> other = unit(item);
    double product = 0.0, squares = 0.0;
    for (std::size_t i = 0; i < other.size(); ++i) {
      product += direction[i] * other[i];
      squares += direction[i] * direction[i];
    }
    return product / std::sqrt(squares);
  }
  Model& model() const { return opened ? *opened : opened.emplace(directory.path()); }

  testing::TempDirectory directory;
  mutable std::optional<Model> opened;
};

TEST_F(Similar, HistoriesAreAsAlikeAsTheirStates) {
  const Numbers own = {0, 5}, other = {5, 9, 2}, none;
  const History histories[] = {own, other}, others[] = {other, none, own};
  const std::vector<float> states = model().states(histories);
  double product = 0.0, squares[2] = {0.0, 0.0};
  for (std::size_t i = 0; i < model().width(); ++i) {
    const double a = states[i], b = states[model().width() + i];
    product += a * b;
    squares[0] += a * a;
    squares[1] += b * b;
  }
  const std::vector<double> cosines = model().likeness(own, others);
  ASSERT_EQ(cosines.size(), 3U);
  EXPECT_NEAR(cosines[0], product / std::sqrt(squares[0] * squares[1]), 1e-6);
  EXPECT_EQ(cosines[1], 0.0);
  EXPECT_NEAR(cosines[2], 1.0, 1e-6);
  expect_error([&] { model().likeness(none, others); }, {"empty"});
}

TEST_F(Similar, LikedAndDislikedItemsMakeADirection) {
  const Numbers liked = {0, 5}, disliked = {9};
  std::vector<double> direction(model().width());
  const std::vector<double> first = unit(0), second = unit(5), against = unit(9);
  for (std::size_t i = 0; i < direction.size(); ++i) {
    direction[i] = (first[i] + second[i]) / 2 - 0.5 * against[i];
  }
  const auto found = model().similar({liked, disliked, ""}, 100);
  EXPECT_EQ(found.size(), 13U);
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_TRUE(found[i].number != 0 && found[i].number != 5 && found[i].number != 9);
    EXPECT_NEAR(found[i].cosine, cosine_with(direction, found[i].number), 1e-5);
    if (i > 0) {
      EXPECT_GE(found[i - 1].cosine, found[i].cosine);
    }
  }
}

TEST_F(Similar, OneLikedItemIsTheItemItself) {
  const Numbers liked = {3};
  const auto by_item = model().similar(3, 5), by_taste = model().similar({.liked = liked}, 5);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(by_item[i].number, by_taste[i].number);
    EXPECT_NEAR(by_item[i].cosine, by_taste[i].cosine, 1e-5);
  }
}

TEST_F(Similar, ATextIsAsTheItemThatWouldBePutWithIt) {
  const auto by_text = model().similar({.text = "steel glass lamp"}, 16);
  const std::string id = "new";
  model().put(id, "", model().tokens_of("steel glass lamp"));
  const auto by_item = model().similar(*model().number(id), 16);
  ASSERT_EQ(by_text.size(), by_item.size());
  for (std::size_t i = 0; i < by_item.size(); ++i) {
    EXPECT_EQ(by_text[i].number, by_item[i].number);
    EXPECT_NEAR(by_text[i].cosine, by_item[i].cosine, 1e-5);
  }
}

TEST_F(Similar, NothingGivenIsRefused) {
  expect_error<UsageError>([&] { model().similar(Taste(), 3); }, {"liked", "text"});
  expect_error<UsageError>([&] { model().similar({.text = "steel"}, 0); }, {"k = 0"});
  expect_error<Error>([&] { model().similar({.text = "zzzz"}, 3); }, {"no word"});
  const Numbers wrong = {99};
  expect_error<Error>([&] { model().similar({.disliked = wrong}, 3); }, {"99"});
}

}  // namespace
}  // namespace tessera
