// Items put into a model and erased from it.
#include "engine/served.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using testing::Numbers;
using testing::Served;
using testing::small_titles;

class LiveItems : public Served {};

TEST_P(LiveItems, AreRecommendedAtOnceByTheirText) {
  put("new", "steel teapot");
  const auto number = model->number("new");
  ASSERT_EQ(number, 16);
  EXPECT_EQ(model->size(), 17U);
  EXPECT_EQ(model->live_items(), 1U);
  EXPECT_EQ(model->catalogue_items(), 16U);
  // The same text gives the same codes; the ID token of new items is zero here.
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
  EXPECT_EQ(model->live_items(), 3U);
  EXPECT_EQ(model->items(), other.items());
  for (const std::int32_t number : model->items()) {
    EXPECT_EQ(model->card(number).title, other.card(number).title);
    EXPECT_EQ(model->card(number).tokens, other.card(number).tokens);
  }
  EXPECT_EQ(model->vectors(model->items()), other.vectors(other.items()));
  EXPECT_EQ(best({5, 2}, 1).front().item, other.recommend(Numbers{5, 2}, {.k = 1}).front().item);
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
  model->put(std::span<const NewItem>());  // nothing
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

TEST_P(LiveItems, HaveTheIdTokenThatTheBundleSays) {
  std::vector<float>& id = bundle.model.item_encoder.new_id;
  for (std::size_t d = 0; d < id.size(); ++d) id[d] = 0.5F - static_cast<float>(d);
  testing::write_bundle(path, bundle.model, bundle.catalogue, bundle.items);
  model = std::make_unique<Model>(path);
  put("new", "steel teapot");
  EXPECT_EQ(model->id_tokens(Numbers{16}), id);
  const Explanation why = model->explain(Numbers{5, 2}, 16);
  EXPECT_EQ(why.id_token != 0.0F, !id.empty());
  const auto all = best({5, 2}, 100);
  const auto found = std::ranges::find(all, 16, &ScoredItem::item);
  ASSERT_NE(found, all.end());
  EXPECT_NEAR(found->score, why.score, 1e-5);
  EXPECT_EQ(model->statistics().id.untaught_share, id.empty() ? 0.0 : 1.0 / 17);
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

}  // namespace
}  // namespace tessera
