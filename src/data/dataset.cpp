#include "data/dataset.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/folders.h"
#include "base/npy.h"
#include "base/random.h"
#include "data/id_table.h"
#include "text/text_encoder_file.h"

namespace tessera {
namespace {

using Json = nlohmann::json;
constexpr int kFormatVersion = 3;     // 1 knew leave-one-out alone
constexpr int kUnweighedVersion = 2;  // of datasets whose events count alike
constexpr const char* kEventWeightsFile = "weights.npy";

template <class T>
T field(const Json& json, const char* name, const std::string& where) {
  if (!json.is_object() || !json.contains(name)) {
    fail("{}: '{}' is missing; prepare the dataset again", where, name);
  }
  try {
    return json.at(name).get<T>();
  } catch (const Json::type_error&) {
    fail("{}: '{}' holds a value of the wrong kind; prepare the dataset again", where, name);
  }
}

/// The ids as users.txt and look-ups need them: no two alike, none empty, no line ends inside.
/// `id(i)` is the i-th of `count`.
template <class Id>
void check_ids(const std::string& where, std::size_t count, const Id& id) {
  IdTable known;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view text = id(i);
    if (text.empty() || text.find_first_of("\r\n") != std::string_view::npos) {
      fail("{}:{}: an id must not be empty or hold a line end; correct the id", where, i + 1);
    }
    if (static_cast<std::size_t>(known.intern(text)) != i) {
      fail("{}:{}: the id '{}' stands there twice; make ids distinct", where, i + 1, text);
    }
  }
}

void check_ids(const Dataset& data, const fs::path& directory) {
  check_ids((directory / "items.jsonl").string(), data.items.size(),
            [&](std::size_t i) -> std::string_view { return data.items[i].id; });
  check_ids((directory / "users.txt").string(), data.users(),
            [&](std::size_t u) -> std::string_view { return data.user_ids[u]; });
}

void check_count(const Json& json, const char* name, std::size_t count, const fs::path& directory,
                 const char* file) {
  const std::string where = (directory / "dataset.json").string();
  const auto said = field<std::uint64_t>(json, name, where);
  if (said != count) {
    fail("{}: holds {} {} where dataset.json says {}; the dataset is damaged, prepare it again",
         (directory / file).string(), count, name, said);
  }
}

void check_events(const Dataset& data, const fs::path& directory) {
  const char* again = "the dataset is damaged, prepare it again";
  if (data.offsets.size() != data.users() + 1 || data.offsets.front() != 0 ||
      data.offsets.back() != static_cast<std::int64_t>(data.events.size())) {
    fail("{}: offsets do not fit {} users and {} events; {}", (directory / "offsets.npy").string(),
         data.users(), data.events.size(), again);
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
  const auto counts = [](float weight) { return weight >= 0 && std::isfinite(weight); };
  if (!data.weights.empty() &&
      (data.weights.size() != data.events.size() || !std::ranges::all_of(data.weights, counts))) {
    fail("{}: holds no weight from 0 for each of {} events; {}",
         (directory / kEventWeightsFile).string(), data.events.size(), again);
  }
}

Json to_json(const Dataset& data) {
  const SplitRule& split = data.split;
  if (!data.cuts.empty()) return {{"kind", "given"}};
  if (!split.by_time) return {{"kind", "leave-one-out"}};
  return {
      {"kind", "time"}, {"validation_from", split.validation_from}, {"test_from", split.test_from}};
}

SplitRule split_from_json(const Json& json, const std::string& where) {
  const auto kind = field<std::string>(json, "kind", where);
  if (kind == "leave-one-out" || kind == "given") return {};
  if (kind != "time") fail("{}: unknown split '{}'; update tessera", where, kind);
  return {true, field<std::int64_t>(json, "validation_from", where),
          field<std::int64_t>(json, "test_from", where)};
}

constexpr const char* kCutsFile = "cuts.npy";

// A split by time needs every time, in order; a given one cuts within histories.
void check_split(const Dataset& data, const fs::path& directory) {
  bool within = data.cuts.empty() || data.cuts.size() == 2 * data.users();
  for (std::size_t u = 0; within && u < data.cuts.size() / 2; ++u) {
    const auto length = static_cast<std::int64_t>(data.history(u).size());
    within = 0 <= data.cuts[2 * u] && data.cuts[2 * u] <= data.cuts[2 * u + 1] &&
             data.cuts[2 * u + 1] <= length;
  }
  if (!within) {
    fail("{}: holds no cut of every history; prepare the data again",
         (directory / kCutsFile).string());
  }
  if (!data.split.by_time) return;
  bool good = !data.times.empty() || data.events.empty();
  for (std::size_t u = 0; good && u < data.users(); ++u) {
    const auto times =
        std::span(data.times)
            .subspan(static_cast<std::size_t>(data.offsets[u]), data.history(u).size());
    good = std::ranges::is_sorted(times) && std::ranges::find(times, -1) == times.end();
  }
  if (!good) {
    fail("{}: times are missing or not in order, which a split by time needs; prepare it again",
         (directory / "times.npy").string());
  }
}

}  // namespace

ItemNumbers number_by_id(const std::vector<CatalogueItem>& items) {
  ItemNumbers numbers;
  numbers.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    numbers.emplace(items[i].id, static_cast<std::int32_t>(i));
  }
  return numbers;
}

