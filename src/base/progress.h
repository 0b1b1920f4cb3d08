#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

namespace tessera {

/// Progress of a long task on standard error: a bar with the time left on a terminal, and a plain
/// line at most every ten seconds elsewhere. Nothing is shown for tasks under two seconds.
class Progress {
 public:
  Progress(std::string title, std::size_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// `note` stands after the bar, such as the current loss.
  void update(std::size_t done, const std::string& note = "");

 private:
  using Clock = std::chrono::steady_clock;
  std::string title_;
  std::size_t total_;
  bool terminal_;
  bool shown_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_;
};

/// Told now and then how much of a task is done; may be empty.
using ProgressFunction = std::function<void(std::size_t done, std::size_t total)>;

/// One that shows a Progress with this title and, if the parts have a name, how many are done in a
/// second.
ProgressFunction shown_progress(std::string title, std::string parts = "");

/// Seconds since construction.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// "1:05" or "2:00:07".
std::string format_duration(double seconds);

}  // namespace tessera
