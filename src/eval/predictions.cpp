#include "eval/predictions.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/npy.h"
#include "base/numbers.h"
#include "formats/records.h"

namespace tessera {
namespace {

/// Takes rows of users and items by their ids.
class Collector {
 public:
  Collector(std::string name, const Dataset& data) : data_(data), items_(number_by_id(data.items)) {
    result_.name = std::move(name);
    result_.lists.resize(data.users());
    result_.scores.resize(data.users());
    result_.listed.resize(data.users());
    for (std::size_t u = 0; u < data.users(); ++u) users_.emplace(data.user_ids[u], u);
  }

  // The user's number; nothing for an unknown one, which is counted once a name.
  std::optional<std::size_t> user(std::string_view id) {
    const auto found = users_.find(id);
    if (found != users_.end()) {
      result_.listed[found->second] = 1;
      return found->second;
    }
    if (unknown_.emplace(id).second && ++result_.unknown_users == 1) result_.unknown_user = id;
    return std::nullopt;
  }

  void add(std::size_t user, std::string_view id, std::optional<float> score) {
    ++result_.entries;
    const auto found = items_.find(id);
    if (const auto whole = parse_number<std::int64_t>(id)) {
      result_.known_above += items_.contains(std::to_string(*whole + 1)) ? 1 : 0;
      result_.known_below += items_.contains(std::to_string(*whole - 1)) ? 1 : 0;
    }
    if (found == items_.end()) {
      if (++result_.unknown_items == 1) result_.unknown_item = id;
      // It takes a place in the list all the same.
      result_.lists[user].push_back(-1);
    } else {
      result_.lists[user].push_back(found->second);
    }
    if (score) result_.scores[user].push_back(*score);
  }

  Predictions take(const std::string& where) {
    bool scored = false;
    for (std::size_t u = 0; u < result_.lists.size(); ++u) {
      const std::size_t scores = result_.scores[u].size();
      scored = scored || scores > 0;
      if (scores > 0 && scores != result_.lists[u].size()) {
        fail("{}: user '{}' has {} scores for {} items", where, data_.user_ids[u], scores,
             result_.lists[u].size());
      }
    }
    for (std::size_t u = 0; u < result_.lists.size(); ++u) sort_list(u, where);
    if (!scored) result_.scores.clear();
    return std::move(result_);
  }

 private:
  // By score, and of an item that is there twice the first place counts.
  void sort_list(std::size_t user, const std::string& where) {
    std::vector<std::int32_t>& list = result_.lists[user];
    std::vector<float>& scores = result_.scores[user];
    std::vector<std::size_t> order(list.size());
    std::iota(order.begin(), order.end(), 0);
    if (!scores.empty()) {
      if (std::ranges::any_of(scores, [](float score) { return std::isnan(score); })) {
        fail("{}: a score of user '{}' is not a number", where, data_.user_ids[user]);
      }
      std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
        return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
      });
    }
    std::unordered_set<std::int32_t> met;
    std::vector<std::int32_t> sorted;
    std::vector<float> sorted_scores;
    for (const std::size_t i : order) {
      if (list[i] >= 0 && !met.insert(list[i]).second) {
        ++result_.repeated_items;
        continue;
      }
      sorted.push_back(list[i]);
      if (!scores.empty()) sorted_scores.push_back(scores[i]);
    }
    list = std::move(sorted);
    scores = std::move(sorted_scores);
  }

  const Dataset& data_;
  ItemNumbers items_;
  std::unordered_map<std::string_view, std::size_t> users_;
  std::unordered_set<std::string> unknown_;
  Predictions result_;
};

std::string text_of(const simdjson::dom::element& value, const std::string& where) {
  std::string_view text;
  std::int64_t whole = 0;
  if (value.get(text) == simdjson::SUCCESS) return std::string(text);
  if (value.get(whole) == simdjson::SUCCESS) return std::to_string(whole);
  fail("{}: an id must be a string or a whole number", where);
}

std::optional<float> score_of(const simdjson::dom::element& value) {
  double score = 0;
  if (value.get(score) != simdjson::SUCCESS) return std::nullopt;
  return static_cast<float>(score);
}

