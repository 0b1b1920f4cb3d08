#include "train/shared_validation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/parallel.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "train/item_exchange.h"

namespace tessera {
namespace {

constexpr std::size_t kUserBlock = 1024;
constexpr std::size_t kItemBlock = 8192;  // of each rank at a time

struct NamedPlace {
  std::int32_t user;  // in the whole dataset
  TargetPlace place{};
};

// A user of this rank under validation.
struct Validated {
  std::size_t user;
  std::int32_t target;
  std::span<const std::int32_t> history;
  float score = 0.0F;  // of the target
  TargetPlace place{};
};

class SharedValidation {
 public:
  SharedValidation(const Recommender& model, MatrixView<const float> own, const Dataset& data,
                   const Negatives& negatives, const Ranks& ranks)
      : model_(model), own_(own), data_(data), negatives_(negatives), ranks_(ranks) {
    for (const std::int32_t number : evaluated_users(data, Split::validation)) {
      const auto user = static_cast<std::size_t>(number);
      users_.push_back({user, target_of(data, user, Split::validation),
                        history_before(data, user, Split::validation)});
    }
    states_ = Matrix(users_.size(), own.cols);
  }

  std::span<const Validated> rank_all() {
    const bool sampled = model_.settings.selection_protocol == Protocol::sampled;
    const std::size_t most_users = most(users_.size());
    for (std::size_t first = 0; first < most_users; first += kUserBlock) {
      const std::size_t from = std::min(first, users_.size());
      const std::size_t count = std::min(kUserBlock, users_.size() - from);
      find_states(from, count, sampled);
    }
    if (sampled) return users_;
    const std::size_t most_items = most(own_.rows);
    scores_ = Matrix(std::min(kUserBlock, users_.size()), std::min(kItemBlock, most_items));
    for (std::size_t first = 0; first < most_items; first += kItemBlock) compare_items(first);
    return users_;
  }

 private:
  // Of all ranks: they take the same number of blocks.
  std::size_t most(std::size_t here) {
    arena_.reset();
    return std::ranges::max(gather_all<std::size_t>(ranks_, std::span(&here, 1), arena_));
  }

  // The states of a block of users, and their targets' scores; by the sampled protocol the ranks.
  void find_states(std::size_t first, std::size_t count, bool sampled) {
    arena_.reset();
    const auto block = std::span(users_).subspan(first, count);
    std::vector<History> histories;
    std::vector<std::int32_t> items;
    for (const Validated& one : block) {
      histories.push_back(
          one.history.last(std::min(one.history.size(), model_.settings.max_length)));
      items.push_back(one.target);
      items.insert(items.end(), histories.back().begin(), histories.back().end());
      if (!sampled) continue;
      const auto others = negatives_.of(one.user);
      items.insert(items.end(), others.begin(), others.end());
    }
    std::ranges::sort(items);
    items.erase(std::ranges::unique(items).begin(), items.end());
    const MatrixView<float> vectors = fetch_vectors(ranks_, items, own_, arena_);
    const auto vector_of = [&](std::int32_t item) {
      return vectors.row(
          static_cast<std::size_t>(std::ranges::lower_bound(items, item) - items.begin()));
    };
    user_states(
        model_,
        [&](History of, MatrixView<float> rows) {
          for (std::size_t i = 0; i < of.size(); ++i) {
            std::ranges::copy(vector_of(of[i]), rows[i]);
          }
        },
        histories, states_.view().row_block(first, count));
    for (std::size_t i = 0; i < count; ++i) {
      Validated& one = block[i];
      const std::span<const float> state = states_.view().row(first + i);
      one.score = dot(state, vector_of(one.target));
      if (sampled) {
        for (const std::int32_t other : negatives_.of(one.user)) {
          add(one, dot(state, vector_of(other)));
        }
      }
      check(one);
    }
  }

