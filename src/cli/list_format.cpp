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

void print_as_json(const RecommendRequest& request, std::span<const ScoredItem> best,
                   const Model& model, const ListFormat& format) {
  Json list = Json::array();
  for (const ScoredItem& scored : best) {
    const ItemCard item = model.card(scored.item);
    list.push_back({{"id", item.id}, {"title", item.title}, {"score", scored.score}});
    if (format.vectors) list.back()["vector"] = model.vectors(std::span(&scored.item, 1));
    if (!format.why) continue;
    const auto [event, part] = reason_of(request.history, scored.item, model);
    if (event >= 0) list.back()["because"] = {{"id", model.card(event).id}, {"part", part}};
  }
  const Json user = request.user.empty() ? Json(nullptr) : Json(request.user);
  Json answer = {{"user", user}, {"items", list}};
  if (format.vectors && !best.empty()) {
    const History histories[] = {request.history};
    answer["state"] = model.states(histories);
  }
  if (!request.why.empty()) answer["error"] = request.why;
  print_json(answer);
}

void print_text(const RecommendRequest& request, std::span<const ScoredItem> best,
                const Model& model, const ListFormat& format) {
  if (!request.why.empty()) return;  // it was told
  constexpr std::size_t kShown = 5;
  constexpr std::size_t kTitle = 70;
  fmt::print("{}, latest of {} events:\n",
             request.user.empty() ? "Given history" : "User " + printable(request.user),
             grouped(request.history.size()));
  const std::size_t first = request.history.size() - std::min(kShown, request.history.size());
  for (const ItemCard& seen : model.cards(History(request.history).subspan(first))) {
    fmt::print("      {:12} {}\n", printable(seen.id, 12), printable(seen.title, kTitle));
  }
  fmt::print("{}:{}\n", format.heading,
             best.empty() ? " nothing, as no item that may be named is left (items "
                            "of the history come again with --repeats)"
                          : "");
  for (std::size_t i = 0; i < best.size(); ++i) {
    const ItemCard found = model.card(best[i].item);
    fmt::print("  {:2}. {:12} {}  ({:.3f})\n", i + 1, printable(found.id, 12),
               printable(found.title, kTitle), best[i].score);
    const std::int32_t event =
        format.why ? reason_of(request.history, best[i].item, model).first : -1;
    if (event >= 0) {
      fmt::print("      {:12} since {}\n", "", printable(model.card(event).title, kTitle - 6));
    }
  }
}

}  // namespace

void print_list(const RecommendRequest& request, std::span<const ScoredItem> best,
                const Model& model, const ListFormat& format) {
  const auto print = format.json ? print_as_json : print_text;
  print(request, best, model, format);
}

}  // namespace tessera
