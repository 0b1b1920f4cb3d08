#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
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
  std::optional<TimeUnit> time_unit;  ///< none: as the first time suggests
  std::optional<double> min_rating;   ///< events with a lower rating, or none, are dropped
  /// Weight by type of event; other types are dropped. Empty: types do not matter.
  std::map<std::string, double, std::less<>> weights;
};

/// Events in the order of the file, column by column.
struct EventLog {
  IdTable users, items;
  std::vector<std::int32_t> user, item;
  std::vector<std::int64_t> time;  ///< milliseconds, kUnknownTime; empty if the file has no times
  std::vector<float> weight;       ///< empty without EventFields::weights

  std::size_t read = 0;  ///< well-formed records, those dropped below included
  std::size_t below_rating = 0;
  std::size_t other_type = 0;
  std::vector<FieldChoice> choices;
};

/// Appends the events among records in any format. `log.items` may hold ids already. Throws Error
/// with the place of a bad record beyond those `bad` allows.
void read_events(Records& records, const EventFields& fields, BadRecords& bad, EventLog& log);

/// Appends those of lines `user item item …`, with `times` beside unless it is null (see
/// read_sequences).
void read_sequence_events(ByteStream& stream, ByteStream* times, std::int64_t largest,
                          const EventFields& fields, BadRecords& bad, EventLog& log);

}  // namespace tessera
