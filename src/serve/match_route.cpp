// Which route a request means, and what its address says.
#include <algorithm>

#include "base/error.h"
#include "base/texts.h"
#include "serve/routes.h"

namespace tessera {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text, bool plus_is_blank) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        throw Refusal(400, "invalid_request",
                      "a % in the address must stand before two hex digits");
      }
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      decoded += plus_is_blank && text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

bool fits(std::string_view pattern, std::span<const std::string_view> parts) {
  const std::vector<std::string_view> expected = split(pattern, "/");
  return std::ranges::equal(expected, parts, [](std::string_view want, std::string_view have) {
    return names_a_segment(want) ? !have.empty() : want == have;
  });
}

}  // namespace

std::vector<std::string_view> parts_of_path(std::string_view path) { return split(path, "/"); }

Match match_route(std::string_view method, std::string_view target, std::string& allowed) {
  const std::size_t question = target.find('?');
  const std::string_view path = target.substr(0, question);
  const std::vector<std::string_view> parts = split(path, "/");
  Match match;
  for (const Route& route : routes()) {
    if (!fits(route.path, parts)) continue;
    if (route.method == method) {
      match.route = &route;
      break;
    }
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  if (match.route == nullptr) {
    if (allowed.empty()) throw Refusal(404, "unknown_path", "there is nothing at this address");
    throw Refusal(405, "method_not_allowed", fmt::format("this address answers to {}", allowed));
  }
  const std::vector<std::string_view> pattern = split(match.route->path, "/");
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (names_a_segment(pattern[i])) match.segments.push_back(percent_decoded(parts[i], false));
  }
  if (question != std::string_view::npos) match.query = target.substr(question + 1);
  return match;
}

void read_query(Match& match) {
  if (match.query.empty()) return;
  const std::span<const Field> known = match.route->query;
  for (const std::string_view part : split(match.query, "&")) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    std::string name = percent_decoded(part.substr(0, equals), true);
    if (std::ranges::find(known, name, &Field::name) == known.end()) {
      throw Refusal(
          400, "invalid_request",
          message_line(fmt::format("unknown parameter '{}'{}{}", name,
                                   known.empty() ? "" : "; known are: ", names_of(known))));
    }
    for (const auto& [earlier, value] : match.parameters) {
      if (earlier == name) {
        throw Refusal(400, "invalid_request", fmt::format("'{}' stands there twice", name));
      }
    }
    match.parameters.emplace_back(
        std::move(name),
        equals == std::string_view::npos ? "" : percent_decoded(part.substr(equals + 1), true));
  }
}

}  // namespace tessera
