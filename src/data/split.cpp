#include <algorithm>
#include <optional>
#include <stdexcept>

#include "data/dataset.h"

namespace tessera {
namespace {

// How many of the user's events are before a time.
std::size_t events_before(const Dataset& data, std::size_t user, std::int64_t time) {
  const auto begin = data.times.begin() + data.offsets[user];
  const auto end = data.times.begin() + data.offsets[user + 1];
  return static_cast<std::size_t>(std::lower_bound(begin, end, time) - begin);
}

// The user's own cut, where the split was given: 0 validation, 1 test.
std::size_t given_cut(const Dataset& data, std::size_t user, std::size_t which) {
  return static_cast<std::size_t>(data.cuts[2 * user + which]);
}

// Where training ends in a history, withheld items or not.
std::size_t train_end(const Dataset& data, std::size_t user) {
  if (data.refit) return data.history(user).size();
  if (!data.cuts.empty()) return given_cut(data, user, 0);
  if (data.split.by_time) return events_before(data, user, data.split.validation_from);
  const std::size_t length = data.history(user).size();
  return length < kMinEvaluatedEvents ? length : length - 2;
}

// Where the target of `split` stands in the history, seen or not.
std::optional<std::size_t> place_by_rule(const Dataset& data, std::size_t user, Split split) {
  if (split == Split::train) throw std::logic_error("the train split has no single target");
  if (data.refit) return std::nullopt;
  const std::size_t length = data.history(user).size();
  const bool given = !data.cuts.empty();
  if (!given && !data.split.by_time) {
    if (length < kMinEvaluatedEvents) return std::nullopt;
    return length - (split == Split::test ? 1 : 2);
  }
  const std::size_t validation =
      given ? given_cut(data, user, 0) : events_before(data, user, data.split.validation_from);
  const std::size_t test =
      given ? given_cut(data, user, 1) : events_before(data, user, data.split.test_from);
  const std::size_t place = split == Split::test ? test : validation;
  const std::size_t end = split == Split::test ? length : test;
  if (place == 0 || place >= end) return std::nullopt;
  return place;
}

// The same; none if the user is not evaluated.
std::optional<std::size_t> target_place(const Dataset& data, std::size_t user, Split split) {
  const auto place = place_by_rule(data, user, split);
  const bool seen = place && !data.seen.empty() &&
                    *place < static_cast<std::size_t>(std::max<std::int64_t>(data.seen[user], 0));
  return seen ? std::nullopt : place;
}

std::size_t known_place(const Dataset& data, std::size_t user, Split split) {
  const auto place = target_place(data, user, split);
  if (!place) throw std::logic_error("the split does not evaluate this user");
  return *place;
}

}  // namespace

std::span<const std::int32_t> train_history(const Dataset& data, std::size_t user) {
  if (data.train_offsets.empty()) return data.history(user).first(train_end(data, user));
  const auto begin = static_cast<std::size_t>(data.train_offsets[user]);
  const auto end = static_cast<std::size_t>(data.train_offsets[user + 1]);
  return std::span(data.train_events).subspan(begin, end - begin);
}

std::span<const float> train_weights(const Dataset& data, std::size_t user) {
  if (data.weights.empty()) return {};
  const bool hidden = !data.train_offsets.empty();
  const auto begin =
      static_cast<std::size_t>(hidden ? data.train_offsets[user] : data.offsets[user]);
  return std::span(hidden ? data.train_weights : data.weights)
      .subspan(begin, train_history(data, user).size());
}

std::span<const std::int32_t> history_before(const Dataset& data, std::size_t user, Split split) {
  return data.history(user).first(known_place(data, user, split));
}

std::int32_t target_of(const Dataset& data, std::size_t user, Split split) {
  return data.history(user)[known_place(data, user, split)];
}

float target_weight(const Dataset& data, std::size_t user, Split split) {
  if (data.weights.empty()) return 1.0F;
  return data
      .weights[static_cast<std::size_t>(data.offsets[user]) + known_place(data, user, split)];
}

bool target_repeats(const Dataset& data, std::size_t user, Split split) {
  const auto history = history_before(data, user, split);
  return std::ranges::find(history, target_of(data, user, split)) != history.end();
}

std::vector<std::int32_t> evaluated_users(const Dataset& data, Split split) {
  std::vector<std::int32_t> users;
  for (std::size_t u = 0; u < data.users(); ++u) {
    if (target_place(data, u, split)) users.push_back(static_cast<std::int32_t>(u));
  }
  return users;
}

void hide_withheld(Dataset& data) {
  data.train_offsets.clear();
  data.train_events.clear();
  data.train_weights.clear();
  if (count_trainable(data) == data.items.size()) return;
  data.train_offsets.push_back(0);
  for (std::size_t u = 0; u < data.users(); ++u) {
    const auto begin = static_cast<std::size_t>(data.offsets[u]);
    for (std::size_t e = begin; e < begin + train_end(data, u); ++e) {
      const std::int32_t item = data.events[e];
      if (data.items[static_cast<std::size_t>(item)].withheld) continue;
      data.train_events.push_back(item);
      if (!data.weights.empty()) data.train_weights.push_back(data.weights[e]);
    }
    data.train_offsets.push_back(static_cast<std::int64_t>(data.train_events.size()));
  }
}

void hold_nothing_out(Dataset& data) {
  data.refit = true;
  for (CatalogueItem& item : data.items) item.withheld = false;
  hide_withheld(data);
}

std::size_t count_trainable(const Dataset& data) {
  return static_cast<std::size_t>(std::ranges::count(data.items, false, &CatalogueItem::withheld));
}

}  // namespace tessera
