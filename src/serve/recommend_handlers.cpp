#include "base/error.h"
#include "serve/answers.h"
#include "serve/handlers.h"

namespace tessera {
namespace {

Json scored_items(const Call& call, std::span<const ScoredItem> best, const char* score_name,
                  bool titles, bool scores) {
  std::vector<std::int32_t> numbers;
  for (const ScoredItem& scored : best) numbers.push_back(scored.item);
  const std::vector<ItemCard> cards = call.model->cards(numbers);
  Json items = Json::array();
  for (std::size_t i = 0; i < best.size(); ++i) {
    Json item = {{"id", cards[i].id}};
    if (titles) item["title"] = cards[i].title;
    if (scores) item[score_name] = best[i].score;
    if (titles) item["codes"] = cards[i].codes;
    items.push_back(std::move(item));
  }
  return items;
}

/// The numbers of the ids that the model knows: lists of what is in stock or forbidden come from
/// elsewhere and name other items too.
std::vector<std::int32_t> known_of(const Call& call, const std::vector<std::string>& ids) {
  std::vector<std::int32_t> known;
  for (const auto& number : call.model->numbers(ids)) {
    if (number) known.push_back(*number);
  }
  return known;
}

}  // namespace

Response recommend(Call& call) {
  const Body body = call.body();
  const std::vector<std::int32_t> history = history_of(call, body);
  const auto k = body.number("k");
  SearchFilter filter;
  std::vector<std::int32_t> excluded;
  if (body.flag("exclude_seen")) excluded = history;
  if (const auto deny = body.ids("deny")) {
    const std::vector<std::int32_t> known = known_of(call, *deny);
    excluded.insert(excluded.end(), known.begin(), known.end());
  }
  filter.excluded = excluded;
  ItemSet allowed;
  if (const auto allow = body.ids("allow")) {
    for (const std::int32_t item : known_of(call, *allow)) allowed.insert(item);
    filter.allowed = &allowed;
  }
  const std::vector<ScoredItem> best =
      call.model->recommend(history, static_cast<std::size_t>(k), filter, call.scratch.arena);
  return reply(
      {{"items", scored_items(call, best, "score", body.flag("titles"), body.flag("scores"))}});
}

Response similar_items(Call& call) {
  const std::size_t k = call.number("k");
  const std::int32_t item = item_of_path(call);
  const std::vector<ScoredItem> best = call.model->similar(item, k);
  return reply({{"items", scored_items(call, best, "cosine", true, true)}});
}

Response explain(Call& call) {
  const Body body = call.body();
  const std::string_view id = body.id("item").value();
  const auto item = call.model->number(id);
  if (!item) throw Refusal(422, "unknown_item", fmt::format("no item '{}'", printable(id)));
  const std::vector<std::int32_t> history = history_of(call, body);
  const Explanation why = call.model->explain(history, *item, call.scratch.arena);

  const std::int32_t items[] = {*item};
  const ItemCard card = call.model->cards(items).front();
  Json tokens = Json::array();
  for (std::size_t l = 0; l < why.tokens.size(); ++l) {
    tokens.push_back({{"level", l + 1}, {"code", card.codes[l]}, {"contribution", why.tokens[l]}});
  }
  const auto read = History(history).last(why.history.size());
  const std::vector<ItemCard> events = call.model->cards(read);
  Json contributions = Json::array();
  for (std::size_t i = 0; i < events.size(); ++i) {
    contributions.push_back(
        {{"id", events[i].id}, {"title", events[i].title}, {"contribution", why.history[i]}});
  }
  return reply({{"item", card_json(card)},
                {"score", why.score},
                {"tokens", tokens},
                {"id_token", {{"contribution", why.id_token}}},
                {"history", contributions}});
}

}  // namespace tessera
