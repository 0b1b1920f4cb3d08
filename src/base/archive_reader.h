#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tessera {

/// Whether a file that begins so is read by an ArchiveReader: zip, xz or bzip2.
bool is_archive(std::string_view head);

/// A file in an archive, or a file that is packed as a whole, expanded piece by piece by
/// libarchive.
class ArchiveReader {
 public:
  /// Gives the next bytes of the archive, none at its end; they stay valid until it is called
  /// again.
  using Source = std::function<void(std::string_view& bytes)>;

  /// `file` is the archive, to look at its list before; empty if it cannot be read twice. `name`
  /// stands for it in messages. `member` is a file in a zip archive, by its path there or its name;
  /// empty: the only one. Throws Error if there is none such, or several.
  ArchiveReader(std::string name, const std::string& file, const std::string& member,
                Source source);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  /// As ByteStream::read.
  std::size_t read(std::span<char> into);

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace tessera
