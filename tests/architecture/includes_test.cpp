// The direction of the includes: a room sees only the rooms that CMakeLists.txt lets it use and
// those below them, and the public headers stand on the standard library and each other alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "testing/temp_directory.h"

namespace tessera::testing {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

std::string content_of(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Room → the rooms it sees: those it names after USES and, through them, all below.
std::map<std::string, Names> rooms_of(const std::string& cmake) {
  std::map<std::string, Names> seen;
  const std::regex call(R"(\n *tessera_room\(([^)]*)\))");
  for (std::sregex_iterator at(cmake.begin(), cmake.end(), call), end; at != end; ++at) {
    std::istringstream words((*at)[1].str());
    std::string room;
    words >> room;
    Names& below = seen[room];
    bool uses = false;
    for (std::string word; words >> word;) {
      if (std::ranges::all_of(word, [](char c) { return std::isupper(c) != 0 || c == '_'; })) {
        uses = word == "USES";
      } else if (uses) {
        below.insert(word);
        below.insert(seen[word].begin(), seen[word].end());
      }
    }
  }
  return seen;
}

/// "file: includes what it must not" for each offence below `root`.
std::vector<std::string> offences_in(const fs::path& root) {
  const std::map<std::string, Names> rooms = rooms_of(content_of(root / "CMakeLists.txt"));
  std::vector<std::string> offences;
  const std::regex include(R"re((^|\n)[ \t]*#[ \t]*include[ \t]*([<"])([^>"]*)[>"])re");
  const auto visit = [&](const fs::path& directory,
                         const std::function<bool(const std::string&, bool)>& allowed) {
    if (!fs::exists(directory)) return;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      if (!entry.is_regular_file()) continue;
      const std::string text = content_of(entry.path());
      for (std::sregex_iterator at(text.begin(), text.end(), include), end; at != end; ++at) {
        const std::string header = (*at)[3].str();
        if (!allowed(header, (*at)[2].str() == "\"")) {
          offences.push_back(fs::relative(entry.path(), root).string() + ": includes " + header);
        }
      }
    }
  };
  for (const auto& entry : fs::directory_iterator(root / "src")) {
    if (!entry.is_directory()) continue;
    const std::string room = entry.path().filename().string();
    if (!rooms.contains(room)) {
      offences.push_back("src/" + room + ": is no tessera_room of CMakeLists.txt");
      continue;
    }
    visit(entry.path(), [&](const std::string& header, bool) {
      const std::string other = header.substr(0, header.find('/'));
      if (!rooms.contains(other) || other == header) return true;  // of a library
      return other == room || rooms.at(room).contains(other);
    });
  }
  visit(root / "include", [](const std::string& header, bool quoted) {
    return quoted ? header.starts_with("tessera/")
                  : header.find_first_of("./") == std::string::npos;  // <vector>, <cstdint>
  });
  return offences;
}

TEST(Includes, GoDownwardsOnly) {
  EXPECT_EQ(offences_in(TESSERA_SOURCE_DIR), (std::vector<std::string>{}));
}

TEST(Includes, TheOrderOfTheRoomsIsTheDesigns) {
  const auto rooms = rooms_of(content_of(fs::path(TESSERA_SOURCE_DIR) / "CMakeLists.txt"));
  const std::vector<std::string> upwards = {"base", "ranks", "nn", "model", "eval", "train", "cli"};
  for (std::size_t i = 0; i < upwards.size(); ++i) {
    ASSERT_TRUE(rooms.contains(upwards[i])) << upwards[i];
    for (std::size_t j = 0; j < upwards.size(); ++j) {
      EXPECT_EQ(rooms.at(upwards[i]).contains(upwards[j]), j < i)
          << upwards[i] << " sees " << upwards[j];
    }
  }
  for (const auto& [room, below] : rooms) {
    EXPECT_FALSE(below.contains(room)) << room << " is below itself";
    EXPECT_FALSE(below.contains("api")) << room;
    EXPECT_FALSE(below.contains("cli")) << room;
  }
  EXPECT_TRUE(rooms.at("model").contains("data") && rooms.at("data").contains("text"));
  EXPECT_TRUE(rooms.at("index").contains("model") && !rooms.at("index").contains("train"));
}

TEST(Includes, AreCaughtWhereTheyGoWrong) {
  const TempDirectory directory;
  const auto file = [&](const char* name, const char* content) {
    fs::create_directories((directory.path() / name).parent_path());
    std::ofstream(directory.path() / name) << content;
  };
  file("CMakeLists.txt",
       "\ntessera_room(base LIBRARIES fmt::fmt)\ntessera_room(nn USES base)\n"
       "tessera_room(data USES base LIBRARIES X::Y)\ntessera_room(model USES nn)\n");
  file("src/main.cpp", "#include \"model/a.h\"\n");
  file("src/base/a.h", "#include <vector>\n#include \"fmt/format.h\"\n#include \"tessera/a.h\"\n");
  file("src/model/a.h", "#include \"nn/a.h\"\n#include \"base/a.h\"\n#include \"model/b.h\"\n");
  file("include/tessera/a.h", "#include <cstdint>\n#include \"tessera/b.h\"\n");
  EXPECT_EQ(offences_in(directory.path()), (std::vector<std::string>{}));

  file("src/base/a.h", "#pragma once\n #  include \"nn/a.h\"\n");
  file("src/nn/a.cpp", "#include <data/a.h>\n");
  file("src/model/a.h", "#include \"data/a.h\"\n");
  file("src/attic/a.h", "");
  file("include/tessera/a.h", "#include \"base/a.h\"\n#include <fmt/format.h>\n");
  std::vector<std::string> offences = offences_in(directory.path());
  std::ranges::sort(offences);
  EXPECT_EQ(
      offences,
      (std::vector<std::string>{
          "include/tessera/a.h: includes base/a.h", "include/tessera/a.h: includes fmt/format.h",
          "src/attic: is no tessera_room of CMakeLists.txt", "src/base/a.h: includes nn/a.h",
          "src/model/a.h: includes data/a.h", "src/nn/a.cpp: includes data/a.h"}));
}

}  // namespace
}  // namespace tessera::testing
