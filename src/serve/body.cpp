#include "serve/body.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "base/texts.h"
#include "formats/times.h"
#include "serve/exchange.h"

namespace tessera {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::int64_t kLongestList = 1000;  // of a list of lists
/// A parser that has read more than this is not kept: it holds a dozen bytes for each one read.
constexpr std::size_t kKeptCapacity = std::size_t{256} << 10;

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw Refusal(400, "invalid_request",
                message_line(fmt::format(format, std::forward<Args>(args)...)));
}

const char* reason_of(simdjson::error_code error) {
  switch (error) {
    case simdjson::DEPTH_ERROR:
      return "it is nested too deeply";
    case simdjson::UTF8_ERROR:
      return "it is not UTF-8";
    case simdjson::NUMBER_ERROR:
      return "a number in it is malformed or too large";
    case simdjson::STRING_ERROR:
      return "a string in it is malformed";
    default:
      return "its syntax is wrong";
  }
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

std::string choices_of(std::span<const Field> fields) {
  std::string names;
  for (const Field& field : fields) {
    if (field.choice) names += fmt::format("{}'{}'", names.empty() ? "" : " or ", field.name);
  }
  return names;
}

/// A string, or a whole number as its digits; nothing for anything else. Throws Refusal.
std::optional<std::string> id_of(const simdjson::dom::element& value, std::string_view field) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) {
    check_id(text, field);
    return std::string(text);
  }
  std::int64_t number = 0;
  if (value.get(number) == simdjson::SUCCESS) return std::to_string(number);
  std::uint64_t large = 0;
  if (value.get(large) == simdjson::SUCCESS) return std::to_string(large);
  return std::nullopt;
}

/// One event of a list. Throws Refusal.
StoredEvent event_of(const simdjson::dom::element& value, std::string_view list) {
  constexpr std::size_t kLongestKind = 64;
  simdjson::dom::object object;
  if (value.get(object) != simdjson::SUCCESS) {
    refuse("'{}' must hold objects such as {{\"item\": \"7\", \"kind\": \"view\"}}", list);
  }
  StoredEvent event;
  for (const auto& [key, of] : object) {
    if (of.is_null()) continue;
    std::string_view text;
    double number = 0;
    if (key == "item") {
      std::optional<std::string> id = id_of(of, "item");
      if (!id) refuse("'item' must be an id: a string or a whole number");
      event.item = std::move(*id);
    } else if (key == "kind") {
      if (of.get(text) != simdjson::SUCCESS || text.empty() || text.size() > kLongestKind ||
          std::ranges::any_of(text, is_control)) {
        refuse("'kind' must be a word such as \"purchase\", of {} bytes at most", kLongestKind);
      }
      event.kind = text;
    } else if (key == "weight") {
      if (of.get(number) != simdjson::SUCCESS || !(number >= 0) || number > 1e6) {
        refuse("'weight' must be a number from 0 to a million");
      }
      event.weight = static_cast<float>(number);
    } else if (key == "time") {
      if (of.get(text) != simdjson::SUCCESS && of.get(number) != simdjson::SUCCESS) {
        refuse("'time' must be a number or a date");
      }
      event.time =
          time_of(text.empty() ? std::string(simdjson::minify(of)) : std::string(text), "time");
    } else {
      refuse("unknown field '{}' of an event; known are: item, kind, weight, time", key);
    }
  }
  if (event.item.empty()) refuse("an event of '{}' has no 'item'", list);
  return event;
}

simdjson::dom::array list_of(const simdjson::dom::element& value, std::string_view field,
                             std::string_view what) {
  simdjson::dom::array array;
  if (value.get(array) != simdjson::SUCCESS) refuse("'{}' must be a list of {}", field, what);
  return array;
}

std::vector<std::string> ids_of(const simdjson::dom::array& array, std::string_view field,
                                std::int64_t most) {
  std::vector<std::string> ids;
  for (const simdjson::dom::element element : array) {
    if (std::cmp_equal(ids.size(), most)) refuse("'{}' may hold {} ids at most", field, most);
    std::optional<std::string> id = id_of(element, field);
    if (!id) refuse("'{}' must hold ids: strings or whole numbers", field);
    ids.push_back(std::move(*id));
  }
  return ids;
}

}  // namespace

