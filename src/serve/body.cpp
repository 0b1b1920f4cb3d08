#include "serve/body.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "serve/exchange.h"

namespace tessera {
namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kLongestId = 256;
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

}  // namespace

Body::Body(Scratch& scratch, std::string_view text, std::initializer_list<std::string_view> known) {
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
  for (const auto& [key, value] : object) {
    if (std::ranges::find(known, key) == known.end()) {
      std::string names;
      for (const std::string_view name : known)
        names += (names.empty() ? "" : ", ") + std::string(name);
      refuse("unknown field '{}'; known are: {}", key, names);
    }
  }
}

std::optional<simdjson::dom::element> Body::find(const char* field) const {
  simdjson::dom::element value;
  if (root_.at_key(field).get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  return value;
}

std::optional<std::string_view> Body::text(const char* field) const {
  const auto value = find(field);
  if (!value) return std::nullopt;
  std::string_view text;
  if (value->get(text) != simdjson::SUCCESS) refuse("'{}' must be a string", field);
  return text;
}

std::optional<bool> Body::flag(const char* field) const {
  const auto value = find(field);
  if (!value) return std::nullopt;
  bool flag = false;
  if (value->get(flag) != simdjson::SUCCESS) refuse("'{}' must be true or false", field);
  return flag;
}

std::optional<std::int64_t> Body::number(const char* field, std::int64_t low,
                                         std::int64_t high) const {
  const auto value = find(field);
  if (!value) return std::nullopt;
  std::int64_t number = 0;
  if (value->get(number) != simdjson::SUCCESS || number < low || number > high) {
    refuse("'{}' must be a whole number from {} to {}", field, low, high);
  }
  return number;
}

std::optional<std::vector<std::string>> Body::ids(const char* field, std::size_t most) const {
  const auto value = find(field);
  if (!value) return std::nullopt;
  simdjson::dom::array array;
  if (value->get(array) != simdjson::SUCCESS) refuse("'{}' must be a list of ids", field);
  std::vector<std::string> ids;
  for (const simdjson::dom::element element : array) {
    if (ids.size() == most) refuse("'{}' may hold {} ids at most", field, most);
    std::string_view text;
    std::int64_t number = 0;
    if (element.get(text) == simdjson::SUCCESS) {
      check_id(text, field);
      ids.emplace_back(text);
    } else if (element.get(number) == simdjson::SUCCESS) {
      ids.push_back(std::to_string(number));
    } else {
      refuse("'{}' must hold ids: strings or whole numbers", field);
    }
  }
  return ids;
}

void check_id(std::string_view id, const char* what) {
  if (id.empty() || id.size() > kLongestId) {
    refuse("'{}': an id has 1 to {} bytes", what, kLongestId);
  }
  const bool control = std::ranges::any_of(
      id, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (control || !simdjson::validate_utf8(id)) {
    refuse("'{}': an id is UTF-8 without control characters", what);
  }
}

}  // namespace tessera
