#include "cli/token_screens.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/numbers.h"
#include "cli/print.h"
#include "kernels/elementwise.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kTitle = 70;

std::string codes_line(const Json& codes) {
  std::string text;
  for (const Json& code : codes) text += (text.empty() ? "" : "-") + code.dump();
  return text;
}

void print_item(const Json& item, bool collaborative) {
  fmt::print("  {:12} {:14} {}\n", printable(item.at("id").get<std::string>(), 12),
             codes_line(item.at("codes")), printable(item.at("title").get<std::string>(), kTitle));
  if (collaborative && item.contains("collaborative_codes")) {
    fmt::print("  {:12} {}\n", "", codes_line(item.at("collaborative_codes")));
  }
}

}  // namespace

void print_item_screen(const Json& report, bool all) {
  print_item(report, all);
  if (report.contains("collaborative_codes") && !all) {
    fmt::print("and {} collaborative codes (--all)\n", report.at("collaborative_codes").size());
  }
  if (const auto id = report.at("id_token").get<std::vector<float>>(); !id.empty()) {
    fmt::print("ID token of {} dims, length {:.3f}\n", id.size(), std::sqrt(dot(id, id)));
  }
  fmt::print("Nearest item vectors:\n");
  for (const Json& near : report.at("neighbours")) print_item(near, all);
}

void print_kind_screen(const Json& tokens) {
  fmt::print("{}  {}\n", printable(tokens.at("id").get<std::string>()),
             printable(tokens.at("title").get<std::string>(), kTitle));
  const std::string kind = tokens.at("kind").get<std::string>();
  if (tokens.at("tokens").empty()) {
    fmt::print("the model has no {} tokens\n", kind);
  } else if (kind == "id") {
    for (const Json& value : tokens.at("tokens")) fmt::print(" {:.4f}", value.get<float>());
    fmt::print("\n");
  } else {
    fmt::print("{}\n", codes_line(tokens.at("tokens")));
  }
}

void print_code_screen(const Json& report, bool all) {
  const bool semantic = report.contains("level");
  const Json& items = report.at("items");
  fmt::print("{} {}, code {}: {} items\n", semantic ? "Level" : "Collaborative part",
             report.at(semantic ? "level" : "part").get<std::size_t>(),
             report.at("code").get<std::int32_t>(), grouped(items.size()));
  for (const Json& item : items) print_item(item, all);
  fmt::print("Nearest codes:");
  for (const Json& other : report.at("neighbours")) {
    fmt::print(" {} ({:.2f})", other.at("code").get<std::int32_t>(),
               other.at("cosine").get<double>());
  }
  fmt::print("\n");
}

}  // namespace tessera