Predictions of_jsonl(const fs::path& file, const Dataset& data) {
  Collector collector(file.string(), data);
  simdjson::dom::parser parser;
  std::unordered_set<std::size_t> met;
  for_each_line(read_file(file), [&](std::string_view line, std::size_t number) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) return;
    const std::string where = fmt::format("{}:{}", file.string(), number);
    simdjson::dom::object object;
    simdjson::dom::element user;
    simdjson::dom::array items;
    if (parser.parse(line.data(), line.size()).get(object) != simdjson::SUCCESS ||
        object["user"].get(user) != simdjson::SUCCESS ||
        object["items"].get(items) != simdjson::SUCCESS) {
      fail("{}: {{\"user\": …, \"items\": […]}} is needed", where);
    }
    const auto known = collector.user(text_of(user, where));
    if (!known) return;
    if (!met.insert(*known).second) {
      fail("{}: user '{}' has a list already", where, text_of(user, where));
    }
    std::vector<std::optional<float>> scores;
    if (simdjson::dom::array list; object["scores"].get(list) == simdjson::SUCCESS) {
      for (const simdjson::dom::element one : list) scores.push_back(score_of(one));
      if (scores.size() != items.size()) {
        fail("{}: {} scores for {} items", where, scores.size(), items.size());
      }
    }
    std::size_t at = 0;
    for (const simdjson::dom::element one : items) {
      std::optional<float> score = at < scores.size() ? scores[at] : std::nullopt;
      simdjson::dom::object item;
      simdjson::dom::element id = one;
      if (one.get(item) == simdjson::SUCCESS) {
        if (item["id"].get(id) != simdjson::SUCCESS) fail("{}: an item has no \"id\"", where);
        simdjson::dom::element value;
        if (item["score"].get(value) == simdjson::SUCCESS) score = score_of(value);
      }
      collector.add(*known, text_of(id, where), score);
      ++at;
    }
  });
  return collector.take(file.string());
}

// The column of one of these names; "" where there is none.
std::string column_of(const Records& records, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (std::ranges::find(records.names(), name) != records.names().end()) return name;
  }
  return "";
}

Predictions of_table(const fs::path& file, const Dataset& data) {
  ByteStream stream(file);
  RecordReader records(stream, {});
  std::string user = column_of(records, {"user", "user_id", "userId", "uid"});
  std::string item = column_of(records, {"item", "item_id", "itemId", "iid"});
  std::string score = column_of(records, {"score", "prediction", "rating"});
  const std::string rank = score.empty() ? column_of(records, {"rank", "position", "place"}) : "";
  if (records.nameless() && records.names().size() <= 3) {
    user = "1";
    item = "2";
    score = records.names().size() == 3 ? "3" : "";
  }
  if (user.empty() || item.empty()) {
    fail("{}: needs columns 'user' and 'item' (and 'score' or 'rank', or rows best first)",
         file.string());
  }
  Collector collector(file.string(), data);
  BadRecords bad;
  const std::string wanted[] = {user, item, score.empty() ? rank : score};
  records.read(wanted, bad, [&](std::span<const Value> row) {
    const auto known = collector.user(row[0].text);
    if (!known) return;
    std::optional<float> value;
    if (!wanted[2].empty()) {
      float number = 0;
      const auto [end, error] =
          std::from_chars(row[2].text.data(), row[2].text.data() + row[2].text.size(), number);
      if (error != std::errc() || end != row[2].text.data() + row[2].text.size()) {
        fail("column '{}': '{}' is not a number", wanted[2], row[2].text);
      }
      value = score.empty() ? -number : number;
    }
    collector.add(*known, row[1].text, value);
  });
  Predictions predictions = collector.take(file.string());
  if (score.empty()) predictions.scores.clear();  // places are no scores: none is tied
  return predictions;
}

bool is_float_npy(const fs::path& file) {
  try {
    read_npy_shape(file);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void check_rows(const std::string& name, std::size_t rows, std::size_t users) {
  if (rows == users) return;
  fail(
      "{}: {} rows for {} evaluated users; give a row for each, in the order of the dataset's "
      "users",
      name, rows, users);
}

}  // namespace

Predictions predictions_of(const std::string& name, const Dataset& data,
                           std::span<const std::string> users, std::span<const std::string> items,
                           std::span<const float> scores) {
  Collector collector(name, data);
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto user = collector.user(users[i]);
    if (!user) continue;
    collector.add(*user, items[i], scores.empty() ? std::nullopt : std::optional(scores[i]));
  }
  return collector.take(name);
}

