#include "engine/model.h"

#include <gtest/gtest.h>

#include <numeric>

#include "engine/small_bundle.h"
#include "index/top_items.h"
#include "testing/errors.h"
#include "text/sentence_folder.h"

namespace tessera {
namespace {

using testing::small_titles;
using Numbers = std::vector<std::int32_t>;

std::vector<std::int32_t> semantic(const ItemCard& card) {
  return {card.codes.begin(), card.codes.begin() + 3};
}

class Served : public ::testing::TestWithParam<const char*> {
 protected:
  Served() {
    testing::write_small_bundle(path, GetParam());
    bundle = read_bundle(path);
    model = std::make_unique<Model>(path);
  }
  /// Scores of the whole catalogue for the history, computed without the index.
  std::vector<float> scores(const Numbers& history) const {
    const History histories[] = {history};
    Matrix state(1, bundle.model.settings.width());
    user_states(bundle.model, bundle.catalogue, histories, state);
    Matrix all(1, bundle.catalogue.items());
    score_catalogue(bundle.catalogue, state, all);
    return {all.span().begin(), all.span().end()};
  }
  std::vector<ScoredItem> best(const Numbers& history, std::size_t k,
                               const SearchFilter& filter = {}) const {
    StepArena arena;
    return model->recommend(history, k, filter, arena);
  }
  bool put(const std::string& id, const std::string& text) const {
    StepArena arena;
    model->put(id, text, model->tokens_of(text, arena));
    return true;
  }

