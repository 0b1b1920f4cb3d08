#pragma once
#include <optional>
#include <string>

#include "serve/service.h"

namespace tessera {

/// The list that something follows from, as a body names it: the request that was answered with it,
/// and the variant that answered, for lists that are not remembered here.
struct Attribution {
  std::string request, variant;  ///< "" where the body says nothing
};
Attribution attribution_of(const Body& body);

/// The variant of that list; nothing where it is not known, or nothing is named. Throws Refusal:
/// 400 for an unknown variant, 422 where another one answered.
std::optional<std::string> attributed_variant(const Call& call, const Attribution& attribution);

/// Stores what became of a list, now, and counts it. Throws Refusal.
Task<bool> keep_feedback(const Call& call, StoredFeedback feedback);

}  // namespace tessera
