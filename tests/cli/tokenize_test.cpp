#include <fmt/format.h>

#include <cmath>

#include "cli/shop.h"

namespace tessera::testing {
namespace {

class TokenizeTest : public CommandTest {
 protected:
  std::vector<Json> items_of(const std::string& folder) const {
    std::vector<Json> items;
    for (const std::string& line : lines_of(content_of(fs::path(folder) / "items.jsonl"))) {
      items.push_back(Json::parse(line));
    }
    return items;
  }
  const std::string small = " --levels 2 --codebook-size 16 --rounds 5";
};

TEST_F(TokenizeTest, MakesTokensOfADataset) {
  const std::string out = path("tokens");
  const Json summary =
      json_of("tokenize --json --unique reassign --data " + shop().data + " --out " + out + small);
  EXPECT_EQ(summary.at("items"), 150);
  EXPECT_EQ(summary.at("sizes"), Json({16, 16}));
  EXPECT_EQ(summary.at("health").at("collisions").at("unique_share"), 1.0);
  const std::vector<Json> items = items_of(out);
  ASSERT_EQ(items.size(), 150U);
  EXPECT_EQ(items[0].at("codes").size(), 2U);
  EXPECT_FALSE(items[0].at("title").get<std::string>().empty());
  for (const char* name : {"codes.npy", "tokenizer.safetensors", "health.json", "health.html"}) {
    EXPECT_TRUE(fs::exists(fs::path(out) / name)) << name;
  }
  // Again into the same place, and to look at.
  const std::string text = output_of("tokenize --data " + shop().data + " --out " + out + small);
  EXPECT_NE(text.find("neighbours kept"), std::string::npos);
  const Json compared = json_of("tokenize --json --compare " + out + " " + out);
  EXPECT_EQ(compared[1].at("compared").at("kept"), 150);
}

TEST_F(TokenizeTest, ReadsVectorsInEveryFormatAlike) {
  std::string lines, ids;
  for (int i = 0; i < 60; ++i) {
    lines += fmt::format("{{\"id\": \"item {}\", \"vector\": [{}, {}, {}]}}\n", i, std::sin(i),
                         std::cos(i), i % 5);
  }
  const std::string jsonl = file("vectors.jsonl", lines);
  const std::string out = path("tokens");
  json_of("tokenize --json --vectors " + jsonl + " --out " + out + small);
  EXPECT_EQ(items_of(out)[7].at("id"), "item 7");
  const std::string labels = [&] {
    std::string text;
    for (int i = 0; i < 60; ++i) text += i % 5 < 2 ? "low\n" : "high\n";
    return file("kind.txt", text);
  }();
  const Json summary = json_of("tokenize --json --vectors " + jsonl + " --labels " + labels +
                               " --out " + out + small);
  EXPECT_EQ(summary.at("health").at("labels").at("name"), "kind");
  EXPECT_GT(summary.at("health").at("labels").at("levels")[0].at("information"), 0.5);
}

TEST_F(TokenizeTest, NewItemsLeaveEarlierOnesTheirCodes) {
  const auto lines = [](int first, int last) {
    std::string text;
    for (int i = first; i < last; ++i) {
      text +=
          fmt::format("{{\"id\": {}, \"vector\": [{}, {}]}}\n", i, std::sin(i), std::cos(3 * i));
    }
    return text;
  };
  const std::string first = file("first.jsonl", lines(0, 80));
  const std::string more = file("more.jsonl", lines(70, 100));
  for (const char* rule : {"leave", "extra", "reassign"}) {
    const std::string before = path(std::string("before-") + rule);
    const std::string after = path(std::string("after-") + rule);
    output_of("tokenize --unique " + std::string(rule) + " --vectors " + first + " --out " +
              before + small);
    const Json summary =
        json_of("tokenize --json --vectors " + more + " --from " + before + " --out " + after);
    EXPECT_EQ(summary.at("new_items"), 20);
    const std::vector<Json> old_items = items_of(before), items = items_of(after);
    ASSERT_EQ(items.size(), 100U);
    for (std::size_t i = 0; i < old_items.size(); ++i) EXPECT_EQ(items[i], old_items[i]);
  }
}

TEST_F(TokenizeTest, ReadsTextsByTheBuiltInEncoder) {
  std::string texts;
  for (int i = 0; i < 40; ++i) {
    texts += fmt::format("{} {} number {}\n", i % 2 == 0 ? "red" : "blue",
                         i % 4 < 2 ? "teapot" : "kettle", i % 8);
  }
  const std::string out = path("tokens");
  const Json summary = json_of("tokenize --json --texts " + file("texts.txt", texts) + " --out " +
                               out + " --levels 2 --codebook-size 4");
  EXPECT_EQ(summary.at("items"), 40);
  EXPECT_EQ(items_of(out)[1].at("title"), "blue teapot number 1");
}

TEST_F(TokenizeTest, RefusesInOneLine) {
  const std::string vectors = file("v.jsonl", "{\"id\": 1, \"vector\": [1, 2]}\n");
  const std::string with = "tokenize --vectors " + vectors;
  expect_refusal(tessera(with), 2, {"--out"});
  // (The option's name is one of the words that expect_refusal looks for.)
  const Finished without = tessera("tokenize --out " + path("t"));
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_NE(without.err.find("--vectors"), std::string::npos) << without.err;
  expect_refusal(tessera(with + " --quantizer best --out " + path("t")), 2, {"--quantizer"});
  expect_refusal(tessera(with + " --quantizer product --distance cosine --out " + path("t")), 2,
                 {"--distance"});
  expect_refusal(tessera(with + " --quantizer product --levels 3 --out " + path("t")), 1,
                 {"cannot be cut into 3 parts"});
  expect_refusal(tessera(with + " --updates 5 --out " + path("t")), 2, {"--updates", "trained"});
  expect_refusal(tessera(with + " --codebook-size 4,4 --levels 3 --out " + path("t")), 2,
                 {"--codebook-size"});
  expect_refusal(tessera(with + " --out " + shop().data), 1, {"a dataset", "tokens of items"});
  const std::string twice =
      file("twice.jsonl", "{\"id\": 1, \"vector\": [1, 2]}\n{\"id\": \"1\", \"vector\": [1, 3]}\n");
  expect_refusal(tessera("tokenize --vectors " + twice + " --out " + path("t")), 1,
                 {"twice.jsonl", "'1' is there twice"});
  expect_refusal(tessera("tokenize --compare " + shop().data + " " + shop().data), 1,
                 {"holds no tokens"});
  EXPECT_FALSE(fs::exists(path("t")));
}

TEST_F(TokenizeTest, ADamagedFolderIsNamed) {
  const std::string out = path("tokens");
  output_of("tokenize --data " + shop().data + " --out " + out + small);
  for (const char* name : {"tokens.json", "tokenizer.safetensors", "codes.npy", "items.jsonl"}) {
    const std::string broken = copy(out, std::string("broken-") + name);
    fs::resize_file(fs::path(broken) / name, fs::file_size(fs::path(broken) / name) / 2);
    const Finished finished = tessera("tokenize --compare " + out + " " + broken);
    EXPECT_EQ(finished.exit_code, 1) << name;
    EXPECT_NE(finished.err.find("broken-"), std::string::npos) << finished.err;
  }
}

}  // namespace
}  // namespace tessera::testing
