#include "serve/appending.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace tessera {
namespace {

using Unknown = EventBatch::Unknown;

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

/// Those that no variant's model knows.
std::vector<std::string> unknown_of(const Variants& variants, std::vector<std::string> items) {
  for (std::size_t i = 0; i < variants.size() && !items.empty(); ++i) {
    const auto numbers = variants.in_use(i).model->numbers(items);
    std::size_t place = 0;
    std::erase_if(items, [&](const std::string&) { return numbers[place++].has_value(); });
  }
  return items;
}

/// What follows from a list, by kind.
Task<bool> attribute(const Call& call, const EventBatch& batch, std::string variant) {
  std::map<std::string, std::vector<std::string>> by_kind;
  for (const StoredEvent& event : batch.events) {
    by_kind[event.kind.empty() ? "event" : event.kind].push_back(event.item);
  }
  for (auto& [kind, items] : by_kind) {
    StoredFeedback feedback = {.request = batch.follows_from.request,
                               .variant = variant,
                               .kind = kind,
                               .items = std::move(items)};
    Task<bool> keeping = keep_feedback(call, std::move(feedback));
    co_await std::move(keeping);
  }
  co_return true;
}

Unknown rule_of(const Body& body) {
  const bool skip = body.flag("skip_unknown"), keep = body.flag("keep_unknown");
  if (skip && keep) {
    throw Refusal(400, "invalid_request",
                  "'skip_unknown' and 'keep_unknown' contradict each other: give one of them");
  }
  return skip ? Unknown::skip : keep ? Unknown::keep : Unknown::refuse;
}

}  // namespace

EventBatch event_batch_of(const Body& body, const std::string& user) {
  EventBatch batch = {user, events_of(body), body.id("idempotency_key").value_or("")};
  batch.unknown = rule_of(body);
  batch.follows_from = attribution_of(body);
  return batch;
}

Task<Appended> append(Call& call, EventBatch batch) {
  if (!batch.key.empty()) check_id(batch.key, "idempotency_key");
  const std::vector<std::string> unknown =
      unknown_of(call.service.variants(), items_of(batch.events));
  const auto variant = attributed_variant(call, batch.follows_from);
  if (batch.unknown == Unknown::skip) {
    std::erase_if(batch.events, [&](const StoredEvent& event) {
      return std::ranges::count(unknown, event.item) > 0;
    });
  }
  const bool refused = batch.unknown == Unknown::refuse && !unknown.empty();
  // A batch that was accepted stays so, whatever became of its items.
  Store& store = call.service.store();
  Task<Append> asked = refused ? store.foresee_append_async(batch.user, batch.events, batch.key)
                               : store.append_events_async(batch.user, batch.events, batch.key);
  const Append result = co_await call.from_store(std::move(asked));
  if (result == Append::kConflict) {
    throw Refusal(422, "idempotency_key_reused",
                  fmt::format("the key '{}' came with other events before", printable(batch.key)));
  }
  const bool done = result == Append::kDone;
  call.service.metrics().count_items_asked(unknown.empty());
  if (done && refused) {
    throw Refusal(422, "unknown_item",
                  fmt::format("no item '{}'; 'skip_unknown' leaves such out, 'keep_unknown' stores "
                              "them for when the model knows them",
                              printable(unknown.front())));
  }
  if (done) {
    const std::vector<std::string> appended = items_of(batch.events);
    call.service.trends().note(appended);
    const Variants& variants = call.service.variants();
    const std::size_t of_user = variants.of(batch.user);
    call.service.watch().note(batch.user, appended, of_user, variants.in_use(of_user).model);
  }
  if (variant) {  // of a repeated batch again, for its first answer may have failed before this
    Task<bool> attributing = attribute(call, batch, *variant);
    co_await std::move(attributing);
  }
  Appended result_of;
  result_of.variant = variant;
  result_of.count = done ? batch.events.size() : 0;
  result_of.repeated = !done;
  if (done) result_of.unknown = unknown;
  co_return result_of;
}

}  // namespace tessera
