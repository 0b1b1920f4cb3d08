#include "serve/log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <ctime>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/error.h"
#include "serve/json.h"

namespace tessera {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostPending = std::size_t{1} << 20;  // bytes
constexpr std::size_t kAtOnce = 4096;  // what a pipe that can be written to takes without waiting
constexpr auto kPatience = 1s;
constexpr auto kGathered =
    10ms;  // lines are written together: to wake a thread for each costs more

/// Throws Error naming the file.
int open_log(const fs::path& file) {
  constexpr int kHow = O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK;
  int descriptor = ::open(file.c_str(), kHow | O_CREAT | O_EXCL, 0640);
  if (descriptor >= 0) {
    ::fchmod(descriptor, 0640);  // for those who gather logs, whatever the umask
  } else if (errno == EEXIST) {
    descriptor = ::open(file.c_str(), kHow);
  }
  if (descriptor < 0 && errno == ENXIO) {  // a FIFO whose reader has yet to come
    descriptor = ::open(file.c_str(), (kHow & ~O_WRONLY) | O_RDWR);
  }
  if (descriptor < 0) fail("{}: cannot open the log: {}", file.string(), std::strerror(errno));
  return descriptor;
}

}  // namespace

class Log::Writer {
 public:
  Writer() : Writer(2, {}) {}
  explicit Writer(const fs::path& file) : Writer(open_log(file), file) {}
  ~Writer() {
    {
      const std::lock_guard lock(mutex_);
      deadline_ = Clock::now() + kPatience;
    }
    wake_.notify_all();
    hurry_.notify_all();
    thread_.join();
    if (descriptor_ > 2) ::close(descriptor_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void add(std::string_view line) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      if (pending_.size() + line.size() >= kMostPending) {
        ++dropped_;
        return;
      }
      first = pending_.empty();
      pending_ += line;
      pending_ += '\n';
    }
    if (first) wake_.notify_one();
  }

  void flush() {
    std::unique_lock lock(mutex_);
    ++flushes_;
    hurry_.notify_all();
    done_.wait_for(lock, kPatience, [&] { return pending_.empty() && !writing_; });
    --flushes_;
  }

  void reopen() {
    if (file_.empty()) return;
    const int fresh = open_log(file_);
    const std::lock_guard lock(mutex_);  // and no flush: its reader may have stalled
    if (next_ >= 0) ::close(next_);
    next_ = fresh;
  }

  std::uint64_t dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  using Clock = std::chrono::steady_clock;

  Writer(int descriptor, fs::path file)
      : file_(std::move(file)), descriptor_(descriptor), thread_([this] { run(); }) {}

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      const auto ends = [&] { return deadline_ != Clock::time_point::max(); };
      wake_.wait(lock, [&] { return !pending_.empty() || ends(); });
      hurry_.wait_for(lock, kGathered, [&] { return flushes_ > 0 || ends(); });
      if (pending_.empty()) return;
      if (next_ >= 0) {
        ::close(descriptor_);
        descriptor_ = std::exchange(next_, -1);
      }
      std::string lines;
      lines.swap(pending_);
      writing_ = true;
      lock.unlock();
      const std::size_t written = write(lines);
      const auto lost = std::ranges::count(std::string_view(lines).substr(written), '\n');
      lock.lock();
      dropped_ += static_cast<std::uint64_t>(lost);
      writing_ = false;
      done_.notify_all();
    }
  }

  /// Writes as long as there is patience; returns how many bytes.
  std::size_t write(std::string_view lines) {
    std::size_t written = 0;
    while (written < lines.size()) {
      if (!can_write()) {
        if (given_up()) break;
        continue;
      }
      const std::string_view part = lines.substr(written, kAtOnce);
      const ssize_t count = ::write(descriptor_, part.data(), part.size());
      if (count > 0) {
        written += static_cast<std::size_t>(count);
      } else if (count < 0 && errno != EAGAIN && errno != EINTR) {
        break;  // nobody reads any more, or the disk is full
      }
    }
    return written;
  }

  bool can_write() const {
    pollfd wait{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    return ::poll(&wait, 1, 100) > 0;
  }

  bool given_up() const {
    const std::lock_guard lock(mutex_);
    return Clock::now() >= deadline_;
  }

  const fs::path file_;
  int descriptor_;            // the thread's own from its start on
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_, hurry_, done_;
  std::size_t flushes_ = 0;  // that wait
  std::string pending_;
  bool writing_ = false;
  std::uint64_t dropped_ = 0;
  int next_ = -1;  // the file opened anew
  Clock::time_point deadline_ = Clock::time_point::max();
  std::thread thread_;
};

Log::Log() : writer_(new Writer) {}

Log::Log(const fs::path& file) {
  if (!file.empty()) writer_ = std::make_unique<Writer>(file);
}

Log::~Log() = default;

void Log::write_line(std::string_view line) const {
  if (writer_) writer_->add(line);
}

void Log::event(std::string_view name, std::string_view message) const {
  if (discards()) return;
  const AnswerJson line = {{"time", utc_now()}, {"event", name}, {"message", printable(message)}};
  write_line(line.dump(-1, ' ', false, AnswerJson::error_handler_t::replace));
}

void Log::flush() const {
  if (writer_) writer_->flush();
}

void Log::reopen() const {
  if (!writer_) return;
  try {
    writer_->reopen();
  } catch (const Error& error) {
    event("log_not_reopened", error.what());
  }
}

std::uint64_t Log::dropped() const { return writer_ ? writer_->dropped() : 0; }

std::string utc_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::time_t seconds = milliseconds / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     milliseconds % 1000);
}

}  // namespace tessera
