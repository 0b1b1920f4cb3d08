#include "tessera/model.h"

#include <gtest/gtest.h>

#include <numeric>

#include "engine/small_bundle.h"
#include "index/index_file.h"
#include "testing/errors.h"
#include "text/sentence_folder.h"

namespace tessera {
namespace {

using testing::small_titles;
using Numbers = std::vector<std::int32_t>;

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
  std::vector<ScoredItem> best(const Numbers& history, std::size_t k) const {
    return model->recommend(history, {.k = k});
  }
  ItemCard put(const std::string& id, const std::string& text) const {
    return model->put(id, text, model->tokens_of(text));
  }

  testing::TempDirectory directory;
  const fs::path path = directory.path() / "bundle";
  Bundle bundle;
  std::unique_ptr<Model> model;
};

TEST_P(Served, RecommendsTheBestScoresOfTheCatalogue) {
  for (const Numbers& history : {Numbers{3}, Numbers{0, 5, 2}, Numbers{1, 2, 3, 4, 5, 6, 7}}) {
    const std::vector<float> expected = scores(history);
    const auto all = model->recommend(history, {.k = 100, .repeats = true});
    ASSERT_EQ(all.size(), expected.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_NEAR(all[i].score, expected[static_cast<std::size_t>(all[i].item)], 1e-5);
      if (i > 0) {
        EXPECT_GE(all[i - 1].score, all[i].score);
      }
    }
  }
}

TEST_P(Served, RecommendsForManyWhatTheCatalogueScores) {
  std::vector<Numbers> histories;
  for (std::int32_t i = 0; i < 600; ++i) {  // more than one block of them
    histories.emplace_back();
    for (std::int32_t j = 0; j <= i % 7; ++j) histories.back().push_back((3 * i + 5 * j) % 16);
  }
  const std::vector<History> views(histories.begin(), histories.end());
  Matrix states(views.size(), bundle.model.settings.width());
  user_states(bundle.model, bundle.catalogue, views, states);
  const auto index = build_index(bundle.model, bundle.catalogue);
  for (const bool repeats : {false, true}) {
    const auto lists = model->recommend_many(views, {.k = 5, .repeats = repeats});
    ASSERT_EQ(lists.size(), views.size());
    for (std::size_t i = 0; i < lists.size(); ++i) {
      SearchFilter filter;
      if (!repeats) filter.excluded = views[i];
      const auto expected = index->search(states.view().row(i), 5, filter);
      ASSERT_EQ(lists[i].size(), expected.size());
      for (std::size_t j = 0; j < lists[i].size(); ++j) {
        EXPECT_EQ(lists[i][j].item, expected[j].item);
        EXPECT_EQ(lists[i][j].score, expected[j].score);
      }
    }
  }
  const std::vector<float> rows = model->states(views);
  EXPECT_TRUE(std::ranges::equal(rows, states.span()));
}

TEST_P(Served, RecommendsFromWhatTheOptionsLeave) {
  const Numbers history = {3, 5, 3};
  const auto numbers = [&](const RecommendOptions& options) {
    Numbers found;
    for (const ScoredItem& item : model->recommend(history, options)) found.push_back(item.item);
    std::ranges::sort(found);
    const History histories[] = {history};
    Numbers together;
    const auto lists = model->recommend_many(histories, options);
    for (const ScoredItem& item : lists.front()) together.push_back(item.item);
    std::ranges::sort(together);
    EXPECT_EQ(together, found);
    return found;
  };
  EXPECT_EQ(numbers({.k = 100}).size(), 14U);
  EXPECT_EQ(numbers({.k = 100, .repeats = true}).size(), 16U);
  const Numbers allow = {1, 3, 9};
  const Numbers deny = {9, 2};
  EXPECT_EQ(numbers({.allow = allow}), (Numbers{1, 9}));
  EXPECT_EQ(numbers({.repeats = true, .allow = allow}), allow);
  EXPECT_EQ(numbers({.allow = allow, .deny = deny}), Numbers{1});
  EXPECT_EQ(numbers({.k = 100, .deny = deny}).size(), 12U);
  EXPECT_EQ(numbers({.repeats = true, .allow = allow, .deny = deny}), (Numbers{1, 3}));
  EXPECT_EQ(numbers({.allow = History{}}), Numbers{});
  EXPECT_EQ(numbers({.accepts = [](std::int32_t item) { return item == 7 || item == 3; }}),
            Numbers{7});
}

TEST_P(Served, SaysNothingOfAnEmptyHistory) {
  testing::expect_error<UsageError>([&] { model->recommend(History()); }, {"empty history"});
  testing::expect_error<UsageError>([&] { model->explain(History(), 1); }, {"empty history"});
  const Numbers one = {1};
  const History histories[] = {{}, one, {}};
  const auto lists = model->recommend_many(histories, {.k = 3});
  ASSERT_EQ(lists.size(), 3U);
  EXPECT_TRUE(lists[0].empty() && lists[2].empty());
  EXPECT_EQ(lists[1].size(), 3U);
  EXPECT_TRUE(model->recommend_many({}).empty());
}

TEST_P(Served, RefusesNumbersThatNoItemHas) {
  const Numbers history = {1};
  for (const std::int32_t wrong : {-1, 16, 1 << 30}) {
    const Numbers bad = {wrong};
    const History histories[] = {bad};
    const auto refused = [&](const auto& work) {
      testing::expect_error(work, {"no item has the number " + std::to_string(wrong)});
    };
    refused([&] { model->recommend(bad); });
    refused([&] { model->recommend(history, {.allow = bad}); });
    refused([&] { model->recommend(history, {.deny = bad}); });
    refused([&] { model->recommend_many(histories); });
    refused([&] { model->states(histories); });
    refused([&] { model->explain(bad, 1); });
    refused([&] { model->explain(history, wrong); });
    refused([&] { model->similar(wrong, 3); });
    refused([&] { model->vectors(bad); });
    refused([&] { model->card(wrong); });
    refused([&] { model->point(wrong); });
  }
  testing::expect_error<UsageError>([&] { model->recommend(history, {.k = 0}); }, {"k = 0"});
}

TEST_P(Served, AnswersByIds) {
  const std::vector<std::string> history = {"1", "6"};
  const auto by_id = model->recommend(history, {.k = 4});
  const auto by_number = model->recommend(Numbers{0, 5}, {.k = 4});
  ASSERT_EQ(by_id.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(by_id[i].id, std::to_string(by_number[i].item + 1));
    EXPECT_EQ(by_id[i].title, small_titles()[static_cast<std::size_t>(by_number[i].item)]);
    EXPECT_EQ(by_id[i].score, by_number[i].score);
  }
  const std::vector<std::string> unknown = {"1", "none"};
  testing::expect_error([&] { model->recommend(unknown); }, {"'none'", "not in"});
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
  EXPECT_EQ(model->size(), small_titles().size());
}

TEST_P(Served, ExplainsAScoreByPartsThatAddUp) {
  const Numbers history = {0, 5, 2};
  const Explanation why = model->explain(history, 9);
  EXPECT_NEAR(why.score, scores(history)[9], 1e-5);
  EXPECT_EQ(why.semantic.size(), model->levels());
  EXPECT_EQ(why.collaborative.size(), model->collaborative_tokens());
  const float semantic = std::accumulate(why.semantic.begin(), why.semantic.end(), 0.0F);
  const float collaborative =
      std::accumulate(why.collaborative.begin(), why.collaborative.end(), 0.0F);
  EXPECT_NEAR(semantic + collaborative + why.id_token, why.score, 1e-4);
  ASSERT_EQ(why.history.size(), 3U);
  EXPECT_NEAR(why.history[0], why.score - scores({5, 2})[9], 1e-4);
  EXPECT_NEAR(why.history[1], why.score - scores({0, 2})[9], 1e-4);
  EXPECT_NEAR(why.history[2], why.score - scores({0, 5})[9], 1e-4);
  const Explanation one = model->explain(Numbers{4}, 9);
  EXPECT_NEAR(one.history[0], one.score, 1e-6);  // without an event the state is zero
}

TEST_P(Served, ExplainsOnlyTheEventsItReads) {
  const Explanation why = model->explain(Numbers{9, 8, 7, 1, 2, 3}, 9);
  EXPECT_EQ(why.history.size(), 4U);  // max_length
}

TEST_P(Served, TakesAVectorApartAsItIsMade) {
  const Settings& settings = bundle.model.settings;
  EXPECT_EQ(model->levels(), settings.has_semantics() ? 3U : 0U);
  EXPECT_EQ(model->collaborative_tokens(), settings.has_collaborative() ? 2U : 0U);
  EXPECT_EQ(model->codebooks(TokenKind::semantic), model->levels());
  EXPECT_EQ(model->codebooks(TokenKind::collaborative), model->collaborative_tokens());
  EXPECT_EQ(model->id_dims(), settings.id_width());
  const Numbers all = model->items();
  const std::vector<float> vectors = model->vectors(all);
  ASSERT_EQ(vectors.size(), all.size() * model->width());
  for (const std::int32_t item : all) {
    const ItemTokens tokens = model->card(item).tokens;
    ASSERT_EQ(tokens.semantic.size(), model->levels());
    ASSERT_EQ(tokens.collaborative.size(), model->collaborative_tokens());
    std::vector<float> vector(settings.semantic_width());
    for (std::size_t l = 0; l < tokens.semantic.size(); ++l) {
      const Codebook book = model->codebook(TokenKind::semantic, l);
      for (std::size_t c = 0; c < vector.size(); ++c) {
        vector[c] += book.vector(tokens.semantic[l])[c];
      }
    }
    for (std::size_t p = 0; p < tokens.collaborative.size(); ++p) {
      const auto part =
          model->codebook(TokenKind::collaborative, p).vector(tokens.collaborative[p]);
      vector.insert(vector.end(), part.begin(), part.end());
    }
    const auto own =
        std::span(vectors).subspan(static_cast<std::size_t>(item) * model->width(), model->width());
    ASSERT_EQ(vector.size() + model->id_dims(), own.size());
    for (std::size_t c = 0; c < vector.size(); ++c) EXPECT_NEAR(own[c], vector[c], 1e-6);
    if (settings.has_ids()) {
      const auto id =
          bundle.model.item_encoder.ids.value.view().row(static_cast<std::size_t>(item));
      EXPECT_TRUE(std::ranges::equal(own.last(model->id_dims()), id));
    }
  }
}

TEST_P(Served, CountsTheItemsOfAToken) {
  for (const TokenKind kind : {TokenKind::semantic, TokenKind::collaborative}) {
    for (std::size_t book = 0; book < model->codebooks(kind); ++book) {
      std::size_t items = 0;
      for (std::int32_t code = 0; code < 5; ++code) {
        const Token token = {kind, book, code};
        for (const std::int32_t item : model->items_with(token)) {
          const ItemTokens tokens = model->card(item).tokens;
          EXPECT_EQ((kind == TokenKind::semantic ? tokens.semantic : tokens.collaborative)[book],
                    code);
          ++items;
        }
        EXPECT_EQ(model->nearest_codes(token, 10).size(), 4U);
        EXPECT_EQ(model->nearest_codes(token, 2).size(), 2U);
      }
      EXPECT_EQ(items, model->size());
    }
    const std::size_t beyond = model->codebooks(kind);
    testing::expect_error<UsageError>([&] { model->items_with({kind, beyond, 0}); }, {"codebook"});
    testing::expect_error<UsageError>([&] { model->codebook(kind, beyond); }, {"codebook"});
    if (beyond == 0) continue;
    for (const std::int32_t code : {-1, 5}) {
      testing::expect_error<UsageError>([&] { model->items_with({kind, 0, code}); }, {"0 to 4"});
    }
  }
}

TEST_P(Served, ReadsATokenAsPeopleWriteIt) {
  if (model->levels() == 0) {
    testing::expect_error<UsageError>([&] { model->token("1", "0"); }, {"no codes"});
    return;
  }
  const auto read = [&](std::string_view codebook, std::string_view code) {
    const Token token = model->token(codebook, code);
    return std::tuple(token.kind, token.codebook, token.code);
  };
  EXPECT_EQ(read("2", "4"), std::tuple(TokenKind::semantic, 1U, 4));
  const std::size_t parts = model->collaborative_tokens();
  if (parts > 0) {
    EXPECT_EQ(read("c2", "0"), std::tuple(TokenKind::collaborative, 1U, 0));
    const std::string beyond = std::to_string(model->levels() + 2);
    EXPECT_EQ(read(beyond, "0"), read("c2", "0")) << "as it was counted once";
  }
  for (const std::string& codebook : std::vector<std::string>{
           "0", "", "c", "x", "c0", "-1", " 1", "1 ", "c" + std::to_string(parts + 1),
           std::to_string(model->levels() + parts + 1), "99999999999999999999999"}) {
    testing::expect_error<UsageError>([&] { model->token(codebook, "0"); }, {"levels 1 to 3"});
  }
  for (const char* code : {"5", "-1", "", "1x", "9999999999"}) {
    testing::expect_error<UsageError>([&] { model->token("1", code); }, {"0 to 4"});
  }
}

TEST_P(Served, ReadsHistoriesEachForItself) {
  const std::vector<std::vector<std::string>> ids = {
      {"1", "3"}, {"1", "nothing", "3"}, {}, {"nothing"}};
  const auto strict = model->histories(ids);
  EXPECT_EQ(strict[0].items, model->known(ids[0]));
  EXPECT_EQ(strict[0].why, "");
  const auto loose = model->histories(ids, true);
  EXPECT_EQ(loose[1].items, model->known(ids[0]));
  EXPECT_EQ(loose[1].why, "");
  for (const auto* refused : {&strict[1], &strict[2], &strict[3], &loose[2], &loose[3]}) {
    EXPECT_TRUE(refused->items.empty());
    EXPECT_NE(refused->why, "");
  }
  EXPECT_NE(strict[1].why.find("'nothing'"), std::string::npos) << strict[1].why;
  std::vector<History> views;
  for (const ReadHistory& history : strict) views.emplace_back(history.items);
  const auto lists = model->recommend_many(views, {.k = 3});
  EXPECT_EQ(lists[0].size(), 3U);
  EXPECT_TRUE(lists[1].empty());
}

TEST_P(Served, TellsTheStatisticsOfEachKindOfCode) {
  const TokenStatistics statistics = model->statistics();
  EXPECT_EQ(statistics.semantic.activation.size(), model->levels());
  EXPECT_EQ(statistics.collaborative.activation.size(), model->collaborative_tokens());
  for (std::size_t level = 0; level < model->levels(); ++level) {
    double used = 0;
    for (std::int32_t code = 0; code < 5; ++code) {
      used += model->items_with({TokenKind::semantic, level, code}).empty() ? 0 : 0.2;
    }
    EXPECT_NEAR(statistics.semantic.activation[level], used, 1e-12);
  }
}

TEST_P(Served, MovesWithItsItems) {
  Model moved = std::move(*model);
  EXPECT_EQ(moved.size(), small_titles().size());
  EXPECT_EQ(moved.recommend(Numbers{1}, {.k = 2}).size(), 2U);
  *model = std::move(moved);
  EXPECT_EQ(model->number("1"), 0);
}

TEST_P(Served, FindsTheNearestVectors) {
  const auto similar = model->similar(0, 100);
  EXPECT_EQ(similar.size(), small_titles().size() - 1);
  for (std::size_t i = 0; i < similar.size(); ++i) {
    EXPECT_NE(similar[i].number, 0);
    EXPECT_LE(std::abs(similar[i].cosine), 1.0 + 1e-5);
    if (i > 0) {
      EXPECT_GE(similar[i - 1].cosine, similar[i].cosine);
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
  EXPECT_EQ(model->size(), small_titles().size() - 1);
  EXPECT_EQ(model->items().size(), model->size());
  for (const ScoredItem& item : best({0}, 100)) EXPECT_NE(item.item, 3);
  for (const Neighbour& item : model->similar(0, 100)) EXPECT_NE(item.number, 3);
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
  EXPECT_EQ(model->size(), 17U);
  EXPECT_EQ(model->live_items(), 1U);
  EXPECT_EQ(model->catalogue_items(), 16U);
  // The same text gives the same codes; the ID token is zero.
  const auto cards = model->cards(Numbers{0, 16});
  EXPECT_EQ(cards[0].tokens.semantic, cards[1].tokens.semantic);
  EXPECT_TRUE(cards[1].live && !cards[0].live);
  const Explanation cold = model->explain(Numbers{5, 2}, 16);
  const Explanation warm = model->explain(Numbers{5, 2}, 0);
  EXPECT_EQ(cold.id_token, 0.0F);
  EXPECT_EQ(cold.semantic, warm.semantic);
  const auto all = best({5, 2}, 100);
  const auto found = std::ranges::find(all, 16, &ScoredItem::item);
  ASSERT_NE(found, all.end());
  EXPECT_NEAR(found->score, cold.score, 1e-5);
  EXPECT_EQ(model->find("steel te", 10), (Numbers{0, 16}));
}

TEST_P(LiveItems, AreAnsweredAsTheyAreStored) {
  const auto same = [](const ItemCard& a, const ItemCard& b) {
    return a.id == b.id && a.title == b.title && a.tokens == b.tokens && a.live == b.live;
  };
  const ItemTokens learned = model->card(0).tokens;
  const ItemCard of_catalogue = put("1", "wool blanket");
  EXPECT_TRUE(same(of_catalogue, model->card(0)));
  EXPECT_EQ(of_catalogue.tokens.collaborative, learned.collaborative);
  const ItemCard fresh = put("new", "oak lamp");
  EXPECT_TRUE(same(fresh, model->card(16)));
  EXPECT_EQ(fresh.tokens, model->tokens_of("oak lamp"));
  EXPECT_TRUE(fresh.live);
}

TEST_P(LiveItems, PutTogetherAreAsIfPutOneByOne) {
  Model other(path);
  const auto item = [&](const char* id, const char* text) {
    return NewItem{id, text, model->tokens_of(text)};
  };
  const std::vector<NewItem> items = {item("new", "steel teapot"), item("1", "wool blanket"),
                                      item("late", "oak desk"), item("new", "red lipstick")};
  for (const NewItem& one : items) other.put(one.id, one.title, one.tokens);
  model->put(items);
  EXPECT_EQ(model->size(), 18U);
  EXPECT_EQ(model->live_items(), 3U);
  EXPECT_EQ(model->items(), other.items());
  for (const std::int32_t number : model->items()) {
    EXPECT_EQ(model->card(number).id, other.card(number).id);
    EXPECT_EQ(model->card(number).title, other.card(number).title);
    EXPECT_EQ(model->card(number).tokens, other.card(number).tokens);
  }
  EXPECT_EQ(model->vectors(model->items()), other.vectors(other.items()));
  const auto there = other.recommend(Numbers{5, 2}, {.k = 100});
  const auto here = best({5, 2}, 100);
  ASSERT_EQ(here.size(), there.size());
  for (std::size_t i = 0; i < here.size(); ++i) EXPECT_EQ(here[i].item, there[i].item);
  EXPECT_EQ(model->find("lipstick", 10), other.find("lipstick", 10));
}

TEST_P(LiveItems, PutTogetherAreAllThereOrNone) {
  std::vector<NewItem> items = {{"good", "", model->tokens_of("steel teapot")},
                                {"bad", "", model->tokens_of("oak desk")}};
  (items[1].tokens.semantic.empty() ? items[1].tokens.collaborative : items[1].tokens.semantic)
      .back() = 5;
  testing::expect_error([&] { model->put(items); }, {"codes from 0 to 4"});
  EXPECT_FALSE(model->number("good").has_value());
  EXPECT_EQ(model->size(), 16U);
  model->put(std::span<const NewItem>());
  EXPECT_EQ(model->size(), 16U);
}

TEST_P(LiveItems, AreFoundByWordWheneverTheLookUpIsMade) {
  put("early", "jade teapot");
  EXPECT_EQ(model->find("jade", 10), (Numbers{16}));
  put("late", "jade kettle");
  EXPECT_EQ(model->find("jade", 10), (Numbers{16, 17}));
  EXPECT_TRUE(model->erase("early"));
  EXPECT_EQ(model->find("jade", 10), (Numbers{17}));
  put("late", "oak kettle");
  EXPECT_EQ(model->find("jade", 10), Numbers{});
}

TEST_P(LiveItems, AreAllPutOrNone) {
  const std::vector<ItemToPut> good = {{"90", "A lamp", "oak lamp", {}},
                                       {"91", "A teapot", "steel teapot", {}}};
  std::vector<ItemToPut> bad = good;
  bad.push_back({"92", "", "?!", {}});
  testing::expect_error([&] { model->put_many(bad); }, {"'92'", "no word"});
  bad.back() = {"line\nend", "", "oak lamp", {}};
  testing::expect_error([&] { model->put_many(bad); }, {"line"});
  EXPECT_EQ(model->live_items(), 0U);
  EXPECT_FALSE(model->number("90"));
  const std::vector<ItemCard> stored = model->put_many(good);
  ASSERT_EQ(stored.size(), 2U);
  EXPECT_EQ(model->live_items(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(stored[i].title, good[i].title);
    EXPECT_EQ(stored[i].tokens, model->tokens_of(good[i].text));
    EXPECT_EQ(model->card(*model->number(good[i].id)).tokens, stored[i].tokens);
  }
}

TEST_P(LiveItems, HaveOnlyTokensThatExist) {
  const ItemTokens right = model->tokens_of("steel teapot");
  for (int kind = 0; kind < 2; ++kind) {
    ItemTokens wrong = right;
    auto& codes = kind == 0 ? wrong.semantic : wrong.collaborative;
    if (codes.empty()) continue;
    codes.back() = 5;
    testing::expect_error([&] { model->put("new", "", wrong); }, {"codes from 0 to 4"});
    codes.back() = -1;
    testing::expect_error([&] { model->put("new", "", wrong); }, {"codes from 0 to 4"});
    codes.pop_back();
    testing::expect_error([&] { model->put("new", "", wrong); }, {"3 semantic"});
  }
  EXPECT_FALSE(model->number("new").has_value());
  EXPECT_EQ(model->size(), 16U);
}

TEST_P(LiveItems, CanStandInAHistory) {
  put("new", "red lipstick");
  EXPECT_NE(best({16, 2}, 1).front().score, best({2}, 1).front().score);
}

TEST_P(LiveItems, AreReplacedUnderTheirNumber) {
  put("new", "steel teapot");
  put("new", "oak desk");
  EXPECT_EQ(model->number("new"), 16);
  EXPECT_EQ(model->size(), 17U);
  EXPECT_EQ(model->live_items(), 1U);
  EXPECT_EQ(model->find("teapot", 10), (Numbers{0, 2}));
  EXPECT_EQ(model->cards(Numbers{6}).front().tokens.semantic,
            model->cards(Numbers{16}).front().tokens.semantic);
  EXPECT_TRUE(model->erase("new"));
  EXPECT_EQ(model->live_items(), 0U);
  put("new", "oak desk");
  EXPECT_EQ(model->number("new"), 16);
}

TEST_P(LiveItems, OfTheCatalogueKeepTheirLearnedIdToken) {
  const Explanation before = model->explain(Numbers{5, 2}, 0);
  const ItemTokens learned = model->card(0).tokens;
  put("1", "wool blanket");
  const Explanation after = model->explain(Numbers{5, 2}, 0);
  EXPECT_EQ(after.id_token, before.id_token);
  const ItemTokens tokens = model->card(0).tokens;
  EXPECT_EQ(tokens.semantic, model->card(10).tokens.semantic);
  EXPECT_EQ(tokens.collaborative, learned.collaborative);
  EXPECT_EQ(model->size(), 16U);
  EXPECT_EQ(model->live_items(), 1U);
  EXPECT_TRUE(model->erase("1"));
  EXPECT_EQ(model->live_items(), 0U);
  put("1", "steel teapot");
  const Explanation restored = model->explain(Numbers{5, 2}, 0);
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
  const std::vector<std::string>& titles = testing::small_titles();
  for (std::size_t i = 0; i < titles.size(); ++i) {  // the bundle's encoder is the catalogue's
    EXPECT_EQ(model.tokens_of(titles[i]), model.card(static_cast<std::int32_t>(i)).tokens);
  }
  model.put("new", "glass teapot", model.tokens_of("glass teapot"));
  const auto number = model.number("new");
  ASSERT_TRUE(number.has_value());
  const auto best = model.recommend(Numbers{5, 2}, {.k = 17});
  EXPECT_TRUE(std::ranges::any_of(best, [&](const ScoredItem& a) { return a.item == *number; }));
  testing::expect_error([&] { model.tokens_of(" \n"); }, {"no word"});
}

TEST(ModelOfIdTokens, ReadsNoText) {
  testing::TempDirectory directory;
  testing::write_small_bundle(directory.path(), "id");
  Model model(directory.path());
  EXPECT_FALSE(model.reads_text());
  testing::expect_error([&] { model.tokens_of("steel"); }, {"ID tokens alone"});
  testing::expect_error([&] { model.put("new", "steel", {}); }, {"ID tokens alone"});
}

}  // namespace
}  // namespace tessera
