#include "serve/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>

#include "base/error.h"
#include "serve/json.h"

namespace tessera {

Log::Log(const fs::path& file) : descriptor_(-1) {
  if (file.empty()) return;
  constexpr int kHow = O_WRONLY | O_APPEND | O_CLOEXEC;
  descriptor_ = ::open(file.c_str(), kHow | O_CREAT | O_EXCL, 0640);
  if (descriptor_ >= 0) {
    ::fchmod(descriptor_, 0640);  // for those who gather logs, whatever the umask
  } else if (errno == EEXIST) {
    descriptor_ = ::open(file.c_str(), kHow);
  }
  if (descriptor_ < 0) fail("{}: cannot open the log: {}", file.string(), std::strerror(errno));
}

Log::~Log() {
  if (descriptor_ > 2) ::close(descriptor_);
}

void Log::write_line(std::string_view line) const {
  if (discards()) return;
  std::array<iovec, 2> parts = {iovec{const_cast<char*>(line.data()), line.size()},
                                iovec{const_cast<char*>("\n"), 1}};
  [[maybe_unused]] const ssize_t ignored = ::writev(descriptor_, parts.data(), 2);
}

void Log::event(std::string_view name, std::string_view message) const {
  const Json line = {{"time", utc_now()}, {"event", name}, {"message", printable(message)}};
  write_line(line.dump(-1, ' ', false, Json::error_handler_t::replace));
}

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
