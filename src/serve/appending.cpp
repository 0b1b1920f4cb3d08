#include "serve/appending.h"

#include <algorithm>

#include "base/error.h"

namespace tessera {
namespace {

using Unknown = EventBatch::Unknown;

/// Those that the model does not know.
std::vector<std::string> unknown_of(const Model& model, std::span<const std::string> items) {
  std::vector<std::string> unknown;
  const auto numbers = model.numbers(items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!numbers[i]) unknown.push_back(items[i]);
  }
  return unknown;
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
  EventBatch batch = {user, body.ids("items").value(), body.id("idempotency_key").value_or("")};
  if (batch.items.empty()) {
    throw Refusal(400, "invalid_request", "'items' is empty: ids in time order");
  }
  batch.unknown = rule_of(body);
  return batch;
}

Task<Appended> append(Call& call, EventBatch batch) {
  if (!batch.key.empty()) check_id(batch.key, "idempotency_key");
  const std::vector<std::string> unknown = unknown_of(*call.model, batch.items);
  if (batch.unknown == Unknown::skip) {
    std::erase_if(batch.items,
                  [&](const std::string& id) { return std::ranges::count(unknown, id) > 0; });
  }
  const bool refused = batch.unknown == Unknown::refuse && !unknown.empty();
  // A batch that was accepted stays so, whatever became of its items.
  Store& store = call.service.store();
  Task<Append> asked = refused ? store.foresee_append_async(batch.user, batch.items, batch.key)
                               : store.append_events_async(batch.user, batch.items, batch.key);
  const Append result = co_await call.from_store(std::move(asked));
  if (result == Append::kConflict) {
    throw Refusal(422, "idempotency_key_reused",
                  fmt::format("the key '{}' came with other items before", printable(batch.key)));
  }
  const bool done = result == Append::kDone;
  if (done && refused) {
    throw Refusal(422, "unknown_item",
                  fmt::format("no item '{}'; 'skip_unknown' leaves such out, 'keep_unknown' stores "
                              "them for when the model knows them",
                              printable(unknown.front())));
  }
  if (done) call.service.trends().note(batch.items);
  Appended appended;
  appended.count = done ? batch.items.size() : 0;
  appended.repeated = !done;
  if (done) appended.unknown = unknown;
  co_return appended;
}

}  // namespace tessera
