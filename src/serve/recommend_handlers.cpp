#include <numeric>

#include "base/error.h"
#include "serve/answers.h"
#include "serve/handlers.h"

namespace tessera {
namespace {

/// A list of items, with their titles and codes, with attributes and with what they were chosen
/// for, as asked.
template <class Scored>
Json list_json(const Call& call, const std::vector<Scored>& best, std::int32_t Scored::* item,
               bool titles, std::span<const std::string> fields, const char* score_name,
               auto Scored::* score) {
  std::vector<std::int32_t> numbers;
  for (const Scored& scored : best) numbers.push_back(scored.*item);
  const std::vector<ItemCard> cards = call.model->cards(numbers);
  Json items = Json::array();
  for (std::size_t i = 0; i < best.size(); ++i) {
    Json json = {{"id", cards[i].id}};
    if (titles) json["title"] = cards[i].title;
    if (score_name != nullptr) json[score_name] = best[i].*score;
    if (titles) json["codes"] = cards[i].tokens.semantic;
    if (!fields.empty()) {
      json["attributes"] = attributes_json(call.model->attributes_of(numbers[i], fields));
    }
    items.push_back(std::move(json));
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

/// "repeats", or as it was called once the other way round, "exclude_seen".
bool repeats_of(const Body& body) {
  if (!body.has("exclude_seen")) return body.flag("repeats");
  const bool repeats = !body.flag("exclude_seen");
  if (body.has("repeats") && body.flag("repeats") != repeats) {
    throw Refusal(400, "invalid_request",
                  "'repeats' and 'exclude_seen' contradict each other: give 'repeats' alone");
  }
  return repeats;
}

/// The attributes to answer with; throws Refusal 400 for an unknown one.
std::vector<std::string> fields_of(const Call& call, const Body& body) {
  std::vector<std::string> fields = body.ids("fields").value_or(std::vector<std::string>());
  try {
    if (!fields.empty()) call.model->check_attributes(fields);
  } catch (const UsageError& error) {
    throw Refusal(400, "unknown_attribute", error.what());
  }
  return fields;
}

/// What each token of a kind adds to a score; `place` is what its codebooks are called, from 1.
Json parts_json(const char* place, const std::vector<std::int32_t>& codes,
                const std::vector<float>& parts) {
  Json json = Json::array();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    json.push_back({{place, i + 1}, {"code", codes[i]}, {"contribution", parts[i]}});
  }
  return json;
}

/// The rules that a request gives; throws Refusal 400 that says what is wrong with them.
std::optional<Rules> rules_of(const Call& call, const Body& body) {
  const auto text = body.json("rules");
  if (!text) return std::nullopt;
  try {
    Rules rules = call.model->read_rules(*text);
    call.model->check(rules);
    return rules;
  } catch (const UsageError& error) {
    throw Refusal(400, "invalid_rules", error.what());
  }
}

/// What the lists of a request may hold, with the memory behind it.
struct Wishes {
  Wishes(const Call& call, const Body& body)
      : filter(filter_of(*call.model, body.json("filter"))), rules(rules_of(call, body)) {
    options.k = static_cast<std::size_t>(body.number("k"));
    options.repeats = repeats_of(body);
    if (const auto deny = body.ids("deny")) denied = known_of(call, *deny);
    options.deny = denied;
    if (const auto allow = body.ids("allow")) {
      allowed = known_of(call, *allow);
      options.allow = allowed;
    }
    if (filter) options.filter = &*filter;
    if (rules) options.rules = &*rules;
  }
  Wishes(const Wishes&) = delete;
  Wishes& operator=(const Wishes&) = delete;

  std::vector<std::int32_t> denied, allowed;
  std::optional<Filter> filter;
  std::optional<Rules> rules;
  RecommendOptions options;
};

/// What whoever has no history gets.
Response fall_back(Call& call, const Body& body, const Wishes& wishes,
                   std::span<const std::string> fields) {
  const bool trending = body.word("fallback") == "trending";
  const std::vector<std::int32_t> first =
      trending ? known_of(call, call.service.trends().top()) : std::vector<std::int32_t>();
  std::vector<ScoredItem> list;
  for (const std::int32_t item : call.model->popular(wishes.options, first)) {
    list.push_back({item, 0.0F});
  }
  const bool trends = !list.empty() && std::ranges::count(first, list.front().item) > 0;
  return reply({{"from", trends ? "trending" : "popular"},
                {"items", list_json(call, list, &ScoredItem::item, body.flag("titles"), fields,
                                    nullptr, &ScoredItem::score)}});
}

/// Adds the vectors of the items to the answer, and the user's state.
void add_vectors(const Call& call, History history, std::span<const std::int32_t> items,
                 Json& answer) {
  const std::size_t width = call.model->width();
  const History histories[] = {history};
  answer["state"] = call.model->states(histories);
  const std::vector<float> rows = call.model->vectors(items);
  std::size_t next = 0;
  for (Json& item : answer["items"]) {
    if (item.contains("score") && item["score"].is_null()) continue;  // unknown to the model
    item["vector"] = std::span(rows).subspan(next++ * width, width);
  }
}

}  // namespace

Task<Response> recommend(Call& call) {
  const Body body = call.body();
  const bool none = body.word("fallback") == "none";
  Task<std::vector<std::int32_t>> asked =
      none ? history_of(call, body) : history_or_none(call, body);
  const std::vector<std::int32_t> history = co_await std::move(asked);
  const Wishes wishes(call, body);
  const auto fields = fields_of(call, body);
  const char* score = body.flag("scores") ? "score" : nullptr;
  if (history.empty()) co_return fall_back(call, body, wishes, fields);
  const std::vector<ScoredItem> list = call.model->recommend(history, wishes.options);
  Json answer = {{"items", list_json(call, list, &ScoredItem::item, body.flag("titles"), fields,
                                     score, &ScoredItem::score)}};
  if (body.flag("vectors")) {
    std::vector<std::int32_t> items;
    for (const ScoredItem& one : list) items.push_back(one.item);
    add_vectors(call, history, items, answer);
  }
  co_return reply(answer);
}

Task<Response> score_items(Call& call) {
  const Body body = call.body();
  const std::vector<std::string> ids = body.ids("items").value();
  Task<std::vector<std::int32_t>> asked = history_of(call, body);
  const std::vector<std::int32_t> history = co_await std::move(asked);
  const std::vector<std::int32_t> known = known_of(call, ids);
  const std::vector<float> scores = call.model->score(history, known);
  const auto numbers = call.model->numbers(ids);
  Json answer = {{"items", Json::array()}};
  std::size_t next = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    answer["items"].push_back(
        {{"id", ids[i]}, {"score", numbers[i] ? Json(scores[next++]) : Json()}});
  }
  if (body.flag("vectors")) add_vectors(call, history, known, answer);
  co_return reply(answer);
}

Response similar_items(Call& call) {
  const std::size_t k = call.number("k");
  const auto filter = filter_of(*call.model, call.given("filter"));
  const auto found = call.model->similar(item_of_path(call), k, filter ? &*filter : nullptr);
  return reply({{"items", list_json(call, found, &Neighbour::number, true, {}, "cosine",
                                    &Neighbour::cosine)}});
}

Task<Response> explain(Call& call) {
  const Body body = call.body();
  const std::string id = body.id("item").value();
  const auto item = call.model->number(id);
  if (!item) throw Refusal(422, "unknown_item", fmt::format("no item '{}'", printable(id)));
  const std::vector<std::int32_t> history = co_await history_of(call, body);
  const Explanation why = call.model->explain(history, *item);
  const ItemCard card = call.model->card(*item);
  Json json = {{"item", card_json(card, true)}, {"score", why.score}};
  json["tokens"] = parts_json("level", card.tokens.semantic, why.semantic);
  if (!why.collaborative.empty()) {
    const double sum = std::accumulate(why.collaborative.begin(), why.collaborative.end(), 0.0);
    json["collaborative"] = {
        {"contribution", sum},
        {"tokens", parts_json("part", card.tokens.collaborative, why.collaborative)}};
  }
  json["id_token"] = {{"contribution", why.id_token}};
  json["history"] = Json::array();
  const auto read = History(history).last(why.history.size());
  const std::vector<ItemCard> events = call.model->cards(read);
  for (std::size_t i = 0; i < events.size(); ++i) {
    json["history"].push_back(
        {{"id", events[i].id}, {"title", events[i].title}, {"contribution", why.history[i]}});
  }
  co_return reply(json);
}

}  // namespace tessera
