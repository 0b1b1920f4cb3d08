#pragma once
#include <optional>

#include "data/dataset.h"

namespace tessera {

/// How well texts tell what is chosen together: of pairs of neighbouring training events of a user,
/// the share whose later item reads more like the earlier one than an item does that others chose
/// later (cosine of embeddings about their mean; ties count half). 1/2 says nothing; titles and
/// categories of shops have about 0.7. Some thousands of pairs are read, at even distances in the
/// log; where there are fewer than 1,000 nobody can tell, and the result is empty. Throws Error as
/// read_embeddings.
std::optional<double> text_agreement(const Dataset& data, const fs::path& directory);

}  // namespace tessera