std::int32_t item_number(const ItemNumbers& numbers, std::string_view id) {
  const auto found = numbers.find(id);
  if (found == numbers.end()) {
    fail("item '{}' is not in the model's catalogue; items.jsonl lists the ids", id);
  }
  return found->second;
}

bool has_texts(const Dataset& data) {
  return std::ranges::any_of(data.items, [](const CatalogueItem& i) { return !i.text.empty(); });
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
  for (const float weight : data.weights) {
    digest = mix_bits(digest ^ std::bit_cast<std::uint32_t>(weight));
  }
  for (std::size_t i = 0; i < data.items.size(); ++i) {
    if (data.items[i].withheld) digest = mix_bits(digest ^ (0x5f00000000U + i));
  }
  for (const std::int64_t cut : data.cuts) {
    digest = mix_bits(digest ^ static_cast<std::uint64_t>(cut));
  }
  if (data.split.by_time) {
    digest = mix_bits(digest ^ static_cast<std::uint64_t>(data.split.validation_from));
    digest = mix_bits(digest ^ static_cast<std::uint64_t>(data.split.test_from));
    for (const std::int64_t time : data.times) {
      digest = mix_bits(digest ^ static_cast<std::uint64_t>(time));
    }
  }
  return fmt::format("{:016x}", digest);
}

namespace {

void write_files(const fs::path& staging, const Dataset& data, const std::string& summary) {
  std::string items;
  for (const CatalogueItem& item : data.items) {
    Json json = {{"id", item.id}, {"title", item.title}, {"text", item.text}};
    if (item.withheld) json["withheld"] = true;
    items += dump_json(json);
    items += '\n';
  }
  std::string users;
  for (const std::string& user : data.user_ids) users += user + '\n';
  const bool weighed = !data.weights.empty();
  Json json = {{"format_version", weighed ? kFormatVersion : kUnweighedVersion},
               {"name", data.name},
               {"simulated", data.simulated},
               {"users", data.users()},
               {"items", data.items.size()},
               {"events", data.events.size()},
               {"times", !data.times.empty()},
               {"split", to_json(data)},
               {"fingerprint", fingerprint(data)}};
  if (weighed) json["weights"] = true;
  write_file(staging / "items.jsonl", items);
  write_file(staging / "users.txt", users);
  write_npy(staging / "offsets.npy", std::span(data.offsets));
  write_npy(staging / "events.npy", std::span(data.events));
  if (!data.times.empty()) write_npy(staging / "times.npy", std::span(data.times));
  if (weighed) {
    write_npy(staging / kEventWeightsFile, MatrixView(data.weights.data(), data.weights.size(), 1));
  }
  if (!data.cuts.empty()) write_npy(staging / kCutsFile, std::span(data.cuts));
  if (!data.attributes.schema().empty()) {
    data.attributes.write(staging / kAttributesFile, data.items.size());
  }
  if (!summary.empty()) write_file(staging / "summary.json", summary);
  write_file(staging / "dataset.json", dump_json(json) + "\n");
}

}  // namespace

void write_dataset(const fs::path& directory, const Dataset& data, const std::string& summary) {
  check_ids(data, directory);
  check_events(data, directory);
  check_split(data, directory);
  check_folder(directory, Folder::dataset);
  // All is written in a folder inside before any of it takes its place: whoever interrupts the
  // writing leaves the dataset that was there, and whoever interrupts the moves a fingerprint that
  // does not match.
  const fs::path staging = directory / ".writing";
  const bool fresh = !fs::exists(directory);
  std::error_code ignored;
  const FolderLock lock(directory, Folder::dataset);
  fs::remove_all(staging, ignored);  // of an interrupted writing
  make_directory(staging);
  try {
    write_files(staging, data, summary);
  } catch (...) {
    fs::remove_all(fresh ? directory : staging, ignored);
    throw;
  }
  try {
    // What belongs to an earlier dataset does not belong to this one.
    for (const char* file : {kEmbeddingsFile, kTextEncoderFile, kAttributesFile, "times.npy",
                             kEventWeightsFile, kCutsFile, "summary.json"}) {
      fs::remove(directory / file);
    }
    for (const char* file :
         {"items.jsonl", "users.txt", "offsets.npy", "events.npy", "times.npy", kEventWeightsFile,
          kCutsFile, kAttributesFile, "summary.json", "dataset.json"}) {
      if (fs::exists(staging / file)) fs::rename(staging / file, directory / file);
    }
    fs::remove_all(staging);
  } catch (const fs::filesystem_error& error) {
    fail("{}: cannot move the dataset into place: {}", directory.string(), error.code().message());
  }
}