Body::Body(Scratch& scratch, std::string_view text, std::span<const Field> fields, Access granted)
    : fields_(fields) {
  if (text.empty()) text = "{}";
  simdjson::dom::parser& parser = scratch.parser;
  if (parser.capacity() > kKeptCapacity) parser = simdjson::dom::parser();
  if (parser.capacity() < text.size() || parser.max_depth() != kMaxDepth) {
    const auto error = parser.allocate(std::max<std::size_t>(text.size(), 4096), kMaxDepth);
    if (error != simdjson::SUCCESS) throw Refusal(503, "out_of_memory", "no memory for the body");
  }
  const auto error = parser.parse(text.data(), text.size()).get(root_);
  if (error != simdjson::SUCCESS) refuse("the body is not valid JSON: {}", reason_of(error));
  simdjson::dom::object object;
  if (root_.get(object) != simdjson::SUCCESS) refuse("the body must be a JSON object");
  std::vector<std::string_view> seen;
  int choices = 0;
  for (const auto& [key, value] : object) {
    const auto field = std::ranges::find(fields, key, &Field::name);
    if (field == fields.end()) refuse("unknown field '{}'; known are: {}", key, names_of(fields));
    if (std::ranges::count(seen, key) > 0) refuse("'{}' stands there twice", key);
    seen.push_back(key);
    if (value.is_null()) continue;
    require(field->access, granted, fmt::format("the field '{}'", key));
    check(*field);
    work_ = std::max(work_, field->work);
    choices += field->choice ? 1 : 0;
  }
  if (choices != 1 && std::ranges::count(fields, true, &Field::choice) > 0) {
    refuse("give either {}", choices_of(fields));
  }
}

/// Refuses what the field cannot hold, whether or not the answer will ask for it.
void Body::check(const Field& field) const {
  using Kind = Field::Kind;
  switch (field.kind) {
    case Kind::flag:
      flag(field.name);
      break;
    case Kind::number:
      number(field.name);
      break;
    case Kind::id:
      id(field.name);
      break;
    case Kind::line:
    case Kind::text:
      text(field.name);
      break;
    case Kind::words:
      words(field.name);
      break;
    case Kind::filter:
    case Kind::object:
      json(field.name);
      break;
    case Kind::ids:
    case Kind::lists:
    case Kind::events:
      list(field.name);
      break;
  }
}

/// A list of whatever kind; what it holds is read later.
std::optional<simdjson::dom::array> Body::list(std::string_view field) const {
  const auto value = find(field);
  if (!value) return std::nullopt;
  const Field::Kind kind = known(field).kind;
  return list_of(*value, field,
                 kind == Field::Kind::ids     ? "ids"
                 : kind == Field::Kind::lists ? "lists of ids"
                                              : "objects");
}

const Field& Body::known(std::string_view field) const {
  return *std::ranges::find(fields_, field, &Field::name);
}

std::optional<simdjson::dom::element> Body::find(std::string_view field) const {
  simdjson::dom::element value;
  if (root_.at_key(field).get(value) != simdjson::SUCCESS || value.is_null()) {
    if (known(field).required) refuse("'{}' is missing: {}", field, known(field).description);
    return std::nullopt;
  }
  return value;
}

std::optional<std::string_view> Body::text(std::string_view field) const {
  const auto value = find(field);
  if (!value) return std::nullopt;
  std::string_view text;
  if (value->get(text) != simdjson::SUCCESS) refuse("'{}' must be a string", field);
  const Field& rules = known(field);
  if (std::cmp_greater(text.size(), rules.most)) {
    refuse("'{}' may have {} bytes at most", field, rules.most);
  }
  const bool lines = rules.kind == Field::Kind::text;
  if (std::ranges::any_of(text, [&](char c) {
        return is_control(c) && !(lines && (c == '\t' || c == '\n' || c == '\r'));
      })) {
    refuse("'{}' must be text without control characters", field);
  }
  return text;
}

std::optional<std::string> Body::id(std::string_view field) const {
  const auto value = find(field);
  if (!value) return std::nullopt;
  std::optional<std::string> id = id_of(*value, field);
  if (!id) refuse("'{}' must be an id: a string or a whole number", field);
  return id;
}

bool Body::flag(std::string_view field) const {
  const auto value = find(field);
  if (!value) return known(field).standard != 0;
  bool flag = false;
  if (value->get(flag) != simdjson::SUCCESS) refuse("'{}' must be true or false", field);
  return flag;
}