  // A block of every rank's items against the users here.
  void compare_items(std::size_t first) {
    arena_.reset();
    const std::size_t begin = std::min(first, own_.rows);
    const MatrixView<const float> mine =
        own_.row_block(begin, std::min(kItemBlock, own_.rows - begin));
    const auto out = arena_.take<std::span<const float>>(ranks_.size);
    std::ranges::fill(out, std::span(mine.data, mine.size()));
    const auto blocks = exchange_parts<float>(ranks_, out, arena_).parts;
    for (std::size_t r = 0; r < ranks_.size; ++r) {
      const MatrixView<const float> items(blocks[r].data(), blocks[r].size() / own_.cols,
                                          own_.cols);
      for (std::size_t user = 0; user < users_.size(); user += kUserBlock) {
        const std::size_t count = std::min(kUserBlock, users_.size() - user);
        const MatrixView<float> found = scores_.view().row_block(0, count).col_block(0, items.rows);
        gemm(Transpose::no, Transpose::yes, 1.0F, states_.view().row_block(user, count), items,
             0.0F, found);
        parallel_for(count, 16, [&](std::size_t from, std::size_t to) {
          for (std::size_t i = from; i < to; ++i) {
            compare(users_[user + i], states_.view().row(user + i), items, r, first, found.row(i));
          }
        });
      }
    }
    for (const Validated& one : users_) check(one);
  }

  // Items first, first + 1, … of those of rank `of`.
  void compare(Validated& one, std::span<const float> state, MatrixView<const float> items,
               std::size_t of, std::size_t first, std::span<float> scores) const {
    constexpr float kExcluded = -std::numeric_limits<float>::infinity();
    const auto exclude = [&](std::int32_t number) {
      const auto item = static_cast<std::size_t>(number);
      const std::size_t row = row_of_item(item, ranks_.size);
      if (rank_of_item(item, ranks_.size) == of && row >= first && row < first + items.rows) {
        scores[row - first] = kExcluded;
      }
    };
    for (const std::int32_t item : one.history) exclude(item);
    exclude(one.target);
    // A product's last bits depend on its shape. What is close is computed again as the target's
    // score was, so that equal vectors score alike on every rank.
    const float close = 1e-4F * std::max(1.0F, std::abs(one.score));
    for (std::size_t i = 0; i < items.rows; ++i) {
      if (scores[i] < one.score - close) continue;
      if (scores[i] > one.score + close) {
        ++one.place.better;
      } else {
        add(one, dot(state, items.row(i)));  // also what is not a number
      }
    }
  }

  static void add(Validated& one, float score) {
    one.place.better += score > one.score;
    one.place.tied += score == one.score;
    if (std::isnan(score)) one.score = score;
  }

  void check(const Validated& one) const {
    if (std::isnan(one.score)) {
      fail("a score of user '{}' is not a number: the model is damaged or has diverged",
           data_.user_ids[one.user]);
    }
  }

  const Recommender& model_;
  MatrixView<const float> own_;
  const Dataset& data_;
  const Negatives& negatives_;
  const Ranks& ranks_;
  std::vector<Validated> users_;
  Matrix states_;
  Matrix scores_;  // of a block of users and items
  StepArena arena_;
};

}  // namespace

Metrics validate_shared(const Recommender& model, const Catalogue& own, const Dataset& data,
                        const Negatives& negatives, const TrainingShare& share) {
  // Items of equal tokens share a row: ranks ask for rows by item.
  Matrix by_item;
  MatrixView<const float> vectors = own.vectors;
  if (own.vectors.rows() != own.items()) {
    by_item = Matrix(own.items(), own.vectors.cols());
    std::vector<std::int32_t> items(own.items());
    std::iota(items.begin(), items.end(), 0);
    copy_from(own)(items, by_item);
    vectors = by_item;
  }
  SharedValidation validation(model, vectors, data, negatives, *share.ranks);
  std::vector<NamedPlace> named;
  for (const Validated& one : validation.rank_all()) {
    named.push_back({share.users[one.user], one.place});
  }
  StepArena arena;
  // In the order of users: the mean is that of one process.
  const std::span<NamedPlace> all = gather_all<NamedPlace>(*share.ranks, named, arena);
  std::ranges::sort(all, {}, &NamedPlace::user);
  std::vector<TargetPlace> places;
  for (const NamedPlace& of : all) places.push_back(of.place);
  return metrics_of(places);
}

}  // namespace tessera
