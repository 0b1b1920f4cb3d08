#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "formats/line_reader.h"

namespace tessera {

/// A field of a record, as text. Numbers of JSON are written out; lists and objects are the texts
/// of their elements with ", " between.
struct Value {
  enum class Kind : std::uint8_t { absent, word, fraction, compound };
  std::string_view text;
  Kind kind = Kind::absent;  ///< word: a string or whole number; compound: list, object, boolean

  bool empty() const { return kind == Kind::absent || text.empty(); }
};

/// Takes the wanted fields of one record, in the order they were asked for. The views live until it
/// returns. An Error it throws is one of this record: file and line are put before it.
using RowSink = std::function<void(std::span<const Value> row)>;

/// What becomes of bad records: up to `allowed` are skipped and counted, the next one is thrown.
struct BadRecords {
  std::size_t allowed = 0;
  std::size_t skipped = 0;
  std::string first{};  ///< file, line and what was wrong with the first of them

  /// Calls body(); an Error it throws is that of the record where `lines` stands.
  template <class Body>
  void guard(const LineReader& lines, const Body& body) {
    try {
      body();
    } catch (const Error& error) {
      refuse(lines, error);
    }
  }

 private:
  void refuse(const LineReader& lines, const Error& error);
};

enum class Format { csv, jsonl, amazon, recbole };

struct RecordShape {
  Format format = Format::csv;
  char delimiter = '\0';  ///< of csv; 0: the most frequent of , ; tab | in the first line
  bool header = true;     ///< of csv: the first line names the columns
};

/// Records of one stream in any format: names of fields first, then rows of those wanted.
class RecordReader {
 public:
  /// Reads as far as the names: the header, or the first records. Throws Error if there is none.
  RecordReader(ByteStream& stream, const RecordShape& shape);

  /// Columns; without a header "1", "2", …; of JSON the dotted paths in the first records.
  const std::vector<std::string>& names() const { return names_; }
  char delimiter() const { return shape_.delimiter; }
  /// Calls `sink` for every record that is well formed; an empty wanted name gives absent values.
  /// Throws Error with file and line for a bad record beyond those that `bad` allows.
  void read(std::span<const std::string> wanted, BadRecords& bad, const RowSink& sink);

 private:
  LineReader lines_;
  RecordShape shape_;
  std::vector<std::string> names_;
};

}  // namespace tessera
