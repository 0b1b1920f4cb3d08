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

[[noreturn]] void refuse_unknown(const std::string& user) {
  throw Refusal(404, "unknown_user", fmt::format("no user '{}'", printable(user)));
}

}  // namespace

Response append_events(Call& call) {
  const std::string& user = user_of(call);
  const Body body(call.scratch, call.request.body, {"items", "idempotency_key"});
  const auto items = body.ids("items", call.service.limits().events);
  if (!items || items->empty()) {
    throw Refusal(400, "invalid_request", "'items' is missing: ids in time order");
  }
  const auto numbers = call.model->numbers(*items);
  for (std::size_t i = 0; i < items->size(); ++i) {
    if (!numbers[i]) {
      throw Refusal(422, "unknown_item", fmt::format("no item '{}'", printable((*items)[i])));
    }
  }
  const std::string_view key = body.text("idempotency_key").value_or(call.request.idempotency_key);
  if (!key.empty()) check_id(key, "idempotency_key");
  const bool appended =
      call.service.with_store([&](Store& store) { return store.append_events(user, *items, key); });
  return reply({{"appended", appended ? items->size() : 0}, {"repeated", !appended}});
}

Response get_user(Call& call) {
  const std::string& user = user_of(call);
  const auto history = call.service.with_store([&](Store& store) { return store.history(user); });
  if (!history) refuse_unknown(user);
  return reply({{"user", user}, {"items", *history}});
}

Response delete_user(Call& call) {
  const std::string& user = user_of(call);
  if (!call.service.with_store([&](Store& store) { return store.erase_history(user); })) {
    refuse_unknown(user);
  }
  return {.status = 204, .body = ""};
}

}  // namespace tessera
