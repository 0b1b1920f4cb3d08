// Whoever logs never waits for whoever reads the log.
#include "serve/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

class LogFile : public ::testing::Test {
 protected:
  testing::TempDirectory directory;
  const fs::path file = directory.path() / "log";
};

TEST_F(LogFile, HoldsEveryLineInOrder) {
  std::string expected;
  {
    const Log log(file);
    for (int i = 0; i < 5000; ++i) {
      log.write_line(std::to_string(i));
      expected += std::to_string(i) + "\n";
    }
    EXPECT_EQ(log.dropped(), 0U);
  }
  EXPECT_EQ(read_file(file), expected);
}

TEST_F(LogFile, AReaderThatStallsCostsLinesAndNothingElse) {
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  const int reader = ::open(file.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  const std::string line(100, 'x');
  {
    const Log log(file);
    for (int i = 0; i < 50'000; ++i) log.write_line(line);  // five times what there is room for
    EXPECT_GT(log.dropped(), 0U);
    // Once it reads again, lines come through again, whole.
    std::string got;
    std::string part(1 << 16, '\0');
    while (got.find("the last") == std::string::npos) {
      const ssize_t count = ::read(reader, part.data(), part.size());
      if (count > 0) got.append(part.data(), static_cast<std::size_t>(count));
      if (count <= 0) log.write_line("the last");
      if (got.size() > std::size_t{1} << 23) break;
    }
    EXPECT_NE(got.find("\nthe last\n"), std::string::npos);
    EXPECT_EQ(got.substr(0, 101), line + "\n");
    for (int i = 0; i < 50'000; ++i) log.write_line(line);
  }  // ends, although nobody reads
  ::close(reader);
}

TEST_F(LogFile, DoesNotWaitForTheReaderOfAPipe) {
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  const Log log(file);
  log.write_line("early");
  const int reader = ::open(file.c_str(), O_RDONLY | O_NONBLOCK);
  log.flush();
  char text[16] = {};
  EXPECT_EQ(::read(reader, text, sizeof(text)), 6);
  ::close(reader);
}

TEST_F(LogFile, IsOpenedAgainByItsName) {
  const Log log(file);
  log.write_line("before");
  log.flush();
  fs::rename(file, directory.path() / "old");
  log.write_line("between");
  log.flush();
  log.reopen();
  log.write_line("after");
  log.flush();
  EXPECT_EQ(read_file(directory.path() / "old"), "before\nbetween\n");
  EXPECT_EQ(read_file(file), "after\n");
  fs::remove(file);
  fs::create_directory(file);
  log.reopen();  // cannot, and keeps what it has
  log.write_line("kept");
  testing::expect_error([&] { Log{file}; }, {file.string(), "cannot open"});
}

}  // namespace
}  // namespace tessera
