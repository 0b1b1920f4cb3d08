#include "data/dataset.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/npy.h"
#include "base/random.h"

namespace tessera {
namespace {

using Json = nlohmann::json;
constexpr int kFormatVersion = 1;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json& field(const Json& json, const char* name, const std::string& where) {
  if (!json.is_object() || !json.contains(name)) {
    fail("{}: '{}' is missing: prepare the dataset again", where, name);
  }
  return json.at(name);
}

std::string text_field(const Json& json, const char* name, const std::string& where) {
  const Json& value = field(json, name, where);
  if (!value.is_string()) fail("{}: '{}' must be text", where, name);
  return value.get<std::string>();
}

void check_events(const Dataset& data, const fs::path& directory) {
  const std::string again = "the dataset is damaged: prepare it again";
  if (data.offsets.size() != data.users() + 1 || data.offsets.front() != 0 ||
      data.offsets.back() != static_cast<std::int64_t>(data.events.size())) {
    fail("{}: offsets do not fit {} users and {} events; {}",
         (directory / "offsets.npy").string(), data.users(), data.events.size(), again);
  }
  for (std::size_t u = 0; u < data.users(); ++u) {
    if (data.offsets[u] > data.offsets[u + 1]) {
      fail("{}: offset {} is larger than the next; {}", (directory / "offsets.npy").string(), u,
           again);
    }
  }
  for (std::size_t e = 0; e < data.events.size(); ++e) {
    if (data.events[e] < 0 || static_cast<std::size_t>(data.events[e]) >= data.items.size()) {
      fail("{}: event {} names item {} of {}; {}", (directory / "events.npy").string(), e,
           data.events[e], data.items.size(), again);
    }
  }
  if (!data.times.empty() && data.times.size() != data.events.size()) {
    fail("{}: {} times for {} events; {}", (directory / "times.npy").string(), data.times.size(),
         data.events.size(), again);
  }
}

}  // namespace

std::span<const std::int32_t> train_history(const Dataset& data, std::size_t user) {
  const auto all = data.history(user);
  return all.size() < kMinEvaluatedEvents ? all : all.first(all.size() - 2);
}

std::span<const std::int32_t> history_before(const Dataset& data, std::size_t user, Split split) {
  const auto all = data.history(user);
  return all.first(all.size() - (split == Split::test ? 1 : 2));
}

std::int32_t target_of(const Dataset& data, std::size_t user, Split split) {
  const auto all = data.history(user);
  return all[all.size() - (split == Split::test ? 1 : 2)];
}

std::vector<std::int32_t> evaluated_users(const Dataset& data) {
  std::vector<std::int32_t> users;
  for (std::size_t u = 0; u < data.users(); ++u) {
    if (data.history(u).size() >= kMinEvaluatedEvents) users.push_back(static_cast<std::int32_t>(u));
  }
  return users;
}

std::unordered_map<std::string_view, std::int32_t> number_by_id(
    const std::vector<CatalogueItem>& items) {
  std::unordered_map<std::string_view, std::int32_t> numbers;
  numbers.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    numbers.emplace(items[i].id, static_cast<std::int32_t>(i));
  }
  return numbers;
}

std::string fingerprint(const Dataset& data) {
  std::uint64_t digest = mix_bits(data.items.size()) ^ mix_bits(data.users() + 1);
  for (const CatalogueItem& item : data.items) {
    std::uint64_t word = item.id.size();
    for (const char c : item.id) word = mix_bits(word ^ static_cast<unsigned char>(c));
    digest = mix_bits(digest ^ word);
  }
  for (const std::int64_t offset : data.offsets) {
    digest = mix_bits(digest ^ static_cast<std::uint64_t>(offset));
  }
  for (const std::int32_t item : data.events) {
    digest = mix_bits(digest ^ static_cast<std::uint64_t>(item));
  }
  return fmt::format("{:016x}", digest);
}

void write_dataset(const fs::path& directory, const Dataset& data) {
  make_directory(directory);
  std::string items;
  for (const CatalogueItem& item : data.items) {
    items += dump({{"id", item.id}, {"title", item.title}, {"text", item.text}});
    items += '\n';
  }
  std::string users;
  for (const std::string& user : data.user_ids) users += user + '\n';
  write_file(directory / "items.jsonl", items);
  write_file(directory / "users.txt", users);
  write_npy(directory / "offsets.npy", std::span(data.offsets));
  write_npy(directory / "events.npy", std::span(data.events));
  if (data.times.empty()) {
    fs::remove(directory / "times.npy");
  } else {
    write_npy(directory / "times.npy", std::span(data.times));
  }
  // dataset.json comes last: without it the directory is not a dataset.
  const Json json = {{"format_version", kFormatVersion}, {"name", data.name},
                     {"simulated", data.simulated},      {"users", data.users()},
                     {"items", data.items.size()},       {"events", data.events.size()},
                     {"times", !data.times.empty()},     {"fingerprint", fingerprint(data)}};
  write_file(directory / "dataset.json", json.dump(2) + "\n");
}

Dataset read_dataset(const fs::path& directory) {
  const fs::path file = directory / "dataset.json";
  if (!fs::exists(file)) {
    fail("{}: not a dataset directory (no dataset.json): make one with 'tessera prepare' or "
         "'tessera simulate'",
         directory.string());
  }
  const Json json = read_json(file);
  const Json& version = field(json, "format_version", file.string());
  if (!version.is_number_integer() || version.get<int>() > kFormatVersion) {
    fail("{}: format version {} is newer than this program's ({}): update tessera", file.string(),
         version.dump(), kFormatVersion);
  }
  Dataset data;
  data.name = text_field(json, "name", file.string());
  data.simulated = json.value("simulated", false);
  const fs::path items = directory / "items.jsonl";
  for_each_line(read_file(items), [&](std::string_view line, std::size_t number) {
    const std::string where = fmt::format("{}:{}", items.string(), number);
    const Json item = parse_json(line, where);
    data.items.push_back({text_field(item, "id", where), text_field(item, "title", where),
                          text_field(item, "text", where)});
  });
  for_each_line(read_file(directory / "users.txt"), [&](std::string_view line, std::size_t) {
    data.user_ids.emplace_back(line);
  });
  data.offsets = read_npy_i64(directory / "offsets.npy");
  data.events = read_npy_i32(directory / "events.npy");
  if (json.value("times", false)) data.times = read_npy_i64(directory / "times.npy");
  check_events(data, directory);
  if (text_field(json, "fingerprint", file.string()) != fingerprint(data)) {
    fail("{}: the fingerprint does not match the files beside it: prepare the dataset again",
         file.string());
  }
  return data;
}

Matrix read_embeddings(const fs::path& directory, std::size_t items) {
  const fs::path file = directory / "embeddings.npy";
  if (!fs::exists(file)) {
    fail("{}: missing: run 'tessera embed --data {}' first", file.string(), directory.string());
  }
  Matrix embeddings = read_npy(file);
  if (embeddings.rows() != items) {
    fail("{}: {} rows for {} items: run 'tessera embed' again", file.string(), embeddings.rows(),
         items);
  }
  for (std::size_t i = 0; i < embeddings.size(); ++i) {
    if (!std::isfinite(embeddings.span()[i])) {
      fail("{}: row {} holds a value that is not finite: mend it or run 'tessera embed' again",
           file.string(), i / embeddings.cols());
    }
  }
  return embeddings;
}

}  // namespace tessera
