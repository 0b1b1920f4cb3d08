#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/progress.h"
#include "base/texts.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/list_format.h"
#include "cli/whom.h"
#include "eval/report.h"
#include "tessera/model.h"

namespace tessera {
namespace {

struct RecommendArguments {
  std::string model, data, where, rules, score, fallback, blend;
  Whom whom;
  RecommendOptions options;
  ListFormat format;
};

// Of given items, in the order given; none for an empty history.
std::vector<std::vector<ScoredItem>> scores_of(const std::string& ids,
                                               std::span<const History> histories,
                                               const Model& model) {
  const std::vector<std::int32_t> items = items_of_words("--score", ids, model);
  std::vector<std::vector<ScoredItem>> lists;
  for (const History history : histories) {
    lists.emplace_back();
    if (history.empty()) continue;
    const std::vector<float> scores = model.score(history, items);
    for (std::size_t i = 0; i < items.size(); ++i) lists.back().push_back({items[i], scores[i]});
  }
  return lists;
}

/// What the arguments say of whoever has no events. Throws UsageError.
Fallback fallback_of(const RecommendArguments& arguments, const Model& model) {
  if (arguments.fallback.empty()) return {.order = {}};
  std::vector<std::string> words;
  for (const std::string_view word : split(arguments.fallback, ",")) words.emplace_back(word);
  Fallback fallback = fallback_from_words(words);
  const bool mixed = words.size() == 1 && words[0] == "mixed";
  if (mixed && model.trending().empty()) std::erase(fallback.order, Source::trending);
  model.check(fallback);
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
  const Fallback fallback = fallback_of(arguments, model);
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
  Blend blend;
  if (!arguments.blend.empty()) {
    blend = blend_from_json(arguments.blend);
    model.check(blend.from);
    options.blend = &blend;
  }
  const bool scores = !arguments.score.empty();
  auto lists = scores ? scores_of(arguments.score, histories, model)
                      : model.recommend_many(histories, options);
  ListFormat format = arguments.format;
  if (scores) format.heading = "Scores";
  print_heading(format);
  std::optional<Answered> otherwise;  // the same for all without a history
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const bool asked = !requests[i].history.empty() || fallback.order.empty();
    if (!asked && !otherwise) otherwise = fallen_back(model, fallback, options);
    const bool blended = options.blend != nullptr && blend.is_for(histories[i]) && !scores;
    print_list(requests[i], asked ? Answered{std::move(lists[i]), {}, blended} : *otherwise, model,
               format);
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
  who->require_option(0, 1);
  command
      ->add_option("--split", arguments->whom.split,
                   "Histories end before what the split holds out; without --user or --users, for "
                   "everyone it evaluates: lists that evaluate --predictions can measure")
      ->check(CLI::IsMember(words_of<Split>(kSplits)));
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
      ->add_option("--score", arguments->score,
                   "In place of the best items the scores of these, in this order: ids with commas "
                   "between, or a JSON list")
      ->check(kNotEmpty);
  command
      ->add_option("--fallback", arguments->fallback,
                   "What users without events, unknown ones too, get: 'popular' (most events in "
                   "training), 'newest', both with a comma between, or 'mixed' (default: a note)")
      ->check(kNotEmpty);
  command
      ->add_option("--blend", arguments->blend,
                   "Blend what trends into the lists of users with one or two events: its share, "
                   "from 0 to 1, or JSON: {\"share\": 0.5, \"events\": 2, \"from\": \"trending\"}")
      ->check(kNotEmpty);
  CLI::Option* vectors = command->add_flag(
      "--vectors", arguments->format.vectors,
      "With --json: each item's vector and the user's state, for a ranking of your own");
  command->add_flag("--repeats", arguments->options.repeats, "Items of the history may come again");
  command->add_flag("--why", arguments->format.why,
                    "Also the event of the history that speaks most for each item");
  CLI::Option* json =
      command->add_flag("--json", arguments->format.json, "One JSON object a user and line");
  command
      ->add_flag("--csv", arguments->format.csv,
                 "One line an item: user, place, item, title, score")
      ->excludes(json);
  command->footer(
      "Examples:\n  tessera recommend --model shop-model --user U000001\n"
      "  tessera recommend --model shop-model --history S000012,S000700 -k 5 --json\n"
      "  tessera recommend --model shop-model --user U000001 --where 'in_stock and price < 20'\n"
      "  tessera recommend --model shop-model --history '[\"id, with comma\", 42]'\n"
      "  tessera recommend --model shop-model --users users.txt --json > recommended.jsonl\n"
      "  tessera recommend --model shop-model --users users.txt --csv --fallback newest,popular\n"
      "  tessera recommend --model shop-model --users users.txt --csv --blend 0.5\n"
      "  tessera recommend --model shop-model --split test -k 50 --json > lists.jsonl");
  command->callback([arguments, vectors] {
    check_belongs(vectors, arguments->format.json, "--json");
    const Whom& whom = arguments->whom;
    if (whom.user.empty() && whom.history.empty() && whom.users.empty() && whom.split.empty()) {
      fail_usage("one of --user, --history, --users or --split is needed");
    }
    recommend(*arguments);
  });
}

}  // namespace tessera
