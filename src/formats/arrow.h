#pragma once
#include <cstdint>

#include "formats/records.h"

namespace tessera {

// The structs of the Arrow C data interface and C stream interface, whose layout is an ABI: their
// members are those of the specification, and are described there.

struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  std::int64_t flags;
  std::int64_t n_children;
  ArrowSchema** children;
  ArrowSchema* dictionary;
  void (*release)(ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  std::int64_t length;
  std::int64_t null_count;
  std::int64_t offset;
  std::int64_t n_buffers;
  std::int64_t n_children;
  const void** buffers;
  ArrowArray** children;
  ArrowArray* dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};

struct ArrowArrayStream {
  int (*get_schema)(ArrowArrayStream*, ArrowSchema* out);
  int (*get_next)(ArrowArrayStream*, ArrowArray* out);
  const char* (*get_last_error)(ArrowArrayStream*);
  void (*release)(ArrowArrayStream*);
  void* private_data;
};

/// Releases one of the structs at the end, unless that was done or it was never filled.
template <class Struct>
struct ArrowOwned {
  Struct value{};

  ArrowOwned() = default;
  ~ArrowOwned() { release(); }
  ArrowOwned(const ArrowOwned&) = delete;
  ArrowOwned& operator=(const ArrowOwned&) = delete;
  void release() {
    if (value.release != nullptr) value.release(&value);
    value.release = nullptr;
  }
};

/// A table in memory: the rows of an Arrow stream, read batch by batch where they lie. Columns may
/// be whole numbers, floats, booleans, strings and binary (with 32- or 64-bit offsets, or views),
/// dates, times and dictionaries or lists of these; others may be there but not be read. A null is
/// absent, and so is NaN, as other tables write it; a time is written out as ISO 8601.
class ArrowTable : public Records {
 public:
  /// Takes the stream over. `name` stands for the table in messages. Throws Error if the stream
  /// fails, is no table, or has columns of one name.
  ArrowTable(std::string name, ArrowArrayStream& stream);

  const std::string& name() const override { return name_; }
  const std::vector<std::string>& names() const override { return names_; }
  /// Once: a stream does not come again. Throws Error as well for a wanted column of another type.
  void read(std::span<const std::string> wanted, BadRecords& bad, const RowSink& sink) override;

 private:
  void check(int status, const char* step);

  std::string name_;
  ArrowOwned<ArrowArrayStream> stream_;
  ArrowOwned<ArrowSchema> schema_;
  std::vector<std::string> names_;
};

}  // namespace tessera
