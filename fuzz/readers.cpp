// Files of any bytes are prepared or refused with an Error, and what is prepared holds together.
// READER=csv|tsv|jsonl|amazon|recbole|sequences in the environment chooses the reader. The first
// byte of the input sets options; a byte 1E (a record separator) ends the interactions, and items
// follow.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/error.h"
#include "base/parallel.h"
#include "data/prepare.h"
#include "testing/temp_directory.h"

namespace {

using namespace tessera;

struct Bench {
  testing::TempDirectory directory;
  fs::path events = directory.path() / "events";
  fs::path items = directory.path() / "items";
  std::string reader = std::getenv("READER") == nullptr ? "csv" : std::getenv("READER");

  Bench() { work_alone(); }
};

// Without the care of write_file, which waits for the disk.
void put(const fs::path& file, std::string_view content) {
  std::FILE* stream = std::fopen(file.c_str(), "wb");
  std::fwrite(content.data(), 1, content.size(), stream);
  std::fclose(stream);
}

PrepareOptions options_of(const Bench& bench, std::uint8_t bits, bool items) {
  PrepareOptions options;
  options.interactions = {bench.events};
  RecordShape shape;
  if (bench.reader != "sequences") shape = shape_named(bench.reader);
  shape.header = (bits & 1) == 0;
  options.items_shape = shape;
  if (bench.reader == "sequences") {
    if (items) ((bits & 1) == 0 ? options.item_text : options.timestamps) = bench.items;
  } else {
    options.shape = shape;
    if (items) options.items = {bench.items};
  }
  if ((bits & 2) != 0) options.max_errors = 1000;
  if ((bits & 4) != 0) options.fields.min_rating = 3;
  if ((bits & 8) != 0) options.min_user_events = options.min_item_events = 2;
  if ((bits & 16) != 0) options.duplicates = Duplicates::exact;
  if ((bits & 32) != 0) options.split_by_time = true;
  if ((bits & 64) != 0) options.cold_share = 0.3;
  if ((bits & 128) != 0) options.fields.weights = {{"view", 1}, {"buy", 2}};
  return options;
}

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const Dataset& data, const PrepareReport& report) {
  require(data.users() > 0 && data.offsets.size() == data.users() + 1);
  require(data.offsets.back() == static_cast<std::int64_t>(data.events.size()));
  require(data.times.empty() || data.times.size() == data.events.size());
  std::unordered_set<std::string_view> ids;
  for (const CatalogueItem& item : data.items) {
    require(!item.id.empty() && !item.title.empty() && ids.insert(item.id).second);
  }
  for (const std::int32_t item : data.events) {
    require(item >= 0 && static_cast<std::size_t>(item) < data.items.size());
  }
  for (std::size_t u = 0; u < data.users(); ++u) {
    require(!data.user_ids[u].empty() && !data.history(u).empty());
    for (const std::int32_t item : train_history(data, u)) {
      require(!data.items[static_cast<std::size_t>(item)].withheld);
    }
  }
  for (const Split split : {Split::validation, Split::test}) {
    for (const std::int32_t user : evaluated_users(data, split)) {
      require(!history_before(data, static_cast<std::size_t>(user), split).empty());
      target_of(data, static_cast<std::size_t>(user), split);
    }
  }
  require(!summarise(data, report).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Bench& bench = *new Bench;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t end = text.find('\x1E');
  put(bench.events, text.substr(0, end));
  const bool items = end != std::string_view::npos;
  if (items) put(bench.items, text.substr(end + 1));
  try {
    PrepareReport report;
    const Dataset dataset = prepare(options_of(bench, data[0], items), report);
    check(dataset, report);
  } catch (const Error&) {  // refused in a sentence
  }
  return 0;
}
