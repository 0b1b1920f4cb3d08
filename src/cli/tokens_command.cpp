#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "base/numbers.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "eval/code_statistics.h"
#include "kernels/elementwise.h"
#include "model/bundle.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kTitle = 70;
constexpr std::size_t kNeighbours = 10;

struct TokensArguments {
  std::string model, item, code;
  bool json = false;
};

std::span<const std::int32_t> codes_of(const Bundle& bundle, std::size_t item) {
  const std::size_t levels = bundle.catalogue.levels;
  return std::span(bundle.catalogue.codes).subspan(item * levels, levels);
}

std::string joined(std::span<const std::int32_t> codes) {
  std::string text;
  for (const std::int32_t code : codes) text += (text.empty() ? "" : "-") + std::to_string(code);
  return text;
}

Json item_json(const Bundle& bundle, std::size_t item) {
  return {{"id", bundle.items[item].id},
          {"title", bundle.items[item].title},
          {"codes", codes_of(bundle, item)}};
}

void print_items(const Json& items) {
  for (const Json& item : items) {
    fmt::print("  {:12} {:14} {}\n", printable(item.at("id").get<std::string>(), 12),
               joined(item.at("codes").get<std::vector<std::int32_t>>()),
               printable(item.at("title").get<std::string>(), kTitle));
  }
}

// The best of 0 … count-1 by value, best first, without `self`.
template <class Value>
std::vector<std::size_t> nearest(std::size_t count, std::size_t self, const Value& value) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  order.erase(order.begin() + static_cast<std::ptrdiff_t>(self));
  std::vector<double> values(count);
  for (const std::size_t i : order) values[i] = value(i);
  const auto shown = static_cast<std::ptrdiff_t>(std::min(kNeighbours, order.size()));
  std::ranges::partial_sort(order, order.begin() + shown, [&](std::size_t a, std::size_t b) {
    return values[a] != values[b] ? values[a] > values[b] : a < b;
  });
  order.resize(static_cast<std::size_t>(shown));
  return order;
}

void show_item(const Bundle& bundle, const TokensArguments& arguments) {
  const auto item =
      static_cast<std::size_t>(item_number(number_by_id(bundle.items), arguments.item));
  const auto vector = [&](std::size_t i) -> std::span<const float> {
    return bundle.catalogue.vectors.view().row(static_cast<std::size_t>(bundle.catalogue.rows[i]));
  };
  Json report = item_json(bundle, item);
  const std::span<const float> own = vector(item);
  const std::size_t semantic = bundle.model.settings.semantic_width();
  const std::span<const float> id = own.subspan(semantic);
  report["id_token"] = std::vector<float>(id.begin(), id.end());
  report["neighbours"] = Json::array();
  for (const std::size_t i :
       nearest(bundle.items.size(), item, [&](std::size_t j) { return cosine(own, vector(j)); })) {
    Json neighbour = item_json(bundle, i);
    neighbour["cosine"] = cosine(own, vector(i));
    report["neighbours"].push_back(std::move(neighbour));
  }
  if (arguments.json) return print_json(report);
  print_items(Json::array({report}));
  if (!id.empty()) {
    fmt::print("ID token of {} dims, length {:.3f}\n", id.size(), std::sqrt(dot(id, id)));
  }
  fmt::print("Nearest item vectors:\n");
  print_items(report.at("neighbours"));
}

void show_code(const Bundle& bundle, const TokensArguments& arguments) {
  const std::string& text = arguments.code;
  std::size_t level = 0;
  std::size_t code = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%zu:%zu%c", &level, &code, &rest) != 2) {
    fail_usage("--code '{}': write it as LEVEL:CODE, such as 1:17", text);
  }
  const std::size_t levels = bundle.catalogue.levels;
  if (levels == 0) fail("{}: a model of ID tokens alone has no codes", arguments.model);
  if (level < 1 || level > levels) {
    fail_usage("--code {}: the model has levels 1 to {}", text, levels);
  }
  const MatrixView<const float> codebook = bundle.model.item_encoder.token_table(level - 1).rows;
  if (code >= codebook.rows) {
    fail_usage("--code {}: the codes of a level are 0 to {}", text, codebook.rows - 1);
  }
  Json report = {{"level", level}, {"code", code}, {"items", Json::array()}};
  for (std::size_t i = 0; i < bundle.items.size(); ++i) {
    if (static_cast<std::size_t>(codes_of(bundle, i)[level - 1]) == code) {
      report["items"].push_back(item_json(bundle, i));
    }
  }
  const auto row = [&](std::size_t c) { return codebook.row(c); };
  for (const std::size_t c : nearest(
           codebook.rows, code, [&](std::size_t other) { return cosine(row(code), row(other)); })) {
    report["neighbours"].push_back({{"code", c}, {"cosine", cosine(row(code), row(c))}});
  }
  if (arguments.json) return print_json(report);
  fmt::print("Level {}, code {}: {} items\n", level, code, grouped(report.at("items").size()));
  print_items(report.at("items"));
  fmt::print("Nearest codes:");
  for (const Json& other : report.at("neighbours")) {
    fmt::print(" {} ({:.2f})", other.at("code").get<int>(), other.at("cosine").get<double>());
  }
  fmt::print("\n");
}

void show_health(const Bundle& bundle, const TokensArguments& arguments) {
  const Settings& settings = bundle.model.settings;
  const CodeStatistics statistics =
      code_statistics(bundle.catalogue.codes, bundle.catalogue.levels, settings.codebook_size);
  const TokenAccount account = token_account(settings, bundle.items.size());
  if (arguments.json) return print_json(to_json(statistics, account));
  print_tokens(statistics, account);
}

void show_tokens(const TokensArguments& arguments) {
  const Bundle bundle = read_bundle(arguments.model);
  if (!arguments.item.empty()) return show_item(bundle, arguments);
  if (!arguments.code.empty()) return show_code(bundle, arguments);
  show_health(bundle, arguments);
}

}  // namespace

void add_tokens(CLI::App& app) {
  auto arguments = std::make_shared<TokensArguments>();
  CLI::App* command = app.add_subcommand("tokens", "Look at tokens and codebooks of a model");
  command->add_option("--model", arguments->model, "Model bundle")->required();
  CLI::Option* item =
      command->add_option("--item", arguments->item, "An item: its tokens and nearest items");
  command
      ->add_option("--code", arguments->code,
                   "LEVEL:CODE, levels from 1: the items that share it and the nearest codes")
      ->excludes(item);
  command->add_flag("--json", arguments->json, "One JSON object");
  command->footer(
      "Without --item or --code: how well the codebooks are used.\n"
      "Examples:\n  tessera tokens --model shop-model\n"
      "  tessera tokens --model shop-model --item S000012\n"
      "  tessera tokens --model shop-model --code 1:17 --json");
  command->callback([arguments] { show_tokens(*arguments); });
}

}  // namespace tessera
