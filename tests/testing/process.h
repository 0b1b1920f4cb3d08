#pragma once
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "testing/temp_directory.h"

namespace tessera::testing {

inline std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Without the progress lines that long work writes: they show on a slow machine only.
inline std::string without_progress(const std::string& text) {
  std::string kept;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    const bool progress =
        line.find(" %, ") != std::string::npos && line.find(" left  ") != std::string::npos;
    if (!progress) kept += line + "\n";
  }
  return kept;
}

/// What a process that has ended left behind.
struct Finished {
  int exit_code = -1;  ///< −1 if a signal ended it
  std::string out, err;
};

/// A program at work. Its output goes to files, so that it never waits for a reader.
class Process {
 public:
  /// `out`: where standard output goes and is not read back, in place of a file of its own.
  explicit Process(const std::vector<std::string>& command, const std::string& out = "")
      : out_(out.empty() ? (directory_.path() / "out").string() : out),
        err_((directory_.path() / "err").string()) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out_.c_str(), flags, 0644);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err_.c_str(), flags, 0644);
    std::vector<std::string> words(command);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const int error = posix_spawn(&id_, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error("cannot start " + command.front());
  }
  ~Process() {
    if (id_ <= 0) return;
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const { ::kill(id_, number); }

  /// Whether the process has a handler of its own for the signal by now.
  bool handles(int number) const {
    std::ifstream status("/proc/" + std::to_string(id_) + "/status");
    for (std::string field; status >> field;) {
      if (field != "SigCgt:") continue;
      status >> field;
      return (std::stoull(field, nullptr, 16) >> (number - 1) & 1) != 0;
    }
    return false;
  }

  Finished wait() {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            out_.starts_with(directory_.path().string()) ? content_of(out_) : "",
            without_progress(content_of(err_))};
  }

 private:
  TempDirectory directory_;
  std::string out_, err_;
  pid_t id_ = -1;
};

/// Whether `holds` came true within a minute.
template <class Condition>
bool eventually(const Condition& holds) {
  for (int i = 0; i < 30'000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

}  // namespace tessera::testing
