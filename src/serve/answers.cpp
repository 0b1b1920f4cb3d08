#include "serve/answers.h"

#include "base/error.h"

namespace tessera {

Response reply(const AnswerJson& json, int status) {
  return {.status = status,
          .body = json.dump(-1, ' ', false, AnswerJson::error_handler_t::replace)};
}

AnswerJson card_json(const ItemCard& card, bool whole) {
  AnswerJson json = {{"id", card.id}, {"title", card.title}, {"codes", card.tokens.semantic}};
  if (whole && !card.tokens.collaborative.empty()) {
    json["collaborative_codes"] = card.tokens.collaborative;
  }
  json["live"] = card.live;
  return json;
}

AnswerJson attributes_json(const AttributeValues& values) {
  AnswerJson json = AnswerJson::object();
  for (const auto& [name, value] : values) {
    std::visit(
        [&, &key = name](const auto& held) {
          if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::monostate>) {
            json[key] = nullptr;
          } else {
            json[key] = held;
          }
        },
        value);
  }
  return json;
}

std::optional<Filter> filter_of(const Model& model, const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  return or_refuse(400, "invalid_filter", [&] {
    Filter filter = filter_from_text(*text);
    model.check(filter);
    return filter;
  });
}

std::optional<AttributeValues> attributes_in(const Body& body) {
  const auto text = body.json("attributes");
  if (!text) return std::nullopt;
  return or_refuse(400, "invalid_request", [&] { return attribute_values_from_json(*text); });
}

std::int32_t item_of_path(const Call& call) {
  const std::string& id = call.match.segments.front();
  const auto number = call.model->number(id);
  if (!number) throw Refusal(404, "unknown_item", fmt::format("no item '{}'", printable(id)));
  return *number;
}

void choose_variant(Call& call, const Body& body) {
  if (const auto name = body.text("variant")) return call.answer_by(call.variant_of(*name));
  const auto user = body.id("user");
  call.answer_by(call.service.variants().of(user ? std::string_view(*user) : call.request.id));
}

namespace {

enum class Missing { refused, none };

Task<std::vector<std::int32_t>> read_history(const Call& call, const Body& body, Missing missing) {
  const auto given = body.ids("history");
  const auto user = body.id("user");
  std::vector<std::string> stored;
  if (user) {
    auto found = co_await call.from_store(call.service.store().history_async(*user));
    if (!found && missing == Missing::refused) {
      throw Refusal(404, "unknown_user", fmt::format("no user '{}'", printable(*user)));
    }
    if (found) stored = std::move(*found);
  }
  const std::vector<std::string>& ids = given ? *given : stored;
  // A stored history outlives the model: what this one does not know says nothing to it.
  const bool skip = user.has_value() || body.flag("skip_unknown");
  std::vector<std::int32_t> history;
  history.reserve(ids.size());
  const auto numbers = call.model->numbers(ids);
  const bool all_known = std::ranges::all_of(numbers, &std::optional<std::int32_t>::has_value);
  if (!ids.empty()) call.service.metrics().count_items_asked(all_known);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (numbers[i]) {
      history.push_back(*numbers[i]);
    } else if (!skip) {
      throw Refusal(422, "unknown_item", fmt::format("no item '{}'", printable(ids[i])));
    }
  }
  if (history.empty() && missing == Missing::refused) {
    throw Refusal(422, "empty_history", "the history holds no item that the model knows");
  }
  co_return history;
}

}  // namespace

Task<std::vector<std::int32_t>> history_of(const Call& call, const Body& body) {
  return read_history(call, body, Missing::refused);
}

Task<std::vector<std::int32_t>> history_or_none(const Call& call, const Body& body) {
  return read_history(call, body, Missing::none);
}

}  // namespace tessera
