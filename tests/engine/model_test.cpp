#include "tessera/model.h"

#include <numeric>

#include "engine/served.h"
#include "testing/errors.h"
#include "text/sentence_folder.h"

namespace tessera {
namespace {

using testing::Numbers;
using testing::Served;
using testing::small_titles;

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
        // Without AVX-512 a row of a product rounds by how many stand beside it.
        EXPECT_NEAR(lists[i][j].score, expected[j].score, 1e-5);
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

TEST_P(Served, ScoresGivenItemsAsItRanksThem) {
  const Numbers history = {3, 5};
  for (const ScoredItem& best : model->recommend(history, {.k = 16, .repeats = true})) {
    const Numbers asked = {best.item, 3};
    const std::vector<float> scores = model->score(history, asked);
    ASSERT_EQ(scores.size(), 2U);
    EXPECT_NEAR(scores[0], best.score, 1e-4F);
    EXPECT_NEAR(scores[0], model->explain(history, best.item).score, 1e-4F);
  }
  EXPECT_TRUE(model->score(history, {}).empty());
  testing::expect_error<UsageError>([&] { model->score(History(), history); }, {"empty history"});
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
  EXPECT_EQ(statistics.id.dims, model->id_dims());
}

TEST_P(Served, GivesIdTokensAsTheEndsOfVectors) {
  const std::vector<std::int32_t> items = model->items();
  const std::vector<float> tokens = model->id_tokens(items);
  const std::vector<float> vectors = model->vectors(items);
  const std::size_t dims = model->id_dims();
  ASSERT_EQ(tokens.size(), items.size() * dims);
  for (std::size_t i = 0; i < items.size(); ++i) {
    for (std::size_t d = 0; d < dims; ++d) {
      EXPECT_EQ(tokens[i * dims + d], vectors[(i + 1) * model->width() - dims + d]);
    }
  }
  EXPECT_EQ(model->codebooks(TokenKind::id), 0U);
  EXPECT_THROW(model->codebook(TokenKind::id, 0), UsageError);
  EXPECT_EQ(token_kind("id"), TokenKind::id);
  EXPECT_THROW(token_kind("all"), UsageError);
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
