#include "data/negatives.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "base/random.h"
#include "formats/fields.h"

namespace tessera {

Negatives read_negatives(const fs::path& path, const Dataset& data) {
  Negatives negatives;
  const auto numbers = number_by_id(data.items);
  std::size_t user = 0;
  std::vector<std::string_view> fields;
  for_each_line(read_file(path), [&](std::string_view line, std::size_t number) {
    const std::string where = fmt::format("{}:{}", path.string(), number);
    split_fields(line, fields);
    if (fields.empty()) fail("{}: empty line: expected 'user item item …'", where);
    if (user >= data.users()) {
      fail("{}: more lines than the dataset's {} users: use the negatives made for this data",
           where, data.users());
    }
    if (fields[0] != data.user_ids[user]) {
      fail("{}: user '{}' where the dataset has '{}': lines must follow the order of its users",
           where, fields[0], data.user_ids[user]);
    }
    const std::size_t count = fields.size() - 1;
    if (user == 0) negatives.per_user = count;
    if (count == 0) fail("{}: no items: expected 'user item item …'", where);
    if (count != negatives.per_user) {
      fail("{}: {} items where the lines before have {}: every user needs as many", where, count,
           negatives.per_user);
    }
    const auto history = data.history(user);
    for (std::size_t i = 1; i < fields.size(); ++i) {
      const auto found = numbers.find(fields[i]);
      if (found == numbers.end()) {
        fail("{}: item '{}' is not in the catalogue: use the negatives made for this data", where,
             fields[i]);
      }
      if (std::ranges::find(history, found->second) != history.end()) {
        fail(
            "{}: item '{}' is in the history of user '{}': a negative must be an item the user "
            "never touched; draw them again",
            where, fields[i], fields[0]);
      }
      negatives.items.push_back(found->second);
    }
    ++user;
  });
  if (user != data.users()) {
    fail("{}: {} lines for {} users: use the negatives made for this data", path.string(), user,
         data.users());
  }
  return negatives;
}

namespace {

// Items outside the user's whole history.
std::size_t count_left(const Dataset& data, std::size_t user) {
  const auto history = data.history(user);
  const std::unordered_set<std::int32_t> distinct(history.begin(), history.end());
  return data.items.size() - distinct.size();
}

// Of every user, ascending.
std::vector<std::size_t> counts_left(const Dataset& data) {
  std::vector<std::size_t> counts;
  for (std::size_t u = 0; u < data.users(); ++u) counts.push_back(count_left(data, u));
  std::ranges::sort(counts);
  return counts;
}

}  // namespace

std::size_t drawable_negatives(const Dataset& data) {
  const std::vector<std::size_t> left = counts_left(data);
  // With none left, drawing says so.
  return left.empty() ? 99 : std::clamp<std::size_t>(left[left.size() / 20], 1, 99);
}

Negatives negatives_of(Negatives negatives, std::span<const std::int32_t> users) {
  if (users.empty()) return negatives;
  Negatives own{negatives.per_user, {}};
  for (std::size_t i = 0; negatives.per_user > 0 && i < users.size(); ++i) {
    const auto of =
        std::span(negatives.items)
            .subspan(static_cast<std::size_t>(users[i]) * negatives.per_user, negatives.per_user);
    own.items.insert(own.items.end(), of.begin(), of.end());
  }
  return own;
}

Negatives draw_negatives(const Dataset& data, std::uint64_t seed, std::size_t per_user) {
  const std::vector<std::size_t> left = counts_left(data);
  if (!left.empty() && left.back() < per_user) {
    fail(
        "no user leaves more than {} items of the catalogue: too few to draw {} negatives from; "
        "ask "
        "for fewer",
        left.back(), per_user);
  }
  Negatives negatives{per_user, {}};
  negatives.items.reserve(data.users() * per_user);
  std::unordered_set<std::int32_t> taken;
  for (std::size_t u = 0; u < data.users(); ++u) {
    const auto history = data.history(u);
    taken.clear();
    taken.insert(history.begin(), history.end());
    const std::size_t own = std::min(per_user, data.items.size() - taken.size());
    Random random(seed, {0x6e65, u});
    for (std::size_t i = 0; i < own;) {
      const auto item = static_cast<std::int32_t>(random.below(data.items.size()));
      if (!taken.insert(item).second) continue;
      negatives.items.push_back(item);
      ++i;
    }
    negatives.items.resize((u + 1) * per_user, -1);
  }
  return negatives;
}

}  // namespace tessera
