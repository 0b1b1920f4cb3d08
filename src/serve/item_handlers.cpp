#include <algorithm>

#include "base/error.h"
#include "serve/answers.h"
#include "serve/handlers.h"
#include "text/words.h"

namespace tessera {
namespace {

constexpr std::size_t kNearestCodes = 10;
constexpr std::size_t kMaxWords = 32;  // each costs a walk through the words that begin so

AnswerJson cards_json(const Call& call, std::span<const std::int32_t> numbers) {
  AnswerJson items = AnswerJson::array();
  for (const ItemCard& card : call.model->cards(numbers)) items.push_back(card_json(card));
  return items;
}

Token token_of_path(const Call& call) {
  return or_refuse(404, "unknown_token", [&] {
    return call.model->token(call.match.segments[0], call.match.segments[1]);
  });
}

/// An item with its tokens and, where the model has any, its attributes.
AnswerJson described(const Model& model, const ItemCard& card) {
  AnswerJson json = card_json(card, true);
  const auto number = model.number(card.id);
  if (number && !model.attributes().empty()) {
    json["attributes"] = attributes_json(model.attributes_of(*number));
  }
  return json;
}

/// One kind of an item's tokens; throws Refusal 400.
Response item_tokens(const Model& model, std::int32_t item, const std::string& kind) {
  ItemCard card = model.card(item);
  AnswerJson json = {{"id", card.id}, {"title", card.title}, {"live", card.live}, {"kind", kind}};
  or_refuse(400, "invalid_request", [&] {
    switch (token_kind(kind)) {
      case TokenKind::semantic:
        json["tokens"] = std::move(card.tokens.semantic);
        break;
      case TokenKind::collaborative:
        json["tokens"] = std::move(card.tokens.collaborative);
        break;
      case TokenKind::id:
        json["tokens"] = model.id_tokens(std::span(&item, 1));
        break;
    }
  });
  return reply(json);
}

}  // namespace

Response find_items(Call& call) {
  const std::string_view query = call.text("prefix");
  const std::size_t limit = call.number("limit");
  if (split_words(query).size() > kMaxWords) {
    throw Refusal(400, "invalid_request",
                  fmt::format("'prefix' may have {} words at most", kMaxWords));
  }
  return reply({{"items", cards_json(call, call.model->find(query, limit))}});
}

Response get_item(Call& call) {
  const std::int32_t item = item_of_path(call);
  if (const auto kind = call.given("kind")) return item_tokens(*call.model, item, *kind);
  AnswerJson json = described(*call.model, call.model->card(item));
  json["place"] = call.model->point(item).place;
  return reply(json);
}

Response put_item(Call& call) {
  const std::string& id = call.match.segments.front();
  check_id(id, "id");
  const Body body = call.body();
  const std::optional<AttributeValues> attributes = attributes_in(body);
  if (attributes) check_attributes(*call.model, *attributes);
  const std::string title(body.text("title").value_or(""));
  const std::string text(body.text("text").value_or(title));
  if (text.empty()) {
    throw Refusal(400, "invalid_request", "give a 'title', a 'text', or both");
  }
  const ItemCard card = call.service.put_item({id, title, text});
  if (attributes) call.service.set_attributes(id, *attributes);
  return reply(described(*call.model, card));
}

Response patch_item(Call& call) {
  const std::string& id = call.match.segments.front();
  const AttributeValues attributes = attributes_in(call.body()).value();
  return reply(
      {{"id", id}, {"attributes", attributes_json(call.service.set_attributes(id, attributes))}});
}

Response delete_item(Call& call) {
  call.service.erase_item(call.match.segments.front());
  return {.status = 204, .body = ""};
}

Response restore_item(Call& call) {
  return reply(card_json(call.service.restore_item(call.match.segments.front()), true));
}

Response get_token(Call& call) {
  const Model& model = *call.model;
  const Token token = token_of_path(call);
  const std::size_t limit = call.number("limit");
  std::vector<std::int32_t> items = model.items_with(token);
  const std::size_t count = items.size();
  items.resize(std::min(count, limit));
  AnswerJson nearest = AnswerJson::array();
  for (const Neighbour& other : model.nearest_codes(token, kNearestCodes)) {
    nearest.push_back({{"code", other.number}, {"cosine", other.cosine}});
  }
  return reply({{token.kind == TokenKind::semantic ? "level" : "part", token.codebook + 1},
                {"code", token.code},
                {"count", count},
                {"items", cards_json(call, items)},
                {"nearest", nearest}});
}

Response get_map(Call& call) {
  std::vector<MapPoint> points = call.model->map();
  const std::size_t limit = call.number("limit");
  // Evenly thinned by number, which is random.
  const std::size_t step = (points.size() + limit - 1) / std::max<std::size_t>(limit, 1);
  std::vector<std::int32_t> numbers;
  AnswerJson x = AnswerJson::array(), y = AnswerJson::array(), codes = AnswerJson::array();
  for (std::size_t i = 0; i < points.size(); i += std::max<std::size_t>(step, 1)) {
    numbers.push_back(points[i].item);
    x.push_back(points[i].place[0]);
    y.push_back(points[i].place[1]);
    codes.push_back(points[i].code);
  }
  AnswerJson ids = AnswerJson::array();
  for (ItemCard& card : call.model->cards(numbers)) ids.push_back(std::move(card.id));
  return reply({{"ids", std::move(ids)},
                {"x", std::move(x)},
                {"y", std::move(y)},
                {"codes", std::move(codes)}});
}

}  // namespace tessera
