#include "data/prepare_request.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/numbers.h"
#include "base/texts.h"
#include "data/input_files.h"
#include "data/prepare_options.h"
#include "formats/csv.h"

namespace tessera {
namespace {

// Which of its choices an option's word is, from 1; 0: the word is empty, as it may be by default.
std::size_t choice(PrepareRequest request, std::string_view name) {
  const auto row = std::ranges::find(prepare_options(), name, &PrepareOption::name);
  const std::string& word = *std::get<std::string*>(row->value(request));
  PrepareRequest defaults;
  if (word.empty() && std::get<std::string*>(row->value(defaults))->empty()) return 0;
  const auto found = std::ranges::find(row->choices, word);
  if (found != row->choices.end()) {
    return static_cast<std::size_t>(found - row->choices.begin()) + 1;
  }
  fail_usage("--{} '{}': it must be one of {}", name, word, joined(row->choices, ", "));
}

// An option that would do nothing.
void needs(bool given, const char* option, bool met, const std::string& needed) {
  if (given && !met) fail_usage("{} belongs to {}", option, needed);
}

std::string delimiter_of(const std::string& word, const std::string& option) {
  if (word == "\\t" || word == "tab") return "\t";
  if (word == "\\s+" || word == "blanks") return std::string(kBlanks);
  if (word.find_first_of("\"\r\n") != std::string::npos) {
    fail_usage("{} '{}': give a text without quotes and line ends, 'tab' or 'blanks'", option,
               word);
  }
  return word;
}

// `prefix`: of the option's names, "--" or "--items-".
RecordShape shape_of(const std::string& format, const PrepareRequest::Csv& csv,
                     const std::string& prefix) {
  const bool records = std::ranges::count(format_names(), format) > 0;
  RecordShape shape = shape_named(records ? format : "jsonl");
  const bool text = format == "csv" || format == "tsv";
  const auto check = [&](bool given, const char* name) {
    needs(given, (prefix + name).c_str(), text, prefix + "format csv or tsv, not " + format);
  };
  check(!csv.delimiter.empty(), "delimiter");
  check(!csv.quoting.empty(), "quoting");
  check(csv.header, "header");
  check(csv.no_header, "no-header");
  if (csv.header && csv.no_header) {
    fail_usage("{}header and {}no-header: give one of them", prefix, prefix);
  }
  if (!csv.delimiter.empty()) shape.delimiter = delimiter_of(csv.delimiter, prefix + "delimiter");
  if (csv.header || csv.no_header) shape.header = csv.header;
  if (csv.quoting == "none") shape.quoting = Quoting::none;
  if (csv.quoting == "csv") shape.quoting = Quoting::csv;
  if (csv.quoting == "backslash") shape.quoting = Quoting::backslash;
  check_encoding(csv.encoding, prefix + "encoding");
  shape.encoding = csv.encoding;
  return shape;
}

// "view=1,cart=2": weights by type.
std::map<std::string, double, std::less<>> parse_weights(const std::string& text) {
  std::map<std::string, double, std::less<>> weights;
  if (text.empty()) return weights;
  for (const std::string_view given : split(text, ",")) {
    const std::string_view part = trimmed(given, " ");
    const std::size_t equals = part.rfind('=');
    const double weight =
        equals == std::string_view::npos
            ? 1.0
            : parse_number<double>(trimmed(part.substr(equals + 1), " ")).value_or(-1.0);
    const std::string type(trimmed(part.substr(0, equals), " "));
    const bool fits = weight > 0 && std::isfinite(static_cast<float>(weight));
    if (type.empty() || !fits || !weights.emplace(type, weight).second) {
      fail_usage("--event-types '{}': give types with weights above 0, as 'view=1,purchase=3'",
                 text);
    }
  }
  return weights;
}

// A RecBole dataset is often given as its folder.
fs::path only_file(const fs::path& given, const char* extension) {
  if (!fs::is_directory(given)) return given;
  fs::path found;
  for (const auto& entry : fs::directory_iterator(given)) {
    if (entry.path().extension() != extension) continue;
    if (!found.empty()) {
      fail("{}: holds several {} files; name one of them", given.string(), extension);
    }
    found = entry.path();
  }
  return found;
}

// The parts of a benchmark of RecBole's: NAME.train.inter, NAME.valid.inter and NAME.test.inter.
std::vector<fs::path> recbole_parts(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const char* part : {".train.inter", ".valid.inter", ".test.inter"}) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().filename().string().ends_with(part)) files.push_back(entry.path());
    }
  }
  if (files.size() != 3) {
    fail("{}: holds no NAME.train.inter, NAME.valid.inter and NAME.test.inter", folder.string());
  }
  return files;
}

void find_recbole_files(PrepareOptions& options, bool split_given) {
  const fs::path folder = options.interactions.front();
  if (split_given && fs::is_directory(folder)) {
    options.interactions = recbole_parts(folder);
  } else {
    options.interactions = {only_file(folder, ".inter")};
  }
  if (options.interactions.front().empty()) fail("{}: holds no .inter file", folder.string());
  if (options.items.empty() && options.item_text.empty() && fs::is_directory(folder)) {
    const fs::path items = only_file(folder, ".item");
    if (!items.empty()) options.items = {items};
  }
}