Predictions predictions_of(const std::string& name, const Dataset& data, Split split,
                           const IntMatrix& lists) {
  const std::vector<std::int32_t> users = evaluated_users(data, split);
  check_rows(name, lists.rows, users.size());
  Collector collector(name, data);
  for (std::size_t i = 0; i < users.size(); ++i) {
    const auto user = static_cast<std::size_t>(users[i]);
    collector.user(data.user_ids[user]);
    for (const std::int32_t item : lists.row(i)) {
      if (item == -1) continue;
      if (item < 0 || static_cast<std::size_t>(item) >= data.items.size()) {
        fail("{}: row {} names item {}; the dataset has 0 to {}", name, i, item,
             data.items.size() - 1);
      }
      collector.add(user, data.items[static_cast<std::size_t>(item)].id, std::nullopt);
    }
  }
  Predictions predictions = collector.take(name);
  predictions.known_above = predictions.known_below = 0;  // these are numbers, not ids
  return predictions;
}

Predictions predictions_of(const std::string& name, const Dataset& data, Split split,
                           Matrix scores) {
  const std::vector<std::int32_t> users = evaluated_users(data, split);
  check_rows(name, scores.rows(), users.size());
  if (scores.cols() != data.items.size()) {
    fail("{}: {} columns for {} items; give a score for each, in the order of items.jsonl", name,
         scores.cols(), data.items.size());
  }
  Predictions predictions;
  predictions.name = name;
  predictions.listed.resize(data.users());
  auto rows = std::make_shared<std::unordered_map<std::int32_t, std::size_t>>();
  for (std::size_t i = 0; i < users.size(); ++i) {
    rows->emplace(users[i], i);
    predictions.listed[static_cast<std::size_t>(users[i])] = 1;
  }
  const auto kept = std::make_shared<const Matrix>(std::move(scores));
  predictions.entries = kept->size();
  predictions.scorer =
      Scorer{[rows, kept](std::span<const std::int32_t> asked, Split, MatrixView<float> to) {
               for (std::size_t i = 0; i < asked.size(); ++i) {
                 std::copy_n((*kept)[rows->at(asked[i])], to.cols, to[i]);
               }
             },
             {}};
  return predictions;
}

Predictions read_predictions(const fs::path& file, const Dataset& data, Split split) {
  if (file.extension() == ".npy") {
    return is_float_npy(file) ? predictions_of(file.string(), data, split, read_npy(file))
                              : predictions_of(file.string(), data, split, read_npy_codes(file));
  }
  const std::string name = file.filename().string();
  if (name.find(".json") != std::string::npos) return of_jsonl(file, data);
  return of_table(file, data);
}

std::vector<TargetPlace> rank_lists(const Dataset& data, Split split,
                                    const Predictions& predictions, TopLists* lists,
                                    Repeats repeats) {
  const std::vector<std::int32_t> users = evaluated_users(data, split);
  std::vector<TargetPlace> places(users.size(), kMissed);
  if (lists != nullptr) lists->items.assign(users.size() * lists->length, -1);
  struct Entry {
    std::int32_t item;
    float score;
  };
  std::vector<Entry> candidates;
  for (std::size_t u = 0; u < users.size(); ++u) {
    const auto user = static_cast<std::size_t>(users[u]);
    const std::int32_t target = target_of(data, user, split);
    const auto history = history_before(data, user, split);
    const std::unordered_set<std::int32_t> known(history.begin(), history.end());
    const std::vector<std::int32_t>& list = predictions.lists[user];
    std::size_t shown = 0;
    candidates.clear();
    for (std::size_t at = 0; at < list.size(); ++at) {
      const bool masked = repeats != Repeats::allowed && known.contains(list[at]);
      if (!masked && list[at] >= 0 && lists != nullptr && shown < lists->length) {
        lists->items[u * lists->length + shown++] = list[at];
      }
      if (masked && (list[at] != target || repeats == Repeats::excluded)) continue;
      // Without scores places tell: each is worse than the one before.
      candidates.push_back({list[at], predictions.scores.empty() ? -static_cast<float>(at)
                                                                 : predictions.scores[user][at]});
    }
    const auto found = std::ranges::find(candidates, target, &Entry::item);
    if (found == candidates.end()) continue;
    TargetPlace& place = places[u] = {};
    for (const Entry& entry : candidates) {
      place.better += entry.score > found->score ? 1U : 0U;
      place.tied += entry.score == found->score ? 1U : 0U;
    }
    --place.tied;  // the target itself
  }
  return places;
}

}  // namespace tessera
