#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/numbers.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "index/index_file.h"
#include "index/top_items.h"
#include "model/bundle.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

struct RecommendArguments {
  std::string model, data, user, history, users;
  std::size_t k = 10;
  bool repeats = false;
  bool json = false;
};

// Whom to recommend for: a user of the dataset, or "" for a given history.
struct RecommendRequest {
  std::string user;
  std::vector<std::int32_t> history;
};

std::vector<std::int32_t> parse_history(const std::string& text, const Bundle& bundle) {
  const auto numbers = number_by_id(bundle.items);
  std::vector<std::int32_t> history;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view id = std::string_view(text).substr(begin, end - begin);
    if (id.empty()) fail_usage("--history '{}': give item ids with commas between them", text);
    history.push_back(item_number(numbers, id));
    begin = end + 1;
  }
  return history;
}

std::vector<RecommendRequest> requests_of_users(const RecommendArguments& arguments,
                                                const Bundle& bundle) {
  const Dataset data = read_dataset_of(bundle, arguments.data);
  std::unordered_map<std::string_view, std::size_t> numbers;
  for (std::size_t u = 0; u < data.users(); ++u) numbers.emplace(data.user_ids[u], u);
  std::vector<RecommendRequest> requests;
  const auto add = [&](std::string_view user, const std::string& where) {
    const auto found = numbers.find(user);
    if (found == numbers.end()) {
      fail("{}: user '{}' is not in the dataset; give --history instead", where, user);
    }
    const auto history = data.history(found->second);
    requests.push_back({std::string(user), {history.begin(), history.end()}});
  };
  if (!arguments.user.empty()) {
    add(arguments.user, "--user");
  } else {
    for_each_line(read_file(arguments.users), [&](std::string_view line, std::size_t number) {
      add(line, fmt::format("{}:{}", arguments.users, number));
    });
    if (requests.empty()) fail("{}: the file is empty; give one user id a line", arguments.users);
  }
  return requests;
}

std::vector<RecommendRequest> request_of_history(const RecommendArguments& arguments,
                                                 const Bundle& bundle) {
  std::vector<RecommendRequest> requests(1);
  requests[0].history = parse_history(arguments.history, bundle);
  return requests;
}

void print_recommendations(const RecommendRequest& request, const std::vector<ScoredItem>& best,
                           const Bundle& bundle, bool json) {
  const auto item = [&](std::int32_t number) -> const CatalogueItem& {
    return bundle.items[static_cast<std::size_t>(number)];
  };
  if (json) {
    Json list = Json::array();
    for (const ScoredItem& scored : best) {
      list.push_back({{"id", item(scored.item).id},
                      {"title", item(scored.item).title},
                      {"score", scored.score}});
    }
    const Json user = request.user.empty() ? Json(nullptr) : Json(request.user);
    return print_json({{"user", user}, {"items", list}});
  }
  constexpr std::size_t kShown = 5;
  constexpr std::size_t kTitle = 70;
  fmt::print("{}, latest of {} events:\n",
             request.user.empty() ? "Given history" : "User " + printable(request.user),
             grouped(request.history.size()));
  const std::size_t first = request.history.size() - std::min(kShown, request.history.size());
  for (std::size_t i = first; i < request.history.size(); ++i) {
    const CatalogueItem& seen = item(request.history[i]);
    fmt::print("      {:12} {}\n", printable(seen.id, 12), printable(seen.title, kTitle));
  }
  fmt::print("Recommended:\n");
  for (std::size_t i = 0; i < best.size(); ++i) {
    const CatalogueItem& found = item(best[i].item);
    fmt::print("  {:2}. {:12} {}  ({:.3f})\n", i + 1, printable(found.id, 12),
               printable(found.title, kTitle), best[i].score);
  }
}

void recommend(const RecommendArguments& arguments) {
  const Bundle bundle = read_bundle(arguments.model);
  const std::vector<RecommendRequest> requests = arguments.history.empty()
                                                     ? requests_of_users(arguments, bundle)
                                                     : request_of_history(arguments, bundle);
  std::vector<History> histories;
  for (const RecommendRequest& request : requests) histories.emplace_back(request.history);
  const std::size_t longest = bundle.model.settings.max_length;
  if (arguments.user.empty() && requests[0].history.size() > longest && requests.size() == 1) {
    fmt::print(stderr, "note: the model reads the last {} of {} events\n", longest,
               requests[0].history.size());
  }
  const auto index = open_index(arguments.model, bundle.model, bundle.catalogue);
  const auto best = top_items(bundle.model, copy_from(bundle.catalogue), *index, histories,
                              {arguments.k, !arguments.repeats, shown_progress("recommending")});
  for (std::size_t i = 0; i < requests.size(); ++i) {
    print_recommendations(requests[i], best[i], bundle, arguments.json);
  }
}

}  // namespace

void add_recommend(CLI::App& app) {
  auto arguments = std::make_shared<RecommendArguments>();
  CLI::App* command = app.add_subcommand("recommend", "Recommend items for users or histories");
  command->add_option("--model", arguments->model, "Model bundle")->required();
  CLI::Option_group* who = command->add_option_group("whom", "Whom to recommend for");
  who->add_option("--user", arguments->user, "A user of the dataset")->check(kNotEmpty);
  who->add_option("--history", arguments->history, "Item ids with commas between, oldest first")
      ->check(kNotEmpty);
  who->add_option("--users", arguments->users, "A file with one user id a line")->check(kNotEmpty);
  who->require_option(1);
  command->add_option("--data", arguments->data,
                      "Dataset with the users' histories (default: the one trained on)");
  command->add_option("-k", arguments->k, "How many items")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  command->add_flag("--repeats", arguments->repeats, "Items of the history may come again");
  command->add_flag("--json", arguments->json, "One JSON object a user and line");
  command->footer(
      "Examples:\n  tessera recommend --model shop-model --user U000001\n"
      "  tessera recommend --model shop-model --history S000012,S000700 -k 5 --json\n"
      "  tessera recommend --model shop-model --users users.txt --json > recommended.jsonl");
  command->callback([arguments] { recommend(*arguments); });
}

}  // namespace tessera
