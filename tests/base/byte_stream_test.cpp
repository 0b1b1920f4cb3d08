#include "base/byte_stream.h"

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/files.h"

namespace tessera {
namespace {

using testing::expect_error;
using testing::gzipped;
using testing::zstd_packed;

// More than fits into any buffer on the way, and not to be packed to nothing.
std::string long_lines() {
  std::string text;
  for (std::uint64_t i = 0; text.size() < 3'000'000; ++i) text += std::to_string(i * i) + "\n";
  return text;
}

std::string drained(ByteStream& stream, std::size_t piece = 10'007) {
  std::string all;
  std::vector<char> buffer(piece);
  while (const std::size_t got = stream.read(buffer)) all.append(buffer.data(), got);
  return all;
}

std::string drained(std::string_view content, std::size_t piece = 10'007) {
  ByteStream stream("file", content);
  return drained(stream, piece);
}

TEST(ByteStream, GivesPlainFilesAsTheyAre) {
  EXPECT_EQ(drained(""), "");
  EXPECT_EQ(drained("a"), "a");
  EXPECT_EQ(drained(std::string_view("\0\x1f", 2)), std::string("\0\x1f", 2));
  EXPECT_EQ(drained(long_lines()), long_lines());
}

TEST(ByteStream, ExpandsGzipAndZstdByContent) {
  const std::string text = long_lines();
  for (const std::size_t piece : {1'000'000U, 777U}) {
    EXPECT_EQ(drained(gzipped(text), piece), text);
    EXPECT_EQ(drained(zstd_packed(text), piece), text);
  }
  EXPECT_EQ(drained(gzipped("")), "");
  EXPECT_EQ(drained(zstd_packed("")), "");
  EXPECT_EQ(drained(gzipped(std::string(5'000'000, 'x'))), std::string(5'000'000, 'x'));
}

TEST(ByteStream, ReadsMembersInARow) {
  EXPECT_EQ(drained(gzipped("one\n") + gzipped("") + gzipped("two\n")), "one\ntwo\n");
  EXPECT_EQ(drained(zstd_packed("one\n") + zstd_packed("two\n")), "one\ntwo\n");
}

TEST(ByteStream, NamesPackingThatIsCutShortOrDamaged) {
  for (const bool gzip : {true, false}) {
    const std::string packed = gzip ? gzipped(long_lines()) : zstd_packed(long_lines());
    const char* name = gzip ? "gzip" : "zstd";
    for (const std::size_t size : {packed.size() - 1, packed.size() / 2, std::size_t{5}}) {
      expect_error([&] { drained(std::string_view(packed).substr(0, size)); },
                   {"file", name, "cut short"});
    }
    std::string damaged = packed;
    for (std::size_t i = damaged.size() / 2; i < damaged.size() / 2 + 50; ++i) damaged[i] ^= 0x55;
    expect_error([&] { drained(damaged); }, {"file", name, "damaged"});
    expect_error([&] { drained(packed + "and more"); }, {"file", name, "damaged"});
  }
}

TEST(ByteStream, TellsHowMuchOfTheFileWasRead) {
  const testing::TempDirectory temp;
  const std::string packed = gzipped(long_lines());
  write_file(temp.path() / "text.gz", packed);
  std::uint64_t last = 0;
  bool rises = true;
  ByteStream stream(temp.path() / "text.gz", [&](std::uint64_t done, std::uint64_t total) {
    rises = rises && done >= last && total == packed.size();
    last = done;
  });
  EXPECT_EQ(drained(stream), long_lines());
  EXPECT_TRUE(rises);
  EXPECT_EQ(last, packed.size());
}

TEST(ByteStream, NamesFilesThatCannotBeRead) {
  const testing::TempDirectory temp;
  expect_error([&] { ByteStream(temp.path() / "none"); }, {"none", "cannot open"});
  expect_error([&] { ByteStream(temp.path()); }, {temp.path().string(), "directory"});
}

}  // namespace
}  // namespace tessera
