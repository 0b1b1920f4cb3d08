#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "base/texts.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/whom.h"
#include "tessera/model.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

struct RecommendArguments {
  std::string model, data, where, rules, fallback;
  Whom whom;
  RecommendOptions options;
  bool json = false, csv = false;
};

/// A list, and where its items come from if the model was not asked.
struct Answered {
  std::vector<ScoredItem> items;
  std::vector<Source> from;
};

/// As a field of CSV.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string field(1, '"');
  for (const char c : text) field.append(c == '"' ? 2 : 1, c);
  field += '"';
  return field;
}

void print_csv_list(const RecommendRequest& request, const Answered& list, const Model& model) {
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const ItemCard item = model.card(list.items[i].item);
    const std::string score = list.from.empty() ? fmt::format("{}", list.items[i].score) : "";
    fmt::print("{},{},{},{},{}\n", quoted(request.user), i + 1, quoted(item.id), quoted(item.title),
               score);
  }
}

void print_json_list(const RecommendRequest& request, const Answered& answered,
                     const Model& model) {
  Json list = Json::array();
  for (std::size_t i = 0; i < answered.items.size(); ++i) {
    const ItemCard item = model.card(answered.items[i].item);
    Json json = {{"id", item.id}, {"title", item.title}};
    if (answered.from.empty()) {
      json["score"] = answered.items[i].score;
    } else {
      json["from"] = name_of(answered.from[i]);
    }
    list.push_back(std::move(json));
  }
  const Json user = request.user.empty() ? Json(nullptr) : Json(request.user);
  Json answer = {{"user", user}, {"items", list}};
  if (!request.why.empty() && answered.from.empty()) answer["error"] = request.why;
  print_json(answer);
}

void print_list(const RecommendRequest& request, const Answered& list, const Model& model) {
  if (!request.why.empty() && list.from.empty()) return;  // it was told
  constexpr std::size_t kShown = 5;
  constexpr std::size_t kTitle = 70;
  fmt::print("{}, latest of {} events:\n",
             request.user.empty() ? "Given history" : "User " + printable(request.user),
             grouped(request.history.size()));
  const std::size_t first = request.history.size() - std::min(kShown, request.history.size());
  for (const ItemCard& seen : model.cards(History(request.history).subspan(first))) {
    fmt::print("      {:12} {}\n", printable(seen.id, 12), printable(seen.title, kTitle));
  }
  fmt::print("Recommended:{}\n", list.items.empty()
                                     ? " nothing, as no item that may be named is left (items "
                                       "of the history come again with --repeats)"
                                     : "");
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    const ItemCard found = model.card(list.items[i].item);
    const std::string why = list.from.empty() ? fmt::format("{:.3f}", list.items[i].score)
                                              : std::string(name_of(list.from[i]));
    fmt::print("  {:2}. {:12} {}  ({})\n", i + 1, printable(found.id, 12),
               printable(found.title, kTitle), why);
  }
}

/// What the arguments say of whoever has no events. Throws UsageError.
Fallback fallback_of(const RecommendArguments& arguments) {
  if (arguments.fallback.empty()) return {.order = {}};
  std::vector<std::string> words;
  for (const std::string_view word : split(arguments.fallback, ",")) words.emplace_back(word);
  Fallback fallback = fallback_from_words(words);
  if (words.size() == 1 && words[0] == "mixed") std::erase(fallback.order, Source::trending);
  if (std::ranges::count(fallback.order, Source::trending) > 0) {
    fail_usage("--fallback trending: a running service alone knows what is touched of late");
  }
  return fallback;
}

Answered fallen_back(const Model& model, const Fallback& fallback,
                     const RecommendOptions& options) {
  Answered answered;
  for (const SourcedItem& found : model.fall_back(fallback, options)) {
    answered.items.push_back({found.item, 0.0F});
    answered.from.push_back(found.from);
  }
  return answered;
}

