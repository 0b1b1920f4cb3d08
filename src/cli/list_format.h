#pragma once
#include <vector>

#include "cli/whom.h"

namespace tessera {

/// How `recommend` shows a list.
struct ListFormat {
  bool json = false;     ///< one object a line
  bool csv = false;      ///< one item a line: user, place, item, title, score
  bool why = false;      ///< with the event of the history that speaks most for each item
  bool vectors = false;  ///< with item vectors and the user's state, in JSON alone
  const char* heading = "Recommended";
};

/// A list, and where its items come from if the model was not asked; or whether something was
/// blended into the model's.
struct Answered {
  std::vector<ScoredItem> items;
  std::vector<Source> from = {};
  bool blended = false;
};

/// What stands above all lists.
void print_heading(const ListFormat& format);
/// Prints the list that answers a request, or in JSON why there is none.
void print_list(const RecommendRequest& request, const Answered& list, const Model& model,
                const ListFormat& format);

}  // namespace tessera
