#include <algorithm>

#include "base/error.h"
#include "engine/alike_users.h"
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

/// The events' items that the model knows.
std::vector<std::int32_t> known_items(const Model& model, std::span<const StoredEvent> events) {
  std::vector<std::string> ids;
  for (const StoredEvent& event : events) ids.push_back(event.item);
  return std::move(model.histories({&ids, 1}, true).front().items);
}

[[noreturn]] void refuse_unknown(const std::string& user) {
  throw Refusal(404, "unknown_user", fmt::format("no user '{}'", printable(user)));
}

}  // namespace

Task<Response> append_events(Call& call) {
  EventBatch batch = event_batch_of(call.body(), user_of(call));
  batch.key = key_of(call, std::move(batch.key));
  const bool asks = !batch.follows_from.request.empty();
  Task<Appended> appending = append(call, std::move(batch));
  const Appended appended = co_await std::move(appending);
  AnswerJson json = {{"appended", appended.count}, {"repeated", appended.repeated}};
  if (!appended.unknown.empty()) json["unknown"] = appended.unknown;
  if (asks) json["variant"] = appended.variant ? AnswerJson(*appended.variant) : AnswerJson();
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
  AnswerJson json = {{"cursor", rest}, {"next_since", next}};
  if (rest.empty()) json["cursor"] = nullptr;
  std::string body = json.dump();
  body.pop_back();
  return {.body = body + ",\"events\":[" + lines + "]}"};
}

Task<Response> similar_users(Call& call) {
  const Body body = call.body();
  choose_variant(call, body);
  const std::string self = body.id("user").value_or("");
  const auto k = static_cast<std::size_t>(body.number("k"));
  const auto most = static_cast<std::size_t>(body.number("users"));
  const std::vector<std::int32_t> history = co_await history_of(call, body);
  AlikeUsers alike(*call.model, history, k);
  std::size_t compared = 0;
  const std::string rest = call.service.with_store([&](const Store& store) {
    return store.for_each_history("",
                                  [&](std::string_view user, std::span<const StoredEvent> events) {
                                    if (user != self) {
                                      alike.add(user, known_items(*call.model, events));
                                      ++compared;
                                    }
                                    return compared < most;
                                  });
  });
  AnswerJson users = AnswerJson::array();
  for (const AlikeUsers::User& one : alike.best()) {
    users.push_back({{"user", one.user}, {"cosine", one.cosine}});
  }
  co_return reply({{"users", std::move(users)}, {"compared", compared}, {"all", rest.empty()}});
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
