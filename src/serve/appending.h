#pragma once
#include <string>
#include <vector>

#include "serve/attribution.h"
#include "serve/service.h"

namespace tessera {

/// Events of a user that are to be appended.
struct EventBatch {
  /// What becomes of items that the model does not know.
  enum class Unknown { refuse, skip, keep };

  std::string user;
  std::vector<StoredEvent> events;  ///< in time order
  std::string key;                  ///< "": none
  Unknown unknown = Unknown::refuse;
  Attribution follows_from = {};  ///< the list that led to them
};

/// What became of them.
struct Appended {
  std::size_t count = 0;
  bool repeated = false;
  std::vector<std::string> unknown = {};    ///< items that no model knows
  std::optional<std::string> variant = {};  ///< that answered the list which led to them
};

/// What a body gives; throws Refusal 400.
EventBatch event_batch_of(const Body& body, const std::string& user);
/// Throws Refusal: 422 for unknown items that are to be refused, and for a key that came with other
/// events before.
Task<Appended> append(Call& call, EventBatch batch);

}  // namespace tessera
