#include "data/prepare.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "data/doubts.h"
#include "data/withhold.h"

namespace tessera {
namespace {

// Interactions and items as they were read.
struct Sources {
  EventLog log;
  ItemTexts items;
  std::vector<std::size_t> ends;  // of each file of interactions in the log
};

std::uint64_t size_of(const fs::path& file) {
  std::error_code unknown;
  const std::uintmax_t size = fs::is_regular_file(file, unknown) ? fs::file_size(file, unknown) : 0;
  return unknown ? 0 : size;
}

std::string name_of_events(const PrepareOptions& options) {
  return options.event_table ? options.event_table->name() : options.interactions.front().string();
}

Sources read_sources(const PrepareOptions& options, PrepareReport& report) {
  Sources sources;
  EventLog& log = sources.log;
  BadRecords bad{options.max_errors, options.max_error_share};
  std::uint64_t before = 0;
  std::uint64_t total = 0;
  for (const fs::path& file : options.items) total += size_of(file);
  for (const fs::path& file : options.interactions) total += size_of(file);
  const auto watcher_from = [&](std::uint64_t start) -> ByteStream::Watcher {
    return [&options, start, total](std::uint64_t done, std::uint64_t) {
      if (options.watcher) options.watcher(start + done, total);
    };
  };
  std::int64_t largest = std::numeric_limits<std::int32_t>::max();
  if (!options.item_text.empty()) {
    const std::string file = options.item_text.string();
    const bool numbered = !options.shape && !options.event_table;
    largest = read_item_texts(file, numbered, log.items, sources.items);
  } else if (options.item_table) {
    sources.items =
        read_items(*options.item_table, options.item_fields, log.items, bad, log.choices);
  }
  for (std::size_t i = 0; i < options.items.size(); ++i) {
    const RecordShape& shape =
        options.items_shapes.empty() ? options.items_shape : options.items_shapes[i];
    const bool exported = shape.format == kExportFormat;
    if (exported && fs::file_size(options.items[i]) == 0) continue;  // nobody put an item yet
    ByteStream stream(options.items[i], watcher_from(before));
    before += size_of(options.items[i]);
    RecordReader records(stream, shape);
    std::vector<FieldChoice> choices;
    const ItemFields fields =
        exported
            ? exported_item_fields(options.item_fields, i > 0 ? &sources.items.attributes : nullptr)
            : options.item_fields;
    ItemTexts read = read_items(records, fields, log.items, bad, choices);
    if (i > 0) {
      report.replaced_items += sources.items.replace_by(std::move(read));
      continue;
    }
    sources.items = std::move(read);
    log.choices = std::move(choices);
  }
  if (options.event_table) {
    read_events(*options.event_table, options.fields, bad, log);
  }
  for (std::size_t i = 0; i < options.interactions.size(); ++i) {
    const fs::path& file = options.interactions[i];
    const std::optional<RecordShape>& shape =
        options.shapes.empty() ? options.shape : options.shapes[i];
    const bool exported = shape && shape->format == kExportFormat;
    if (exported && fs::file_size(file) == 0) continue;  // nothing happened yet
    ByteStream stream(file, watcher_from(before));
    before += size_of(file);
    if (shape) {
      RecordReader records(stream, *shape);
      const EventFields fields = exported ? exported_fields(options.fields) : options.fields;
      read_events(records, fields, bad, log);
    } else {
      std::optional<ByteStream> times;
      if (!options.timestamps.empty()) times.emplace(options.timestamps);
      read_sequence_events(stream, times ? &*times : nullptr, largest, options.fields, bad, log);
    }
    sources.ends.push_back(log.user.size());
  }
  bad.finish(log.read + static_cast<std::size_t>(std::ranges::count(sources.items.listed, true)));
  log.met = {};
  if (!options.fields.id.empty() && !log.has_ids) {
    fail("{}: no file has a field '{}': correct --event-id", name_of_events(options),
         options.fields.id);
  }
  const bool timed = options.shape.has_value() || options.event_table != nullptr;
  report.warnings =
      doubts_about(log, sources.items, options.fields, name_of_events(options), timed);
  report.missing = log.missing;
  report.choices = std::move(log.choices);
  report.events_read = log.read;
  report.bad_records = bad.skipped;
  report.first_bad = bad.first;
  report.repeated_item_rows = sources.items.repeated_rows;
  return sources;
}

std::size_t count_users(const Histories& h) {
  std::size_t users = 0;
  for (std::size_t u = 0; u < h.users(); ++u) users += h.begin(u) < h.end(u);
  return users;
}

std::size_t count_items(const Histories& h, std::size_t items) {
  std::vector<bool> met(items);
  for (const std::int32_t item : h.items) met[static_cast<std::size_t>(item)] = true;
  return static_cast<std::size_t>(std::ranges::count(met, true));
}

// Of a given split where validation and test begin in each user's history, [users · 2].
std::vector<std::int64_t> cuts_of(const EventLog& log, std::span<const std::size_t> ends) {
  std::vector<std::int64_t> cuts(2 * log.users.size());
  for (std::size_t e = 0; e < ends[1]; ++e) {
    const auto user = static_cast<std::size_t>(log.user[e]);
    cuts[2 * user] += e < ends[0] ? 1 : 0;
    ++cuts[2 * user + 1];
  }
  return cuts;
}

// Orders the events of each part of a given split by themselves.
void order_parts_by_time(Histories& h, std::span<const std::int64_t> cuts) {
  const std::vector<std::int64_t> whole = h.offsets;
  h.offsets = {0};
  for (std::size_t u = 0; u + 1 < whole.size(); ++u) {
    h.offsets.insert(h.offsets.end(),
                     {whole[u] + cuts[2 * u], whole[u] + cuts[2 * u + 1], whole[u + 1]});
  }
  order_by_time(h);
  h.offsets = whole;
}

Histories filtered(const PrepareOptions& options, EventLog& log, std::span<const std::int64_t> cuts,
                   PrepareReport& report) {
  const auto note = [&](const std::string& why, std::size_t events) {
    if (events > 0) report.dropped.push_back({why, events});
  };
  note("that had been read before", log.repeated);
  note("rated too low, or not rated", log.below_rating);
  note("of a type without a weight", log.other_type);
  Histories h = group_by_user(log);
  report.users_out_of_order = count_out_of_order(h);
  const std::size_t items = log.items.size();
  const std::size_t users_before = count_users(h);
  const std::size_t items_before = count_items(h, items);
  const std::string source = name_of_events(options);
  const auto check_left = [&](const std::string& filter, const char* remedy) {
    if (!h.items.empty()) return;
    fail("{}: no user is left {}, of {} users and {} items with events; {}", source, filter,
         users_before, items_before, remedy);
  };
  check_left("after reading", "give a file with events, or loosen --min-rating or --event-types");
  if (options.split_given) {
    if (options.order_by_time) order_parts_by_time(h, cuts);
    return h;
  }
  if (options.order_by_time) order_by_time(h);
  if (options.split_by_time) {
    if (h.times.empty()) {
      fail("{}: a split by time needs times; give --time FIELD (or --timestamps)", source);
    }
    note("without a known time, which a split by time needs", drop_untimed(h));
  }
  if (options.min_weight > 0 && !h.weights.empty()) {
    note("weights of a user and an item too low", drop_weak(h, options.min_weight));
    check_left("with --min-weight", "lower it");
  }
  note("duplicates", drop_duplicates(h, options.duplicates));
  note("outside the core", keep_core(h, items, options.min_user_events, options.min_item_events));
  check_left(fmt::format("in the core of {} events a user and {} an item", options.min_user_events,
                         options.min_item_events),
             "lower --k-core, --min-user-events or --min-item-events");
  if (options.max_history > 0)
    note("older than --max-history", cut_histories(h, options.max_history));
  report.users_dropped = users_before - count_users(h);
  report.items_dropped = items_before - count_items(h, items);
  return h;
}

bool count_differently(std::span<const float> weights) {
  return std::ranges::adjacent_find(weights, std::not_equal_to()) != weights.end();
}

// Number in the dataset by number in the table, -1 where an item is left out. The numbers are a
// permutation, so that they say nothing about the items.
std::vector<std::int32_t> number_items(const PrepareOptions& options, const Sources& sources,
                                       const Histories& h, std::size_t& count) {
  const IdTable& ids = sources.log.items;
  std::vector<bool> in(ids.size());
  if (options.items_without_events) {
    std::copy(sources.items.listed.begin(), sources.items.listed.end(), in.begin());
  }
  for (const std::int32_t item : h.items) in[static_cast<std::size_t>(item)] = true;
  std::vector<std::int32_t> catalogue;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (in[i]) catalogue.push_back(static_cast<std::int32_t>(i));
  }
  // Whole numbers are then in order of size.
  std::ranges::sort(catalogue, [&](std::int32_t a, std::int32_t b) {
    const std::string_view left = ids[static_cast<std::size_t>(a)];
    const std::string_view right = ids[static_cast<std::size_t>(b)];
    return left.size() != right.size() ? left.size() < right.size() : left < right;
  });
  count = catalogue.size();
  const std::vector<std::int32_t> order = Random(options.seed, {0x7072}).permutation(count);
  std::vector<std::int32_t> numbers(ids.size(), -1);
  for (std::size_t i = 0; i < count; ++i)
    numbers[static_cast<std::size_t>(catalogue[i])] = order[i];
  return numbers;
}

// Rounded down; the second that would say that a time is unknown is given to the one before.
std::int64_t in_seconds(std::int64_t milliseconds) {
  const std::int64_t seconds = milliseconds / 1000 - (milliseconds % 1000 < 0 ? 1 : 0);
  return seconds == kUnknownTime ? kUnknownTime - 1 : seconds;
}

void fill_items(Sources& sources, std::span<const std::int32_t> numbers, Dataset& data,
                PrepareReport& report) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] < 0) continue;
    CatalogueItem& item = data.items[static_cast<std::size_t>(numbers[i])];
    item.id = sources.log.items[i];
    if (i < sources.items.listed.size()) {
      item.title = std::move(sources.items.titles[i]);
      item.text = std::move(sources.items.texts[i]);
    }
    if (item.title.empty()) item.title = "item " + item.id;
    report.items_without_text += item.text.empty();
  }
  const AttributeTable& read = sources.items.attributes;
  data.attributes = AttributeTable(read.schema());
  for (std::size_t a = 0; a < read.schema().size(); ++a) {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (numbers[i] < 0) continue;
      data.attributes.set(a, numbers[i], read.value(a, static_cast<std::int32_t>(i)));
    }
  }
}

}  // namespace

