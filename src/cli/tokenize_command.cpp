#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/folders.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "data/dataset.h"
#include "tokenize/tokenization.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

struct TokenizeArguments {
  std::string vectors, ids, titles, data, texts, labels, label, from, out;
  std::string quantizer = "residual", distance, unique = "leave";
  std::size_t levels = 3;
  std::vector<std::size_t> sizes = {256};
  TokenizerOptions options;
  std::vector<std::string> compare;
  bool json = false;
};

template <class Rows>
std::vector<std::string> words_in(const Rows& rows) {
  std::vector<std::string> words;
  for (const auto& row : rows) words.emplace_back(row.word);
  return words;
}

NamedVectors items_of(const TokenizeArguments& arguments) {
  if (!arguments.data.empty()) return vectors_of_dataset(arguments.data);
  if (arguments.texts.empty()) {
    NamedVectors items = read_named_vectors(arguments.vectors, arguments.ids);
    if (!arguments.titles.empty()) {
      items.titles = read_lines_beside(arguments.titles, items.source.rows, "titles");
    }
    return items;
  }
  std::vector<std::string> texts;
  for_each_line(read_file(arguments.texts),
                [&](std::string_view line, std::size_t) { texts.emplace_back(line); });
  if (texts.empty()) fail("{}: is empty; give one text a line", arguments.texts);
  std::vector<std::string> ids;
  if (!arguments.ids.empty()) ids = read_lines_beside(arguments.ids, texts.size(), "ids");
  return encode_texts(std::move(texts), std::move(ids));
}

// Of each item, from a file beside the vectors or an attribute of the dataset.
void add_labels(const TokenizeArguments& arguments, TokenizeRequest& request) {
  request.label = arguments.label;
  if (!arguments.labels.empty()) {
    request.label = fs::path(arguments.labels).stem().string();
    request.labels = read_lines_beside(arguments.labels, request.items.source.rows, "labels");
  } else if (!arguments.label.empty()) {
    request.labels = labels_of_dataset(arguments.data, arguments.label);
  }
}

void print_health(const Json& health) {
  const Json& levels = health.at("levels");
  for (std::size_t l = 0; l < levels.size(); ++l) {
    fmt::print("  level {}: {:.2f} % of {} codes used, perplexity {:.1f}", l + 1,
               100 * levels[l].at("activation").get<double>(),
               grouped(levels[l].at("codes").get<std::size_t>()),
               levels[l].at("perplexity").get<double>());
    if (health.contains("decoding") && l < health.at("decoding").size()) {
      const Json& at = health.at("decoding")[l];
      fmt::print("; error {:.1f} %", 100 * at.at("error").get<double>());
      if (at.contains("neighbours_kept")) {
        fmt::print(", neighbours kept {:.1f} %", 100 * at.at("neighbours_kept").get<double>());
      }
    }
    fmt::print("\n");
  }
  const Json& collisions = health.at("collisions");
  fmt::print(
      "  {:.2f} % of items have a code tuple of their own, {:.2f} % distinct tuples; the "
      "largest collision has {} items\n",
      100 * collisions.at("unique_share").get<double>(),
      100 * collisions.at("distinct_share").get<double>(),
      grouped(collisions.at("largest").get<std::size_t>()));
  for (const Json& warning : health.at("warnings")) {
    fmt::print("warning: {}: {}; {}\n", warning.at("what").get<std::string>(),
               warning.at("why").get<std::string>(), warning.at("remedy").get<std::string>());
  }
}

// Health of each side by side, and what the first one's items kept.
void compare_all(const TokenizeArguments& arguments) {
  std::vector<Tokenization> all;
  for (const std::string& folder : arguments.compare) all.push_back(read_tokenization(folder));
  Json list = Json::array();
  for (std::size_t i = 0; i < all.size(); ++i) {
    Json one = {{"tokens", arguments.compare[i]},
                {"health", read_json(fs::path(arguments.compare[i]) / "health.json")}};
    if (i > 0) {
      one["compared"] = all[i].codes.cols == all[0].codes.cols ? compare(all[0], all[i]) : Json();
    }
    list.push_back(std::move(one));
  }
  if (arguments.json) return print_json(list);
  fmt::print("{:<24} {:>10} {:>8} {:>9} {:>9} {:>8} {:>11} {:>9}\n", "tokens", "quantizer", "items",
             "own tuple", "distinct", "error", "neighbours", "kept");
  for (const Json& one : list) {
    const Json& health = one.at("health");
    const auto share = [](const Json& value) {
      return value.is_number() ? fmt::format("{:.2f} %", 100 * value.get<double>()) : "";
    };
    const Json last = health.contains("decoding") ? health.at("decoding").back() : Json::object();
    const Json compared = one.value("compared", Json());
    fmt::print("{:<24} {:>10} {:>8} {:>9} {:>9} {:>8} {:>11} {:>9}\n",
               printable(one.at("tokens").get<std::string>(), 24),
               health.value("quantizer", std::string()),
               grouped(health.at("items").get<std::size_t>()),
               share(health.at("collisions").at("unique_share")),
               share(health.at("collisions").at("distinct_share")),
               share(last.value("error", Json())), share(last.value("neighbours_kept", Json())),
               compared.is_null() ? "" : grouped(compared.at("kept").get<std::size_t>()));
  }
  fmt::print(
      "error: of all levels, in shares of the variance; neighbours: of the 10 nearest, those "
      "kept; kept: items with the codes of the first, by the names that match best\n");
}