std::int64_t Body::number(std::string_view field) const {
  const auto value = find(field);
  if (!value) return known(field).standard;
  const auto [least, most] = std::pair(known(field).least, known(field).most);
  std::int64_t number = 0;
  if (value->get(number) != simdjson::SUCCESS || number < least || number > most) {
    refuse("'{}' must be a whole number from {} to {}", field, least, most);
  }
  return number;
}

std::optional<std::vector<std::string>> Body::words(std::string_view field) const {
  const auto value = find(field);
  if (!value) return std::nullopt;
  const std::span<const std::string_view> known_words = known(field).words;
  std::vector<std::string> words;
  const auto add = [&](const simdjson::dom::element& element) {
    std::string_view word;
    if (element.get(word) != simdjson::SUCCESS ||
        std::ranges::find(known_words, word) == known_words.end()) {
      refuse("'{}' must be one of {}, or a list of them", field, joined(known_words, ", "));
    }
    words.emplace_back(word);
  };
  simdjson::dom::array array;
  if (value->get(array) != simdjson::SUCCESS) {
    add(*value);
    return words;
  }
  for (const simdjson::dom::element element : array) {
    if (words.size() == known_words.size()) refuse("'{}' holds too many words", field);
    add(element);
  }
  return words;
}

std::optional<std::string> Body::json(std::string_view field) const {
  const auto value = find(field);
  if (!value) return std::nullopt;
  const Field& rules = known(field);
  std::string_view words;
  std::string json;
  if (rules.kind == Field::Kind::filter && value->get(words) == simdjson::SUCCESS) {
    json = words;
  } else if (value->is_object()) {
    json = simdjson::minify(*value);
  } else {
    refuse("'{}' must be {}", field,
           rules.kind == Field::Kind::filter ? "an object or a string" : "an object");
  }
  if (std::cmp_greater(json.size(), rules.most)) {
    refuse("'{}' may have {} bytes at most", field, rules.most);
  }
  return json;
}

std::optional<std::vector<std::string>> Body::ids(std::string_view field) const {
  const auto array = list(field);
  return array ? std::optional(ids_of(*array, field, known(field).most)) : std::nullopt;
}

std::optional<std::vector<std::vector<std::string>>> Body::lists(std::string_view field) const {
  const auto array = list(field);
  if (!array) return std::nullopt;
  const std::int64_t most = known(field).most;
  std::vector<std::vector<std::string>> lists;
  for (const simdjson::dom::element element : *array) {
    if (std::cmp_equal(lists.size(), most)) refuse("'{}' may hold {} lists at most", field, most);
    lists.push_back(ids_of(list_of(element, field, "ids"), field, kLongestList));
  }
  return lists;
}

std::optional<std::vector<StoredEvent>> Body::events(std::string_view field) const {
  constexpr std::int64_t kDay = 24 * 60 * 60 * 1000;
  const auto array = list(field);
  if (!array) return std::nullopt;
  const std::int64_t most = known(field).most;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t latest =
      std::chrono::duration_cast<std::chrono::milliseconds>(now).count() + kDay;
  std::vector<StoredEvent> events;
  for (const simdjson::dom::element element : *array) {
    if (std::cmp_equal(events.size(), most)) refuse("'{}' may hold {} events at most", field, most);
    events.push_back(event_of(element, field));
    if (events.back().time.value_or(0) > latest) {
      refuse("'time' of the event of item '{}' is more than a day ahead of the service's clock",
             events.back().item);
    }
  }
  return events;
}

std::int64_t time_of(const std::string& text, std::string_view what) {
  std::int64_t time = kUnknownTime;
  try {
    const std::string first[] = {text};
    time = parse_time(text, guess_time_form(first));
  } catch (const Error& error) {
    refuse("'{}': {}", what, error.what());
  }
  if (time == kUnknownTime) refuse("'{}': '{}' is no time", what, text);
  return time;
}

void check_id(std::string_view id, std::string_view what) {
  if (id.empty() || id.size() > kLongestId) {
    refuse("'{}': an id has 1 to {} bytes", what, kLongestId);
  }
  if (std::ranges::any_of(id, is_control) || !simdjson::validate_utf8(id)) {
    refuse("'{}': an id is UTF-8 without control characters", what);
  }
}

}  // namespace tessera
