#include "base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

namespace tessera {

std::string format_duration(double seconds) {
  const long whole = std::lround(seconds);
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

Progress::Progress(std::string title, std::size_t total)
    : title_(std::move(title)),
      total_(std::max<std::size_t>(total, 1)),
      terminal_(isatty(STDERR_FILENO) == 1),
      last_(start_) {}

Progress::~Progress() {
  if (terminal_ && shown_) fmt::print(stderr, "\r\x1b[K");
}

void Progress::update(std::size_t done, const std::string& note) {
  const auto now = Clock::now();
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double since = std::chrono::duration<double>(now - last_).count();
  if (elapsed < 2.0 || since < (terminal_ ? 0.1 : 10.0)) return;
  last_ = now;
  const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
  const double left = share > 0 ? elapsed * (1 - share) / share : 0;
  if (terminal_) {
    constexpr int kWidth = 30;
    const int filled = static_cast<int>(share * kWidth);
    std::string bar;
    for (int i = 0; i < kWidth; ++i) bar += i < filled ? "█" : "░";
    fmt::print(stderr, "\r\x1b[K{} {} {:3.0f} %  {} left  {}", title_, bar, share * 100,
               format_duration(left), note);
  } else {
    fmt::print(stderr, "{}: {:.0f} %, {} left  {}\n", title_, share * 100, format_duration(left),
               note);
  }
  std::fflush(stderr);
  shown_ = true;
}

ProgressFunction shown_progress(std::string title, std::string parts) {
  // The bar and the clock start with the first report, which brings the total.
  struct State {
    Progress bar;
    Stopwatch watch;
  };
  return [title = std::move(title), parts = std::move(parts), state = std::shared_ptr<State>()](
             std::size_t done, std::size_t total) mutable {
    if (!state) state.reset(new State{{title, total}, {}});
    const double rate = static_cast<double>(done) / std::max(state->watch.seconds(), 1e-3);
    state->bar.update(done, parts.empty() ? "" : fmt::format("{:.0f} {}/s", rate, parts));
  };
}

}  // namespace tessera
