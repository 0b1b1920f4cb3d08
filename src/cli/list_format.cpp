#include "cli/list_format.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/numbers.h"
#include "cli/print.h"
#include "tessera/model.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

// The event of the history that speaks most for an item, and how much of the score it makes; -1 if
// none does.
std::pair<std::int32_t, float> reason_of(History history, std::int32_t item, const Model& model) {
  const std::vector<float> parts = model.explain(history, item).history;
  const auto most = std::ranges::max_element(parts);
  if (most == parts.end() || *most <= 0.0F) return {-1, 0.0F};
  const auto from_end = static_cast<std::size_t>(parts.end() - most);
  return {history[history.size() - from_end], *most};
}

// As a field of CSV.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string field(1, '"');
  for (const char c : text) field.append(c == '"' ? 2 : 1, c);
  field += '"';
  return field;
}

void print_as_csv(const RecommendRequest& request, const Answered& list, const Model& model) {
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const ItemCard item = model.card(list.items[i].item);
    const std::string score = list.from.empty() ? fmt::format("{}", list.items[i].score) : "";
    fmt::print("{},{},{},{},{}\n", quoted(request.user), i + 1, quoted(item.id), quoted(item.title),
               score);
  }
}

void print_as_json(const RecommendRequest& request, const Answered& answered, const Model& model,
                   const ListFormat& format) {
  const bool asked = answered.from.empty();
  Json list = Json::array();
  for (std::size_t i = 0; i < answered.items.size(); ++i) {
    const auto& [number, score] = answered.items[i];
    const ItemCard item = model.card(number);
    Json json = {{"id", item.id}, {"title", item.title}};
    if (asked) {
      json["score"] = score;
    } else {
      json["from"] = name_of(answered.from[i]);
    }
    if (format.vectors) json["vector"] = model.vectors(std::span(&number, 1));
    if (format.why && asked) {
      const auto [event, part] = reason_of(request.history, number, model);
      if (event >= 0) json["because"] = {{"id", model.card(event).id}, {"part", part}};
    }
    list.push_back(std::move(json));
  }
  const Json user = request.user.empty() ? Json(nullptr) : Json(request.user);
  Json answer = {{"user", user}, {"items", list}};
  if (answered.blended) answer["from"] = "blend";
  if (format.vectors && asked && !list.empty()) {
    const History histories[] = {request.history};
    answer["state"] = model.states(histories);
  }
  if (!request.why.empty() && asked) answer["error"] = request.why;
  print_json(answer);
}

void print_as_text(const RecommendRequest& request, const Answered& list, const Model& model,
                   const ListFormat& format) {
  const bool asked = list.from.empty();
  if (!request.why.empty() && asked) return;  // it was told
  constexpr std::size_t kShown = 5;
  constexpr std::size_t kTitle = 70;
  fmt::print("{}, latest of {} events:\n",
             request.user.empty() ? "Given history" : "User " + printable(request.user),
             grouped(request.history.size()));
  const std::size_t first = request.history.size() - std::min(kShown, request.history.size());
  for (const ItemCard& seen : model.cards(History(request.history).subspan(first))) {
    fmt::print("      {:12} {}\n", printable(seen.id, 12), printable(seen.title, kTitle));
  }
  fmt::print("{}{}:{}\n", format.heading, list.blended ? ", with a fall-back blended in" : "",
             list.items.empty() ? " nothing, as no item that may be named is left (items "
                                  "of the history come again with --repeats)"
                                : "");
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const auto& [number, score] = list.items[i];
    const ItemCard found = model.card(number);
    const std::string beside =
        asked ? fmt::format("{:.3f}", score) : std::string(name_of(list.from[i]));
    fmt::print("  {:2}. {:12} {}  ({})\n", i + 1, printable(found.id, 12),
               printable(found.title, kTitle), beside);
    const bool why = format.why && asked;
    const std::int32_t event = why ? reason_of(request.history, number, model).first : -1;
    if (event >= 0) {
      fmt::print("      {:12} since {}\n", "", printable(model.card(event).title, kTitle - 6));
    }
  }
}

}  // namespace

void print_heading(const ListFormat& format) {
  if (format.csv) fmt::print("user,place,item,title,score\n");
}

void print_list(const RecommendRequest& request, const Answered& list, const Model& model,
                const ListFormat& format) {
  if (format.csv) {
    print_as_csv(request, list, model);
  } else if (format.json) {
    print_as_json(request, list, model, format);
  } else {
    print_as_text(request, list, model, format);
  }
}

}  // namespace tessera
