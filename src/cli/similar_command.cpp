#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/progress.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/whom.h"
#include "engine/alike_users.h"
#include "tessera/model.h"

namespace tessera {
namespace {

struct SimilarArguments {
  std::string model, liked, disliked, text, where;
  std::size_t k = 10;
  bool json = false;
};

std::vector<std::int32_t> items_of(const char* option, const std::string& ids, const Model& model) {
  return ids.empty() ? std::vector<std::int32_t>() : items_of_words(option, ids, model);
}

void similar(const SimilarArguments& arguments) {
  const Model model(arguments.model);
  const std::vector<std::int32_t> liked = items_of("--items", arguments.liked, model);
  const std::vector<std::int32_t> disliked = items_of("--unlike", arguments.disliked, model);
  Filter filter;
  if (!arguments.where.empty()) filter = filter_from_text(arguments.where);
  const Taste taste = {liked, disliked, arguments.text};
  const auto found = model.similar(taste, arguments.k, arguments.where.empty() ? nullptr : &filter);
  for (const Neighbour& one : found) {
    const ItemCard card = model.card(one.number);
    if (arguments.json) {
      print_json({{"id", card.id}, {"title", card.title}, {"cosine", one.cosine}});
    } else {
      fmt::print("{:12} {}  ({:.3f})\n", printable(card.id, 12), printable(card.title, 70),
                 one.cosine);
    }
  }
}

struct SimilarUsersArguments {
  std::string model, data, user, history;
  std::size_t k = 10;
  bool json = false;
};

void similar_users(const SimilarUsersArguments& arguments) {
  const Model model(arguments.model);
  std::vector<RecommendRequest> users = everybody(arguments.data, model);
  std::vector<std::int32_t> history;
  if (!arguments.history.empty()) {
    history = items_of_words("--history", arguments.history, model);
  } else {
    const auto self = std::ranges::find(users, arguments.user, &RecommendRequest::user);
    if (self == users.end()) {
      fail("--user: user '{}' is not in the dataset; give --history instead", arguments.user);
    }
    if (self->history.empty()) fail("--user: {}; give --history instead", self->why);
    history = self->history;
  }
  AlikeUsers alike(model, history, arguments.k);
  const auto progress = shown_progress("comparing");
  for (std::size_t i = 0; i < users.size(); ++i) {
    if (progress && i % 256 == 0) progress(i, users.size());
    if (users[i].user != arguments.user) alike.add(users[i].user, std::move(users[i].history));
  }
  for (const AlikeUsers::User& one : alike.best()) {
    if (arguments.json) {
      print_json({{"user", one.user}, {"cosine", one.cosine}});
    } else {
      fmt::print("{:20}  ({:.3f})\n", printable(one.user, 20), one.cosine);
    }
  }
}

}  // namespace

void add_similar(CLI::App& app) {
  auto arguments = std::make_shared<SimilarArguments>();
  CLI::App* command = app.add_subcommand("similar", "Items like others, or like a text");
  command->add_option("--model", arguments->model, "Model bundle")->required();
  CLI::Option_group* what = command->add_option_group("what", "What to be like, or unlike");
  what->add_option("--items", arguments->liked,
                   "Item ids with commas between, or a JSON list of them")
      ->check(kNotEmpty);
  what->add_option("--unlike", arguments->disliked,
                   "The same of items to be unlike; they count half as much")
      ->check(kNotEmpty);
  what->add_option("--text", arguments->text, "The text of an item that nobody need know")
      ->check(kNotEmpty);
  what->require_option(1, 3);
  command->add_option("-k", arguments->k, "How many items")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  command
      ->add_option("--where", arguments->where,
                   "Items whose attributes are so alone, as of 'tessera recommend'")
      ->check(kNotEmpty);
  command->add_flag("--json", arguments->json, "One JSON object an item and line");
  command->footer(
      "Examples:\n  tessera similar --model shop-model --items S000012\n"
      "  tessera similar --model shop-model --items S000012,S000700 --unlike S000001 -k 5\n"
      "  tessera similar --model shop-model --text 'steel teapot, 1 l' --where in_stock");
  command->callback([arguments] { similar(*arguments); });
}

void add_similar_users(CLI::App& app) {
  auto arguments = std::make_shared<SimilarUsersArguments>();
  CLI::App* command =
      app.add_subcommand("similar-users", "Users who will be recommended the same as one");
  command->add_option("--model", arguments->model, "Model bundle")->required();
  CLI::Option_group* whom = command->add_option_group("whom", "Whom to be like");
  whom->add_option("--user", arguments->user, "A user of the dataset")->check(kNotEmpty);
  whom->add_option("--history", arguments->history,
                   "Item ids with commas between, or a JSON list of them; oldest first")
      ->check(kNotEmpty);
  whom->require_option(1);
  command->add_option("--data", arguments->data,
                      "Dataset with the users' histories (default: the one trained on)");
  command->add_option("-k", arguments->k, "How many users")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "One JSON object a user and line");
  command->footer(
      "In the order of the cosines between the model's states after the histories.\n"
      "Examples:\n  tessera similar-users --model shop-model --user U000012\n"
      "  tessera similar-users --model shop-model --history S000012,S000700 -k 5 --json");
  command->callback([arguments] { similar_users(*arguments); });
}

}  // namespace tessera
