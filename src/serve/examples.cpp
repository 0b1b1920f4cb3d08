#include "serve/examples.h"

#include <algorithm>

namespace tessera {
namespace {

struct Example {
  std::string_view method, path, body;
};

constexpr Example kExamples[] = {
    {"POST", "/v1/recommend",
     R"({"history": ["1", "6"], "k": 5, "titles": true, "deny": ["3"], "fallback": ["newest", "popular"],)"
     R"( "blend": {"share": 0.5, "events": 2}})"},
    {"POST", "/v1/recommend:bulk", R"({"histories": [["1", "6"], ["2"]], "k": 5})"},
    {"POST", "/v1/explain",
     R"({"history": ["1", "6"], "item": "4", "rules": {"popularity_penalty": 0.1}})"},
    {"POST", "/v1/score", R"({"history": ["1", "6"], "items": ["4", "2"]})"},
    {"POST", "/v1/similar-users", R"({"history": ["1", "6"], "k": 5})"},
    {"POST", "/v1/similar", R"({"liked": ["1"], "disliked": ["6"], "k": 5})"},
    {"PUT", "/v1/items/{id}", R"({"title": "Steel teapot", "text": "Steel teapot, 1 l"})"},
    {"PATCH", "/v1/items/{id}", R"({"attributes": {"price": 4.5}})"},
    {"POST", "/v1/items:bulk", R"({"id": "new-1", "title": "Steel teapot, 1 l"})"},
    {"POST", "/v1/events:bulk",
     R"({"user": "anna", "events": [{"item": "1", "kind": "view"}, {"item": "6", "weight": 3}]})"},
    {"POST", "/v1/impressions",
     R"({"request_id": "7f3a90b2c1d4e5f6", "items": ["1", "6"], "variant": "default"})"},
    {"POST", "/v1/users/{user}/events", R"({"items": ["1", "6"], "idempotency_key": "order-17"})"},
};

}  // namespace

std::string_view example_of(const Route& route) {
  const auto* const found = std::ranges::find_if(kExamples, [&](const Example& example) {
    return example.method == route.method && example.path == route.path;
  });
  return found == std::end(kExamples) ? std::string_view() : found->body;
}

}  // namespace tessera
