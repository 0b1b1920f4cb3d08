#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/numbers.h"
#include "cli/commands.h"
#include "cli/compare_tokens.h"
#include "cli/print.h"
#include "eval/code_statistics.h"
#include "kernels/elementwise.h"
#include "tessera/model.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kTitle = 70;
constexpr std::size_t kNeighbours = 10;

struct TokensArguments {
  std::string model, item, code;
  std::vector<std::string> compare;  ///< an earlier and a later bundle
  bool all = false;
  bool json = false;
};

std::string joined(const std::vector<std::int32_t>& codes) {
  std::string text;
  for (const std::int32_t code : codes) text += (text.empty() ? "" : "-") + std::to_string(code);
  return text;
}

// Collaborative codes are many and say little to a reader: they are shown where asked for.
Json item_json(const ItemCard& item, bool collaborative) {
  Json json = {{"id", item.id}, {"title", item.title}, {"codes", item.tokens.semantic}};
  if (collaborative && !item.tokens.collaborative.empty()) {
    json["collaborative_codes"] = item.tokens.collaborative;
  }
  return json;
}

void print_item(const ItemCard& item, bool collaborative) {
  fmt::print("  {:12} {:14} {}\n", printable(item.id, 12), joined(item.tokens.semantic),
             printable(item.title, kTitle));
  if (collaborative && !item.tokens.collaborative.empty()) {
    fmt::print("  {:12} {}\n", "", joined(item.tokens.collaborative));
  }
}

void show_item(const Model& model, const TokensArguments& arguments) {
  const std::int32_t number = model.known(std::vector{arguments.item}).front();
  const ItemCard item = model.card(number);
  const std::vector<float> vector = model.vectors(std::span(&number, 1));
  const std::span<const float> id = std::span(vector).last(model.id_dims());
  const std::vector<Neighbour> neighbours = model.similar(number, kNeighbours);
  if (arguments.json) {
    Json report = item_json(item, true);
    report["id_token"] = id;
    report["neighbours"] = Json::array();
    for (const Neighbour& near : neighbours) {
      report["neighbours"].push_back(item_json(model.card(near.number), arguments.all));
      report["neighbours"].back()["cosine"] = near.cosine;
    }
    return print_json(report);
  }
  print_item(item, arguments.all);
  if (!item.tokens.collaborative.empty() && !arguments.all) {
    fmt::print("and {} collaborative codes (--all)\n", item.tokens.collaborative.size());
  }
  if (!id.empty()) {
    fmt::print("ID token of {} dims, length {:.3f}\n", id.size(), std::sqrt(dot(id, id)));
  }
  fmt::print("Nearest item vectors:\n");
  for (const Neighbour& near : neighbours) print_item(model.card(near.number), arguments.all);
}

// LEVEL:CODE or cPART:CODE, each from 1 but for the code. A level beyond the last means a
// collaborative part: so they were counted once.
Token token_of(const std::string& text, const Model& model) {
  const bool part = text.starts_with('c');
  std::size_t place = 0;
  std::size_t code = 0;
  char rest = 0;
  if (std::sscanf(text.c_str() + (part ? 1 : 0), "%zu:%zu%c", &place, &code, &rest) != 2) {
    fail_usage("--code '{}': write it as LEVEL:CODE, such as 1:17{}", text,
               model.collaborative_tokens() > 0 ? ", or cPART:CODE, such as c1:17" : "");
  }
  const std::size_t levels = part ? 0 : model.levels();
  const std::size_t parts = model.collaborative_tokens();
  if (place < 1 || place > levels + parts) {
    fail_usage("--code {}: the model has levels 1 to {}{}", text, model.levels(),
               parts > 0 ? fmt::format(" and collaborative parts c1 to c{}", parts) : "");
  }
  if (code >= model.codebook_size()) {
    fail_usage("--code {}: the codes of a {} are 0 to {}", text, part ? "part" : "level",
               model.codebook_size() - 1);
  }
  const auto number = static_cast<std::int32_t>(code);
  if (place <= levels) return {TokenKind::semantic, place - 1, number};
  return {TokenKind::collaborative, place - levels - 1, number};
}

void show_code(const Model& model, const TokensArguments& arguments) {
  if (model.levels() == 0) fail("{}: a model of ID tokens alone has no codes", arguments.model);
  const Token token = token_of(arguments.code, model);
  const bool semantic = token.kind == TokenKind::semantic;
  const std::vector<std::int32_t> items = model.items_with(token);
  const std::vector<Neighbour> nearest = model.nearest_codes(token, kNeighbours);
  if (arguments.json) {
    Json report = {{semantic ? "level" : "part", token.codebook + 1}, {"code", token.code}};
    report["items"] = Json::array();
    for (const ItemCard& item : model.cards(items)) {
      report["items"].push_back(item_json(item, arguments.all));
    }
    for (const Neighbour& other : nearest) {
      report["neighbours"].push_back({{"code", other.number}, {"cosine", other.cosine}});
    }
    return print_json(report);
  }
  fmt::print("{} {}, code {}: {} items\n", semantic ? "Level" : "Collaborative part",
             token.codebook + 1, token.code, grouped(items.size()));
  for (const ItemCard& item : model.cards(items)) print_item(item, arguments.all);
  fmt::print("Nearest codes:");
  for (const Neighbour& other : nearest) fmt::print(" {} ({:.2f})", other.number, other.cosine);
  fmt::print("\n");
}

void show_tokens(const TokensArguments& arguments) {
  if (!arguments.compare.empty()) {
    return compare_tokens(arguments.compare[0], arguments.compare[1], arguments.json,
                          arguments.all);
  }
  if (arguments.model.empty()) fail_usage("--model is required");
  const Model model(arguments.model);
  if (!arguments.item.empty()) return show_item(model, arguments);
  if (!arguments.code.empty()) return show_code(model, arguments);
  const TokenStatistics statistics = model.statistics();
  if (arguments.json) return print_json(to_json(statistics));
  print_account(statistics.account);
  print_codes(statistics, arguments.all);
}

}  // namespace

void add_tokens(CLI::App& app) {
  auto arguments = std::make_shared<TokensArguments>();
  CLI::App* command = app.add_subcommand("tokens", "Look at tokens and codebooks of a model");
  CLI::Option* model = command->add_option("--model", arguments->model, "Model bundle");
  CLI::Option* item =
      command->add_option("--item", arguments->item, "An item: its tokens and nearest items");
  command
      ->add_option("--code", arguments->code,
                   "LEVEL:CODE, or cPART:CODE of a collaborative token, levels and parts from 1: "
                   "the items that share it and the nearest codes")
      ->excludes(item);
  command
      ->add_option(
          "--compare", arguments->compare,
          "An earlier and a later bundle: how many items kept their codes, by level, which "
          "moved furthest, and what new ones got")
      ->expected(2)
      ->type_name("EARLIER LATER")
      ->excludes(model);
  command->add_flag("--all", arguments->all, "Collaborative codes and codebooks as well");
  command->add_flag("--json", arguments->json, "One JSON object");
  command->footer(
      "Without --item or --code: how well the codebooks are used.\n"
      "Examples:\n  tessera tokens --model shop-model\n"
      "  tessera tokens --model shop-model --item S000012 --all\n"
      "  tessera tokens --model shop-model --code 1:17 --json\n"
      "  tessera tokens --model shop-model --code c3:17\n"
      "  tessera tokens --compare shop-model next-model");
  command->callback([arguments] { show_tokens(*arguments); });
}

}  // namespace tessera
