#pragma once
#include "data/event_log.h"
#include "data/item_texts.h"

namespace tessera {

/// What looks as if a log was not read as it was meant, a sentence each: (nearly) every event with
/// an item or a user of its own; items that are lists of ids; no times where a file could have had
/// some (`timed`); types of events that were asked for and never met, or met and not asked for;
/// items that share hardly an id with the file of items, and the likely cause; texts that are not
/// UTF-8. `source` is the log's name.
std::vector<std::string> doubts_about(const EventLog& log, const ItemTexts& items,
                                      const EventFields& fields, const std::string& source,
                                      bool timed);

}  // namespace tessera
