#include "base/error.h"
#include "serve/answers.h"
#include "serve/handlers.h"

namespace tessera {
namespace {

const std::string& user_of(const Call& call) {
  const std::string& user = call.match.segments.front();
  check_id(user, "user");
  return user;
}

/// The key in the body or the header; "" if there is none.
std::string_view key_of(const Call& call, const Body& body) {
  const std::string_view header = call.request.idempotency_key;
  const std::string_view key = body.id("idempotency_key").value_or(header);
  if (!header.empty() && key != header) {
    throw Refusal(400, "invalid_request",
                  "'idempotency_key' and the header Idempotency-Key differ");
  }
  if (!key.empty()) check_id(key, "idempotency_key");
  return key;
}

/// The first item that the model does not know; null if it knows them all.
const std::string* first_unknown(const Model& model, std::span<const std::string> items) {
  const auto numbers = model.numbers(items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!numbers[i]) return &items[i];
  }
  return nullptr;
}

[[noreturn]] void refuse_unknown(const std::string& user) {
  throw Refusal(404, "unknown_user", fmt::format("no user '{}'", printable(user)));
}

}  // namespace

Task<Response> append_events(Call& call) {
  const std::string& user = user_of(call);
  const Body body = call.body();
  const std::vector<std::string> items = body.ids("items").value();
  if (items.empty()) throw Refusal(400, "invalid_request", "'items' is empty: ids in time order");
  const std::string_view key = key_of(call, body);
  const std::string* unknown = first_unknown(*call.model, items);
  // A batch that was accepted stays so, whatever became of its items.
  Store& store = call.service.store();
  Task<Append> asked = unknown ? store.foresee_append_async(user, items, key)
                               : store.append_events_async(user, items, key);
  const Append result = co_await call.from_store(std::move(asked));
  if (result == Append::kConflict) {
    throw Refusal(422, "idempotency_key_reused",
                  fmt::format("the key '{}' came with other items before", printable(key)));
  }
  if (result == Append::kDone && unknown) {
    throw Refusal(422, "unknown_item", fmt::format("no item '{}'", printable(*unknown)));
  }
  const bool done = result == Append::kDone;
  co_return reply({{"appended", done ? items.size() : 0}, {"repeated", !done}});
}

Task<Response> get_user(Call& call) {
  const std::string& user = user_of(call);
  const auto history = co_await call.from_store(call.service.store().history_async(user));
  if (!history) refuse_unknown(user);
  co_return reply({{"user", user}, {"items", *history}});
}

Task<Response> delete_user(Call& call) {
  const std::string& user = user_of(call);
  if (!co_await call.from_store(call.service.store().erase_history_async(user))) {
    refuse_unknown(user);
  }
  co_return Response{.status = 204, .body = ""};
}

}  // namespace tessera
