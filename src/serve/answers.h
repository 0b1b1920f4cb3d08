#pragma once
#include "serve/json.h"
#include "serve/service.h"

namespace tessera {

/// `json` as a response.
Response reply(const AnswerJson& json, int status = 200);

/// {"id", "title", "codes", "live"}, the codes semantic ones; `whole`: with "collaborative_codes"
/// where the model has them.
AnswerJson card_json(const ItemCard& card, bool whole = false);
/// {"price": 4.5, "category": ["tea"], "brand": null}.
AnswerJson attributes_json(const AttributeValues& values);
/// The filter that a request gives, in words or as JSON; throws Refusal 400 that says what is wrong
/// with it.
std::optional<Filter> filter_of(const Model& model, const std::optional<std::string>& text);
/// The attributes that a body gives; throws Refusal 400.
std::optional<AttributeValues> attributes_in(const Body& body);
/// The item whose id the path's first segment is; throws Refusal 404.
std::int32_t item_of_path(const Call& call);

/// Chooses who answers: the variant that the body names, or that of its user, or of the request
/// where nobody knows the user. Throws Refusal 400 for an unknown one.
void choose_variant(Call& call, const Body& body);

/// The history that a body gives as "history", or stores for its "user": item numbers that the
/// model knows, never empty. Throws Refusal: 400 for both or none, 404 for an unknown user, 422 for
/// unknown items of a given history (unless "skip_unknown") and for a history without known items.
Task<std::vector<std::int32_t>> history_of(const Call& call, const Body& body);
/// The same, but empty for an unknown user and a history without known items.
Task<std::vector<std::int32_t>> history_or_none(const Call& call, const Body& body);

}  // namespace tessera
