#pragma once
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/files.h"

namespace tessera {

/// A log of JSON lines. A thread of its own writes them, so that whoever logs never waits, however
/// slow the reader of a pipe is; lines for which there is no room meanwhile are dropped and
/// counted.
class Log {
 public:
  /// Standard error.
  Log();
  /// Appends to the file; an empty path discards everything. Throws Error naming the file.
  explicit Log(const fs::path& file);
  /// Writes what is left, for a second at most.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  bool discards() const { return writer_ == nullptr; }
  /// A whole line without its end.
  void write_line(std::string_view line) const;
  /// {"time", "event", "message"}.
  void event(std::string_view name, std::string_view message) const;
  /// Waits until the lines before are written, or dropped; for a second at most.
  void flush() const;
  /// Opens the file by its name again, since it was renamed; where that fails the old one is kept.
  void reopen() const;
  /// How many lines were dropped.
  std::uint64_t dropped() const;

 private:
  class Writer;
  std::unique_ptr<Writer> writer_;
};

/// The time now as 2026-01-31T23:59:59.123Z.
std::string utc_now();

}  // namespace tessera
