#pragma once
#include <simdjson.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serve/fields.h"
#include "store/store.h"

namespace tessera {

/// What one thread reuses from request to request.
struct Scratch {
  simdjson::dom::parser parser;
};

/// The JSON object in a request's body, read by a route's table of fields. Every function throws
/// Refusal 400 that names the field when the body is not what it should be; strings are valid UTF-8
/// and live as long as the parser's document.
class Body {
 public:
  /// Refuses fields that are not in the table, stand there twice or are of another kind, whether or
  /// not they are read then, and with 401 a field that needs more than the caller was `granted`. An
  /// empty text counts as {}.
  Body(Scratch& scratch, std::string_view text, std::span<const Field> fields, Access granted);

  /// Whether the field is there.
  bool has(std::string_view field) const { return find(field).has_value(); }
  /// What the given fields make the answer wait for.
  Work work() const { return work_; }

  // The field must be of that kind; null counts as left out, which gives nothing or the standard.
  std::optional<std::string_view> text(std::string_view field) const;  ///< a line or a text
  /// A number is taken as its digits: 12 is "12".
  std::optional<std::string> id(std::string_view field) const;
  bool flag(std::string_view field) const;
  std::int64_t number(std::string_view field) const;
  /// A word alone, or those of a list in order.
  std::optional<std::vector<std::string>> words(std::string_view field) const;
  /// A filter, or an object, as JSON; of a filter in words those.
  std::optional<std::string> json(std::string_view field) const;
  /// Of lists; `most` is the number of lists.
  std::optional<std::vector<std::vector<std::string>>> lists(std::string_view field) const;
  /// Each as `id` takes it.
  std::optional<std::vector<std::string>> ids(std::string_view field) const;
  /// Times may lie a day ahead of the clock at most.
  std::optional<std::vector<StoredEvent>> events(std::string_view field) const;

 private:
  void check(const Field& field) const;
  std::optional<simdjson::dom::array> list(std::string_view field) const;
  const Field& known(std::string_view field) const;
  std::optional<simdjson::dom::element> find(std::string_view field) const;
  simdjson::dom::element root_;
  std::span<const Field> fields_;
  Work work_ = Work::quick;
};

/// A time as clients may write it, a number of seconds or milliseconds since 1970 by its size, or a
/// date: as milliseconds. Throws Refusal 400 that names `what`.
std::int64_t time_of(const std::string& text, std::string_view what);

/// An id of a user or an item as clients may choose it: 1 to 256 bytes of UTF-8 without control
/// characters. Throws Refusal 400 that names `what`.
void check_id(std::string_view id, std::string_view what);
constexpr std::size_t kLongestId = 256;

}  // namespace tessera
