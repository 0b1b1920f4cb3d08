#include "cli/whom.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/error.h"
#include "base/files.h"
#include "base/texts.h"
#include "eval/report.h"
#include "model/bundle.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

// What to do about an id with a comma in it.
std::string with_commas(const char* option) {
  return fmt::format("an id with a comma in it goes into a JSON list: {} '[\"a,b\", \"c\"]'",
                     option);
}

// Ids with commas between them, or a JSON list.
std::vector<std::string> split_ids(const char* option, const std::string& text) {
  std::vector<std::string> ids;
  if (const Json list = Json::parse(text, nullptr, false); list.is_array()) {
    for (const Json& id : list) ids.push_back(id.is_string() ? id.get<std::string>() : id.dump());
  } else {
    for (const std::string_view id : split(text, ",")) ids.emplace_back(id);
  }
  if (ids.empty() || std::ranges::count(ids, "") > 0) {
    fail_usage("{} '{}': give item ids with commas between them; {}", option, text,
               with_commas(option));
  }
  return ids;
}

// The dataset's users by their ids.
class Users {
 public:
  Users(const std::string& data, const Model& model, const std::string& split)
      : data_(read_dataset_of(Json::parse(model.config()), data)) {
    for (std::size_t u = 0; u < data_.users(); ++u) numbers_.emplace(data_.user_ids[u], u);
    if (split.empty()) return;
    split_ = split_of(split);
    evaluated_.resize(data_.users());
    for (const std::int32_t user : evaluated_users(data_, *split_)) {
      evaluated_[static_cast<std::size_t>(user)] = true;
    }
  }
  // Whoever the split evaluates; without one, everybody.
  std::vector<RecommendRequest> all() const {
    std::vector<RecommendRequest> requests;
    for (std::size_t u = 0; u < data_.users(); ++u) {
      if (!split_ || evaluated_[u]) requests.push_back(find(data_.user_ids[u]));
    }
    if (requests.empty() && split_) fail("the split evaluates no user of the dataset");
    return requests;
  }
  RecommendRequest find(std::string_view user) const {
    if (user.empty()) return {"", {}, "the line is empty"};
    const auto found = numbers_.find(user);
    if (found == numbers_.end()) {
      return {std::string(user), {}, fmt::format("user '{}' is not in the dataset", user)};
    }
    if (split_ && !evaluated_[found->second]) {
      return {std::string(user), {}, fmt::format("user '{}' is not evaluated by the split", user)};
    }
    const auto history =
        split_ ? history_before(data_, found->second, *split_) : data_.history(found->second);
    return {std::string(user),
            {history.begin(), history.end()},
            history.empty() ? fmt::format("user '{}' has no events", user) : ""};
  }

 private:
  Dataset data_;
  std::unordered_map<std::string_view, std::size_t> numbers_;
  std::optional<Split> split_;
  std::vector<bool> evaluated_;  // by user, of a split
};

// One for each line of --users. A line without a user is told and leaves the others their lists.
std::vector<RecommendRequest> requests_of_file(const std::string& file, const Users& users,
                                               bool anybody) {
  std::vector<RecommendRequest> requests;
  std::size_t refused = 0;
  for_each_line(read_file(file), [&](std::string_view line, std::size_t number) {
    requests.push_back(users.find(line));
    if (requests.back().why.empty() || (anybody && !line.empty())) return;
    ++refused;
    fmt::print(stderr, "note: {}:{}: {}\n", printable(file), number,
               message_line(requests.back().why));
  });
  if (requests.empty()) fail("{}: the file is empty; give one user id a line", file);
  if (refused == requests.size()) {
    fail("{}: none of its {} lines is a user of the dataset; --data gives another dataset", file,
         refused);
  }
  return requests;
}

}  // namespace

std::vector<std::int32_t> items_of_words(const char* option, const std::string& text,
                                         const Model& model) {
  const std::vector<std::string> ids = split_ids(option, text);
  try {
    return model.known(ids);
  } catch (const Error& error) {
    if (ids.size() == 1 || text.starts_with('[')) throw;
    fail("{}; {}", error.what(), with_commas(option));
  }
}

std::vector<RecommendRequest> everybody(const std::string& data, const Model& model) {
  return Users(data, model, "").all();
}

std::vector<RecommendRequest> requests_of(const Whom& whom, const std::string& data,
                                          const Model& model, bool anybody) {
  if (!whom.history.empty()) {
    if (!whom.split.empty()) fail_usage("--split does not go with --history, which is as given");
    // A history needs no dataset; one that is named must be the model's all the same.
    if (!data.empty()) read_dataset_of(Json::parse(model.config()), data);
    return {{"", items_of_words("--history", whom.history, model), ""}};
  }
  const Users users(data, model, whom.split);
  if (whom.users.empty() && whom.user.empty()) return users.all();
  if (!whom.users.empty()) return requests_of_file(whom.users, users, anybody);
  RecommendRequest request = users.find(whom.user);
  if (!request.why.empty() && !anybody) fail("--user: {}; give --history instead", request.why);
  return {std::move(request)};
}

}  // namespace tessera
