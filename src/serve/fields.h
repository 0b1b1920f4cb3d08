#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "serve/access.h"
#include "serve/work.h"

namespace tessera {

/// A field of a route's body, or a parameter of its query: what it may hold, and what right it
/// needs beyond the route's own. Reading, refusing and the OpenAPI document all go by it.
struct Field {
  enum class Kind {
    flag,    ///< true or false
    number,  ///< a whole number
    id,      ///< of a user or an item
    ids,     ///< a list of ids
    line,    ///< text without control characters
    text,    ///< text of several lines
    filter,  ///< of items, as JSON or in words
    object,  ///< a JSON object
    events,  ///< a list of objects {"item", "kind", "weight", "time"}
    lists,   ///< a list of lists of ids, of at most 1,000 each
    words,   ///< one of some words, or a list of them
  };
  std::string_view name;
  Kind kind = Kind::text;
  std::int64_t most =
      0;  ///< the largest number, ids or events in a list, bytes of a line, text, filter or object
  std::string_view description = {};
  std::int64_t standard = 0;  ///< of a flag or number that is left out
  Access access = Access::open;
  bool required = false;
  Work work = Work::quick;  ///< what the answer has to wait for where it is given
  bool choice = false;      ///< exactly one of these must be given
  std::int64_t least = 1;   ///< of a number
  std::span<const std::string_view> words = {};  ///< that may be given
};

/// Their names, for messages.
inline std::string names_of(std::span<const Field> fields) {
  std::string names;
  for (const Field& field : fields) names += (names.empty() ? "" : ", ") + std::string(field.name);
  return names;
}

}  // namespace tessera
