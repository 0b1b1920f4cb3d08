#pragma once
#include <string_view>

#include "base/files.h"

namespace tessera {

/// A log of JSON lines. Each line is one write to a file opened for appending, so that lines of
/// several threads never mix; a line that cannot be written is dropped.
class Log {
 public:
  /// Standard error.
  Log() = default;
  /// Appends to the file; an empty path discards everything. Throws Error naming the file.
  explicit Log(const fs::path& file);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  bool discards() const { return descriptor_ < 0; }
  /// A whole line without its end.
  void write_line(std::string_view line) const;
  /// {"time", "event", "message"}.
  void event(std::string_view name, std::string_view message) const;

 private:
  int descriptor_ = 2;
};

/// The time now as 2026-01-31T23:59:59.123Z.
std::string utc_now();

}  // namespace tessera
