#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "testing/process.h"

namespace tessera::testing {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

/// The words of the command line `tessera …`, cut at blanks, and `more` behind them as they are.
/// One thread: the work is tiny, and threads would wait for each other on a busy machine.
inline Words tessera_command(const std::string& line, const Words& more = {}) {
  Words words = {TESSERA_PROGRAM, "--threads", "1"};
  std::istringstream stream(line);
  for (std::string word; stream >> word;) words.push_back(word);
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

inline Finished tessera(const std::string& line, const Words& more = {}) {
  return Process(tessera_command(line, more)).wait();
}

/// Standard output of a command that must succeed and say nothing on standard error.
inline std::string output_of(const std::string& line, const Words& more = {}) {
  const Finished finished = tessera(line, more);
  EXPECT_EQ(finished.exit_code, 0) << line << "\n" << finished.err;
  EXPECT_EQ(finished.err, "") << line;
  return finished.out;
}

/// The one JSON value on standard output of a command that must succeed.
inline Json json_of(const std::string& line, const Words& more = {}) {
  return Json::parse(output_of(line, more));
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Expects this exit code and one line on standard error that begins with the program's name, holds
/// every part and nothing from the inside of the program.
inline void expect_refusal(const Finished& finished, int code,
                           std::initializer_list<std::string_view> parts) {
  const std::string& err = finished.err;
  EXPECT_EQ(finished.exit_code, code) << err;
  EXPECT_EQ(std::ranges::count(err, '\n'), 1) << err;
  EXPECT_TRUE(err.starts_with("tessera") && err.ends_with('\n')) << err;
  EXPECT_LT(err.size(), 1500U) << err.substr(0, 2000);
  for (const std::string_view part : parts) {
    EXPECT_NE(err.find(part), std::string::npos) << "'" << part << "' is not in: " << err;
  }
  for (const char* inside : {"exception", "std::", "terminate", "basic_string", "vector"}) {
    EXPECT_EQ(err.find(inside), std::string::npos) << err;
  }
}

inline void write(const fs::path& file, std::string_view content) {
  std::ofstream stream(file, std::ios::binary);
  stream << content;
  ASSERT_TRUE(stream.flush()) << file;
}

/// Every file below a directory with its content, to see that nothing was touched.
inline std::map<std::string, std::string> snapshot(const fs::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) files[entry.path().string()] = content_of(entry.path());
  }
  return files;
}

/// Settings that train in well under a second on the shop below.
inline const std::string kTinySettings =
    " --set codebook_size=16 --set epochs=2 --set semantic_dims=16 --set hidden=16"
    " --set feed_forward=32 --set max_length=8 --set batch_users=64 ";
inline const std::string kTiny = " --recipe paper" + kTinySettings;

/// A simulated shop with embeddings and a model of it, made once by the commands. Tests that change
/// something work on copies.
struct Shop {
  TempDirectory directory;
  std::string data = (directory.path() / "shop").string();
  std::string model = (directory.path() / "model").string();

  Shop() {
    output_of("simulate --users 300 --items 150 --seed 3 --out " + data);
    output_of("embed --dims 32 --data " + data);
    output_of("train --data " + data + " --out " + model + kTiny);
  }
};

inline const Shop& shop() {
  static const Shop made;
  return made;
}

/// The default recipe on the same shop, as small: 3 semantic codes an item and 32 collaborative
/// ones, as large catalogues have them.
inline const std::string kTinyDefault =
    kTinySettings + "--set encoder_hidden=32 --set collaborative_epochs=1 --set negatives=64 " +
    "--set tokens=unified --set levels=3 --set id_dims=6 ";

inline const std::string& default_model() {
  static const TempDirectory directory;
  static const std::string model = [] {
    const std::string made = (directory.path() / "model").string();
    output_of("train --data " + shop().data + " --out " + made + kTinyDefault);
    return made;
  }();
  return model;
}

/// A test with a directory of its own.
class CommandTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (directory_.path() / name).string(); }
  std::string file(const std::string& name, std::string_view content) const {
    write(path(name), content);
    return path(name);
  }
  std::string copy(const std::string& from, const std::string& name) const {
    fs::copy(from, path(name), fs::copy_options::recursive);
    return path(name);
  }

 private:
  TempDirectory directory_;
};

}  // namespace tessera::testing
