#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

namespace tessera {

namespace fs = std::filesystem;

/// The whole file; gzip and zstd are recognised by content and expanded. Throws Error that names
/// the file.
std::string read_file(const fs::path& path);

/// A file in memory, read as its pages are touched.
struct MappedFile {
  std::string_view content;
  std::shared_ptr<const void> memory;  ///< keeps `content` alive
};
/// Maps the file for reading; gzip is not expanded. Throws Error that names the file.
MappedFile map_file(const fs::path& path);

/// Calls line(text, number) for each line of `text`, numbers from 1, line ends (LF or CRLF)
/// removed.
void for_each_line(std::string_view text,
                   const std::function<void(std::string_view, std::size_t)>& line);

/// A file that is written in parts: beside its place, until `commit` syncs it and renames it into
/// place. Readers see the old content or the new, never a part; without a commit the old one stays.
/// Devices and pipes are written straight. Every function throws Error that names the file.
class FileWriter {
 public:
  explicit FileWriter(const fs::path& path);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  void write(std::span<const std::byte> part);
  void commit();

 private:
  [[noreturn]] void give_up(const char* step);

  fs::path path_, place_, beside_;
  bool replace_ = true;
  int fd_ = -1;
};

/// Writes a whole file as a FileWriter does.
void write_file(const fs::path& path, std::string_view content);
void write_file(const fs::path& path, std::span<const std::span<const std::byte>> parts);

/// Parses JSON; throws Error that names `source`, and the line where it broke.
nlohmann::json parse_json(std::string_view text, const std::string& source);
nlohmann::json read_json(const fs::path& path);
/// JSON as text, on one line unless an indent is given. Bytes that are not UTF-8 are replaced:
/// paths and ids may hold any.
std::string dump_json(const nlohmann::json& json, int indent = -1);

/// Creates the directory if need be; throws Error if it cannot be made or is a file.
void make_directory(const fs::path& path);

/// Of `known`, the word nearest to `word` by edit distance, or "" if none is near.
std::string nearest_word(std::string_view word, std::span<const std::string> known);

}  // namespace tessera
