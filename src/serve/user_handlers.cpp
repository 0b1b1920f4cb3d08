#include <algorithm>

#include "base/error.h"
#include "serve/answers.h"
#include "serve/handlers.h"
#include "store/export.h"

namespace tessera {
namespace {

const std::string& user_of(const Call& call) {
  const std::string& user = call.match.segments.front();
  check_id(user, "user");
  return user;
}

/// The key in the body or the header; "" if there is none.
std::string key_of(const Call& call, const Body& body) {
  const std::string header(call.request.idempotency_key);
  std::string key = body.id("idempotency_key").value_or(header);
  if (!header.empty() && key != header) {
    throw Refusal(400, "invalid_request",
                  "'idempotency_key' and the header Idempotency-Key differ");
  }
  if (!key.empty()) check_id(key, "idempotency_key");
  return key;
}

/// What is to be appended: items alone, or events of which more is known. Throws Refusal.
std::vector<StoredEvent> events_of(const Body& body) {
  const auto items = body.ids("items");
  std::vector<StoredEvent> events = items ? plain_events(*items) : body.events("events").value();
  if (!events.empty()) return events;
  throw Refusal(400, "invalid_request",
                fmt::format("'{}' is empty: give them in time order", items ? "items" : "events"));
}

std::vector<std::string> items_of(std::span<const StoredEvent> events) {
  std::vector<std::string> items;
  for (const StoredEvent& event : events) items.push_back(event.item);
  return items;
}

/// Those that the model does not know.
std::vector<std::string> unknown_of(const Model& model, std::span<const std::string> items) {
  std::vector<std::string> unknown;
  const auto numbers = model.numbers(items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!numbers[i]) unknown.push_back(items[i]);
  }
  return unknown;
}

/// What becomes of a batch's unknown items.
enum class Unknown { refuse, skip, keep };

Unknown rule_of(const Body& body) {
  const bool skip = body.flag("skip_unknown"), keep = body.flag("keep_unknown");
  if (skip && keep) {
    throw Refusal(400, "invalid_request",
                  "'skip_unknown' and 'keep_unknown' contradict each other: give one of them");
  }
  return skip ? Unknown::skip : keep ? Unknown::keep : Unknown::refuse;
}

[[noreturn]] void refuse_unknown(const std::string& user) {
  throw Refusal(404, "unknown_user", fmt::format("no user '{}'", printable(user)));
}

}  // namespace

Task<Response> append_events(Call& call) {
  const std::string& user = user_of(call);
  const Body body = call.body();
  std::vector<StoredEvent> events = events_of(body);
  const std::string key = key_of(call, body);
  const Unknown rule = rule_of(body);
  const std::vector<std::string> unknown = unknown_of(*call.model, items_of(events));
  if (rule == Unknown::skip) {
    std::erase_if(events, [&](const StoredEvent& event) {
      return std::ranges::count(unknown, event.item) > 0;
    });
  }
  const bool refused = rule == Unknown::refuse && !unknown.empty();
  // A batch that was accepted stays so, whatever became of its items.
  Store& store = call.service.store();
  Task<Append> asked = refused ? store.foresee_append_async(user, events, key)
                               : store.append_events_async(user, events, key);
  const Append result = co_await call.from_store(std::move(asked));
  if (result == Append::kConflict) {
    throw Refusal(422, "idempotency_key_reused",
                  fmt::format("the key '{}' came with other events before", printable(key)));
  }
  const bool done = result == Append::kDone;
  call.service.metrics().count_items_asked(unknown.empty());
  if (done && !refused) {
    const std::vector<std::string> appended = items_of(events);
    call.service.trends().note(appended);
    call.service.watch().note(user, appended, call.model);
  }
  if (done && refused) {
    throw Refusal(422, "unknown_item",
                  fmt::format("no item '{}'; 'skip_unknown' leaves such out, 'keep_unknown' stores "
                              "them for when the model knows them",
                              printable(unknown.front())));
  }
  Json json = {{"appended", done ? events.size() : 0}, {"repeated", !done}};
  if (done && !unknown.empty()) json["unknown"] = unknown;
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