void recommend(const RecommendArguments& arguments) {
  const Model model(arguments.model);
  const Fallback fallback = fallback_of(arguments);
  const std::vector<RecommendRequest> requests =
      requests_of(arguments.whom, arguments.data, model, !fallback.order.empty());
  if (const std::size_t events = requests[0].history.size();
      !arguments.whom.history.empty() && events > model.max_length()) {
    fmt::print(stderr, "note: the model reads the last {} of {} events\n", model.max_length(),
               events);
  }
  std::vector<History> histories;
  for (const RecommendRequest& request : requests) histories.emplace_back(request.history);
  RecommendOptions options = arguments.options;
  options.progress = shown_progress("recommending");
  Filter filter;
  if (!arguments.where.empty()) {
    filter = filter_from_text(arguments.where);
    options.filter = &filter;
  }
  Rules rules;
  if (!arguments.rules.empty()) {
    const bool file = !arguments.rules.starts_with('{');
    rules = model.read_rules(file ? read_file(arguments.rules) : arguments.rules);
    options.rules = &rules;
  }
  auto lists = model.recommend_many(histories, options);
  const auto print = arguments.csv ? print_csv_list : arguments.json ? print_json_list : print_list;
  if (arguments.csv) fmt::print("user,place,item,title,score\n");
  std::optional<Answered> otherwise;  // the same for all without a history
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const bool asked = !requests[i].history.empty() || fallback.order.empty();
    if (!asked && !otherwise) otherwise = fallen_back(model, fallback, options);
    print(requests[i], asked ? Answered{std::move(lists[i]), {}} : *otherwise, model);
  }
}

}  // namespace

void add_recommend(CLI::App& app) {
  auto arguments = std::make_shared<RecommendArguments>();
  CLI::App* command = app.add_subcommand("recommend", "Recommend items for users or histories");
  command->add_option("--model", arguments->model, "Model bundle")->required();
  CLI::Option_group* who = command->add_option_group("whom", "Whom to recommend for");
  who->add_option("--user", arguments->whom.user, "A user of the dataset")->check(kNotEmpty);
  who->add_option("--history", arguments->whom.history,
                  "Item ids with commas between, or a JSON list of them; oldest first")
      ->check(kNotEmpty);
  who->add_option("--users", arguments->whom.users,
                  "A file with one user id a line; lines without a known user are told, and get an "
                  "\"error\" with --json")
      ->check(kNotEmpty);
  who->require_option(1);
  command->add_option("--data", arguments->data,
                      "Dataset with the users' histories (default: the one trained on)");
  command->add_option("-k", arguments->options.k, "How many items")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  command
      ->add_option("--where", arguments->where,
                   "Items whose attributes are so alone: 'price < 20 and brand in (\"x\", \"y\")'; "
                   "= != < <= > >= in exists, and or not, or a filter as JSON")
      ->check(kNotEmpty);
  command
      ->add_option("--rules", arguments->rules,
                   "What changes the order, as JSON or a file of it: boosts, caps, pinned items, "
                   "diversity and others (docs/filters.md)")
      ->check(kNotEmpty);
  command
      ->add_option("--fallback", arguments->fallback,
                   "What users without events, unknown ones too, get: 'popular' (most events in "
                   "training), 'newest', both with a comma between, or 'mixed' (default: a note)")
      ->check(kNotEmpty);
  command->add_flag("--repeats", arguments->options.repeats, "Items of the history may come again");
  CLI::Option* json =
      command->add_flag("--json", arguments->json, "One JSON object a user and line");
  command->add_flag("--csv", arguments->csv, "One line an item: user, place, item, title, score")
      ->excludes(json);
  command->footer(
      "Examples:\n  tessera recommend --model shop-model --user U000001\n"
      "  tessera recommend --model shop-model --history S000012,S000700 -k 5 --json\n"
      "  tessera recommend --model shop-model --user U000001 --where 'in_stock and price < 20'\n"
      "  tessera recommend --model shop-model --history '[\"id, with comma\", 42]'\n"
      "  tessera recommend --model shop-model --users users.txt --json > recommended.jsonl\n"
      "  tessera recommend --model shop-model --users users.txt --csv --fallback newest,popular");
  command->callback([arguments] { recommend(*arguments); });
}

}  // namespace tessera
