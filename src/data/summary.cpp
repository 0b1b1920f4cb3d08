#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/prepare.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

std::size_t repeated_targets(const Dataset& data) {
  return static_cast<std::size_t>(
      std::ranges::count_if(evaluated_users(data, Split::test), [&](std::int32_t user) {
        return target_repeats(data, static_cast<std::size_t>(user), Split::test);
      }));
}

// Users whose test target happened at the very time of the event before it: the order of the file
// decided which of the two it is.
std::size_t tied_targets(const Dataset& data) {
  if (data.times.empty() || data.split.by_time || !data.cuts.empty()) return 0;
  return static_cast<std::size_t>(
      std::ranges::count_if(evaluated_users(data, Split::test), [&](std::int32_t user) {
        const auto last =
            static_cast<std::size_t>(data.offsets[static_cast<std::size_t>(user) + 1]) - 1;
        return data.times[last] != kUnknownTime && data.times[last] == data.times[last - 1];
      }));
}

std::size_t distinct_pairs(const Dataset& data) {
  std::size_t pairs = 0;
  std::vector<std::int32_t> items;
  for (std::size_t u = 0; u < data.users(); ++u) {
    const auto history = data.history(u);
    items.assign(history.begin(), history.end());
    std::ranges::sort(items);
    pairs += static_cast<std::size_t>(std::ranges::unique(items).begin() - items.begin());
  }
  return pairs;
}

}  // namespace

Json summarise(const Dataset& data, const PrepareReport& report) {
  std::vector<std::size_t> lengths;
  for (std::size_t u = 0; u < data.users(); ++u) lengths.push_back(data.history(u).size());
  std::ranges::sort(lengths);
  const auto users = static_cast<double>(data.users());
  const auto items = static_cast<double>(data.items.size());
  const auto events = static_cast<double>(data.events.size());
  Json dropped = Json::array();
  for (const Dropped& filter : report.dropped) {
    dropped.push_back({{"why", filter.why}, {"events", filter.events}});
  }
  Json json = {{"users", data.users()},
               {"items", data.items.size()},
               {"events", data.events.size()},
               {"evaluated_users", evaluated_users(data, Split::test).size()},
               {"repeated_targets", repeated_targets(data)},
               {"tied_targets", tied_targets(data)},
               {"validated_users", evaluated_users(data, Split::validation).size()},
               {"history_length",
                {{"min", lengths.front()},
                 {"median", lengths[lengths.size() / 2]},
                 {"mean", events / users},
                 {"max", lengths.back()}}},
               {"density", static_cast<double>(distinct_pairs(data)) / (users * items)},
               {"text_share", 1.0 - static_cast<double>(report.items_without_text) / items},
               {"items_without_text", report.items_without_text},
               {"items_without_events", report.items_without_events},
               {"withheld_items", data.items.size() - count_trainable(data)},
               {"events_read", report.events_read},
               {"bad_records", report.bad_records},
               {"dropped", dropped},
               {"users_dropped", report.users_dropped},
               {"items_dropped", report.items_dropped},
               {"repeated_item_rows", report.repeated_item_rows},
               {"unknown_times", report.unknown_times},
               {"missing_values", report.missing},
               {"warnings", report.warnings},
               {"users_out_of_order", report.users_out_of_order}};
  for (const FieldChoice& choice : report.choices) {
    json["fields"][choice.role] = {{"field", choice.field}, {"guessed", choice.guessed}};
  }
  if (report.bad_records > 0) json["first_bad_record"] = report.first_bad;
  const auto known = [](std::int64_t time) { return time != kUnknownTime; };
  if (std::ranges::any_of(data.times, known)) {
    std::int64_t first = *std::ranges::find_if(data.times, known);
    std::int64_t last = first;
    for (const std::int64_t time : data.times) {
      if (!known(time)) continue;
      first = std::min(first, time);
      last = std::max(last, time);
    }
    json["first_time"] = first;
    json["last_time"] = last;
  }
  if (!data.weights.empty()) {
    const auto [least, most] = std::ranges::minmax(data.weights);
    json["event_weights"] = {{"min", least}, {"max", most}};
  }
  if (data.split.by_time) {
    json["validation_from"] = data.split.validation_from;
    json["test_from"] = data.split.test_from;
  }
  return json;
}

}  // namespace tessera
