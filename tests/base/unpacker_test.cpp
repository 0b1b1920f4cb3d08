#include "base/unpacker.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include "testing/errors.h"

namespace tessera {
namespace {

std::string zstd_packed(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

struct Expanded {
  std::string text;
  bool whole = false;
  std::size_t largest = 0;  // appended at once
};

Expanded expand(Unpacker::Coding coding, const std::string& packed, std::size_t piece,
                std::size_t most) {
  Unpacker unpacker(coding);
  Expanded expanded;
  for (std::size_t at = 0; at < packed.size(); at += piece) {
    std::string_view part = std::string_view(packed).substr(at, piece);
    for (std::size_t before = 0;;) {
      before = expanded.text.size();
      const std::size_t left = part.size();
      unpacker.expand(part, most, expanded.text);
      expanded.largest = std::max(expanded.largest, expanded.text.size() - before);
      if (expanded.text.size() == before && part.size() == left) break;
    }
    EXPECT_TRUE(part.empty());
  }
  expanded.whole = unpacker.whole();
  return expanded;
}

const std::string& text() {
  static const std::string text = [] {
    std::string lines;
    for (int i = 0; i < 5000; ++i) lines += "{\"id\": \"" + std::to_string(i * 7919) + "\"}\n";
    return lines + std::string(300'000, '\n');
  }();
  return text;
}

TEST(Unpacker, ExpandsPiecesOfAnySizeAndNeverMoreThanAskedFor) {
  const std::pair<Unpacker::Coding, std::string> packed[] = {
      {Unpacker::Coding::none, text()},
      {Unpacker::Coding::gzip, gzipped(text())},
      {Unpacker::Coding::zstd, zstd_packed(text())}};
  for (const auto& [coding, bytes] : packed) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, bytes.size()}) {
      const Expanded expanded = expand(coding, bytes, piece, 4096);
      EXPECT_EQ(expanded.text, text());
      EXPECT_TRUE(expanded.whole);
      EXPECT_LE(expanded.largest, 4096U);
    }
  }
}

TEST(Unpacker, ReadsMembersThatFollowEachOther) {
  EXPECT_EQ(expand(Unpacker::Coding::gzip, gzipped("one\n") + gzipped("two\n"), 7, 100).text,
            "one\ntwo\n");
  EXPECT_EQ(
      expand(Unpacker::Coding::zstd, zstd_packed("one\n") + zstd_packed("two\n"), 7, 100).text,
      "one\ntwo\n");
}

TEST(Unpacker, TellsWhatIsCutShortOrDamaged) {
  for (const auto& [coding, whole] : {std::pair(Unpacker::Coding::gzip, gzipped(text())),
                                      std::pair(Unpacker::Coding::zstd, zstd_packed(text()))}) {
    EXPECT_FALSE(expand(coding, whole.substr(0, whole.size() - 3), 1000, 4096).whole);
    std::string damaged = whole;
    damaged[0] = 'x';
    testing::expect_error([&] { expand(coding, damaged, 1000, 4096); }, {"damaged"});
  }
}

}  // namespace
}  // namespace tessera
