#include "eval/traps.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_set>

#include "base/error.h"
#include "base/numbers.h"

namespace tessera {
namespace {

// Shares from which something is called a trap; each leaves room for what happens by chance.
constexpr double kManyTies = 0.5;
constexpr double kAlwaysListed = 0.99;  // of the targets, by lists that are far from the catalogue
constexpr double kFarFromCatalogue = 0.5;  // of the items
constexpr double kShiftedHits = 3.0;       // times the hits as given
constexpr std::size_t kFewHits = 10;
constexpr double kLeak = 3.0;  // times what popularity reaches

std::string share_of(std::size_t part, std::size_t whole) {
  return fmt::format(
      "{:.1f} %",
      whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

// The items below and above the target, and some further off, which are hit as often as chance has
// it.
constexpr std::array<std::int32_t, 6> kSteps = {-1, 1, -4, -3, 3, 4};

// What was counted over the evaluated users' lists.
struct Counts {
  std::size_t users = 0, missing = 0, with_history = 0, history_items = 0, entries = 0;
  std::size_t hits = 0, short_lists = 0, tied_lists = 0, listed = 0;
  // Hits of the items beside the target, at each of kSteps.
  std::array<std::size_t, kSteps.size()> by_id{}, by_number{};
};

class Counter {
 public:
  Counter(const Dataset& data, Split split, const Predictions& predictions, std::size_t largest_cut)
      : data_(data),
        split_(split),
        predictions_(predictions),
        cut_(largest_cut),
        numbers_(number_by_id(data.items)) {}

  Counts count() {
    for (const std::int32_t user : evaluated_users(data_, split_)) {
      look_at(static_cast<std::size_t>(user));
    }
    return counts_;
  }

 private:
  void look_at(std::size_t user) {
    ++counts_.users;
    const std::vector<std::int32_t>& list = predictions_.lists[user];
    counts_.missing += predictions_.listed[user] == 0 ? 1 : 0;
    if (list.empty()) return;
    ++counts_.listed;
    const auto history = history_before(data_, user, split_);
    const std::unordered_set<std::int32_t> known(history.begin(), history.end());
    const std::int32_t target = target_of(data_, user, split_);
    const auto of_history = std::ranges::count_if(
        list, [&](std::int32_t item) { return item != target && known.contains(item); });
    counts_.with_history += of_history > 0 ? 1 : 0;
    counts_.history_items += static_cast<std::size_t>(of_history);
    counts_.entries += list.size();
    const std::unordered_set<std::int32_t> items(list.begin(), list.end());
    counts_.hits += items.contains(target) ? 1 : 0;
    counts_.short_lists += list.size() < cut_ ? 1 : 0;
    if (!predictions_.scores.empty()) {
      const std::vector<float>& scores = predictions_.scores[user];
      counts_.tied_lists +=
          scores.size() > 1 && std::ranges::adjacent_find(scores) != scores.end() ? 1 : 0;
    }
    const auto whole = parse_number<std::int64_t>(data_.items[static_cast<std::size_t>(target)].id);
    for (std::size_t i = 0; i < kSteps.size(); ++i) {
      counts_.by_number[i] += items.contains(target + kSteps[i]) ? 1 : 0;
      if (!whole) continue;
      const auto beside = numbers_.find(std::to_string(*whole + kSteps[i]));
      counts_.by_id[i] += beside != numbers_.end() && items.contains(beside->second) ? 1 : 0;
    }
  }

  const Dataset& data_;
  Split split_;
  const Predictions& predictions_;
  std::size_t cut_;
  ItemNumbers numbers_;
  Counts counts_;
};

// Whether the item at a step is hit far more often than the target, and than items further off.
bool is_shift(std::size_t step, std::span<const std::size_t> beside, std::size_t hits) {
  std::size_t further = 0;
  for (std::size_t i = 2; i < beside.size(); ++i) further += beside[i];
  const double usual =
      std::max(static_cast<double>(hits),
               static_cast<double>(further) / static_cast<double>(beside.size() - 2));
  return beside[step] >= kFewHits && static_cast<double>(beside[step]) > kShiftedHits * usual;
}

void add_shifts(const Counts& counts, std::vector<Trap>& traps) {
  for (const std::size_t step : {0U, 1U}) {
    const bool ids = is_shift(step, counts.by_id, counts.hits);
    if (!ids && !is_shift(step, counts.by_number, counts.hits)) continue;
    const std::size_t found = ids ? counts.by_id[step] : counts.by_number[step];
    traps.push_back(
        {"shifted ids", found, counts.users,
         fmt::format("{} lists hold the item one {} the target, {} the target itself", found,
                     step == 0 ? "below" : "above", counts.hits),
         fmt::format("{} {} before: some programs count items from 0, others from 1, or keep 0 for "
                     "padding",
                     step == 0 ? "add 1 to" : "take 1 from", ids ? "the ids" : "the numbers")});
  }
}

}  // namespace

std::vector<Trap> traps_in(const Dataset& data, Split split, const Predictions& predictions,
                           Repeats repeats, std::size_t largest_cut) {
  std::vector<Trap> traps;
  if (predictions.scorer) return traps;  // of every user and item there is a score
  const Counts counts = Counter(data, split, predictions, largest_cut).count();
  if (counts.missing > 0) {
    traps.push_back({"missing users", counts.missing, counts.users,
                     fmt::format("{} of {} users have no list, and every metric counts 0 for them",
                                 counts.missing, counts.users),
                     "predict for every user that is evaluated: a mean over some users is another "
                     "figure"});
  }
  if (predictions.unknown_users > 0) {
    traps.push_back({"unknown users", predictions.unknown_users, predictions.lists.size(),
                     fmt::format("{} users are not in the dataset, the first '{}'",
                                 predictions.unknown_users, predictions.unknown_user),
                     "use the ids of the dataset's users.txt"});
  }
  if (predictions.unknown_items > 0) {
    traps.push_back(
        {"unknown items", predictions.unknown_items, predictions.entries,
         fmt::format("{} entries are no items of the dataset, the first '{}'; they take "
                     "their places all the same",
                     predictions.unknown_items, predictions.unknown_item),
         "use the ids of the dataset's items.jsonl"});
  }
  add_shifts(counts, traps);
  if (counts.history_items > 0 && repeats != Repeats::allowed) {
    traps.push_back({"seen items", counts.history_items, counts.entries,
                     fmt::format("{} lists hold items of the user's history; they are taken out, "
                                 "and what stands behind them moves up",
                                 counts.with_history),
                     "leave them out when the lists are made, so that lists stay as long as meant, "
                     "or measure with --repeats"});
  }
  if (predictions.repeated_items > 0) {
    traps.push_back({"items twice", predictions.repeated_items, predictions.entries,
                     fmt::format("{} entries repeat an item of their list; the first place counts",
                                 predictions.repeated_items),
                     "name an item once a list"});
  }
  if (counts.short_lists > 0) {
    traps.push_back(
        {"short lists", counts.short_lists, counts.listed,
         fmt::format("{} lists have fewer than {} items: metrics at larger cut-offs, and "
                     "MRR, say too little",
                     counts.short_lists, largest_cut),
         "write longer lists, or name smaller cut-offs by --at"});
  }
  if (counts.hits == 0 && counts.listed > 0) {
    traps.push_back(
        {"no hits", counts.listed, counts.listed,
         "no list holds its target: lists from whole histories leave it out, because the "
         "user has it",
         "make lists from what came before the target, as 'recommend --split' does"});
  }
  const double length =
      counts.listed == 0 ? 0.0
                         : static_cast<double>(counts.entries) / static_cast<double>(counts.listed);
  if (counts.listed >= kFewHits &&
      static_cast<double>(counts.hits) >= kAlwaysListed * static_cast<double>(counts.listed) &&
      length < kFarFromCatalogue * static_cast<double>(data.items.size())) {
    traps.push_back(
        {"sampled candidates", counts.hits, counts.listed,
         fmt::format("{} of the lists hold the target among {:.0f} of {} items: "
                     "candidates were sampled with it",
                     share_of(counts.hits, counts.listed), length, data.items.size()),
         "such figures compare with nothing but the same sample: rank all items, or call "
         "them sampled"});
  }
  if (static_cast<double>(counts.tied_lists) > kManyTies * static_cast<double>(counts.listed) &&
      counts.listed > 0) {
    traps.push_back({"equal scores", counts.tied_lists, counts.listed,
                     fmt::format("{} of the lists have items of equal score; the mean over their "
                                 "orders is taken",
                                 share_of(counts.tied_lists, counts.listed)),
                     "write scores with all their digits; where they are truly equal, an order by "
                     "item number can hold the answer"});
  }
  return traps;
}

namespace {

// NDCG@10 of items by how near their id is to the largest of the history: where ids follow first
// appearance, the next item is often a new one beside it.
double ndcg_by_id(const Dataset& data, Split split, std::span<const std::int64_t> ids) {
  double sum = 0.0;
  const std::vector<std::int32_t> users = evaluated_users(data, split);
  for (const std::int32_t number : users) {
    const auto user = static_cast<std::size_t>(number);
    const auto history = history_before(data, user, split);
    std::int64_t largest = 0;
    for (const std::int32_t item : history) {
      largest = std::max(largest, ids[static_cast<std::size_t>(item)]);
    }
    const std::int64_t target = ids[static_cast<std::size_t>(target_of(data, user, split))];
    const std::int64_t gap = std::abs(target - largest);
    // At most two items a gap, some of them in the history: near enough for a warning.
    if (gap == 0 || gap > 8) continue;
    sum += 1.0 / std::log2(2.0 * static_cast<double>(gap) - 0.5 + 1.0);
  }
  return users.empty() ? 0.0 : sum / static_cast<double>(users.size());
}

double ndcg_by_popularity(const Dataset& data, Split split, const Popularity& popularity) {
  std::vector<std::uint32_t> sorted = popularity.events;
  std::ranges::sort(sorted, std::greater());
  double sum = 0.0;
  const std::vector<std::int32_t> users = evaluated_users(data, split);
  for (const std::int32_t user : users) {
    const auto target =
        static_cast<std::size_t>(target_of(data, static_cast<std::size_t>(user), split));
    const auto alike = std::ranges::equal_range(sorted, popularity.events[target], std::greater());
    sum += ndcg({static_cast<std::uint32_t>(alike.begin() - sorted.begin()),
                 static_cast<std::uint32_t>(alike.size() - 1)},
                10);
  }
  return users.empty() ? 0.0 : sum / static_cast<double>(users.size());
}

}  // namespace

std::vector<Trap> traps_in(const Dataset& data, Split split, Repeats repeats,
                           const Popularity& popularity) {
  std::vector<Trap> traps;
  const std::vector<std::int32_t> users = evaluated_users(data, split);
  std::size_t repeated = 0, cold = 0;
  for (const std::int32_t number : users) {
    const auto user = static_cast<std::size_t>(number);
    repeated += target_repeats(data, user, split) ? 1 : 0;
    cold += popularity.events[static_cast<std::size_t>(target_of(data, user, split))] == 0 ? 1 : 0;
  }
  if (repeated > 0) {
    const char* what = repeats == Repeats::excluded  ? "they are missed, as no list shows them"
                       : repeats == Repeats::allowed ? "items of the history are candidates here"
                                                     : "they are ranked, though no list shows them";
    traps.push_back({"targets in the history", repeated, users.size(),
                     fmt::format("{} targets stand in the history before them: {}", repeated, what),
                     "say by which rule (--repeats) a figure was measured: papers differ"});
  }
  if (cold > 0) {
    traps.push_back(
        {"cold targets", cold, users.size(),
         fmt::format("{} targets stand in no training event: a model of ids alone cannot "
                     "know them; they count all the same",
                     cold),
         "some programs drop such users, which raises every metric: compare on the same "
         "users"});
  }
  std::vector<std::int64_t> ids;
  for (const CatalogueItem& item : data.items) {
    const auto whole = parse_number<std::int64_t>(item.id);
    if (!whole) return traps;
    ids.push_back(*whole);
  }
  const double by_id = ndcg_by_id(data, split, ids);
  const double popular = ndcg_by_popularity(data, split, popularity);
  if (by_id > kLeak * std::max(popular, 1e-3)) {
    traps.push_back({"ids follow time", users.size(), users.size(),
                     fmt::format("item ids alone, by their distance to the largest of the history, "
                                 "reach about NDCG@10 {:.4f} (popularity: {:.4f})",
                                 by_id, popular),
                     "keep ids out of models and of the order of equal scores; tessera's own item "
                     "numbers are shuffled"});
  }
  return traps;
}

nlohmann::json to_json(std::span<const Trap> traps) {
  nlohmann::json list = nlohmann::json::array();
  for (const Trap& trap : traps) {
    list.push_back({{"trap", trap.name},
                    {"found", trap.found},
                    {"of", trap.of},
                    {"says", trap.says},
                    {"remedy", trap.remedy}});
  }
  return list;
}

}  // namespace tessera
