#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tessera {

/// The bytes of a file in pieces; gzip (also several members in a row), zstd, xz and bzip2 are
/// recognised by content and expanded, and so is the file in a zip archive: the only one, or the
/// one that the path names behind the archive's ("ml-1m.zip/ml-1m/ratings.dat"). Memory does not
/// grow with the file.
class ByteStream {
 public:
  /// Told, as pieces are read, how many bytes of the file were read and how many it has (0 if that
  /// is unknown, as of a pipe). May throw to end the reading.
  using Watcher = std::function<void(std::uint64_t done, std::uint64_t total)>;

  /// Throws Error that names the file if it cannot be opened, is a directory, or is an archive of
  /// several files of which none is named.
  explicit ByteStream(const std::filesystem::path& path, Watcher watcher = {});
  /// Bytes in memory, which must outlive the stream; `name` stands for the file in messages.
  ByteStream(std::string name, std::string_view content);
  ~ByteStream();
  ByteStream(ByteStream&&) noexcept;
  ByteStream& operator=(ByteStream&&) noexcept;

  /// Fills `into` from its front and returns how many bytes were put there: 0 at the end only.
  /// Throws Error if the file cannot be read or its packing is cut short or damaged.
  std::size_t read(std::span<char> into);
  /// The file's name for messages.
  const std::string& name() const;
  /// Size of the file as it lies on the disk; 0 if unknown.
  std::uint64_t file_size() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tessera
