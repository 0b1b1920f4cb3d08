#pragma once
#include <array>

#include "data/dataset.h"

namespace tessera {

/// What part of the demand makes an item: the most popular items that take a fifth of all training
/// events are the head, the least popular that take a fifth the tail (Abdollahpouri et al. 2021),
/// the others the middle; without a training event an item is cold. Equally popular items are in
/// one group: the item at which the fifth is reached takes its equals along. Where all are equally
/// popular, all are head.
enum class PopularityGroup : std::uint8_t { head, middle, tail, cold };
inline constexpr std::array kPopularityGroups = {"head", "middle", "tail", "cold"};

/// How popular the items are, by train_history.
struct Popularity {
  std::vector<std::uint32_t> events;    ///< by item: training events
  std::vector<PopularityGroup> groups;  ///< by item
  std::uint64_t total = 0;              ///< training events
};
Popularity training_popularity(const Dataset& data);

}  // namespace tessera
