#pragma once
#include <algorithm>

#include "data/dataset.h"

namespace tessera {

/// Candidates of the sampled protocol: for each user of the dataset `per_user` item numbers that
/// the user never touched, or all of these if they are fewer.
struct Negatives {
  std::size_t per_user = 0;
  std::vector<std::int32_t> items;  ///< [users × per_user]; -1 behind the end of fewer

  std::span<const std::int32_t> of(std::size_t user) const {
    const auto own = std::span(items).subspan(user * per_user, per_user);
    return own.first(static_cast<std::size_t>(std::ranges::find(own, -1) - own.begin()));
  }
};

/// Reads `user item item …` lines (.txt or gzip), external ids, in the dataset's user order.
/// Throws Error with file and line if users do not match, a line has another number of items, an
/// item is unknown, or it holds an item of the user's own history.
Negatives read_negatives(const fs::path& path, const Dataset& data);

/// Those of some users, in their order; of none named, all of them, not copied.
Negatives negatives_of(Negatives negatives, std::span<const std::int32_t> users);

/// 99, the sampled protocol's number, or as many as a small catalogue leaves 19 of 20 users.
std::size_t drawable_negatives(const Dataset& data);
/// Draws `per_user` distinct items uniformly among those outside the user's whole history, or takes
/// all of these if they are fewer. Throws Error if no user leaves as many.
Negatives draw_negatives(const Dataset& data, std::uint64_t seed, std::size_t per_user);

}  // namespace tessera
