// Reading and writing whole files: damage is named, nothing half-written is left.
#include "base/files.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/random.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using testing::expect_error;

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

/// Hard to compress, and longer than the reader's buffers.
std::string long_text() {
  Random random(1);
  std::string text(300'000, '\0');
  for (char& c : text) c = static_cast<char>('a' + random.below(20));
  return text;
}

class Files : public ::testing::Test {
 protected:
  fs::path path(const std::string& name) const { return directory.path() / name; }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory.path())) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  using Names = std::vector<std::string>;
  testing::TempDirectory directory;
};

TEST_F(Files, WhatIsWrittenIsRead) {
  for (const std::string& content : {std::string(), std::string("a\0b\n", 4), long_text()}) {
    write_file(path("file"), content);
    EXPECT_EQ(read_file(path("file")), content);
  }
  EXPECT_EQ(names(), Names{"file"});
}

TEST_F(Files, PartsAreWrittenOneAfterTheOther) {
  const std::string a = "one ", b, c = "two";
  const std::array parts = {std::as_bytes(std::span(a)), std::as_bytes(std::span(b)),
                            std::as_bytes(std::span(c))};
  write_file(path("file"), parts);
  EXPECT_EQ(read_file(path("file")), "one two");
}

TEST_F(Files, GzipIsExpandedWhateverTheName) {
  write_file(path("words.txt"), gzip(long_text()));
  EXPECT_EQ(read_file(path("words.txt")), long_text());
  write_file(path("empty"), gzip(""));
  EXPECT_EQ(read_file(path("empty")), "");
}

TEST_F(Files, GzipMembersFollowEachOther) {
  write_file(path("two.gz"), gzip("first\n") + gzip("") + gzip(long_text()));
  EXPECT_EQ(read_file(path("two.gz")), "first\n" + long_text());
}

TEST_F(Files, GzipThatIsCutShortOrDamagedIsRefused) {
  const std::string whole = gzip(long_text());
  for (const std::size_t length :
       {std::size_t{2}, std::size_t{9}, whole.size() / 2, whole.size() - 9, whole.size() - 1}) {
    write_file(path("cut.gz"), whole.substr(0, length));
    expect_error([&] { read_file(path("cut.gz")); }, {path("cut.gz").string(), "gzip"});
  }
  std::string damaged = whole;
  damaged[whole.size() - 5] ^= 1;  // in the checksum
  write_file(path("damaged.gz"), damaged);
  expect_error([&] { read_file(path("damaged.gz")); }, {path("damaged.gz").string(), "damaged"});
}

TEST_F(Files, ReadingWhatIsNotAFileNamesIt) {
  expect_error([&] { read_file(path("missing")); }, {path("missing").string(), "No such file"});
  expect_error([&] { read_file(directory.path()); }, {directory.path().string(), "directory"});
}

TEST_F(Files, WritingReplacesTheOldContentWhole) {
  write_file(path("file"), long_text());
  write_file(path("file"), "short");
  EXPECT_EQ(read_file(path("file")), "short");
  EXPECT_EQ(names(), Names{"file"});
}

TEST_F(Files, AFailedWriteNamesTheFileAndLeavesTheOldContent) {
  write_file(path("file"), "old");
  // The part that is written beside lands on a device that is always full.
  fs::create_symlink("/dev/full", path("file.part"));
  expect_error([&] { write_file(path("file"), "new"); },
               {path("file").string(), "No space left on device"});
  EXPECT_EQ(read_file(path("file")), "old");
  EXPECT_EQ(names(), Names{"file"});
}

TEST_F(Files, AFolderThatCannotBeWrittenIsNamed) {
  write_file(path("file"), "content");
  expect_error([&] { write_file(path("missing/file"), "x"); },
               {path("missing/file").string(), "No such file or directory"});
  expect_error([&] { write_file(path("file/below"), "x"); },
               {path("file/below").string(), "Not a directory"});
  expect_error([&] { write_file(directory.path(), "x"); }, {directory.path().string()});
  EXPECT_EQ(names(), Names{"file"});
  EXPECT_FALSE(fs::exists(directory.path().string() + ".part"));
}

TEST_F(Files, AReadOnlyFolderIsNamed) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  fs::permissions(directory.path(), fs::perms::owner_read | fs::perms::owner_exec);
  expect_error([&] { write_file(path("file"), "x"); },
               {path("file").string(), "Permission denied"});
  fs::permissions(directory.path(), fs::perms::owner_all);
  EXPECT_TRUE(names().empty());
}