// "-" is standard input.
void find_standard_input(PrepareOptions& options) {
  for (fs::path* file : {&options.item_text, &options.timestamps}) {
    if (*file == "-") *file = "/dev/stdin";
  }
  std::ranges::replace(options.items, fs::path("-"), fs::path("/dev/stdin"));
  for (fs::path& file : options.interactions) {
    if (file != "-") continue;
    file = "/dev/stdin";
    if (options.name.empty()) options.name = "stdin";
  }
}

void read_time_form(const PrepareRequest& request, EventFields& fields) {
  constexpr std::array kUnits = {
      TimeUnit::seconds,     TimeUnit::seconds, TimeUnit::milliseconds, TimeUnit::microseconds,
      TimeUnit::nanoseconds, TimeUnit::iso8601, TimeUnit::day_first,    TimeUnit::month_first};
  const std::size_t unit = choice(request, "time-unit");
  if (unit > 0) fields.time_form = TimeForm{kUnits[unit]};
  if (request.time_format.empty()) return;
  if (unit > 0) fail_usage("--time-unit and --time-format: give one of them");
  fields.time_form = TimeForm{TimeUnit::pattern, request.time_format};
}

void read_missing(const PrepareRequest& request, EventFields& fields) {
  if (!request.missing) return;
  fields.missing.clear();
  if (request.missing->empty()) return;
  const auto words = split(*request.missing, ",");
  fields.missing.assign(words.begin(), words.end());
}

void read_max_errors(const PrepareRequest& request, PrepareOptions& options) {
  const std::string& text = request.max_errors;
  if (text.empty()) return;
  if (text.ends_with('%')) {
    const double share = parse_number<double>(text.substr(0, text.size() - 1)).value_or(-1) / 100;
    if (share > 0 && share <= 1) {
      options.max_error_share = share;
      return;
    }
  } else if (const auto count = parse_number<std::size_t>(text)) {
    options.max_errors = *count;
    return;
  }
  fail_usage("--max-errors '{}': give a number of records (5) or a share of them (1%)", text);
}

// Options that would do nothing are mistakes.
void check_together(const PrepareRequest& request, bool sequences, bool items) {
  const PrepareOptions& options = request.options;
  const EventFields& fields = options.fields;
  const std::string records = "records: --format csv, jsonl, …; sequences have no fields";
  needs(!fields.user.empty(), "--user", !sequences, records);
  needs(!fields.item.empty(), "--item", !sequences, records);
  needs(!fields.item_delimiter.empty(), "--item-delimiter", !sequences, records);
  needs(!fields.time.empty(), "--time", !sequences, records);
  needs(!fields.rating.empty(), "--rating", fields.min_rating.has_value(), "--min-rating");
  needs(!fields.type.empty(), "--event-type",
        !request.event_types.empty() || request.duplicates == "event",
        "--event-types or --duplicates event");
  needs(!fields.id.empty(), "--event-id", !sequences, records);
  needs(!request.time_unit.empty(), "--time-unit", !sequences || !options.timestamps.empty(),
        "--timestamps, where the format is sequences");
  needs(!request.time_format.empty(), "--time-format", !sequences, records);
  needs(!request.csv.encoding.empty(), "--encoding", !sequences, records);
  needs(!options.item_fields.id.empty(), "--item-id", items, "--items");
  needs(!options.item_fields.title.empty(), "--title", items, "--items");
  needs(!options.item_fields.text.empty(), "--text", items, "--items");
  needs(!options.item_fields.attributes.empty(), "--attributes", items, "--items");
  needs(!request.items_format.empty(), "--items-format", items && !options.item_table,
        "--items, a file");
  needs(!request.cold_by.empty(), "--cold-by", options.cold_share > 0, "--cold-items");
  const bool by_time = request.split == "time";
  needs(!request.validation_from.empty(), "--validation-from", by_time, "--split time");
  needs(!request.test_from.empty(), "--test-from", by_time, "--split time");
  needs(request.catalogue == "events", "--catalogue events",
        items || !options.item_text.empty() || sequences, "--items or --item-text");
}

// The items' file is written like the log where nothing else is said.
RecordShape items_shape_of(const PrepareRequest& request, const std::string& format) {
  if (format == kExportFormat) return shape_named(format);
  const bool same = format == request.format;
  PrepareRequest::Csv csv = request.items_csv;
  if (same && csv.delimiter.empty()) csv.delimiter = request.csv.delimiter;
  if (same && csv.quoting.empty()) csv.quoting = request.csv.quoting;
  if (csv.encoding.empty()) csv.encoding = request.csv.encoding;
  return shape_of(format, csv, "--items-");
}

