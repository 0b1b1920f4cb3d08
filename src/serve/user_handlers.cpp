#include "base/error.h"
#include "serve/answers.h"
#include "serve/appending.h"
#include "serve/handlers.h"

namespace tessera {
namespace {

const std::string& user_of(const Call& call) {
  const std::string& user = call.match.segments.front();
  check_id(user, "user");
  return user;
}

/// The header's key where the body has none.
std::string key_of(const Call& call, std::string key) {
  const std::string header(call.request.idempotency_key);
  if (key.empty()) key = header;
  if (!header.empty() && key != header) {
    throw Refusal(400, "invalid_request",
                  "'idempotency_key' and the header Idempotency-Key differ");
  }
  return key;
}

[[noreturn]] void refuse_unknown(const std::string& user) {
  throw Refusal(404, "unknown_user", fmt::format("no user '{}'", printable(user)));
}

}  // namespace

Task<Response> append_events(Call& call) {
  EventBatch batch = event_batch_of(call.body(), user_of(call));
  batch.key = key_of(call, std::move(batch.key));
  Task<Appended> appending = append(call, std::move(batch));
  const Appended appended = co_await std::move(appending);
  Json json = {{"appended", appended.count}, {"repeated", appended.repeated}};
  if (!appended.unknown.empty()) json["unknown"] = appended.unknown;
  co_return reply(json);
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
