#pragma once
#include <functional>

#include "formats/records.h"

namespace tessera {

/// Rows (user, item, time) of lines `user item item …`: items are whole numbers from 1 to
/// `largest`, given without leading zeros. `times` holds the same users and positions in the same
/// order with seconds in place of items; null: no times. A bad line is refused whole; but lines
/// that do not match between the two files end the reading.
void read_sequences(LineReader& lines, LineReader* times, std::int64_t largest, BadRecords& bad,
                    const RowSink& sink);

/// Rows (id, text) of one JSON object, id → text; `numbered`: ids are whole numbers from 1. Returns
/// the largest id of these, else 0. Throws Error that names the key. `content` is the whole file.
std::int64_t read_item_texts(std::string_view content, const std::string& name, bool numbered,
                             const RowSink& sink);

}  // namespace tessera