// Folders and patterns become files, and each file gets the shape that its own format has.
void find_files(const PrepareRequest& request, const std::string& format,
                const std::string& items_format, PrepareOptions& options) {
  std::vector<InputFile> files = input_files(options.interactions, "--interactions");
  options.interactions.clear();
  for (const InputFile& file : files) {
    options.interactions.push_back(file.path);
    const std::string& own = file.format.empty() ? format : file.format;
    if (own == "sequences") {
      options.shapes.emplace_back();
    } else {
      options.shapes.emplace_back(own == format ? shape_of(own, request.csv, "--")
                                                : shape_of(own, {}, "--"));
    }
  }
  files = input_files(options.items, "--items");
  options.items.clear();
  for (const InputFile& file : files) {
    options.items.push_back(file.path);
    const std::string& own = file.format.empty() ? items_format : file.format;
    options.items_shapes.push_back(items_shape_of(request, own));
  }
}

// What was given stays as it is: three files, and nothing that drops events of them.
void check_given_split(const PrepareRequest& request, const PrepareOptions& options) {
  if (options.interactions.size() != 3) {
    fail_usage(
        "--split given needs three --interactions, of training, validation and test events; there "
        "are {}",
        options.interactions.size());
  }
  const bool drops = request.k_core > 1 || options.min_user_events > 1 ||
                     options.min_item_events > 1 || options.max_history > 0 ||
                     options.min_weight > 0 || request.duplicates != "keep";
  if (drops) {
    fail_usage("--split given goes with no filter of events: a given split is used as it is");
  }
}

}  // namespace

PrepareOptions options_of(const PrepareRequest& request) {
  for (const char* word : {"format", "items-format", "quoting", "items-quoting"}) {
    choice(request, word);
  }
  PrepareOptions options = request.options;
  const std::string format = request.format.empty() ? "sequences" : request.format;
  const bool table = options.event_table != nullptr;
  const std::string& items_format = request.items_format.empty() ? format : request.items_format;
  if (!table && format == "recbole" && options.interactions.size() == 1) {
    find_recbole_files(options, request.split == "given");
  }
  const bool items = !options.items.empty() || options.item_table;
  find_standard_input(options);
  find_files(request, format, items_format, options);
  const auto records = std::ranges::find_if(options.shapes, &std::optional<RecordShape>::has_value);
  const bool sequences = !table && records == options.shapes.end();
  check_together(request, sequences, items);
  if (!table && !sequences) options.shape = *records;
  if (table || sequences) shape_of(table ? "a table" : format, request.csv, "--");
  if (!sequences && !options.timestamps.empty()) {
    fail_usage("--timestamps belongs to --format sequences; give --time FIELD");
  }
  if (items && !options.item_text.empty()) fail_usage("give --items or --item-text, not both");
  if (options.interactions.size() > 1 && !options.timestamps.empty()) {
    fail_usage("--timestamps go with one file of interactions");
  }
  if (!options.fields.item_delimiter.empty()) {
    options.fields.item_delimiter = delimiter_of(options.fields.item_delimiter, "--item-delimiter");
  }
  read_time_form(request, options.fields);
  read_missing(request, options.fields);
  read_max_errors(request, options);
  if (sequences) options.fields.sequences_meant = !request.format.empty();
  if (sequences && !options.fields.time_form) options.fields.time_form = TimeForm{};
  options.fields.weights = parse_weights(request.event_types);
  if (sequences && (options.fields.min_rating || !options.fields.weights.empty())) {
    fail_usage("--format sequences has neither ratings nor types of events");
  }
  if (options.min_weight > 0 && options.fields.weights.empty()) {
    fail_usage("--min-weight needs weights: give --event-types");
  }
  options.split_by_time = choice(request, "split") == 2;
  options.split_given = choice(request, "split") == 3;
  if (options.split_given) check_given_split(request, options);
  const std::size_t order = choice(request, "order");
  options.order_by_time = order == 0 ? !sequences || options.split_by_time : order == 1;
  if (options.split_by_time && !options.order_by_time) {
    fail_usage("--split time needs --order time");
  }
  options.duplicates = std::array{
      Duplicates::keep,  Duplicates::exact, Duplicates::consecutive,
      Duplicates::first, Duplicates::last,  Duplicates::keep}[choice(request, "duplicates") - 1];
  options.fields.distinct = request.duplicates == "event";
  options.min_user_events = std::max(options.min_user_events, request.k_core);
  options.min_item_events = std::max(options.min_item_events, request.k_core);
  options.items_without_events = choice(request, "catalogue") != 2;
  options.cold_by_time = choice(request, "cold-by") == 2;
  if (!request.validation_from.empty()) options.validation_from = request.validation_from;
  if (!request.test_from.empty()) options.test_from = request.test_from;
  if (!(options.cold_share >= 0 && options.cold_share <= 1)) {
    fail_usage("--cold-items {}: it must be a share from 0 to 1", options.cold_share);
  }
  if (!(options.min_weight >= 0)) fail_usage("--min-weight {}: is below 0", options.min_weight);
  return options;
}

}  // namespace tessera
