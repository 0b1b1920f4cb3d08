#include "data/prepare_sequences.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/random.h"
#include "data/fields.h"
#include "data/html_entities.h"

namespace tessera {
namespace {

std::int64_t parse_number(std::string_view field, const std::string& where, const char* what) {
  std::int64_t value = 0;
  const auto end = std::from_chars(field.data(), field.data() + field.size(), value);
  if (end.ec != std::errc() || end.ptr != field.data() + field.size()) {
    fail("{}: {} '{}' is not a whole number", where, what, field);
  }
  return value;
}

std::string title_of(const std::string& text) {
  const std::string title = text.substr(0, text.find(';'));
  return title.empty() ? text : title;
}

// Text by id, as the file gives it; the ids must be whole numbers from 1.
std::unordered_map<std::int64_t, std::string> read_texts(const fs::path& path) {
  std::unordered_map<std::int64_t, std::string> texts;
  const nlohmann::json json = read_json(path);
  if (!json.is_object()) {
    fail("{}: expected one JSON object, item id → text", path.string());
  }
  for (const auto& [key, value] : json.items()) {
    const std::string where = fmt::format("{}: key '{}'", path.string(), key);
    if (!value.is_string()) fail("{}: the text must be a string", where);
    const std::int64_t id = parse_number(key, where, "item id");
    if (id < 1) fail("{}: item ids count from 1", where);
    texts.emplace(id, decode_html_entities(value.get<std::string>()));
  }
  if (texts.empty()) fail("{}: it holds no item", path.string());
  return texts;
}

void read_timestamps(const fs::path& path, Dataset& data) {
  std::vector<std::string_view> fields;
  std::size_t user = 0;
  for_each_line(read_file(path), [&](std::string_view line, std::size_t number) {
    const std::string where = fmt::format("{}:{}", path.string(), number);
    split_fields(line, fields);
    if (user >= data.users()) {
      fail("{}: more lines than the interactions have ({})", where, data.users());
    }
    if (fields.empty() || fields[0] != data.user_ids[user]) {
      fail("{}: expected the times of user '{}': lines must follow the interactions", where,
           data.user_ids[user]);
    }
    if (fields.size() - 1 != data.history(user).size()) {
      fail("{}: {} times for {} events of user '{}'", where, fields.size() - 1,
           data.history(user).size(), fields[0]);
    }
    for (std::size_t i = 1; i < fields.size(); ++i) {
      data.times.push_back(parse_number(fields[i], where, "time"));
    }
    ++user;
  });
  if (user != data.users()) {
    fail("{}: {} lines for {} users: is the file cut short?", path.string(), user, data.users());
  }
}

}  // namespace

Dataset prepare_sequences(const SequenceFiles& files, std::uint64_t seed, PrepareReport& report) {
  Dataset data;
  data.name = files.interactions.parent_path().filename().string();
  std::unordered_map<std::int64_t, std::string> texts;
  if (!files.item_text.empty()) texts = read_texts(files.item_text);
  std::int64_t largest = std::numeric_limits<std::int32_t>::max();
  if (!texts.empty()) {
    largest = 0;
    for (const auto& [id, text] : texts) largest = std::max(largest, id);
  }

  std::vector<std::int64_t> ids;  // of the events, in file order
  std::unordered_set<std::string> known_users;
  std::vector<std::string_view> fields;
  const std::string path = files.interactions.string();
  for_each_line(read_file(files.interactions), [&](std::string_view line, std::size_t number) {
    const std::string where = fmt::format("{}:{}", path, number);
    split_fields(line, fields);
    if (fields.size() < 2) fail("{}: no items: expected 'user item item …'", where);
    if (!known_users.emplace(fields[0]).second) {
      fail("{}: user '{}' was on an earlier line: put a user's events on one line", where,
           fields[0]);
    }
    data.user_ids.emplace_back(fields[0]);
    for (std::size_t i = 1; i < fields.size(); ++i) {
      const std::int64_t id = parse_number(fields[i], where, "item");
      if (id < 1) fail("{}: item id {}: ids count from 1", where, id);
      if (id > largest) {
        fail("{}: item id {} is above the catalogue, which ends at {}{}", where, id, largest,
             texts.empty() ? "" : ": add its text to the item text file, or correct the id");
      }
      ids.push_back(id);
    }
    data.offsets.push_back(static_cast<std::int64_t>(ids.size()));
  });
  if (ids.empty()) fail("{}: it holds no events", path);

  // The catalogue in order of id, then renumbered: the number must say nothing about the item.
  std::vector<std::int64_t> catalogue(ids);
  for (const auto& [id, text] : texts) catalogue.push_back(id);
  std::ranges::sort(catalogue);
  const auto repeated = std::ranges::unique(catalogue);
  catalogue.erase(repeated.begin(), repeated.end());
  const std::vector<std::int32_t> order = Random(seed, {0x7072}).permutation(catalogue.size());
  std::unordered_map<std::int64_t, std::int32_t> numbers;
  numbers.reserve(catalogue.size());
  data.items.resize(catalogue.size());
  for (std::size_t i = 0; i < catalogue.size(); ++i) {
    const std::int32_t number = order[i];
    CatalogueItem& item = data.items[static_cast<std::size_t>(number)];
    item.id = std::to_string(catalogue[i]);
    if (const auto text = texts.find(catalogue[i]); text != texts.end()) item.text = text->second;
    item.title = item.text.empty() ? "item " + item.id : title_of(item.text);
    report.items_without_text += item.text.empty();
    numbers.emplace(catalogue[i], number);
  }
  std::vector<bool> met(catalogue.size());
  for (const std::int64_t id : ids) {
    data.events.push_back(numbers.at(id));
    met[static_cast<std::size_t>(data.events.back())] = true;
  }
  report.items_without_events = static_cast<std::size_t>(std::ranges::count(met, false));
  if (!files.timestamps.empty()) read_timestamps(files.timestamps, data);
  return data;
}

}  // namespace tessera
