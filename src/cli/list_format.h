#pragma once
#include <span>

#include "cli/whom.h"

namespace tessera {

/// How `recommend` shows a list.
struct ListFormat {
  bool json = false;     ///< one object a line
  bool why = false;      ///< with the event of the history that speaks most for each item
  bool vectors = false;  ///< with item vectors and the user's state, in JSON alone
  const char* heading = "Recommended";
};

/// Prints the list that answers a request, or in JSON why there is none.
void print_list(const RecommendRequest& request, std::span<const ScoredItem> best,
                const Model& model, const ListFormat& format);

}  // namespace tessera