void tokenize_items(const TokenizeArguments& arguments) {
  if (!arguments.compare.empty()) return compare_all(arguments);
  if (arguments.out.empty()) fail_usage("--out is required");
  check_folder(arguments.out, Folder::tokens);
  TokenizeRequest request;
  Tokenization earlier;
  if (!arguments.from.empty()) {
    earlier = read_tokenization(arguments.from);
    request.earlier = &earlier;
  }
  request.items = items_of(arguments);
  add_labels(arguments, request);
  request.options = arguments.options;
  request.options.sizes = arguments.sizes;
  if (arguments.sizes.size() == 1)
    request.options.sizes.resize(arguments.levels, arguments.sizes[0]);
  request.options.quantizer =
      std::ranges::find(kQuantizers, arguments.quantizer, &QuantizerWord::word)->quantizer;
  if (!arguments.distance.empty()) {
    request.options.distance = distance_of(arguments.distance);
  }
  request.unique = std::ranges::find(kUniqueness, arguments.unique, &UniquenessWord::word)->rule;
  request.progress = [](const char* stage) { return shown_progress(stage); };
  TokenizeResult result = tokenize(std::move(request));
  write_tokenization(arguments.out, result.tokens, result.health);
  result.summary["out"] = arguments.out;
  if (arguments.json) {
    result.summary["health"] = std::move(result.health);
    result.summary["health"].erase("map");
    return print_json(result.summary);
  }
  const Json& summary = result.summary;
  fmt::print("{}: {} items with {} codes each, by the quantizer {}\n", arguments.out,
             grouped(result.tokens.ids.size()), result.tokens.codes.cols,
             result.tokens.tokenizer->word());
  if (!arguments.from.empty()) {
    fmt::print("  {} of them are new; the others keep their codes\n",
               grouped(summary.at("new_items").get<std::size_t>()));
  }
  if (summary.contains("error_of_moved")) {
    const Json& error = summary.at("error_of_moved");
    fmt::print(
        "  {} items got another tuple than their nearest: mean squared error {:.4g} in place "
        "of {:.4g}\n",
        grouped(summary.at("moved").get<std::size_t>()), error.at("given").get<double>(),
        error.at("nearest").get<double>());
  }
  print_health(result.health);
  fmt::print("the whole report: {}\n", (fs::path(arguments.out) / "health.html").string());
}

void add_inputs(CLI::App* command, TokenizeArguments& arguments) {
  CLI::Option_group* items = command->add_option_group("items", "What is tokenized");
  items->add_option(
      "--vectors", arguments.vectors,
      "Vectors of items: .npy or .safetensors [items, dims], or .jsonl lines {\"id\": "
      "…, \"vector\": […]}");
  items->add_option(
      "--data", arguments.data,
      "A dataset: its embeddings or, without any, those of the built-in text encoder");
  items->add_option("--texts", arguments.texts,
                    "A file with one text a line, read by the built-in text encoder");
  items
      ->add_option("--compare", arguments.compare,
                   "Folders of this command instead: their health side by side, and how many items "
                   "have the codes of the first")
      ->expected(2, 64);
  items->require_option(1);
  command->add_option("--ids", arguments.ids,
                      "With a matrix or texts: the id of each row, one a line (default: 0, 1, …)");
  command->add_option("--titles", arguments.titles, "With vectors: a title a line, for the report");
  command->add_option("--labels", arguments.labels,
                      "A label a line, such as a category: the report says what codes tell of it");
  command->add_option("--label", arguments.label,
                      "With --data: the attribute of items that is the label");
}

}  // namespace

