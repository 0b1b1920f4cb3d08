#include "eval/protocol.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "base/error.h"
#include "base/parallel.h"
#include "index/top_k.h"

namespace tessera {
namespace {

constexpr std::size_t kBlockFloats = 8U << 20;  // 32 MB of scores at a time

[[noreturn]] void fail_not_a_number(const Dataset& data, std::int32_t user) {
  fail("a score of user '{}' is not a number: the model is damaged or has diverged",
       data.user_ids[static_cast<std::size_t>(user)]);
}

// Of scores that include the target's own.
TargetPlace place_among(std::span<const float> scores, float target) {
  TargetPlace place;
  for (const float score : scores) {
    place.better += score > target;
    place.tied += score == target;
  }
  --place.tied;  // the target itself
  return place;
}

bool is_missed(const Dataset& data, std::int32_t user, Split split, Repeats repeats) {
  return repeats == Repeats::excluded &&
         target_repeats(data, static_cast<std::size_t>(user), split);
}

bool any_nan(std::span<const float> scores) {
  return std::ranges::any_of(scores, [](float score) { return std::isnan(score); });
}

// Calls body(first user of the block, block of users, scores [users, columns]).
template <class Body>
void for_user_blocks(std::span<const std::int32_t> users, std::size_t columns,
                     const ProgressFunction& progress, const Body& body) {
  const std::size_t block = std::clamp<std::size_t>(
      kBlockFloats / std::max<std::size_t>(columns, 1), 1, std::max<std::size_t>(users.size(), 1));
  Matrix scores(block, columns);
  for (std::size_t first = 0; first < users.size(); first += block) {
    if (progress) progress(first, users.size());
    const auto part = users.subspan(first, std::min(block, users.size() - first));
    body(first, part, scores.view().row_block(0, part.size()));
  }
}

// Into list, -1 where there are fewer.
void take_best(std::span<const float> scores, std::span<std::int32_t> list) {
  TopK best(list.size());
  for (std::size_t item = 0; item < scores.size(); ++item) {
    const auto number = static_cast<std::int32_t>(item);
    if (best.admits(scores[item], number)) best.add(scores[item], number);
  }
  const std::vector<ScoredItem> items = best.take();
  std::ranges::fill(list, -1);
  std::ranges::transform(items, list.begin(), &ScoredItem::item);
}

}  // namespace

std::span<const std::int32_t> TopLists::of(std::size_t user) const {
  const auto list = std::span(items).subspan(user * length, length);
  return list.first(static_cast<std::size_t>(std::ranges::find(list, -1) - list.begin()));
}

std::vector<TargetPlace> rank_sampled(const Dataset& data, Split split, const Negatives& negatives,
                                      const Scorer& scorer, const ProgressFunction& progress,
                                      Repeats repeats) {
  const std::vector<std::int32_t> users = evaluated_users(data, split);
  std::vector<TargetPlace> places(users.size());
  const std::size_t columns = negatives.per_user + 1;
  const std::size_t widest = scorer.candidates ? columns : data.items.size();
  Matrix candidate_scores(1, columns);
  std::vector<std::int32_t> candidates;
  for_user_blocks(
      users, widest, progress,
      [&](std::size_t first, std::span<const std::int32_t> part, MatrixView<float> scores) {
        candidates.clear();
        for (const std::int32_t user : part) {
          const std::int32_t target = target_of(data, static_cast<std::size_t>(user), split);
          candidates.push_back(target);
          const auto others = negatives.of(static_cast<std::size_t>(user));
          candidates.insert(candidates.end(), others.begin(), others.end());
          candidates.resize(candidates.size() + negatives.per_user - others.size(), target);
        }
        if (scorer.candidates) {
          scorer.candidates(part, split, {candidates.data(), part.size(), columns}, scores);
        } else {
          scorer.catalogue(part, split, scores);
        }
        for (std::size_t i = 0; i < part.size(); ++i) {
          std::span<float> row = scores.row(i);
          if (!scorer.candidates) {
            for (std::size_t j = 0; j < columns; ++j) {
              candidate_scores[0][j] = row[static_cast<std::size_t>(candidates[i * columns + j])];
            }
            row = candidate_scores.span();
          }
          row = row.first(1 + negatives.of(static_cast<std::size_t>(part[i])).size());
          if (any_nan(row)) fail_not_a_number(data, part[i]);
          places[first + i] =
              is_missed(data, part[i], split, repeats) ? kMissed : place_among(row, row[0]);
        }
      });
  return places;
}

namespace {

// By the scores of all items, which it changes; the best go into `list`, if there is one.
TargetPlace place_of_user(const Dataset& data, std::int32_t user, Split split, Repeats repeats,
                          std::span<float> scores, std::span<std::int32_t> list) {
  const auto number = static_cast<std::size_t>(user);
  const auto target = static_cast<std::size_t>(target_of(data, number, split));
  const float own = scores[target];
  if (repeats != Repeats::allowed) {
    // Not a number is neither better than the target nor tied with it.
    for (const std::int32_t item : history_before(data, number, split)) {
      scores[static_cast<std::size_t>(item)] = std::numeric_limits<float>::quiet_NaN();
    }
  }
  if (!list.empty()) take_best(scores, list);
  if (repeats == Repeats::excluded && std::isnan(scores[target])) return kMissed;
  scores[target] = own;
  return place_among(scores, own);
}

}  // namespace

std::vector<TargetPlace> rank_full(const Dataset& data, Split split, const Scorer& scorer,
                                   const ProgressFunction& progress, TopLists* lists,
                                   Repeats repeats) {
  const std::vector<std::int32_t> users = evaluated_users(data, split);
  std::vector<TargetPlace> places(users.size());
  if (lists != nullptr) lists->items.resize(users.size() * lists->length);
  const auto list_of = [&](std::size_t place) {
    if (lists == nullptr) return std::span<std::int32_t>();
    return std::span(lists->items).subspan(place * lists->length, lists->length);
  };
  for_user_blocks(
      users, data.items.size(), progress,
      [&](std::size_t first, std::span<const std::int32_t> part, MatrixView<float> scores) {
        scorer.catalogue(part, split, scores);
        std::vector<char> broken(part.size(), 0);
        parallel_for(part.size(), 4, [&](std::size_t begin, std::size_t end) {
          for (std::size_t i = begin; i < end; ++i) {
            broken[i] = any_nan(scores.row(i)) ? 1 : 0;
            places[first + i] =
                place_of_user(data, part[i], split, repeats, scores.row(i), list_of(first + i));
          }
        });
        for (std::size_t i = 0; i < part.size(); ++i) {
          if (broken[i] != 0) fail_not_a_number(data, part[i]);
        }
      });
  return places;
}

std::vector<TargetPlace> chance_full(const Dataset& data, Split split, Repeats repeats) {
  std::vector<TargetPlace> places;
  for (const std::int32_t user : evaluated_users(data, split)) {
    const auto history = history_before(data, static_cast<std::size_t>(user), split);
    const std::unordered_set<std::int32_t> known(history.begin(), history.end());
    const bool repeated = known.contains(target_of(data, static_cast<std::size_t>(user), split));
    std::size_t others = data.items.size() - 1;
    if (repeats != Repeats::allowed) others -= known.size() - (repeated ? 1 : 0);
    const bool missed = repeated && repeats == Repeats::excluded;
    places.push_back(missed ? kMissed : TargetPlace{0, static_cast<std::uint32_t>(others)});
  }
  return places;
}

std::vector<TargetPlace> chance_sampled(const Dataset& data, Split split,
                                        const Negatives& negatives, Repeats repeats) {
  std::vector<TargetPlace> places;
  for (const std::int32_t user : evaluated_users(data, split)) {
    const std::size_t others = negatives.of(static_cast<std::size_t>(user)).size();
    places.push_back(is_missed(data, user, split, repeats)
                         ? kMissed
                         : TargetPlace{0, static_cast<std::uint32_t>(others)});
  }
  return places;
}

}  // namespace tessera
