#include "base/byte_stream.h"

#include <archive.h>
#include <archive_entry.h>
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

using ArchiveFiles = std::vector<std::pair<std::string, std::string>>;

/// The files in an archive, by libarchive: "zip", or the first one alone packed by "xz" or "bzip2".
std::string archived(const std::string& packing, const ArchiveFiles& files) {
  std::string bytes(16U << 20, '\0');
  std::size_t used = 0;
  archive* writer = archive_write_new();
  if (packing == "zip") {
    archive_write_set_format_zip(writer);
  } else {
    archive_write_add_filter_by_name(writer, packing.c_str());
    archive_write_set_format_raw(writer);
  }
  archive_write_set_bytes_in_last_block(writer, 1);
  EXPECT_EQ(archive_write_open_memory(writer, bytes.data(), bytes.size(), &used), ARCHIVE_OK);
  for (const auto& [name, content] : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, name.ends_with('/') ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK);
    if (!content.empty()) archive_write_data(writer, content.data(), content.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  return bytes.substr(0, used);
}

TEST(ByteStream, ExpandsXzAndBzip2) {
  for (const char* packing : {"xz", "bzip2"}) {
    const std::string packed = archived(packing, {{"data", long_lines()}});
    ASSERT_LT(packed.size(), long_lines().size());
    EXPECT_EQ(drained(packed), long_lines()) << packing;
    expect_error([&] { drained(std::string_view(packed).substr(0, packed.size() / 2)); },
                 {"file", "cut short or damaged"});
  }
}

TEST(ByteStream, ReadsTheOnlyFileOfAZipArchive) {
  const testing::TempDirectory temp;
  const fs::path zip = temp.path() / "log.zip";
  write_file(zip, archived("zip", {{"ml/", ""}, {"ml/log.csv", long_lines()}}));
  ByteStream only(zip);
  EXPECT_EQ(drained(only), long_lines());
  EXPECT_EQ(drained(read_file(zip)), long_lines()) << "from memory";
}

TEST(ByteStream, ReadsTheNamedFileOfAZipArchive) {
  const testing::TempDirectory temp;
  const fs::path zip = temp.path() / "ml.zip";
  write_file(zip, archived("zip", {{"ml/README", "read me"},
                                   {"ml/log.csv", long_lines()},
                                   {"__MACOSX/ml/._log.csv", "x"}}));
  for (const char* name : {"ml/log.csv", "log.csv"}) {
    ByteStream stream(zip / name);
    EXPECT_EQ(drained(stream), long_lines());
  }
  expect_error(
      [&] {
        ByteStream whole(zip);
        drained(whole);
      },
      {"ml.zip: holds 2 files", "ml.zip/ml/README", "ml/log.csv"});
  expect_error(
      [&] {
        ByteStream none(zip / "ratings.csv");
        drained(none);
      },
      {"holds no 'ratings.csv'", "ml/log.csv"});
  write_file(temp.path() / "plain.csv", "a,b");
  expect_error(
      [&] {
        ByteStream none(temp.path() / "plain.csv/log.csv");
        drained(none);
      },
      {"is no zip archive"});
}

TEST(ByteStream, RecognisesAnExcelWorkbook) {
  const testing::TempDirectory temp;
  write_file(temp.path() / "log.xlsx",
             archived("zip", {{"[Content_Types].xml", "<x/>"}, {"xl/workbook.xml", "<x/>"}}));
  expect_error(
      [&] {
        ByteStream stream(temp.path() / "log.xlsx");
        drained(stream);
      },
      {"log.xlsx", "Excel", "CSV", "pandas"});
}

TEST(ByteStream, NamesFilesThatCannotBeRead) {
  const testing::TempDirectory temp;
  expect_error([&] { ByteStream(temp.path() / "none"); }, {"none", "cannot open"});
  expect_error([&] { ByteStream(temp.path()); }, {temp.path().string(), "directory"});
}

}  // namespace
}  // namespace tessera
