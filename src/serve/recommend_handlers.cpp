#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "serve/answers.h"
#include "serve/handlers.h"

namespace tessera {
namespace {

/// A list of items, with their titles and codes, with attributes and with what they were chosen
/// for, as asked.
template <class Scored>
AnswerJson list_json(const Call& call, const std::vector<Scored>& best, std::int32_t Scored::* item,
                     bool titles, std::span<const std::string> fields, const char* score_name,
                     auto Scored::* score) {
  std::vector<std::int32_t> numbers;
  for (const Scored& scored : best) numbers.push_back(scored.*item);
  const std::vector<ItemCard> cards = call.model->cards(numbers);
  AnswerJson items = AnswerJson::array();
  for (std::size_t i = 0; i < best.size(); ++i) {
    AnswerJson json = {{"id", cards[i].id}};
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

/// Whether the route's body may have the field.
bool knows(const Call& call, std::string_view field) {
  const auto known = call.match.route->body;
  return std::ranges::find(known, field, &Field::name) != known.end();
}

/// "repeats", or as it was called once the other way round, "exclude_seen".
bool repeats_of(const Call& call, const Body& body) {
  if (!knows(call, "exclude_seen") || !body.has("exclude_seen")) return body.flag("repeats");
  const bool repeats = !body.flag("exclude_seen");
  if (body.has("repeats") && body.flag("repeats") != repeats) {
    throw Refusal(400, "invalid_request",
                  "'repeats' and 'exclude_seen' contradict each other: give 'repeats' alone");
  }
  return repeats;
}

/// Counts a list for the metrics; `from`: what it was made of.
template <class Listed>
void note_list(const Call& call, std::string_view from, const std::vector<Listed>& list,
               std::int32_t Listed::* item) {
  std::vector<std::int32_t> items;
  for (const Listed& listed : list) items.push_back(listed.*item);
  const std::size_t known = call.model->catalogue_items();
  call.service.metrics().note_list(from, items, known);
  if (!call.measured) return;
  call.service.feedback().note_list({.variant = call.variant,
                                     .request = knows(call, "users") ? "" : call.request.id,
                                     .from = from,
                                     .items = items,
                                     .known = known,
                                     .generation = call.in_use.generation});
}

/// The attributes to answer with; throws Refusal 400 for an unknown one.
std::vector<std::string> fields_of(const Call& call, const Body& body) {
  std::vector<std::string> fields = body.ids("fields").value_or(std::vector<std::string>());
  if (fields.empty()) return fields;
  or_refuse(400, "unknown_attribute", [&] { call.model->check_attributes(fields); });
  return fields;
}

/// What each token of a kind adds to a score; `place` is what its codebooks are called, from 1.
AnswerJson parts_json(const char* place, const std::vector<std::int32_t>& codes,
                      const std::vector<float>& parts) {
  AnswerJson json = AnswerJson::array();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    json.push_back({{place, i + 1}, {"code", codes[i]}, {"contribution", parts[i]}});
  }
  return json;
}

/// The rules that a request gives; throws Refusal 400 that says what is wrong with them.
std::optional<Rules> rules_of(const Call& call, const Body& body) {
  const auto text = body.json("rules");
  if (!text) return std::nullopt;
  return or_refuse(400, "invalid_rules", [&] {
    Rules rules = call.model->read_rules(*text);
    call.model->check(rules);
    return rules;
  });
}

/// What short histories' lists are blended with; throws Refusal 400 that says what is wrong with
/// it.
std::optional<Blend> blend_of(const Body& body) {
  const auto text = body.json("blend");
  if (!text) return std::nullopt;
  return or_refuse(400, "invalid_request", [&] { return blend_from_json(*text); });
}

/// What the lists of a request may hold, with the memory behind it.
struct Wishes {
  Wishes(const Call& call, const Body& body)
      : filter(filter_of(*call.model, body.json("filter"))),
        rules(rules_of(call, body)),
        blend(blend_of(body)) {
    offset = knows(call, "offset") ? static_cast<std::size_t>(body.number("offset")) : 0;
    options.k = static_cast<std::size_t>(body.number("k")) + offset;
    options.repeats = repeats_of(call, body);
    if (const auto deny = body.ids("deny")) denied = known_of(call, *deny);
    options.deny = denied;
    if (const auto allow = body.ids("allow")) {
      allowed = known_of(call, *allow);
      options.allow = allowed;
    }
    if (filter) options.filter = &*filter;
    if (rules) options.rules = &*rules;
    if (!blend) return;
    trending = known_of(call, call.service.trends().top());
    blend->trending = trending;
    const bool nothing = trending.empty() && call.model->trending().empty();
    if (nothing) std::erase(blend->from.order, Source::trending);
    if (blend->from.order.empty()) {
      blend.reset();
    } else {
      options.blend = &*blend;
    }
  }
  Wishes(const Wishes&) = delete;
  Wishes& operator=(const Wishes&) = delete;

  /// The page of a list that is asked for.
  template <class Listed>
  void cut(std::vector<Listed>& list) const {
    list.erase(list.begin(), list.begin() + std::ssize(list) -
                                 std::max<std::ptrdiff_t>(
                                     std::ssize(list) - static_cast<std::ptrdiff_t>(offset), 0));
  }

  std::size_t offset = 0;
  bool blends(History history) const { return blend && blend->is_for(history); }
  /// What a list is made of that the model answers.
  const char* from(History history) const { return blends(history) ? "blend" : "model"; }

  std::vector<std::int32_t> denied, allowed, trending;
  std::optional<Filter> filter;
  std::optional<Rules> rules;
  std::optional<Blend> blend;
  RecommendOptions options;
};

/// What whoever has no history gets; throws Refusal 400 for sources that do not go together.
Fallback fallback_of(const Body& body) {
  const auto words = body.words("fallback");
  if (!words) return Fallback();
  return or_refuse(400, "invalid_request", [&] { return fallback_from_words(*words); });
}

AnswerJson fall_back(const Call& call, const Body& body, const Fallback& fallback,
                     const Wishes& wishes, std::span<const std::string> fields) {
  const std::vector<std::int32_t> trending = known_of(call, call.service.trends().top());
  auto list = call.model->fall_back(fallback, wishes.options, trending);
  wishes.cut(list);
  note_list(call, list.empty() ? "none" : name_of(list.front().from), list, &SourcedItem::item);
  std::vector<ScoredItem> items;
  for (const SourcedItem& found : list) items.push_back({found.item, 0.0F});
  AnswerJson json = list_json(call, items, &ScoredItem::item, body.flag("titles"), fields, nullptr,
                              &ScoredItem::score);
  for (std::size_t i = 0; i < list.size(); ++i) json[i]["from"] = name_of(list[i].from);
  const Source first = list.empty() ? fallback.order.back() : list.front().from;
  return {{"from", name_of(first)}, {"items", std::move(json)}};
}

/// Adds the vectors of the items to the answer, and the user's state.
void add_vectors(const Call& call, std::span<const float> state,
                 std::span<const std::int32_t> items, AnswerJson& answer) {
  const std::size_t width = call.model->width();
  answer["state"] = state;
  const std::vector<float> rows = call.model->vectors(items);
  std::size_t next = 0;
  for (AnswerJson& item : answer["items"]) {
    if (item.contains("score") && item["score"].is_null()) continue;  // unknown to the model
    item["vector"] = std::span(rows).subspan(next++ * width, width);
  }
}

}  // namespace

Task<Response> recommend(Call& call) {
  const Body body = call.body();
  choose_variant(call, body);
  call.measured = !body.text("variant");
  const Fallback fallback = fallback_of(body);
  Task<std::vector<std::int32_t>> asked =
      fallback.order.empty() ? history_of(call, body) : history_or_none(call, body);
  const std::vector<std::int32_t> history = co_await std::move(asked);
  Wishes wishes(call, body);
  const auto fields = fields_of(call, body);
  const char* score = body.flag("scores") ? "score" : nullptr;
  std::vector<float> state;
  if (body.flag("vectors")) wishes.options.state = &state;
  if (history.empty()) co_return reply(fall_back(call, body, fallback, wishes, fields));
  auto list = call.model->recommend(history, wishes.options);
  wishes.cut(list);
  note_list(call, wishes.from(history), list, &ScoredItem::item);
  AnswerJson answer = {{"items", list_json(call, list, &ScoredItem::item, body.flag("titles"),
                                           fields, score, &ScoredItem::score)}};
  if (wishes.blends(history)) answer["from"] = wishes.from(history);
  if (body.flag("vectors")) {
    std::vector<std::int32_t> items;
    for (const ScoredItem& one : list) items.push_back(one.item);
    add_vectors(call, state, items, answer);
  }
  co_return reply(answer);
}

Task<Response> score_items(Call& call) {
  const Body body = call.body();
  choose_variant(call, body);
  const std::vector<std::string> ids = body.ids("items").value();
  Task<std::vector<std::int32_t>> asked = history_of(call, body);
  const std::vector<std::int32_t> history = co_await std::move(asked);
  const std::vector<std::int32_t> known = known_of(call, ids);
  const std::vector<float> scores = call.model->score(history, known);
  const auto numbers = call.model->numbers(ids);
  AnswerJson answer = {{"items", AnswerJson::array()}};
  std::size_t next = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    answer["items"].push_back(
        {{"id", ids[i]}, {"score", numbers[i] ? AnswerJson(scores[next++]) : AnswerJson()}});
  }
  if (body.flag("vectors")) {
    const History histories[] = {history};
    add_vectors(call, call.model->states(histories), known, answer);
  }
  co_return reply(answer);
}

namespace {

/// One of many histories, and who answers it.
struct OneOfMany {
  std::string user;  // "" of a given history
  std::vector<std::string> ids;
  std::size_t variant = 0;
};

Task<std::vector<OneOfMany>> read_many(Call& call, const Body& body) {
  std::vector<OneOfMany> many;
  if (const auto users = body.ids("users")) {
    for (const std::string& user : *users) {
      auto stored = co_await call.from_store(call.service.store().history_async(user));
      OneOfMany& one = many.emplace_back();
      one.user = user;
      if (stored) one.ids = std::move(*stored);
    }
  } else {
    auto histories = body.lists("histories").value();
    for (auto& ids : histories) many.emplace_back().ids = std::move(ids);
  }
  const auto named = body.text("variant");
  for (OneOfMany& one : many) {
    const std::string_view key = one.user.empty() ? call.request.id : std::string_view(one.user);
    one.variant = named ? call.variant_of(*named) : call.service.variants().of(key);
  }
  co_return many;
}

/// The lists of those whom the call's variant answers, each to its place in `answers`.
void list_many(const Call& call, const Body& body, std::span<const OneOfMany> many,
               AnswerJson& answers) {
  const Fallback fallback = fallback_of(body);
  const Wishes wishes(call, body);
  const auto fields = fields_of(call, body);
  const bool titles = body.flag("titles"), several = call.service.variants().size() > 1;
  const char* score = body.flag("scores") ? "score" : nullptr;
  std::vector<std::size_t> own;
  std::vector<ReadHistory> read;
  std::vector<History> histories;
  for (std::size_t i = 0; i < many.size(); ++i) {
    if (many[i].variant != call.variant) continue;
    own.push_back(i);
    const bool skip = body.flag("skip_unknown") || !many[i].user.empty();
    read.push_back(std::move(call.model->histories({&many[i].ids, 1}, skip).front()));
  }
  for (const ReadHistory& one : read) histories.emplace_back(one.items);
  const auto lists = call.model->recommend_many(histories, wishes.options);
  std::optional<AnswerJson> otherwise;  // the same for all without a history
  for (std::size_t i = 0; i < own.size(); ++i) {
    const OneOfMany& asked = many[own[i]];
    AnswerJson one = AnswerJson::object();
    const bool unknown_item = !asked.ids.empty() && asked.user.empty() && !read[i].why.empty() &&
                              !body.flag("skip_unknown");
    if (!read[i].items.empty()) {
      const History history = read[i].items;
      note_list(call, wishes.from(history), lists[i], &ScoredItem::item);
      one["items"] =
          list_json(call, lists[i], &ScoredItem::item, titles, fields, score, &ScoredItem::score);
      if (wishes.blends(history)) one["from"] = wishes.from(history);
    } else if (fallback.order.empty() || unknown_item) {
      one = {
          {"items", AnswerJson::array()},
          {"error",
           {{"code", unknown_item ? "unknown_item" : "empty_history"}, {"message", read[i].why}}}};
    } else {
      if (!otherwise) otherwise = fall_back(call, body, fallback, wishes, fields);
      one = *otherwise;
    }
    if (!asked.user.empty()) one["user"] = asked.user;
    if (several) one["variant"] = call.service.variants().name(call.variant);
    answers[own[i]] = std::move(one);
  }
}

}  // namespace

Task<Response> recommend_many(Call& call) {
  const Body body = call.body();
  Task<std::vector<OneOfMany>> reading = read_many(call, body);
  const std::vector<OneOfMany> many = co_await std::move(reading);
  AnswerJson answers = AnswerJson::array();
  answers.get_ref<AnswerJson::array_t&>().resize(many.size());
  call.measured = !body.text("variant");
  if (many.empty())
    list_many(call, body, many, answers);  // what is wrong with it is told all the same
  for (std::size_t variant = 0; variant < call.service.variants().size(); ++variant) {
    if (std::ranges::find(many, variant, &OneOfMany::variant) == many.end()) continue;
    call.answer_by(variant);
    list_many(call, body, many, answers);
  }
  call.measured = false;  // what many lists take is no variant's latency
  if (!many.empty()) call.answer_by(many.front().variant);
  co_return reply({{"lists", std::move(answers)}});
}

Response similar_items(Call& call) {
  const std::size_t k = call.number("k");
  const auto filter = filter_of(*call.model, call.given("filter"));
  const auto found = call.model->similar(item_of_path(call), k, filter ? &*filter : nullptr);
  return reply({{"items", list_json(call, found, &Neighbour::number, true, {}, "cosine",
                                    &Neighbour::cosine)}});
}

Response similar_to(Call& call) {
  const Body body = call.body();
  if (const auto name = body.text("variant")) call.answer_by(call.variant_of(*name));
  const auto items_of = [&](std::string_view field) {
    const std::vector<std::string> ids = body.ids(field).value_or(std::vector<std::string>());
    std::vector<std::int32_t> items;
    for (std::size_t i = 0; const auto& number : call.model->numbers(ids)) {
      if (!number) {
        throw Refusal(422, "unknown_item", fmt::format("no item '{}'", printable(ids[i])));
      }
      items.push_back(*number);
      ++i;
    }
    return items;
  };
  const std::vector<std::int32_t> liked = items_of("liked"), disliked = items_of("disliked");
  const auto filter = filter_of(*call.model, body.json("filter"));
  const auto fields = fields_of(call, body);
  const Taste taste = {liked, disliked, body.text("text").value_or("")};
  const auto k = static_cast<std::size_t>(body.number("k"));
  try {
    const auto found = call.model->similar(taste, k, filter ? &*filter : nullptr);
    return reply({{"items", list_json(call, found, &Neighbour::number, true, fields, "cosine",
                                      &Neighbour::cosine)}});
  } catch (const UsageError& error) {
    throw Refusal(400, "invalid_request", error.what());
  } catch (const Error& error) {
    throw Refusal(422, "unreadable_text", error.what());
  }
}

namespace {

AnswerJson effects_json(const RuleEffects& effects) {
  const auto place = [](const std::optional<std::size_t>& at) {
    return at ? AnswerJson(*at) : AnswerJson();
  };
  AnswerJson parts = AnswerJson::array();
  for (const auto& part : effects.parts)
    parts.push_back({{"rule", part.rule}, {"adds", part.adds}});
  return {{"score", effects.value},        {"parts", parts},
          {"place", place(effects.place)}, {"place_without", place(effects.place_without)},
          {"pinned", effects.pinned},      {"buried", effects.buried},
          {"too_low", effects.too_low},    {"full", effects.full}};
}

}  // namespace

Task<Response> explain(Call& call) {
  const Body body = call.body();
  choose_variant(call, body);
  const std::string id = body.id("item").value();
  const auto item = call.model->number(id);
  if (!item) throw Refusal(422, "unknown_item", fmt::format("no item '{}'", printable(id)));
  const std::vector<std::int32_t> history = co_await history_of(call, body);
  const auto filter = filter_of(*call.model, body.json("filter"));
  const auto rules = rules_of(call, body);
  const Explanation why = call.model->explain(history, *item);
  const ItemCard card = call.model->card(*item);
  AnswerJson json = {{"item", card_json(card, true)}, {"score", why.score}};
  json["tokens"] = parts_json("level", card.tokens.semantic, why.semantic);
  if (!why.collaborative.empty()) {
    const double sum = std::accumulate(why.collaborative.begin(), why.collaborative.end(), 0.0);
    json["collaborative"] = {
        {"contribution", sum},
        {"tokens", parts_json("part", card.tokens.collaborative, why.collaborative)}};
  }
  json["id_token"] = {{"contribution", why.id_token}};
  if (rules) {
    const RecommendOptions options = {.k = static_cast<std::size_t>(body.number("k")),
                                      .filter = filter ? &*filter : nullptr,
                                      .rules = &*rules};
    json["rules"] = effects_json(call.model->explain_rules(history, *item, options));
  }
  json["history"] = AnswerJson::array();
  const auto read = History(history).last(why.history.size());
  const std::vector<ItemCard> events = call.model->cards(read);
  for (std::size_t i = 0; i < events.size(); ++i) {
    json["history"].push_back(
        {{"id", events[i].id}, {"title", events[i].title}, {"contribution", why.history[i]}});
  }
  co_return reply(json);
}

}  // namespace tessera
