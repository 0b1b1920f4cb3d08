#include "base/error.h"
#include "serve/answers.h"
#include "serve/appending.h"
#include "serve/handlers.h"
#include "store/export.h"

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

Response list_events(Call& call) {
  std::optional<std::int64_t> since;
  const auto given = call.given("since");
  if (given) since = time_of(*given, "since");
  const std::string cursor = call.given("cursor").value_or("");
  const std::size_t limit = call.number("limit");
  const std::int64_t next = next_since();
  std::string lines;
  std::size_t count = 0;
  const std::string rest = call.service.with_store([&](const Store& store) {
    const EventChoice choice = choose_events(store, since);
    return store.for_each_history(cursor,
                                  [&](std::string_view user, std::span<const StoredEvent> events) {
                                    for (const StoredEvent& event : events) {
                                      if (!choice.takes(event)) continue;
                                      if (count++ > 0) lines += ",\n";
                                      append_event_json(lines, user, event);
                                    }
                                    return count < limit;
                                  });
  });
  Json json = {{"cursor", rest}, {"next_since", next}};
  if (rest.empty()) json["cursor"] = nullptr;
  std::string body = json.dump();
  body.pop_back();
  return {.body = body + ",\"events\":[" + lines + "]}"};
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
