#include "base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/byte_stream.h"
#include "base/error.h"

namespace tessera {

namespace {

/// A descriptor that closes itself.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

std::string why() { return std::strerror(errno); }

}  // namespace

std::string read_file(const fs::path& path) {
  ByteStream stream(path);
  std::string content;
  content.reserve(static_cast<std::size_t>(stream.file_size()) + 1);
  std::vector<char> piece(256U << 10);
  while (const std::size_t got = stream.read(piece)) content.append(piece.data(), got);
  return content;
}

MappedFile map_file(const fs::path& path) {
  // A pipe, which cannot be mapped, is not waited for.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) fail("{}: cannot open: {}", path.string(), why());
  struct stat info{};
  if (::fstat(file.fd, &info) != 0) fail("{}: cannot read: {}", path.string(), why());
  if (!S_ISREG(info.st_mode)) fail("{}: is not a regular file", path.string());
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) return {};
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd, 0);
  if (memory == MAP_FAILED) fail("{}: cannot map: {}", path.string(), why());
  const std::shared_ptr<const void> owner(memory, [size](void* p) { ::munmap(p, size); });
  return {{static_cast<const char*>(memory), size}, owner};
}

void for_each_line(std::string_view text,
                   const std::function<void(std::string_view, std::size_t)>& line) {
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view content = text.substr(0, end);
    if (content.ends_with('\r')) content.remove_suffix(1);
    line(content, ++number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void write_file(const fs::path& path, std::string_view content) {
  const auto bytes = std::as_bytes(std::span(content));
  write_file(path, std::array<std::span<const std::byte>, 1>{bytes});
}

void write_file(const fs::path& path, std::span<const std::span<const std::byte>> parts) {
  FileWriter file(path);
  for (const auto part : parts) file.write(part);
  file.commit();
}

FileWriter::FileWriter(const fs::path& path) : path_(path) {
  // A device or a pipe, such as /dev/stdout, is written to and never replaced; where a link leads
  // to a file, that file is replaced and the link stays.
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  replace_ = !fs::exists(status) || fs::is_regular_file(status) || fs::is_directory(status);
  place_ = fs::is_regular_file(status) ? fs::canonical(path, ignored) : path;
  beside_ = replace_ ? place_.string() + ".part" : place_.string();
  fd_ = ::open(beside_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) give_up("create");
}

FileWriter::~FileWriter() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (replace_) ::unlink(beside_.c_str());
}

void FileWriter::give_up(const char* step) {
  const std::string reason = why();
  if (replace_) ::unlink(beside_.c_str());
  fail("{}: cannot {}: {}", path_.string(), step, reason);
}

void FileWriter::write(std::span<const std::byte> part) {
  while (!part.empty()) {
    const ssize_t put = ::write(fd_, part.data(), std::min<std::size_t>(part.size(), 1U << 30));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) give_up("write");
    part = part.subspan(static_cast<std::size_t>(put));
  }
}

void FileWriter::commit() {
  if (replace_ && ::fsync(fd_) != 0) give_up("sync");
  if (::close(std::exchange(fd_, -1)) != 0) give_up("close");
  if (replace_ && ::rename(beside_.c_str(), place_.c_str()) != 0) give_up("rename into place");
}

nlohmann::json parse_json(std::string_view text, const std::string& source) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    // `byte` counts from 1 and names the last byte read, which may itself be the line's end.
    const std::size_t end =
        std::min(error.byte - std::min<std::size_t>(error.byte, 1), text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<long>(end), '\n');
    fail("{}:{}: not valid JSON (at byte {}); correct the file", source, line, error.byte);
  } catch (const nlohmann::json::out_of_range&) {
    fail("{}: holds a number that is too large to be read; correct the file", source);
  }
}

nlohmann::json read_json(const fs::path& path) {
  return parse_json(read_file(path), path.string());
}

std::string dump_json(const nlohmann::json& json, int indent) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

void make_directory(const fs::path& path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (code) fail("{}: cannot make the directory: {}", path.string(), code.message());
  if (!fs::is_directory(path)) fail("{}: is not a directory", path.string());
}

std::string nearest_word(std::string_view word, std::span<const std::string> known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 2) + 1;
  for (const std::string& candidate : known) {
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i);
      for (std::size_t j = 1; j < row.size(); ++j) {
        const std::size_t change = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace tessera
