#include <algorithm>

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
  std::vector<std::string> items = body.ids("items").value();
  if (items.empty()) throw Refusal(400, "invalid_request", "'items' is empty: ids in time order");
  const std::string key = key_of(call, body);
  const Unknown rule = rule_of(body);
  const std::vector<std::string> unknown = unknown_of(*call.model, items);
  if (rule == Unknown::skip) {
    std::erase_if(items,
                  [&](const std::string& id) { return std::ranges::count(unknown, id) > 0; });
  }
  const bool refused = rule == Unknown::refuse && !unknown.empty();
  // A batch that was accepted stays so, whatever became of its items.
  Store& store = call.service.store();
  Task<Append> asked = refused ? store.foresee_append_async(user, items, key)
                               : store.append_events_async(user, items, key);
  const Append result = co_await call.from_store(std::move(asked));
  if (result == Append::kConflict) {
    throw Refusal(422, "idempotency_key_reused",
                  fmt::format("the key '{}' came with other items before", printable(key)));
  }
  const bool done = result == Append::kDone;
  if (done && !refused) call.service.trends().note(items);
  if (done && refused) {
    throw Refusal(422, "unknown_item",
                  fmt::format("no item '{}'; 'skip_unknown' leaves such out, 'keep_unknown' stores "
                              "them for when the model knows them",
                              printable(unknown.front())));
  }
  Json json = {{"appended", done ? items.size() : 0}, {"repeated", !done}};
  if (done && !unknown.empty()) json["unknown"] = unknown;
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
