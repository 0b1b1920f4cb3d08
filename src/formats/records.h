#pragma once
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
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
  /// word: a string or whole number; negative: a whole number below 0 in a column of numbers;
  /// compound: list, object, boolean
  enum class Kind : std::uint8_t { absent, word, negative, fraction, compound };
  std::string_view text;
  Kind kind = Kind::absent;

  bool empty() const { return kind == Kind::absent || text.empty(); }
};

/// Takes the wanted fields of one record, in the order they were asked for. The views live until it
/// returns. An Error it throws is one of this record: file and line are put before it.
using RowSink = std::function<void(std::span<const Value> row)>;

/// What becomes of bad records: up to `allowed` are skipped and counted, the next one is thrown.
/// With a `share` above 0 all are skipped, and `finish` throws if they are more than it.
struct BadRecords {
  std::size_t allowed = 0;
  double share = 0;  ///< of all records
  std::size_t skipped = 0;
  std::string first{};  ///< file, line and what was wrong with the first of them

  /// Calls body(); an Error it throws is that of the record whose place where() names.
  template <std::invocable Where, class Body>
  void guard(const Where& where, const Body& body) {
    try {
      body();
    } catch (const Error& error) {
      refuse(where(), error);
    }
  }
  /// The record is the one where `lines` stands.
  template <class Body>
  void guard(const LineReader& lines, const Body& body) {
    guard([&] { return fmt::format("{}:{}", lines.name(), lines.number()); }, body);
  }

  /// At the end: `good` records were read.
  void finish(std::size_t good) const;

 private:
  void refuse(const std::string& where, const Error& error);
};

enum class Quoting {
  none,      ///< quotes are characters
  csv,       ///< as in RFC 4180
  backslash  ///< the same, and a backslash escapes
};

/// How a file is written; what is empty is guessed by its first 256 KiB.
struct RecordShape {
  std::string format = "csv";        ///< of format_names
  std::string delimiter{};           ///< of csv: a text, or kBlanks
  std::optional<bool> header{};      ///< of csv: whether the first line names the columns
  std::optional<Quoting> quoting{};  ///< of csv; guessed: none between tabs, else csv
  std::string encoding{};            ///< as iconv names it
};

/// JSON lines as `tessera export` writes events and items of a service's state: fields and units
/// are known.
constexpr std::string_view kExportFormat = "export";

/// What formats are called. A format is a function of the kind OpenFormat and a row in records.cpp.
std::vector<std::string> format_names();
/// UsageError for a name that is none of these.
RecordShape shape_named(std::string_view name);

/// A file of some format, opened as far as its names.
struct OpenedRecords {
  /// Rows of the wanted fields, to the end of the lines.
  using Read = std::function<void(LineReader& lines, std::span<const std::string> wanted,
                                  BadRecords& bad, const RowSink& sink)>;
  std::vector<std::string> names;
  Read read;
  bool header = false;    ///< whether the first line named them, and was taken from the lines
  bool nameless = false;  ///< whether the names are only the columns' places
  std::vector<std::string> remarks = {};  ///< see Records::remarks
};
/// `head` are the first whole lines, which stay in `lines` but for a header. Throws Error if no
/// names can be found.
using OpenFormat = OpenedRecords (*)(LineReader& lines, std::string_view head,
                                     const RecordShape& shape);

/// Records of one source in any format: names of fields first, then rows of those wanted.
class Records {
 public:
  Records() = default;
  virtual ~Records() = default;
  Records(const Records&) = delete;
  Records& operator=(const Records&) = delete;

  /// What messages call the source.
  virtual const std::string& name() const = 0;
  virtual const std::vector<std::string>& names() const = 0;
  /// Whether these are only the columns' places, "1", "2", …
  virtual bool nameless() const { return false; }
  /// What one field holds in the first records, as far as that can be looked at.
  virtual std::vector<std::string> sample(const std::string& /*field*/) { return {}; }
  /// What was guessed of the way it is written and is not obvious, a sentence each.
  virtual std::vector<std::string> remarks() const { return {}; }
  /// Calls `sink` for every record that is well formed; an empty wanted name gives absent values.
  /// Throws Error with the place of a bad record beyond those that `bad` allows.
  virtual void read(std::span<const std::string> wanted, BadRecords& bad, const RowSink& sink) = 0;
};

/// The records of a file.
class RecordReader : public Records {
 public:
  /// Reads as far as the names: the header, or the first records. Throws Error if there is none.
  RecordReader(ByteStream& stream, const RecordShape& shape);

  const std::string& name() const override { return lines_.name(); }
  /// Columns; without a header "1", "2", …; of JSON the dotted paths in the first records.
  const std::vector<std::string>& names() const override { return opened_.names; }
  bool nameless() const override { return opened_.nameless; }
  std::vector<std::string> sample(const std::string& field) override;
  std::vector<std::string> remarks() const override { return opened_.remarks; }
  void read(std::span<const std::string> wanted, BadRecords& bad, const RowSink& sink) override {
    opened_.read(lines_, wanted, bad, sink);
  }

 private:
  LineReader lines_;
  std::string head_;  // the first records, to look at again
  OpenedRecords opened_;
};

}  // namespace tessera
