#pragma once
#include <nlohmann/json_fwd.hpp>

#include "data/dataset.h"
#include "data/histories.h"
#include "data/item_texts.h"

namespace tessera {

/// How events and items become a dataset. Filters are applied in the order they stand here.
struct PrepareOptions {
  std::vector<fs::path> interactions;  ///< one log in several files, in this order
  /// How the interactions are written; none: lines `user item item …` in time order, items whole
  /// numbers from 1, with the same lines of seconds in `timestamps` unless it is empty.
  std::optional<RecordShape> shape;
  /// Of each file of interactions, where they differ; empty: all are as `shape` says.
  std::vector<std::optional<RecordShape>> shapes;
  fs::path timestamps;
  EventFields fields;
  /// What is known about items: records, or one JSON object id → text; one of them, or neither.
  std::vector<fs::path> items;  ///< a later file's record of an item replaces an earlier one's
  RecordShape items_shape;
  std::vector<RecordShape> items_shapes;  ///< of each, where they differ
  ItemFields item_fields;
  fs::path item_text;
  /// Tables in memory in place of `interactions` and `items`.
  std::shared_ptr<Records> event_table, item_table;
  std::size_t max_errors = 0;  ///< bad records to skip
  double max_error_share = 0;  ///< above 0: the same as a share of all records

  bool order_by_time = true;
  double min_weight = 0;  ///< 0: any
  Duplicates duplicates = Duplicates::keep;
  std::size_t min_user_events = 1;
  std::size_t min_item_events = 1;
  std::size_t max_history = 0;  ///< 0: any
  bool items_without_events = true;

  /// The interactions are three files: training, validation and test events, which stay that.
  bool split_given = false;
  bool split_by_time = false;
  /// Cuts of a split by time: a share of the events in order of time ("0.8"), a date, or seconds.
  std::string validation_from = "0.8";
  std::string test_from = "0.9";
  double cold_share = 0;      ///< of the items with events, to be withheld
  bool cold_by_time = false;  ///< those that appeared last, in place of drawn ones

  std::string name;             ///< empty: the folder's that holds the interactions
  std::uint64_t seed = 1;       ///< of the item numbers and of drawn cold items
  ByteStream::Watcher watcher;  ///< told about items and interactions as if they were one file
};

/// What a filter dropped.
struct Dropped {
  std::string why;
  std::size_t events = 0;
};

/// What `prepare` met and did, besides the dataset itself.
struct PrepareReport {
  std::vector<FieldChoice> choices;
  std::size_t events_read = 0;
  std::size_t bad_records = 0;
  std::string first_bad;
  std::vector<Dropped> dropped;  ///< in the order of the filters, those that dropped something
  std::size_t users_dropped = 0;
  std::size_t items_dropped = 0;  ///< with events before the filters, with none after
  std::size_t repeated_item_rows = 0;
  std::size_t replaced_items = 0;  ///< by a later file
  std::size_t items_without_text = 0;
  std::size_t items_without_events = 0;  ///< in the catalogue by what is known of them alone
  std::size_t unknown_times = 0;
  std::size_t missing = 0;            ///< texts such as NA that were taken as missing
  std::vector<std::string> warnings;  ///< see doubts_about
  /// Users whose times decrease in the file: sorted, or kept so without order_by_time.
  std::size_t users_out_of_order = 0;
};

/// Reads, filters, numbers and splits. The catalogue holds the items with events and, unless
/// `items_without_events` is false, all others of the items file. Item numbers are a permutation,
/// drawn by `seed`, of the ids in order of length and bytes. Throws Error with file and line, or if
/// a filter leaves no user.
Dataset prepare(const PrepareOptions& options, PrepareReport& report);

/// Counts, lengths, density (of pairs of a user and an item), text, times, split, what was dropped,
/// which fields were chosen and what was doubtful, as summary.json holds them.
nlohmann::json summarise(const Dataset& data, const PrepareReport& report);

}  // namespace tessera
