#include "data/prepare_request.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/numbers.h"
#include "data/prepare_options.h"

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
  std::string list;
  for (const std::string& one : row->choices) list += (list.empty() ? "" : ", ") + one;
  fail_usage("--{} '{}': it must be one of {}", name, word, list);
}

RecordShape shape_of(const PrepareRequest& request, const std::string& format) {
  RecordShape shape = shape_named(format == "sequences" ? "jsonl" : format);
  if (request.delimiter == "\\t" || request.delimiter == "tab") {
    shape.delimiter = '\t';
  } else if (!request.delimiter.empty()) {
    if (request.delimiter.size() > 1 || request.delimiter == "\"") {
      fail_usage("--delimiter '{}': give one character that is no quote (or 'tab')",
                 request.delimiter);
    }
    shape.delimiter = request.delimiter[0];
  }
  shape.header = !request.no_header;
  return shape;
}

// "view=1,cart=2": weights by type.
std::map<std::string, double, std::less<>> parse_weights(const std::string& text) {
  std::map<std::string, double, std::less<>> weights;
  for (std::size_t at = 0; at <= text.size() && !text.empty();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, end - at);
    const std::size_t equals = part.rfind('=');
    const double weight = equals == std::string::npos
                              ? 1.0
                              : parse_number<double>(part.substr(equals + 1)).value_or(-1.0);
    const std::string type = part.substr(0, equals);
    if (type.empty() || !(weight > 0) || !weights.emplace(type, weight).second) {
      fail_usage("--event-types '{}': give types with weights above 0, as 'view=1,purchase=3'",
                 text);
    }
    at = end + 1;
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

void find_recbole_files(PrepareOptions& options) {
  const fs::path folder = options.interactions;
  options.interactions = only_file(folder, ".inter");
  if (options.interactions.empty()) fail("{}: holds no .inter file", folder.string());
  if (options.items.empty() && options.item_text.empty() && fs::is_directory(folder)) {
    options.items = only_file(folder, ".item");
  }
}

}  // namespace

PrepareOptions options_of(const PrepareRequest& request) {
  choice(request, "format");
  PrepareOptions options = request.options;
  const bool table = options.event_table != nullptr;
  const bool sequences = !table && request.format == "sequences";
  if (!table && !sequences) options.shape = shape_of(request, request.format);
  if (!sequences && !options.timestamps.empty()) {
    fail_usage("--timestamps belongs to --format sequences; give --time FIELD");
  }
  const bool items = !options.items.empty() || options.item_table;
  if (items && !options.item_text.empty()) fail_usage("give --items or --item-text, not both");
  if (!table && request.format == "recbole") find_recbole_files(options);
  const bool as_events = choice(request, "items-format") == 0;
  options.items_shape = shape_of(request, as_events ? request.format : request.items_format);
  switch (choice(request, "time-unit")) {
    case 1:
      options.fields.time_unit = TimeUnit::seconds;
      break;
    case 2:
      options.fields.time_unit = TimeUnit::milliseconds;
      break;
    case 3:
      options.fields.time_unit = TimeUnit::iso8601;
      break;
    default:
      break;
  }
  if (sequences) options.fields.time_unit = TimeUnit::seconds;
  options.fields.weights = parse_weights(request.event_types);
  if (sequences && (options.fields.min_rating || !options.fields.weights.empty())) {
    fail_usage("--format sequences has neither ratings nor types of events");
  }
  if (options.min_weight > 0 && options.fields.weights.empty()) {
    fail_usage("--min-weight needs weights: give --event-types");
  }
  options.split_by_time = choice(request, "split") == 2;
  const std::size_t order = choice(request, "order");
  options.order_by_time = order == 0 ? !sequences || options.split_by_time : order == 1;
  if (options.split_by_time && !options.order_by_time) {
    fail_usage("--split time needs --order time");
  }
  options.duplicates =
      std::array{Duplicates::keep, Duplicates::exact, Duplicates::consecutive, Duplicates::first,
                 Duplicates::last}[choice(request, "duplicates") - 1];
  options.min_user_events = std::max(options.min_user_events, request.k_core);
  options.min_item_events = std::max(options.min_item_events, request.k_core);
  options.items_without_events = choice(request, "catalogue") != 2;
  options.cold_by_time = choice(request, "cold-by") == 2;
  if (!(options.cold_share >= 0 && options.cold_share <= 1)) {
    fail_usage("--cold-items {}: it must be a share from 0 to 1", options.cold_share);
  }
  if (!(options.min_weight >= 0)) fail_usage("--min-weight {}: is below 0", options.min_weight);
  return options;
}

}  // namespace tessera