Dataset prepare(const PrepareOptions& options, PrepareReport& report) {
  report = {};
  Sources sources = read_sources(options, report);
  title_by_text(sources.items);
  std::vector<std::int64_t> cuts;
  if (options.split_given) cuts = cuts_of(sources.log, sources.ends);
  Histories h = filtered(options, sources.log, cuts, report);

  Dataset data;
  data.name = options.name.empty()
                  ? fs::absolute(options.interactions.front()).parent_path().filename().string()
                  : options.name;
  std::size_t count = 0;
  const std::vector<std::int32_t> numbers = number_items(options, sources, h, count);
  data.items.resize(count);
  fill_items(sources, numbers, data, report);
  for (std::int32_t& item : h.items) item = numbers[static_cast<std::size_t>(item)];
  for (std::int64_t& time : h.times) {
    report.unknown_times += time == kUnknownTime;
    if (time != kUnknownTime) time = in_seconds(time);
  }
  for (std::size_t u = 0; u < h.users(); ++u) {
    if (h.begin(u) == h.end(u)) continue;
    data.user_ids.emplace_back(sources.log.users[u]);
    data.offsets.push_back(h.offsets[u + 1]);
    if (options.split_given) {
      data.cuts.insert(data.cuts.end(), {cuts[2 * u], cuts[2 * u + 1]});
    }
  }
  sources = {};
  data.events = std::move(h.items);
  data.times = std::move(h.times);
  if (count_differently(h.weights)) data.weights = std::move(h.weights);
  report.items_without_events = count - count_with_events(data);
  if (options.split_given && evaluated_users(data, Split::test).empty()) {
    fail("{}: no user of the test events has an event before them",
         options.interactions[2].string());
  }
  if (options.split_by_time) split_by_time(data, options.validation_from, options.test_from);
  if (options.cold_share > 0) {
    withhold_items(data, options.cold_share, options.cold_by_time, options.seed);
  }
  hide_withheld(data);
  return data;
}

}  // namespace tessera
