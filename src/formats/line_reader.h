#pragma once
#include <memory>
#include <string_view>

#include "base/byte_stream.h"
#include "formats/encoding.h"

namespace tessera {

/// Records longer than this are refused: a quote that is never closed would swallow the file.
inline constexpr std::size_t kLongestRecord = 64U << 20;

/// Lines of a stream as UTF-8, without their ends (LF or CRLF) and without a byte order mark. Views
/// stay valid until the next call of `next` or `extend`, and kPadding readable bytes follow them.
class LineReader {
 public:
  static constexpr std::size_t kPadding = 64;

  /// `encoding` as iconv names it; empty: as the first bytes suggest (guess_encoding). Reading
  /// throws Error that says what to do for a file that is no text, such as Parquet.
  explicit LineReader(ByteStream& stream, std::string encoding = "");

  /// Moves to the next line; false at the end. Throws Error for a line over kLongestRecord.
  bool next();
  /// Joins the line that follows to the current one, its end between them: a quoted field goes on.
  /// False at the end of the file.
  bool extend();
  /// Puts the lines back that `extend` joined to the first: `next` goes on with them.
  void back_to_first();
  /// How many lines are joined.
  std::size_t joined() const { return lines_ + 1 - number_; }
  std::string_view line() const { return line_; }
  /// Number of the current line, the first of those joined; from 1.
  std::size_t number() const { return number_; }
  /// What follows, as much as lies in the buffer: 256 KiB unless the file is shorter.
  std::string_view ahead();
  /// The encoding that was guessed, once `ahead` or `next` was called; "" if it was given or is
  /// UTF-8.
  const std::string& guessed_encoding() const { return guessed_; }
  const std::string& name() const { return stream_.name(); }

 private:
  bool take_line();
  bool fill();
  void start();

  ByteStream& stream_;
  std::string encoding_, guessed_;
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t record_ = 0;  // where the current record begins …
  std::size_t at_ = 0;      // … the next line …
  std::size_t end_ = 0;     // … and what was read ends
  bool started_ = false;
  std::string_view line_;
  std::size_t number_ = 0;
  std::size_t lines_ = 0;
};

}  // namespace tessera