Dataset read_dataset(const fs::path& directory) {
  const fs::path file = directory / "dataset.json";
  if (!fs::exists(file)) {
    fail(
        "{}: not a dataset directory (no dataset.json); make one with 'tessera prepare' or "
        "'tessera simulate'",
        directory.string());
  }
  const Json json = read_json(file);
  if (const int version = field<int>(json, "format_version", file.string());
      version > kFormatVersion) {
    fail("{}: format version {} is newer than this program's ({}); update tessera", file.string(),
         version, kFormatVersion);
  }
  Dataset data;
  data.name = field<std::string>(json, "name", file.string());
  data.simulated = field<bool>(json, "simulated", file.string());
  const fs::path items = directory / "items.jsonl";
  for_each_line(read_file(items), [&](std::string_view line, std::size_t number) {
    const std::string where = fmt::format("{}:{}", items.string(), number);
    const Json item = parse_json(line, where);
    data.items.push_back({field<std::string>(item, "id", where),
                          field<std::string>(item, "title", where),
                          field<std::string>(item, "text", where),
                          item.contains("withheld") && item.at("withheld") == true});
  });
  for_each_line(read_file(directory / "users.txt"),
                [&](std::string_view line, std::size_t) { data.user_ids.emplace_back(line); });
  data.offsets = read_npy_i64(directory / "offsets.npy");
  data.events = read_npy_i32(directory / "events.npy");
  if (field<bool>(json, "times", file.string())) {
    data.times = read_npy_i64(directory / "times.npy");
  }
  if (json.contains("weights") && field<bool>(json, "weights", file.string())) {
    const Matrix weights = read_npy(directory / kEventWeightsFile);
    data.weights.assign(weights.span().begin(), weights.span().end());
  }
  if (json.contains("split")) {
    data.split = split_from_json(json.at("split"), file.string());
    if (json.at("split").at("kind") == "given") data.cuts = read_npy_i64(directory / kCutsFile);
  }
  check_count(json, "items", data.items.size(), directory, "items.jsonl");
  check_count(json, "users", data.users(), directory, "users.txt");
  check_count(json, "events", data.events.size(), directory, "events.npy");
  if (fs::exists(directory / kAttributesFile)) {
    data.attributes = AttributeTable::read(directory / kAttributesFile, data.items.size());
  }
  check_ids(data, directory);
  check_events(data, directory);
  check_split(data, directory);
  hide_withheld(data);
  if (field<std::string>(json, "fingerprint", file.string()) != fingerprint(data)) {
    fail("{}: the fingerprint does not match the files beside it; prepare the dataset again",
         file.string());
  }
  return data;
}

Matrix read_embeddings(const fs::path& directory, std::size_t items, const RowSelection& rows) {
  const fs::path file = directory / kEmbeddingsFile;
  if (!fs::exists(file)) {
    fail("{}: missing: run 'tessera embed --data {}' first", file.string(), directory.string());
  }
  Matrix embeddings = read_npy(file, rows);
  if (embeddings.rows() != rows.size(items)) {
    const bool all = rows.size(items) == items;
    fail("{}: {} rows for {} items{}: run 'tessera embed' again", file.string(), embeddings.rows(),
         rows.size(items), all ? "" : " of this rank");
  }
  for (std::size_t i = 0; i < embeddings.size(); ++i) {
    if (!std::isfinite(embeddings.span()[i])) {
      fail("{}: row {} holds a value that is not finite: mend it or run 'tessera embed' again",
           file.string(), rows.first + i / embeddings.cols() * rows.step);
    }
  }
  return embeddings;
}

namespace {

std::uint64_t digest_shape(std::size_t rows, std::size_t cols) {
  return mix_bits(rows) ^ mix_bits(cols + 1);
}

std::uint64_t digest_values(std::uint64_t digest, MatrixView<const float> rows) {
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (const float x : rows.row(i)) {
      digest = mix_bits(digest ^ std::bit_cast<std::uint32_t>(x));
    }
  }
  return digest;
}

}  // namespace

std::string fingerprint(MatrixView<const float> embeddings) {
  const std::uint64_t shape = digest_shape(embeddings.rows, embeddings.cols);
  return fmt::format("{:016x}", digest_values(shape, embeddings));
}

std::string embeddings_fingerprint(const fs::path& directory, std::size_t items) {
  constexpr std::size_t kBlock = 4096;
  std::uint64_t digest = 0;
  for (std::size_t first = 0; first == 0 || first < items; first += kBlock) {
    const Matrix block = read_embeddings(directory, items, {.first = first, .count = kBlock});
    if (first == 0) digest = digest_shape(items, block.cols());
    digest = digest_values(digest, block);
  }
  return fmt::format("{:016x}", digest);
}

}  // namespace tessera
