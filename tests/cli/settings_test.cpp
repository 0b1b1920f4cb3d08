// Options that stand elsewhere than on the command line.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "base/files.h"
#include "cli/option_sources.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

class SettingsFile : public ::testing::Test {
 protected:
  SettingsFile() {
    app.add_option("--listen", listen)->capture_default_str();
    app.add_option("--max-lines", lines)->check(CLI::Range(1, 100));
    app.add_option("--host", hosts);
    app.add_option("--state", state);
    app.add_flag("--quiet", quiet);
    app.add_option("--config", config);
  }
  ~SettingsFile() override {
    for (const char* name : {"TESSERA_LISTEN", "TESSERA_MAX_LINES", "TESSERA_HOST"}) {
      ::unsetenv(name);
    }
  }
  void parse(std::vector<std::string> words, const std::string& text) {
    write_file(file, text);
    std::ranges::reverse(words);
    app.parse(words);
    read_other_sources(app, file.string());
  }

  testing::TempDirectory directory;
  const fs::path file = directory.path() / "serve.conf";
  CLI::App app;
  std::string listen = "here", state, config;
  int lines = 7;
  std::vector<std::string> hosts;
  bool quiet = false;
};

TEST_F(SettingsFile, TheCommandLineCountsMostAndTheFileLeast) {
  ::setenv("TESSERA_LISTEN", "environment", 1);
  ::setenv("TESSERA_MAX_LINES", "8", 1);
  parse({"--listen", "line"},
        "# of the shop\nlisten = file\nmax-lines=9\n\nhost = a.example\nhost = \"b.example\"\n"
        "quiet = true\n");
  EXPECT_EQ(listen, "line");
  EXPECT_EQ(lines, 8);
  EXPECT_EQ(hosts, (std::vector<std::string>{"a.example", "b.example"}));
  EXPECT_TRUE(quiet);
}

TEST_F(SettingsFile, SeveralValuesStandInOneVariableWithCommas) {
  ::setenv("TESSERA_HOST", "a.example,b.example", 1);
  parse({}, "host = c.example\nquiet = false\n");
  EXPECT_EQ(hosts, (std::vector<std::string>{"a.example", "b.example"}));
  EXPECT_FALSE(quiet);
  EXPECT_EQ(lines, 7);
}

TEST_F(SettingsFile, WhatIsWrongIsNamedWithItsPlace) {
  const auto refused = [&](const std::string& text, std::initializer_list<std::string_view> parts) {
    testing::expect_error<UsageError>([&] { parse({}, text); }, parts);
  };
  refused("listen = a\nmax-lines = 1000\n", {"serve.conf:2", "max-lines"});
  refused("max-line = 4\n", {"serve.conf:1", "'max-line'", "did you mean 'max-lines'"});
  refused("listen\n", {"serve.conf:1", "NAME = VALUE"});
  refused("listen = a\nlisten = b\n", {"serve.conf:2", "twice"});
  refused("config = other\n", {"serve.conf:1", "'config'"});
  ::setenv("TESSERA_MAX_LINES", "many", 1);
  refused("", {"TESSERA_MAX_LINES"});
}

TEST_F(SettingsFile, ArePrintedAsAFileThatReadsBack) {
  parse({"--host", "a.example", "--quiet"}, "state = redis://me:secret@db:1/2\nmax-lines = 9\n");
  const std::string text = settings_text(app);
  EXPECT_NE(text.find("# listen = here\n"), std::string::npos) << text;
  EXPECT_NE(text.find("max-lines = 9\n"), std::string::npos);
  EXPECT_NE(text.find("host = a.example\n"), std::string::npos);
  EXPECT_NE(text.find("quiet = true\n"), std::string::npos);
  EXPECT_NE(text.find("state = redis://me:...@db:1/2\n"), std::string::npos);
}

}  // namespace
}  // namespace tessera
