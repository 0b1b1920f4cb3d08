#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace tessera {

/// Bytes that come in pieces, as HTTP's content codings pack them, expanded as they come: memory
/// does not grow with what they expand to.
class Unpacker {
 public:
  enum class Coding { none, gzip, zstd };

  explicit Unpacker(Coding coding);
  ~Unpacker();
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  /// Appends some of what the front of `packed` expands to, at most `most` bytes, and takes away
  /// what it has read of it; nothing comes any more where `packed` is empty and nothing was
  /// appended. Throws Error if the bytes are damaged.
  void expand(std::string_view& packed, std::size_t most, std::string& to);
  /// Whether the bytes may end here: they are not cut short.
  bool whole() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The bytes as one gzip member, packed as fast as zlib can.
std::string gzipped(std::string_view bytes);

}  // namespace tessera
