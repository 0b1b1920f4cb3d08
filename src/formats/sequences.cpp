#include "formats/sequences.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/files.h"
#include "base/numbers.h"
#include "formats/fields.h"

namespace tessera {
namespace {

std::int64_t parse_id(std::string_view text, std::string_view what) {
  const auto id = parse_number<std::int64_t>(text);
  if (!id) fail("{} '{}' is not a whole number; correct it, or use another format", what, text);
  if (*id < 1) fail("{} id {}: ids count from 1; correct it", what, *id);
  return *id;
}

// The ids of a line's items.
void read_items(std::span<const std::string_view> fields, std::int64_t largest,
                std::vector<std::int64_t>& items) {
  items.clear();
  if (fields.size() < 2) {
    fail("no items: expected 'user item item …'; complete or remove the line");
  }
  for (const std::string_view field : fields.subspan(1)) {
    items.push_back(parse_id(field, "item"));
    if (items.back() > largest) {
      const bool texts = largest < std::numeric_limits<std::int32_t>::max();
      fail("item id {} is above the catalogue, which ends at {}{}", items.back(), largest,
           texts ? "; add its text to the item text file, or correct the id" : "; correct the id");
    }
  }
}

void check_times(std::span<const std::string_view> times,
                 std::span<const std::string_view> fields) {
  if (times.empty() || times[0] != fields[0]) {
    fail("expected the times of user '{}': lines must follow the interactions", fields[0]);
  }
  if (times.size() != fields.size()) {
    fail("{} times for {} events of user '{}': give one each, -1 if unknown", times.size() - 1,
         fields.size() - 1, fields[0]);
  }
}

}  // namespace

void read_sequences(LineReader& lines, LineReader* times, std::int64_t largest, BadRecords& bad,
                    const RowSink& sink) {
  std::unordered_set<std::string> known_users;
  std::vector<std::string_view> fields;
  std::vector<std::string_view> clock;
  std::vector<std::int64_t> items;
  std::array<char, 20> digits{};
  std::array<Value, 3> row{};
  std::size_t count = 0;
  for (; lines.next(); ++count) {
    if (times != nullptr && !times->next()) {
      std::size_t users = count + 1;
      while (lines.next()) ++users;
      fail(
          "{}: {} lines for {} users: the file is cut short, or not the one made with the "
          "interactions",
          times->name(), count, users);
    }
    bool good = false;
    bad.guard(lines, [&] {
      split_fields(lines.line(), fields);
      read_items(fields, largest, items);
      if (!known_users.emplace(fields[0]).second) {
        fail("user '{}' was on an earlier line: put a user's events on one line", fields[0]);
      }
      good = true;
    });
    if (good && times != nullptr) {
      good = false;
      bad.guard(*times, [&] {
        split_fields(times->line(), clock);
        check_times(clock, fields);
        good = true;
      });
    }
    if (!good) continue;
    row[0] = {fields[0], Value::Kind::word};
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), items[i]);
      row[1] = {{digits.data(), end.ptr}, Value::Kind::word};
      if (times != nullptr) row[2] = {clock[i + 1], Value::Kind::word};
      bad.guard(times != nullptr ? *times : lines, [&] { sink(row); });
    }
  }
  if (count == 0) fail("{}: the file is empty; give 'user item item …' lines", lines.name());
  if (times != nullptr && times->next()) {
    fail("{}:{}: more lines than the interactions have ({}); give the file made with them",
         times->name(), times->number(), count);
  }
}

std::int64_t read_item_texts(std::string_view content, const std::string& name, bool numbered,
                             const RowSink& sink) {
  if (content.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    fail("{}: the file is empty; give one JSON object, id → text", name);
  }
  const nlohmann::json json = parse_json(content, name);
  if (!json.is_object()) fail("{}: expected one JSON object, item id → text", name);
  std::int64_t largest = 0;
  std::unordered_set<std::string> known;
  for (const auto& [key, value] : json.items()) {
    try {
      if (!value.is_string()) fail("the text must be a string");
      const std::int64_t number = numbered ? parse_id(key, "item") : 0;
      largest = std::max(largest, number);
      const std::string id = numbered ? std::to_string(number) : key;
      if (!known.insert(id).second) fail("item {} has a text already; keep one of them", id);
      sink(std::array<Value, 2>{Value{id, Value::Kind::word},
                                {value.get_ref<const std::string&>(), Value::Kind::word}});
    } catch (const Error& error) {
      fail("{}: key '{}': {}", name, key, error.what());
    }
  }
  if (known.empty()) fail("{}: it holds no item; give id → text or leave the file out", name);
  return largest;
}

}  // namespace tessera
