#pragma once
#include <memory>
#include <string_view>

#include "base/byte_stream.h"

namespace tessera {

/// Records longer than this are refused: a quote that is never closed would swallow the file.
inline constexpr std::size_t kLongestRecord = 64U << 20;

/// Lines of a stream, without their ends (LF or CRLF) and without a byte order mark. Views stay
/// valid until the next call of `next` or `extend`, and kPadding readable bytes follow them.
class LineReader {
 public:
  static constexpr std::size_t kPadding = 64;

  explicit LineReader(ByteStream& stream);

  /// Moves to the next line; false at the end. Throws Error for a line over kLongestRecord.
  bool next();
  /// Joins the line that follows to the current one, its end between them: a quoted field goes on.
  /// False at the end of the file.
  bool extend();
  std::string_view line() const { return line_; }
  /// Number of the current line, the first of those joined; from 1.
  std::size_t number() const { return number_; }
  /// What follows, as much as lies in the buffer: 256 KiB unless the file is shorter.
  std::string_view ahead();
  const std::string& name() const { return stream_.name(); }

 private:
  bool take_line();
  bool fill();

  ByteStream& stream_;
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
