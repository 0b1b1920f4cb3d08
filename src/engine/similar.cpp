// Items by the cosines of their vectors.
#include <cmath>

#include "base/error.h"
#include "engine/state.h"
#include "kernels/elementwise.h"

namespace tessera {
namespace {

/// What is disliked counts half as much as what is liked.
constexpr double kDislike = 0.5;

/// Adds weight · vector / |vector|.
void add_direction(std::span<const float> vector, double weight, std::vector<float>& sum) {
  double squares = 0.0;
  for (const float x : vector) squares += double{x} * double{x};
  if (squares == 0.0) return;
  const double factor = weight / std::sqrt(squares);
  for (std::size_t i = 0; i < vector.size(); ++i) sum[i] += static_cast<float>(factor * vector[i]);
}

}  // namespace

std::vector<double> Model::likeness(History history, std::span<const History> others) const {
  if (history.empty()) fail_usage("an empty history is like no other: give at least one item");
  std::vector<History> all = {history};
  all.insert(all.end(), others.begin(), others.end());
  const std::vector<float> states = this->states(all);
  const auto state = [&](std::size_t i) { return std::span(states).subspan(i * width(), width()); };
  std::vector<double> cosines;
  for (std::size_t i = 1; i < all.size(); ++i) {
    cosines.push_back(all[i].empty() ? 0.0 : cosine(state(0), state(i)));
  }
  return cosines;
}

std::vector<Neighbour> Model::State::nearest(std::span<const float> direction, std::size_t k,
                                             const Filter* filter, History without) const {
  if (k == 0) fail_usage("k = 0: a list has at least one item");
  ItemSet left_out;
  for (const std::int32_t item : without) left_out.insert(item);
  const auto passing = this->passing(filter);
  std::vector<Neighbour> all;
  const std::shared_lock lock(mutex);
  all.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto number = static_cast<std::int32_t>(i);
    const bool listed =
        items[i].known && !left_out.contains(number) && (!passing || passing->contains(number));
    if (listed) all.push_back({number, cosine(direction, vector(items[i]))});
  }
  keep_best(all, k, [](const Neighbour& a) { return std::pair(-a.cosine, a.number); });
  return all;
}

std::vector<Neighbour> Model::similar(std::int32_t item, std::size_t k,
                                      const Filter* filter) const {
  const std::int32_t one[] = {item};
  return state_->nearest(vectors(one), k, filter, one);
}

std::vector<Neighbour> Model::similar(const Taste& taste, std::size_t k,
                                      const Filter* filter) const {
  if (taste.liked.empty() && taste.disliked.empty() && taste.text.empty()) {
    fail_usage("nothing to be like: give items that are liked or disliked, or a text");
  }
  std::vector<float> direction(width());
  const double likes = static_cast<double>(taste.liked.size() + (taste.text.empty() ? 0 : 1));
  const auto add = [&](History items, double weight) {
    const std::vector<float> rows = vectors(items);
    for (std::size_t i = 0; i < items.size(); ++i) {
      add_direction(std::span(rows).subspan(i * width(), width()), weight, direction);
    }
  };
  add(taste.liked, 1.0 / std::max(likes, 1.0));
  if (!taste.text.empty()) {
    const std::vector<std::int32_t> codes = state_->codes_to_put(tokens_of(taste.text), {});
    const std::vector<float> new_id = state_->id_token({});
    add_direction(item_vector(state_->bundle.model, codes, new_id), 1.0 / likes, direction);
  }
  add(taste.disliked,
      -kDislike / static_cast<double>(std::max<std::size_t>(taste.disliked.size(), 1)));
  std::vector<std::int32_t> given(taste.liked.begin(), taste.liked.end());
  given.insert(given.end(), taste.disliked.begin(), taste.disliked.end());
  return state_->nearest(direction, k, filter, given);
}

}  // namespace tessera