TEST_F(Files, ADeviceIsWrittenToAndNotReplaced) {
  // Through a link, so that a failure would cost the link and not the device.
  fs::create_symlink("/dev/full", path("full"));
  fs::create_symlink("/dev/null", path("null"));
  expect_error([&] { write_file(path("full"), "x"); },
               {path("full").string(), "No space left on device"});
  write_file(path("null"), "x");
  EXPECT_TRUE(fs::is_character_file(path("full")));
  EXPECT_TRUE(fs::is_character_file(path("null")));
  EXPECT_EQ(names(), (Names{"full", "null"}));
}

TEST_F(Files, ALinkToAFileStaysALink) {
  write_file(path("target"), "old");
  fs::create_symlink("target", path("link"));
  write_file(path("link"), "new");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(read_file(path("target")), "new");
  EXPECT_EQ(names(), (Names{"link", "target"}));
}

TEST_F(Files, MakeDirectoryMakesParentsAndRefusesAFile) {
  make_directory(path("a/b"));
  make_directory(path("a/b"));
  EXPECT_TRUE(fs::is_directory(path("a/b")));
  write_file(path("file"), "x");
  expect_error([&] { make_directory(path("file")); }, {path("file").string()});
  expect_error([&] { make_directory(path("file/below")); }, {path("file/below").string()});
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for_each_line(text, [&](std::string_view line, std::size_t number) {
    lines.emplace_back(line);
    EXPECT_EQ(number, lines.size());
  });
  return lines;
}

TEST(ForEachLine, EndsWithAndWithoutALastLineEnd) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(lines_of(""), Lines{});
  EXPECT_EQ(lines_of("\n"), Lines{""});
  EXPECT_EQ(lines_of("a"), Lines{"a"});
  EXPECT_EQ(lines_of("a\nb"), (Lines{"a", "b"}));
  EXPECT_EQ(lines_of("a\n\nb\n"), (Lines{"a", "", "b"}));
}

TEST(ForEachLine, RemovesOneCarriageReturn) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(lines_of("a\r\nb c\r\n\r\n"), (Lines{"a", "b c", ""}));
  EXPECT_EQ(lines_of("a\rb\r\r\n"), (Lines{"a\rb\r"}));
}

TEST(ParseJson, ReadsWhatIsValid) { EXPECT_EQ(parse_json(R"({"a": [1, 2]})", "text")["a"][1], 2); }

TEST(ParseJson, NamesTheSourceAndTheLineWhereItBroke) {
  expect_error([] { parse_json("{\n\"a\": 1,\n oops}", "settings.json"); }, {"settings.json:3:"});
  expect_error([] { parse_json("[1, 2", "settings.json"); }, {"settings.json:1:"});
  expect_error([] { parse_json("", "settings.json"); }, {"settings.json:1:"});
  expect_error([] { parse_json(R"({"a": 71e308})", "settings.json"); },
               {"settings.json", "too large"});
  // The line that is broken, not the one after it, where the parser notices at its end.
  expect_error([] { parse_json("{\n\"a\": tru\n}", "settings.json"); }, {"settings.json:2:"});
  expect_error([] { parse_json("{\n\"a\": \"open\n}", "settings.json"); }, {"settings.json:2:"});
}

TEST_F(Files, ReadJsonNamesTheFile) {
  write_file(path("a.json"), "{\n]");
  expect_error([&] { read_json(path("a.json")); }, {path("a.json").string() + ":2:"});
}

TEST(NearestWord, FindsAMisspelling) {
  const std::vector<std::string> known = {"epochs", "dropout", "learning_rate", "seed"};
  EXPECT_EQ(nearest_word("epoch", known), "epochs");
  EXPECT_EQ(nearest_word("dorpout", known), "dropout");
  EXPECT_EQ(nearest_word("learning-rate", known), "learning_rate");
  EXPECT_EQ(nearest_word("seed", known), "seed");
}

TEST(NearestWord, IsEmptyWhereNothingIsNear) {
  const std::vector<std::string> known = {"epochs", "dropout"};
  EXPECT_EQ(nearest_word("zzzzzzzz", known), "");
  EXPECT_EQ(nearest_word("epochs", {}), "");
}

}  // namespace
}  // namespace tessera
