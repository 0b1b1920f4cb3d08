#pragma once
#include <simdjson.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"

namespace tessera {

/// What one thread reuses from request to request.
struct Scratch {
  StepArena arena;
  simdjson::dom::parser parser;
};

/// The JSON object in a request's body. Every function throws Refusal 400 that names the field when
/// the body is not what it should be; strings are valid UTF-8 and live as long as the parser's
/// document.
class Body {
 public:
  /// Refuses fields that are not in `known`. An empty text counts as {}.
  Body(Scratch& scratch, std::string_view text, std::initializer_list<std::string_view> known);

  std::optional<std::string_view> text(const char* field) const;
  std::optional<bool> flag(const char* field) const;
  /// A whole number within [low, high].
  std::optional<std::int64_t> number(const char* field, std::int64_t low, std::int64_t high) const;
  /// A list of at most `most` ids. Numbers are taken as their digits: 12 is "12".
  std::optional<std::vector<std::string>> ids(const char* field, std::size_t most) const;

 private:
  std::optional<simdjson::dom::element> find(const char* field) const;
  simdjson::dom::element root_;
};

/// An id of a user or an item as clients may choose it: 1 to 256 bytes of UTF-8 without control
/// characters. Throws Refusal 400 that names `what`.
void check_id(std::string_view id, const char* what);

}  // namespace tessera