  testing::TempDirectory directory;
  const fs::path path = directory.path() / "bundle";
  Bundle bundle;
  std::unique_ptr<Model> model;
};

TEST_P(Served, RecommendsTheBestScoresOfTheCatalogue) {
  for (const Numbers& history : {Numbers{3}, Numbers{0, 5, 2}, Numbers{1, 2, 3, 4, 5, 6, 7}}) {
    const std::vector<float> expected = scores(history);
    const auto all = best(history, 100);
    ASSERT_EQ(all.size(), expected.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_NEAR(all[i].score, expected[static_cast<std::size_t>(all[i].item)], 1e-5);
      if (i > 0) {
        EXPECT_GE(all[i - 1].score, all[i].score);
      }
    }
  }
}

TEST_P(Served, RecommendsForManyBitwiseAsTheCatalogueDoes) {
  std::vector<Numbers> histories;
  for (std::int32_t i = 0; i < 600; ++i) {  // more than one block of them
    histories.emplace_back();
    for (std::int32_t j = 0; j <= i % 7; ++j) histories.back().push_back((3 * i + 5 * j) % 16);
  }
  const std::vector<History> views(histories.begin(), histories.end());
  const auto index = build_index(bundle.model, bundle.catalogue);
  for (const bool exclude : {true, false}) {
    const TopItemsOptions options = {.k = 5, .exclude_history = exclude};
    const auto expected =
        top_items(bundle.model, copy_from(bundle.catalogue), *index, views, options);
    const auto lists = model->recommend_many(views, options);
    ASSERT_EQ(lists.size(), expected.size());
    for (std::size_t i = 0; i < lists.size(); ++i) {
      ASSERT_EQ(lists[i].size(), expected[i].size());
      for (std::size_t j = 0; j < lists[i].size(); ++j) {
        EXPECT_EQ(lists[i][j].item, expected[i][j].item);
        EXPECT_EQ(lists[i][j].score, expected[i][j].score);
      }
    }
  }
}

TEST_P(Served, KnowsItsItemsByIdAndTitle) {
  const std::vector<std::string> ids = {"1", "16", "17", ""};
  const auto numbers = model->numbers(ids);
  EXPECT_EQ(numbers[0], 0);
  EXPECT_EQ(numbers[1], 15);
  EXPECT_FALSE(numbers[2].has_value());
  EXPECT_FALSE(numbers[3].has_value());
  EXPECT_EQ(model->cards(Numbers{15}).front().title, small_titles()[15]);
  EXPECT_EQ(model->find("steel", 10), (Numbers{0, 1}));
  EXPECT_EQ(model->find("3", 10), (Numbers{2}));
  EXPECT_EQ(model->items(), small_titles().size());
}

TEST_P(Served, ExplainsAScoreByPartsThatAddUp) {
  const Numbers history = {0, 5, 2};
  StepArena arena;
  const Explanation why = model->explain(history, 9, arena);
  EXPECT_NEAR(why.score, scores(history)[9], 1e-5);
  EXPECT_EQ(why.tokens.size(), model->levels());
  EXPECT_NEAR(std::accumulate(why.tokens.begin(), why.tokens.end(), why.id_token), why.score, 1e-4);
  ASSERT_EQ(why.history.size(), 3U);
  EXPECT_NEAR(why.history[0], why.score - scores({5, 2})[9], 1e-4);
  EXPECT_NEAR(why.history[1], why.score - scores({0, 2})[9], 1e-4);
  EXPECT_NEAR(why.history[2], why.score - scores({0, 5})[9], 1e-4);
  const Explanation one = model->explain(Numbers{4}, 9, arena);
  EXPECT_NEAR(one.history[0], one.score, 1e-6);  // without an event the state is zero
}

TEST_P(Served, ExplainsOnlyTheEventsItReads) {
  StepArena arena;
  const Explanation why = model->explain(Numbers{9, 8, 7, 1, 2, 3}, 9, arena);
  EXPECT_EQ(why.history.size(), 4U);  // max_length
}

TEST_P(Served, FindsTheNearestVectors) {
  const auto similar = model->similar(0, 100);
  EXPECT_EQ(similar.size(), small_titles().size() - 1);
  for (std::size_t i = 0; i < similar.size(); ++i) {
    EXPECT_NE(similar[i].item, 0);
    EXPECT_LE(std::abs(similar[i].score), 1.0F + 1e-5F);
    if (i > 0) {
      EXPECT_GE(similar[i - 1].score, similar[i].score);
    }
  }
}

TEST_P(Served, MapsEveryItem) {
  const auto points = model->map();
  ASSERT_EQ(points.size(), small_titles().size());
  EXPECT_EQ(points[4].item, 4);
  EXPECT_EQ(points[4].place, model->point(4).place);
}

TEST_P(Served, ForgetsAnErasedItem) {
  EXPECT_TRUE(model->erase("4"));
  EXPECT_FALSE(model->erase("4"));
  EXPECT_FALSE(model->erase("none"));
  EXPECT_FALSE(model->number("4").has_value());
  EXPECT_EQ(model->items(), small_titles().size() - 1);
  for (const ScoredItem& item : best({0}, 100)) EXPECT_NE(item.item, 3);
  for (const ScoredItem& item : model->similar(0, 100)) EXPECT_NE(item.item, 3);
  EXPECT_EQ(model->find("kettle", 10), (Numbers{1}));
  // A search that found it before can still show it.
  EXPECT_EQ(model->cards(Numbers{3}).front().id, "4");
}

INSTANTIATE_TEST_SUITE_P(Tokens, Served,
                         ::testing::Values("unified", "semantic", "id", "collaborative"));

class LiveItems : public Served {};

TEST_P(LiveItems, AreRecommendedAtOnceByTheirText) {
  put("new", "steel teapot");
  const auto number = model->number("new");
  ASSERT_EQ(number, 16);
  EXPECT_EQ(model->items(), 17U);
  EXPECT_EQ(model->live_items(), 1U);
  // The same text gives the same codes; the ID token is zero.
  const auto cards = model->cards(Numbers{0, 16});
  EXPECT_EQ(semantic(cards[0]), semantic(cards[1]));
  EXPECT_TRUE(cards[1].live);
  StepArena arena;
  const Explanation cold = model->explain(Numbers{5, 2}, 16, arena);
  const Explanation warm = model->explain(Numbers{5, 2}, 0, arena);
  EXPECT_EQ(cold.id_token, 0.0F);
  EXPECT_TRUE(std::equal(cold.tokens.begin(), cold.tokens.begin() + 3, warm.tokens.begin()));
  const auto all = best({5, 2}, 100);
  const auto found = std::ranges::find(all, 16, &ScoredItem::item);
  ASSERT_NE(found, all.end());
  EXPECT_NEAR(found->score, cold.score, 1e-5);
  EXPECT_EQ(model->find("steel te", 10), (Numbers{0, 16}));
}

TEST_P(LiveItems, CanStandInAHistory) {
  put("new", "red lipstick");
  EXPECT_NE(best({16, 2}, 1).front().score, best({2}, 1).front().score);
}

TEST_P(LiveItems, AreReplacedUnderTheirNumber) {
  put("new", "steel teapot");
  put("new", "oak desk");
  EXPECT_EQ(model->number("new"), 16);
  EXPECT_EQ(model->items(), 17U);
  EXPECT_EQ(model->live_items(), 1U);
  EXPECT_EQ(model->find("teapot", 10), (Numbers{0, 2}));
  EXPECT_EQ(semantic(model->cards(Numbers{6}).front()),
            semantic(model->cards(Numbers{16}).front()));
  EXPECT_TRUE(model->erase("new"));
  EXPECT_EQ(model->live_items(), 0U);
  put("new", "oak desk");
  EXPECT_EQ(model->number("new"), 16);
}

TEST_P(LiveItems, OfTheCatalogueKeepTheirLearnedIdToken) {
  StepArena arena;
  const Explanation before = model->explain(Numbers{5, 2}, 0, arena);
  const std::vector<std::int32_t> learned = model->cards(Numbers{0}).front().codes;
  put("1", "wool blanket");
  const Explanation after = model->explain(Numbers{5, 2}, 0, arena);
  EXPECT_EQ(after.id_token, before.id_token);
  const std::vector<std::int32_t> codes = model->cards(Numbers{0}).front().codes;
  EXPECT_EQ(semantic(model->cards(Numbers{0}).front()),
            semantic(model->cards(Numbers{10}).front()));
  EXPECT_TRUE(std::equal(codes.begin() + 3, codes.end(), learned.begin() + 3, learned.end()));
  EXPECT_EQ(model->items(), 16U);
  EXPECT_EQ(model->live_items(), 1U);
  EXPECT_TRUE(model->erase("1"));
  put("1", "steel teapot");
  const Explanation restored = model->explain(Numbers{5, 2}, 0, arena);
  EXPECT_NEAR(restored.score, before.score, 1e-5);
}

TEST_P(LiveItems, NeedATextTheModelKnows) {
  testing::expect_error([&] { put("new", "xyzzy"); }, {"no word"});
  testing::expect_error([&] { put("new", ""); }, {"no word"});
  fs::remove(path / kTextEncoderFile);
  model = std::make_unique<Model>(path);
  EXPECT_FALSE(model->reads_text());
  testing::expect_error([&] { put("new", "steel"); }, {"no text encoder"});
}

INSTANTIATE_TEST_SUITE_P(Tokens, LiveItems,
                         ::testing::Values("unified", "semantic", "collaborative"));

TEST(ModelOfASentenceEncoder, TakesItemsByTheirText) {
  const testing::TempDirectory directory;
  testing::write_small_bundle(
      directory.path(),
      read_sentence_folder(fs::path(TESSERA_TESTS_DIR) / "text" / "fixtures" / "tiny_bert"),
      "unified", 7);
  Model model(directory.path());
  EXPECT_TRUE(model.reads_text());
  StepArena arena;
  const std::vector<std::string>& titles = testing::small_titles();
  for (std::size_t i = 0; i < titles.size(); ++i) {  // the bundle's encoder is the catalogue's
    EXPECT_EQ(model.tokens_of(titles[i], arena).codes,
              model.cards(Numbers{static_cast<std::int32_t>(i)}).front().codes);
  }
  model.put("new", "glass teapot", model.tokens_of("glass teapot", arena));
  const auto number = model.number("new");
  ASSERT_TRUE(number.has_value());
  const auto best = model.recommend(Numbers{5, 2}, 17, {}, arena);
  EXPECT_TRUE(std::ranges::any_of(best, [&](const ScoredItem& a) { return a.item == *number; }));
  testing::expect_error([&] { model.tokens_of(" \n", arena); }, {"no word"});
}

TEST(ModelOfIdTokens, ReadsNoText) {
  testing::TempDirectory directory;
  testing::write_small_bundle(directory.path(), "id");
  const Model model(directory.path());
  EXPECT_FALSE(model.reads_text());
  StepArena arena;
  testing::expect_error([&] { model.tokens_of("steel", arena); }, {"ID tokens alone"});
}

}  // namespace
}  // namespace tessera
