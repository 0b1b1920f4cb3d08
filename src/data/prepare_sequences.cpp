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
    fail("{}: {} '{}' is not a whole number; correct it", where, what, field);
  }
  return value;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = std::min(text.find_first_not_of(kBlank), text.size());
  const std::size_t last = text.find_last_not_of(kBlank);
  return text.substr(first, last == std::string_view::npos ? 0 : last + 1 - first);
}

// Whether the texts are lists of fields, `title;price;brand;categories`: most hold a ';' then,
// while a title alone rarely does ("Steins;Gate").
bool hold_fields(const std::unordered_map<std::int64_t, std::string>& texts) {
  const auto with = std::ranges::count_if(
      texts, [](const auto& entry) { return entry.second.find(';') != std::string::npos; });
  return 2 * static_cast<std::size_t>(with) > texts.size();
}

std::string title_of(std::string_view text, bool fields) {
  const std::string_view title = trim(fields ? text.substr(0, text.find(';')) : text);
  return std::string(title.empty() ? trim(text) : title);
}

// Text by id, as the file gives it; the ids must be whole numbers from 1.
std::unordered_map<std::int64_t, std::string> read_texts(const fs::path& path) {
  std::unordered_map<std::int64_t, std::string> texts;
  const std::string content = read_file(path);
  if (trim(content).empty())
    fail("{}: the file is empty; give one JSON object, id → text", path.string());
  const nlohmann::json json = parse_json(content, path.string());
  if (!json.is_object()) fail("{}: expected one JSON object, item id → text", path.string());
  for (const auto& [key, value] : json.items()) {
    const std::string where = fmt::format("{}: key '{}'", path.string(), key);
    if (!value.is_string()) fail("{}: the text must be a string", where);
    const std::int64_t id = parse_number(key, where, "item id");
    if (id < 1) fail("{}: item ids count from 1; correct it", where);
    const std::string text = decode_html_entities(value.get_ref<const std::string&>());
    if (!texts.emplace(id, trim(text)).second) {
      fail("{}: item {} has a text already; keep one of them", where, id);
    }
  }
  if (texts.empty())
    fail("{}: it holds no item; give id → text or leave the file out", path.string());
  return texts;
}

// Fills data.times; the users and events are there already.
void read_timestamps(const fs::path& path, Dataset& data, PrepareReport& report) {
  std::vector<std::string_view> fields;
  std::size_t user = 0;
  for_each_line(read_file(path), [&](std::string_view line, std::size_t number) {
    const std::string where = fmt::format("{}:{}", path.string(), number);
    split_fields(line, fields);
    if (user >= data.users()) {
      fail("{}: more lines than the interactions have ({}); give the file made with them", where,
           data.users());
    }
    if (fields.empty() || fields[0] != data.user_ids[user]) {
      fail("{}: expected the times of user '{}': lines must follow the interactions", where,
           data.user_ids[user]);
    }
    if (fields.size() - 1 != data.history(user).size()) {
      fail("{}: {} times for {} events of user '{}': give one each, -1 if unknown", where,
           fields.size() - 1, data.history(user).size(), fields[0]);
    }
    std::int64_t latest = 0;
    bool in_order = true;
    for (std::size_t i = 1; i < fields.size(); ++i) {
      const std::int64_t time = parse_number(fields[i], where, "time");
      if (time < -1) fail("{}: time {}: give unix seconds, or -1 if unknown", where, time);
      data.times.push_back(time);
      if (time < 0) continue;
      in_order = in_order && time >= latest;
      latest = time;
    }
    report.unknown_times += static_cast<std::size_t>(
        std::count(data.times.end() - static_cast<long>(fields.size() - 1), data.times.end(), -1));
    report.users_out_of_order += in_order ? 0 : 1;
    ++user;
  });
  if (user != data.users()) {
    fail(
        "{}: {} lines for {} users: the file is cut short, or not the one made with the "
        "interactions",
        path.string(), user, data.users());
  }
}

}  // namespace

Dataset prepare_sequences(const SequenceFiles& files, std::uint64_t seed, PrepareReport& report) {
  report = {};
  Dataset data;
  data.name = fs::absolute(files.interactions).parent_path().filename().string();
  std::unordered_map<std::int64_t, std::string> texts;
  if (!files.item_text.empty()) texts = read_texts(files.item_text);
  const bool fields_in_text = hold_fields(texts);
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
    if (fields.size() < 2) {
      fail("{}: no items: expected 'user item item …'; complete or remove the line", where);
    }
    if (!known_users.emplace(fields[0]).second) {
      fail("{}: user '{}' was on an earlier line: put a user's events on one line", where,
           fields[0]);
    }
    data.user_ids.emplace_back(fields[0]);
    for (std::size_t i = 1; i < fields.size(); ++i) {
      const std::int64_t id = parse_number(fields[i], where, "item");
      if (id < 1) fail("{}: item id {}: ids count from 1; correct it", where, id);
      if (id > largest) {
        fail("{}: item id {} is above the catalogue, which ends at {}{}", where, id, largest,
             texts.empty() ? "; correct the id"
                           : "; add its text to the item text file, or correct the id");
      }
      ids.push_back(id);
    }
    data.offsets.push_back(static_cast<std::int64_t>(ids.size()));
  });
  if (ids.empty()) fail("{}: the file is empty; give 'user item item …' lines", path);

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
    item.title = item.text.empty() ? "item " + item.id : title_of(item.text, fields_in_text);
    report.items_without_text += item.text.empty();
    numbers.emplace(catalogue[i], number);
  }
  std::vector<bool> met(catalogue.size());
  data.events.reserve(ids.size());
  for (const std::int64_t id : ids) {
    data.events.push_back(numbers.at(id));
    met[static_cast<std::size_t>(data.events.back())] = true;
  }
  report.items_without_events = static_cast<std::size_t>(std::ranges::count(met, false));
  if (!files.timestamps.empty()) read_timestamps(files.timestamps, data, report);
  return data;
}

}  // namespace tessera
