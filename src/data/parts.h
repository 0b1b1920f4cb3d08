#pragma once
#include "data/dataset.h"

namespace tessera {

/// Some users of a dataset with the whole catalogue: what one of several processes works on.
struct DatasetPart {
  Dataset data;
  /// What they are called in the whole dataset, ascending; empty: the part is the whole.
  std::vector<std::int32_t> users;
};

/// Which of `parts` a user belongs to: by a hash of the id alone (FNV-1a), so that a user stays
/// where he is whatever else is in the data.
std::size_t part_of_user(std::string_view id, std::size_t parts);

/// Part number `part` of `parts`; of one it is the whole, not copied.
DatasetPart part_of(Dataset whole, std::size_t part, std::size_t parts);

}  // namespace tessera
