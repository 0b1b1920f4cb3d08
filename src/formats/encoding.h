#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/byte_stream.h"

namespace tessera {

/// The encoding of a text by its first bytes, as iconv names it; "" for UTF-8 (also with some bytes
/// that are not) and plain ASCII. UTF-16 by its mark or its zeros; otherwise a guess: Japanese,
/// Chinese, Korean and Cyrillic by which bytes stand together, else Western.
std::string guess_encoding(std::string_view head);

/// Throws UsageError, naming `option`, if iconv does not know the encoding.
void check_encoding(const std::string& encoding, std::string_view option);

/// A stream's bytes as UTF-8, by iconv.
class Decoder {
 public:
  /// `head` was read from `stream` already. Throws Error if iconv does not know the encoding.
  Decoder(ByteStream& stream, const std::string& encoding, std::string_view head);
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// As ByteStream::read. What is no text of the encoding becomes U+FFFD.
  std::size_t read(std::span<char> into);

 private:
  bool convert_more();

  ByteStream& stream_;
  void* iconv_;
  std::string raw_;        // read and not yet converted
  std::string ready_;      // converted …
  std::size_t given_ = 0;  // … of which so much was handed out
};

}  // namespace tessera