void add_tokenize(CLI::App& app) {
  auto arguments = std::make_shared<TokenizeArguments>();
  TokenizerOptions& options = arguments->options;
  CLI::App* command =
      app.add_subcommand("tokenize", "Make semantic IDs of any vectors, and judge them");
  add_inputs(command, *arguments);
  command->add_option("--out", arguments->out,
                      "Folder to write: codes, the tokenizer, a report of health");
  CLI::Option* from = command->add_option(
      "--from", arguments->from,
      "An earlier folder of this command: its items keep their codes, others are encoded by its "
      "tokenizer and put behind them");
  std::vector<CLI::Option*> fitted = {
      command
          ->add_option(
              "--quantizer", arguments->quantizer,
              "residual: k-means level by level, solved together; trained: the paper's, "
              "between an encoder and a decoder; product: columns cut into parts; opq: the "
              "same behind a rotation")
          ->check(CLI::IsMember(words_in(kQuantizers)))
          ->capture_default_str(),
      command
          ->add_option("--distance", arguments->distance,
                       "Of residual levels: cosine, euclidean, or unified, which is cosine in all "
                       "levels but the last (default: unified for trained, euclidean otherwise)")
          ->check(CLI::IsMember({"cosine", "euclidean", "unified"})),
      command->add_option("--levels", arguments->levels, "Codes of an item")
          ->check(CLI::Range(1, 64))
          ->capture_default_str(),
      command
          ->add_option("--codebook-size", arguments->sizes,
                       "Codes of each level: one number, or one a level with commas between")
          ->delimiter(',')
          ->check(CLI::Range(1, 65536))
          ->capture_default_str(),
      command
          ->add_option("--unique", arguments->unique,
                       "Items with the same codes: leave them so; extra, one more code that tells "
                       "them apart; reassign, the nearest tuple that nobody has")
          ->check(CLI::IsMember(words_in(kUniqueness)))
          ->capture_default_str(),
      command->add_option("--beam", options.beam, "Sums that a residual quantizer keeps in sight")
          ->check(CLI::Range(1, 1024))
          ->capture_default_str(),
      command->add_option("--sample", options.sample, "Vectors that codebooks are fitted to")
          ->check(count_from(1))
          ->capture_default_str(),
      command->add_option("--rounds", options.rounds, "Rounds of each k-means")
          ->check(CLI::Range(1, 10000))
          ->capture_default_str(),
      command
          ->add_option("--updates", options.updates,
                       "With --quantizer trained: updates by 1,024 vectors each")
          ->check(count_from(1))
          ->capture_default_str()};
  CLI::Option* levels = fitted[2];
  CLI::Option* updates = fitted.back();
  command->add_option("--seed", options.seed, "Seed of the fit")
      ->check(kSeed)
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "One JSON object, the report included");
  command->footer(
      "Examples:\n  tessera tokenize --vectors items.npy --ids ids.txt --out tokens\n"
      "  tessera tokenize --data dataset --quantizer trained --unique extra --out tokens\n"
      "  tessera tokenize --vectors items.npy --levels 4 --codebook-size 1024,512,256,256 --unique "
      "reassign --out tokens\n"
      "  tessera tokenize --vectors more.npy --ids more.txt --from tokens --out more-tokens\n"
      "  tessera tokenize --compare tokens other-tokens\n"
      "What the report says: docs/tokenize.md.");
  command->callback([arguments, from, fitted, levels, updates] {
    for (const CLI::Option* option : fitted) {
      if (from->count() > 0 && option->count() > 0) {
        fail_usage("{} does not go with --from: new items are encoded as the earlier ones were",
                   option->get_name());
      }
    }
    if (arguments->sizes.size() > 1 && levels->count() > 0 &&
        arguments->sizes.size() != arguments->levels) {
      fail_usage("--codebook-size names {} levels, --levels {}", arguments->sizes.size(),
                 arguments->levels);
    }
    check_belongs(updates, arguments->quantizer == "trained", "--quantizer trained");
    if (!arguments->ids.empty() && !arguments->data.empty()) {
      fail_usage("--ids does not go with --data, whose items have their ids");
    }
    if (!arguments->titles.empty() && arguments->vectors.empty()) {
      fail_usage("--titles belongs to --vectors");
    }
    if (!arguments->label.empty() && arguments->data.empty()) {
      fail_usage("--label belongs to --data: give --labels FILE otherwise");
    }
    tokenize_items(*arguments);
  });
}

}  // namespace tessera
