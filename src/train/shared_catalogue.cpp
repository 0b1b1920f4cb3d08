#include "train/shared_catalogue.h"

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

// A user of this rank under validation.
struct Validated {
  std::size_t user;
  std::int32_t target;
  History history;
  float score = 0.0F;  // of the target
  TargetPlace place;
};

// Item vectors by number: those held here where they lie, others for a block of users at a time.
class ItemVectors {
 public:
  ItemVectors(MatrixView<const float> own, const Ranks& ranks) : own_(own), ranks_(ranks) {}

  void wish(std::span<const std::int32_t> items) {
    for (const std::int32_t item : items) {
      if (!is_here(item)) fetched_items_.push_back(item);
    }
  }
  // All ranks, whatever each wished for since the last time.
  void fetch(StepArena& arena) {
    std::ranges::sort(fetched_items_);
    fetched_items_.erase(std::ranges::unique(fetched_items_).begin(), fetched_items_.end());
    fetched_ = fetch_vectors(ranks_, fetched_items_, own_, arena);
  }
  void forget() { fetched_items_.clear(); }
  std::span<const float> of(std::int32_t item) const {
    if (is_here(item)) return own_.row(row_of_item(static_cast<std::size_t>(item), ranks_.size));
    const auto at = std::ranges::lower_bound(fetched_items_, item) - fetched_items_.begin();
    return fetched_.row(static_cast<std::size_t>(at));
  }

 private:
  bool is_here(std::int32_t item) const {
    return rank_of_item(static_cast<std::size_t>(item), ranks_.size) == ranks_.rank;
  }

  MatrixView<const float> own_;
  const Ranks& ranks_;
  std::vector<std::int32_t> fetched_items_;  // ascending
  MatrixView<const float> fetched_;
};

// Ranks the targets of the users here.
class SharedRanking {
 public:
  SharedRanking(const Recommender& model, MatrixView<const float> own, const Dataset& data,
                const Negatives& negatives, const Ranks& ranks)
      : model_(model),
        own_(own),
        data_(data),
        negatives_(negatives),
        ranks_(ranks),
        vectors_(own, ranks) {
    for (const std::int32_t number : evaluated_users(data, Split::validation)) {
      const auto user = static_cast<std::size_t>(number);
      users_.push_back({user,
                        target_of(data, user, Split::validation),
                        history_before(data, user, Split::validation),
                        0.0F,
                        {}});
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
    return std::ranges::max(all_gather<std::size_t>(ranks_, std::span(&here, 1), arena_).all);
  }

  // The states of a block of users, and their targets' scores; by the sampled protocol the places.
  void find_states(std::size_t first, std::size_t count, bool sampled) {
    arena_.reset();
    const auto block = std::span(users_).subspan(first, count);
    std::vector<History> histories;
    vectors_.forget();
    for (const Validated& one : block) {
      histories.push_back(
          one.history.last(std::min(one.history.size(), model_.settings.max_length)));
      vectors_.wish(histories.back());
      vectors_.wish(std::span(&one.target, 1));
      if (sampled) vectors_.wish(negatives_.of(one.user));
    }
    vectors_.fetch(arena_);
    user_states(
        model_,
        [&](History of, MatrixView<float> rows) {
          for (std::size_t i = 0; i < of.size(); ++i) {
            std::ranges::copy(vectors_.of(of[i]), rows[i]);
          }
        },
        histories, states_.view().row_block(first, count));
    parallel_for(count, 16, [&](std::size_t from, std::size_t to) {
      for (std::size_t i = from; i < to; ++i) {
        Validated& one = block[i];
        const std::span<const float> state = states_.view().row(first + i);
        one.score = dot(state, vectors_.of(one.target));
        if (!sampled) continue;
        for (const std::int32_t other : negatives_.of(one.user)) {
          add(one, dot(state, vectors_.of(other)));
        }
      }
    });
    for (const Validated& one : block) check(one);
  }

  // A block of every rank's items against the users here.
  void compare_items(std::size_t first) {
    arena_.reset();
    const std::size_t begin = std::min(first, own_.rows);
    const MatrixView<const float> mine =
        own_.row_block(begin, std::min(kItemBlock, own_.rows - begin));
    const auto blocks = all_gather<float>(ranks_, std::span(mine.data, mine.size()), arena_).parts;
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
    const float low = one.score - close;
    const float high = one.score + close;
    std::uint32_t above = 0;
    std::uint32_t not_below = 0;
    for (const float score : scores) {
      above += score > high ? 1U : 0U;
      not_below += score < low ? 0U : 1U;
    }
    one.place.better += above;
    for (std::size_t i = 0; i < items.rows && not_below > above; ++i) {
      if (scores[i] < low || scores[i] > high) continue;
      add(one, dot(state, items.row(i)));  // also what is not a number
      ++above;
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
  ItemVectors vectors_;
  Matrix states_;
  Matrix scores_;  // of a block of users and items
  StepArena arena_;
};

// By item: items of equal tokens share a row of a catalogue.
Matrix vectors_by_item(const Catalogue& catalogue) {
  Matrix vectors(catalogue.items(), catalogue.vectors.cols());
  std::vector<std::int32_t> items(catalogue.items());
  std::iota(items.begin(), items.end(), 0);
  copy_from(catalogue)(items, vectors);
  return vectors;
}

}  // namespace

std::vector<TargetPlace> rank_by_blocks(const Recommender& model, const Catalogue& own,
                                        const Dataset& data, const Negatives& negatives,
                                        const Ranks& ranks) {
  const bool shared_rows = own.vectors.rows() != own.items();
  const Matrix by_item = shared_rows ? vectors_by_item(own) : Matrix();
  SharedRanking ranking(model, shared_rows ? by_item.view() : own.vectors.view(), data, negatives,
                        ranks);
  std::vector<TargetPlace> places;
  for (const Validated& one : ranking.rank_all()) places.push_back(one.place);
  return places;
}

}  // namespace tessera
