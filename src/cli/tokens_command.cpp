#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/compare_tokens.h"
#include "cli/print.h"
#include "cli/token_screens.h"
#include "eval/code_statistics.h"
#include "tessera/model.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kNeighbours = 10;

struct TokensArguments {
  std::string model, item, code, kind;
  std::vector<std::string> compare;  ///< an earlier and a later bundle
  bool all = false;
  bool json = false;
};

// LEVEL:CODE or cPART:CODE.
Token token_of(const std::string& text, const Model& model) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  try {
    return model.token(text.substr(0, colon), text.substr(std::min(colon + 1, text.size())));
  } catch (const UsageError& error) {
    fail_usage("--code '{}': {}; write it as LEVEL:CODE, such as 1:17{}", text, error.what(),
               model.collaborative_tokens() > 0 ? ", or cPART:CODE, such as c1:17" : "");
  }
}

// Collaborative codes are many and say little to a reader: they are shown where asked for.
Json item_json(const ItemCard& item, bool collaborative) {
  Json json = {{"id", item.id}, {"title", item.title}, {"codes", item.tokens.semantic}};
  if (collaborative && !item.tokens.collaborative.empty()) {
    json["collaborative_codes"] = item.tokens.collaborative;
  }
  return json;
}

Json neighbours_json(const std::vector<Neighbour>& neighbours) {
  Json list = Json::array();
  for (const Neighbour& near : neighbours) {
    list.push_back({{"code", near.number}, {"cosine", near.cosine}});
  }
  return list;
}

// {"id", "title", "codes", "collaborative_codes", "id_token", "neighbours"}.
Json item_report(const Model& model, const TokensArguments& arguments) {
  const std::int32_t number = model.known(std::vector{arguments.item}).front();
  const std::vector<float> vector = model.vectors(std::span(&number, 1));
  Json report = item_json(model.card(number), true);
  report["id_token"] = std::span(vector).last(model.id_dims());
  report["neighbours"] = Json::array();
  for (const Neighbour& near : model.similar(number, kNeighbours)) {
    report["neighbours"].push_back(item_json(model.card(near.number), arguments.all));
    report["neighbours"].back()["cosine"] = near.cosine;
  }
  return report;
}

// {"level" or "part", "code", "items", "neighbours"}.
Json code_report(const Model& model, const TokensArguments& arguments) {
  if (model.levels() == 0) fail("{}: a model of ID tokens alone has no codes", arguments.model);
  const Token token = token_of(arguments.code, model);
  Json report = {{token.kind == TokenKind::semantic ? "level" : "part", token.codebook + 1},
                 {"code", token.code},
                 {"items", Json::array()},
                 {"neighbours", neighbours_json(model.nearest_codes(token, kNeighbours))}};
  for (const ItemCard& item : model.cards(model.items_with(token))) {
    report["items"].push_back(item_json(item, arguments.all));
  }
  return report;
}

// One kind of an item's tokens: {"id", "title", "kind", "tokens"}.
Json item_tokens(const Model& model, TokenKind kind, const TokensArguments& arguments) {
  const std::int32_t number = model.known(std::vector{arguments.item}).front();
  const ItemCard card = model.card(number);
  Json json = {{"id", card.id}, {"title", card.title}, {"kind", arguments.kind}};
  switch (kind) {
    case TokenKind::semantic:
      json["tokens"] = card.tokens.semantic;
      break;
    case TokenKind::collaborative:
      json["tokens"] = card.tokens.collaborative;
      break;
    case TokenKind::id:
      json["tokens"] = model.id_tokens(std::span(&number, 1));
      break;
  }
  return json;
}

void show_kind(const Model& model, const TokensArguments& arguments) {
  const TokenKind kind = token_kind(arguments.kind);
  if (!arguments.item.empty()) {
    const Json tokens = item_tokens(model, kind, arguments);
    return arguments.json ? print_json(tokens) : print_kind_screen(tokens);
  }
  const TokenStatistics statistics = model.statistics();
  const bool semantic = kind == TokenKind::semantic;
  const CodeStatistics& codes = semantic ? statistics.semantic : statistics.collaborative;
  if (arguments.json) {
    return print_json(kind == TokenKind::id ? to_json(statistics.id) : to_json(codes));
  }
  if (kind == TokenKind::id ? statistics.id.dims == 0 : codes.activation.empty()) {
    return fmt::print("the model has no {} tokens\n", arguments.kind);
  }
  if (kind == TokenKind::id) return print_ids(statistics.id);
  print_codes(semantic ? "level" : "collaborative part", codes);
}

void show_tokens(const TokensArguments& arguments) {
  if (!arguments.compare.empty()) {
    return compare_tokens(arguments.compare[0], arguments.compare[1], arguments.json,
                          arguments.all);
  }
  if (arguments.model.empty()) fail_usage("--model is required");
  const Model model(arguments.model);
  if (!arguments.kind.empty()) return show_kind(model, arguments);
  if (!arguments.item.empty()) {
    const Json report = item_report(model, arguments);
    return arguments.json ? print_json(report) : print_item_screen(report, arguments.all);
  }
  if (!arguments.code.empty()) {
    const Json report = code_report(model, arguments);
    return arguments.json ? print_json(report) : print_code_screen(report, arguments.all);
  }
  const TokenStatistics statistics = model.statistics();
  if (arguments.json) return print_json(to_json(statistics));
  print_account(statistics.account);
  print_codes(statistics, arguments.all);
  print_ids(statistics.id);
}

}  // namespace

void add_tokens(CLI::App& app) {
  auto arguments = std::make_shared<TokensArguments>();
  CLI::App* command = app.add_subcommand("tokens", "Look at tokens and codebooks of a model");
  CLI::Option* model = command->add_option("--model", arguments->model, "Model bundle");
  CLI::Option* item =
      command->add_option("--item", arguments->item, "An item: its tokens and nearest items");
  CLI::Option* kind =
      command
          ->add_option("--kind", arguments->kind,
                       "One kind alone: semantic or collaborative codes, or id, the vector that "
                       "an item has for itself; of the item, or how well they are used")
          ->check(CLI::IsMember({"semantic", "collaborative", "id"}));
  command
      ->add_option("--code", arguments->code,
                   "LEVEL:CODE, or cPART:CODE of a collaborative token, levels and parts from 1: "
                   "the items that share it and the nearest codes")
      ->excludes(item)
      ->excludes(kind);
  command
      ->add_option(
          "--compare", arguments->compare,
          "An earlier and a later bundle: how many items kept their codes, by level, which "
          "moved furthest, and what new ones got")
      ->expected(2)
      ->type_name("EARLIER LATER")
      ->excludes(model)
      ->excludes(kind);
  command->add_flag("--all", arguments->all, "Collaborative codes and codebooks as well");
  command->add_flag("--json", arguments->json, "One JSON object");
  command->footer(
      "Without --item or --code: how well the codebooks are used.\n"
      "tessera export --what tokens writes those of all items.\n"
      "Examples:\n  tessera tokens --model shop-model\n"
      "  tessera tokens --model shop-model --item S000012 --all\n"
      "  tessera tokens --model shop-model --item S000012 --kind id --json\n"
      "  tessera tokens --model shop-model --code 1:17 --json\n"
      "  tessera tokens --model shop-model --code c3:17\n"
      "  tessera tokens --compare shop-model next-model");
  command->callback([arguments] { show_tokens(*arguments); });
}

}  // namespace tessera
