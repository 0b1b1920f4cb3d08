#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "data/field_choice.h"
#include "data/id_table.h"
#include "formats/records.h"
#include "formats/times.h"

namespace tessera {

/// How to find events in a file, and which to take. Empty names are guessed; rating and type are
/// looked for only if they are needed.
struct EventFields {
  std::string user, item, time, rating, type;
  std::string id;         ///< of the event: a second one with the same id is dropped; empty: none
  bool distinct = false;  ///< so is one of the same user, item, known time and type
  /// If not empty: an item field holds any number of ids, in time order, with this text between
  /// (or kBlanks; of JSON a list). Each is an event.
  std::string item_delimiter;
  std::optional<TimeForm> time_form;  ///< none: as the first times of each file suggest
  /// Of sequences: whether their format was named, so that lines may look like another.
  bool sequences_meant = false;
  std::optional<double> min_rating;  ///< events with a lower rating, or none, are dropped
  /// Weight by type of event; other types are dropped. Empty: types do not matter.
  std::map<std::string, double, std::less<>> weights;
  /// Whether the file is an export of a service's state: an event without a kind is taken whatever
  /// `weights` says, and may hold a weight of its own.
  bool exported = false;
  /// Texts that stand for a missing user, item, time, rating or type, as an empty one does.
  std::vector<std::string> missing = {"NA",  "N/A", "NULL", "null", "\\N",
                                      "NaN", "nan", "None", "-"};
};

/// How an export of a service's state holds events, and which of them are taken as of others.
EventFields exported_fields(const EventFields& others);

/// Events in the order of the file, column by column.
struct EventLog {
  IdTable users, items;
  std::vector<std::int32_t> user, item;
  std::vector<std::int64_t> time;  ///< milliseconds, kUnknownTime; empty if the file has no times
  std::vector<float> weight;       ///< empty without EventFields::weights

  std::size_t read = 0;  ///< well-formed records, those dropped below included
  std::size_t below_rating = 0;
  std::size_t other_type = 0;
  bool has_ids = false;                   ///< of events, in one of the files
  std::size_t repeated = 0;               ///< events that had been read before
  std::unordered_set<std::uint64_t> met;  ///< digests of those read, where that matters
  std::map<std::string, std::size_t, std::less<>>
      types;                         ///< met, with their events; the first 1000
  std::size_t missing = 0;           ///< texts that stand for something missing
  std::vector<FieldChoice> choices;  ///< of the first file
  std::vector<std::string> remarks;  ///< see Records
};

/// Appends the events among records in any format. `log` may hold events and `log.items` ids
/// already. Throws Error with the place of a bad record beyond those `bad` allows.
void read_events(Records& records, const EventFields& fields, BadRecords& bad, EventLog& log);

/// Appends those of lines `user item item …`, with `times` beside unless it is null (see
/// read_sequences).
void read_sequence_events(ByteStream& stream, ByteStream* times, std::int64_t largest,
                          const EventFields& fields, BadRecords& bad, EventLog& log);

}  // namespace tessera
