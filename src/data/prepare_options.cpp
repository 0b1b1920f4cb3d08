#include "data/prepare_options.h"

#include <algorithm>

namespace tessera {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kWritten = "How files are written (of CSV guessed by the first lines)";
constexpr const char* kFields = "Fields (guessed by customary names; of JSON: dotted paths)";
constexpr const char* kFilters = "Filters (in the order of docs/data.md)";
constexpr const char* kSplit = "Split";

// Those of records, behind `more`.
Words formats(Words more = {}) {
  for (std::string& name : format_names()) more.push_back(std::move(name));
  return more;
}

// Of what needs words, and of what needs none.
template <class T>
auto asked(T PrepareRequest::* member) {
  return [member](PrepareRequest& request) -> OptionValue { return &(request.*member); };
}
template <class T>
auto option(T PrepareOptions::* member) {
  return [member](PrepareRequest& request) -> OptionValue { return &(request.options.*member); };
}
template <class T>
auto csv(T PrepareRequest::Csv::* member, PrepareRequest::Csv PrepareRequest::* file) {
  return
      [member, file](PrepareRequest& request) -> OptionValue { return &(request.*file.*member); };
}
template <class T>
auto field(T EventFields::* member) {
  return [member](PrepareRequest& request) -> OptionValue {
    return &(request.options.fields.*member);
  };
}
template <class T>
auto item_field(T ItemFields::* member) {
  return [member](PrepareRequest& request) -> OptionValue {
    return &(request.options.item_fields.*member);
  };
}

std::vector<PrepareOption> make_table() {
  using Request = PrepareRequest;
  using Options = PrepareOptions;
  return {
      {"format", "", asked(&Request::format), formats({"sequences"}), 0, 0,
       "Format of the interactions (default: sequences; a file that looks like another is "
       "refused)"},
      {"interactions",
       "",
       option(&Options::interactions),
       {},
       0,
       0,
       "Events: a record each, or with 'sequences' one user a line, 'user item item …' in time "
       "order. Several files, folders and patterns are one log; FORMAT: before one names its "
       "format; "
       "- is standard input. Plain, gzip, zstd, xz, bzip2 or in a zip archive (archive.zip/FILE), "
       "like all files"},
      {"items",
       "",
       option(&Options::items),
       {},
       0,
       0,
       "What is known about items, a record each. Several files, as of --interactions: a later "
       "file's record of an item replaces an earlier one's"},
      {"items-format", "", asked(&Request::items_format), formats(), 0, 0,
       "Format of --items (default: as --format; jsonl beside sequences)"},
      {"item-text",
       "",
       option(&Options::item_text),
       {},
       0,
       0,
       "In place of --items: one JSON object, item id → text"},
      {"timestamps",
       "",
       option(&Options::timestamps),
       {},
       0,
       0,
       "With sequences: the same lines with unix seconds in place of items, -1 unknown"},
      {"delimiter",
       kWritten,
       csv(&Request::Csv::delimiter, &Request::csv),
       {},
       0,
       0,
       "A text such as , or ::, 'tab', or 'blanks' for any number of them"},
      {"quoting",
       kWritten,
       csv(&Request::Csv::quoting, &Request::csv),
       {"none", "csv", "backslash"},
       0,
       0,
       "none: quotes are characters (default between tabs); csv: doubled inside quotes; backslash: "
       "escaped, too"},
      {"encoding",
       kWritten,
       csv(&Request::Csv::encoding, &Request::csv),
       {},
       0,
       0,
       "Such as utf-8, latin1, cp1252, gbk, shift_jis, utf-16: what iconv knows"},
      {"header",
       kWritten,
       csv(&Request::Csv::header, &Request::csv),
       {},
       0,
       0,
       "The first line names the fields, whatever it looks like"},
      {"no-header",
       kWritten,
       csv(&Request::Csv::no_header, &Request::csv),
       {},
       0,
       0,
       "The first line is a record; fields are called 1, 2, …"},
      {"items-delimiter",
       kWritten,
       csv(&Request::Csv::delimiter, &Request::items_csv),
       {},
       0,
       0,
       "Of --items: the delimiter (default: as of the interactions)"},
      {"items-quoting",
       kWritten,
       csv(&Request::Csv::quoting, &Request::items_csv),
       {"none", "csv", "backslash"},
       0,
       0,
       "Of --items: the quoting"},
      {"items-encoding",
       kWritten,
       csv(&Request::Csv::encoding, &Request::items_csv),
       {},
       0,
       0,
       "Of --items: the encoding"},
      {"items-header",
       kWritten,
       csv(&Request::Csv::header, &Request::items_csv),
       {},
       0,
       0,
       "Of --items: the same"},
      {"items-no-header",
       kWritten,
       csv(&Request::Csv::no_header, &Request::items_csv),
       {},
       0,
       0,
       "Of --items: the same"},
      {"missing",
       "",
       asked(&Request::missing),
       {},
       0,
       0,
       "Texts that stand for a missing user, item, time, rating or type, with commas between "
       "(default: NA, N/A, NULL, null, \\N, NaN, nan, None, -)"},
      {"max-errors",
       "",
       asked(&Request::max_errors),
       {},
       0,
       0,
       "Bad records to skip and count: a number, or a share of all such as 1%"},
      {"name",
       "",
       option(&Options::name),
       {},
       0,
       0,
       "Name of the dataset (default: the folder of the interactions)"},
      {"seed",
       "",
       option(&Options::seed),
       {},
       0,
       0x1p64,
       "Seed of the item numbering and of drawn cold items"},

      {"user", kFields, field(&EventFields::user), {}, 1, 0, "The user's id"},
      {"item", kFields, field(&EventFields::item), {}, 1, 0, "The item's id"},
      {"item-delimiter",
       kFields,
       field(&EventFields::item_delimiter),
       {},
       0,
       0,
       "The item field holds several ids, oldest first, with this text between ('blanks': any "
       "number of them; of JSON a list): each is an event"},
      {"time", kFields, field(&EventFields::time), {}, 1, 0, "When it happened"},
      {"rating", kFields, field(&EventFields::rating), {}, 1, 0, "The rating, for --min-rating"},
      {"event-type",
       kFields,
       field(&EventFields::type),
       {},
       1,
       0,
       "The type of event, for --event-types"},
      {"event-id",
       kFields,
       field(&EventFields::id),
       {},
       1,
       0,
       "The event's id, where files have one: an event that comes twice counts once"},
      {"item-id", kFields, item_field(&ItemFields::id), {}, 1, 0, "In --items: the item's id"},
      {"title", kFields, item_field(&ItemFields::title), {}, 1, 0, "In --items: the item's title"},
      {"text",
       kFields,
       item_field(&ItemFields::text),
       {},
       1,
       0,
       "In --items: the item's text, fields in braces: '{title}; {brand}; {categories}'"},
      {"attributes",
       kFields,
       item_field(&ItemFields::attributes),
       {},
       1,
       0,
       "In --items: what filters may ask, with types labels, number, bool or time, or guessed: "
       "'category:labels,price:number,in_stock:bool,brand'. Several labels stand with | between"},
      {"time-unit",
       kFields,
       asked(&Request::time_unit),
       {"s", "ms", "us", "ns", "iso", "dmy", "mdy"},
       0,
       0,
       "s, ms, us, ns; iso: dates, the year first; dmy, mdy: day or month first (default: as the "
       "first times suggest)"},
      {"time-format",
       kFields,
       asked(&Request::time_format),
       {},
       1,
       0,
       "Of dates, as strptime has it: '%d.%m.%y %H:%M'"},

      {"min-rating",
       kFilters,
       field(&EventFields::min_rating),
       {},
       0,
       0,
       "Drop events rated lower, or not rated"},
      {"event-types",
       kFilters,
       asked(&Request::event_types),
       {},
       0,
       0,
       "Types of events to take, with weights: 'view=1,purchase=3'"},
      {"min-weight",
       kFilters,
       option(&Options::min_weight),
       {},
       0,
       0,
       "Drop a user's events with an item if their weights add up to less"},
      {"duplicates",
       kFilters,
       asked(&Request::duplicates),
       {"keep", "exact", "consecutive", "first", "last", "event"},
       0,
       0,
       "Of a user's events with one item: keep all; drop those at the exact same time, or "
       "consecutive ones; keep the first or the last; event: drop those of the same time and type, "
       "as where two files hold the same"},
      {"k-core",
       kFilters,
       asked(&Request::k_core),
       {},
       1,
       0,
       "Drop users and items with fewer events until none is left to drop"},
      {"min-user-events",
       kFilters,
       option(&Options::min_user_events),
       {},
       1,
       0,
       "The same for users alone"},
      {"min-item-events",
       kFilters,
       option(&Options::min_item_events),
       {},
       1,
       0,
       "The same for items alone"},
      {"max-history",
       kFilters,
       option(&Options::max_history),
       {},
       1,
       0,
       "Keep each user's last events alone"},
      {"order",
       kFilters,
       asked(&Request::order),
       {"time", "file"},
       0,
       0,
       "Order of a history: time (equal times: as in the file) or file (default for sequences)"},
      {"catalogue",
       kFilters,
       asked(&Request::catalogue),
       {"all", "events"},
       0,
       0,
       "all: also items of --items without events (default); events: only those with"},

      {"split",
       kSplit,
       asked(&Request::split),
       {"leave-one-out", "time", "given"},
       0,
       0,
       "leave-one-out (default): each user's last two events are held out; time: all events from a "
       "cut on; given: --interactions are three files, of training, validation and test events"},
      {"validation-from",
       kSplit,
       asked(&Request::validation_from),
       {},
       0,
       0,
       "Cut of --split time: a share of the events, a date or unix seconds (default: 0.8)"},
      {"test-from", kSplit, asked(&Request::test_from), {}, 0, 0, "The second cut (default: 0.9)"},
      {"cold-items",
       kSplit,
       option(&Options::cold_share),
       {},
       0,
       1,
       "Share of the items to withhold from training, as if they were new"},
      {"cold-by",
       kSplit,
       asked(&Request::cold_by),
       {"seed", "time"},
       0,
       0,
       "Withheld are: seed (default): drawn ones; time: those that appeared last"},
  };
}

}  // namespace

std::string PrepareOption::keyword() const {
  std::string word = name;
  std::ranges::replace(word, '-', '_');
  return word;
}

const std::vector<PrepareOption>& prepare_options() {
  static const std::vector<PrepareOption> table = make_table();
  return table;
}

}  // namespace tessera
