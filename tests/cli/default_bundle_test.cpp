// What the command line and the service show of a bundle of the default recipe, whose items have
// three semantic codes and 32 collaborative ones: the kinds stay apart, a screen stays readable.
#include "cli/serving.h"

namespace tessera::testing {
namespace {

class DefaultBundle : public Serve {
 protected:
  static Json shown(const std::string& options) {
    return json_of("tokens --json --model " + default_model() + " " + options);
  }
  static void expect_readable(const std::string& screen, std::size_t lines) {
    EXPECT_LE(lines_of(screen).size(), lines) << screen;
    for (const std::string& line : lines_of(screen)) EXPECT_LE(line.size(), 130U) << line;
  }
};

TEST_F(DefaultBundle, AnItemHasThreeCodesAndAnIdTokenOfSixDims) {
  const Json item = shown("--item S000012");
  EXPECT_EQ(item.at("codes").size(), 3U);
  EXPECT_EQ(item.at("collaborative_codes").size(), 32U);
  EXPECT_EQ(item.at("id_token").size(), 6U);
  for (const Json& neighbour : item.at("neighbours")) EXPECT_EQ(neighbour.at("codes").size(), 3U);
  const std::string screen = output_of("tokens --item S000012 --model " + default_model());
  EXPECT_NE(screen.find("ID token of 6 dims"), std::string::npos) << screen;
  expect_readable(screen, 14);
  const std::string all = output_of("tokens --all --item S000012 --model " + default_model());
  std::string codes;
  for (const Json& code : item.at("collaborative_codes")) {
    codes += (codes.empty() ? "" : "-") + code.dump();
  }
  EXPECT_NE(all.find(codes), std::string::npos) << all;
}

TEST_F(DefaultBundle, CodebooksOfBothKindsAreCountedApart) {
  const Json health = shown("");
  EXPECT_EQ(health.at("activation").size(), 3U);
  EXPECT_EQ(health.at("collaborative").at("activation").size(), 32U);
  const Json report =
      json_of("evaluate --json - --model " + default_model() + " --data " + shop().data);
  EXPECT_EQ(report.at("tokens"), health);
  const std::string line = "tokens --model " + default_model();
  expect_readable(output_of(line), 7);
  EXPECT_NE(output_of(line + " --all").find("collaborative part 32:"), std::string::npos);
}

TEST_F(DefaultBundle, ACollaborativeTokenIsNoLevel) {
  const std::string code = shown("--item S000012").at("collaborative_codes").at(4).dump();
  const Json token = shown("--code c5:" + code);
  EXPECT_EQ(token.at("part"), 5);
  EXPECT_FALSE(token.contains("level"));
  EXPECT_TRUE(std::ranges::any_of(token.at("items"),
                                  [](const Json& item) { return item.at("id") == "S000012"; }));
  EXPECT_EQ(shown("--code 8:" + code), token) << "as it was counted once";
  const std::string line = "tokens --model " + default_model() + " --code ";
  EXPECT_NE(output_of(line + "c5:" + code).find("Collaborative part 5, code"), std::string::npos);
  expect_refusal(tessera(line + "36:0"), 2, {"levels 1 to 3", "c1 to c32"});
  expect_refusal(tessera(line + "c33:0"), 2, {"c1 to c32"});
  expect_refusal(tessera(line + "c0:0"), 2, {"c1 to c32"});
  expect_refusal(tessera(line + "c1:16"), 2, {"0 to 15"});
  expect_refusal(tessera(line + "x1:1"), 2, {"LEVEL:CODE", "cPART:CODE"});
  expect_refusal(tessera("tokens --code c1:1 --model " + shop().model), 2, {"levels 1 to 3"});
}

TEST_F(DefaultBundle, ExportsTheSemanticCodesAndTheOthersWhereAsked) {
  const std::string line = "export --what tokens --model " + default_model() + " --out ";
  output_of(line + path("tokens.json"));
  output_of(line + path("all.json") + " --all");
  const Json tokens = Json::parse(content_of(path("tokens.json")));
  const Json all = Json::parse(content_of(path("all.json")));
  const Json item = shown("--item S000012");
  EXPECT_EQ(tokens.at("S000012"), item.at("codes"));
  EXPECT_EQ(all.at("S000012").at("codes"), item.at("codes"));
  EXPECT_EQ(all.at("S000012").at("collaborative_codes"), item.at("collaborative_codes"));
  expect_refusal(
      tessera("export --what vectors --all --out " + path("v.npy") + " --model " + default_model()),
      2, {"--all"});
}

TEST_F(DefaultBundle, EachKindOfTokensIsAskedForByItself) {
  const Json item = shown("--item S000012");
  const Json health = shown("");
  const std::pair<std::string, const char*> kinds[] = {
      {"semantic", "codes"}, {"collaborative", "collaborative_codes"}, {"id", "id_token"}};
  const std::string line = "export --what tokens --model " + default_model();
  for (const auto& [kind, key] : kinds) {
    const Json one = shown("--item S000012 --kind " + kind);
    EXPECT_EQ(one.at("tokens"), item.at(key)) << kind;
    const std::string file = path(kind + ".json");
    output_of(line + " --kind " + kind + " --out " + file);
    output_of(line + " --kind " + kind + " --out " + file);  // over its own
    EXPECT_EQ(Json::parse(content_of(file)).at("S000012"), item.at(key)) << kind;
    const Json figures = shown("--kind " + kind);
    if (kind == "semantic") {
      EXPECT_EQ(figures.at("unique_share"), health.at("unique_share"));
    } else {
      EXPECT_EQ(figures, health.at(kind));
    }
    EXPECT_FALSE(output_of("tokens --kind " + kind + " --model " + default_model()).empty());
  }
  EXPECT_EQ(health.at("id").at("dims"), 6);
  expect_refusal(tessera(line + " --kind codes --out " + path("no.json")), 2, {"--kind"});
  expect_refusal(tessera(line + " --kind id --all --out " + path("no.json")), 2, {"--all"});
}

TEST_F(DefaultBundle, ItsItemsFileKeepsTheKindsApart) {
  const std::vector<std::string> lines = lines_of(content_of(default_model() + "/items.jsonl"));
  for (const std::string& line : {lines.front(), lines.back()}) {
    const Json item = Json::parse(line);
    const Json told = shown("--item " + item.at("id").get<std::string>());
    EXPECT_EQ(item.at("codes"), told.at("codes"));
    EXPECT_EQ(item.at("collaborative_codes"), told.at("collaborative_codes"));
  }
}

TEST_F(DefaultBundle, AnEvaluationShowsTheFewFiguresThatMatter) {
  const std::string line =
      "evaluate --baselines --model " + default_model() + " --data " + shop().data;
  const std::string screen = output_of(line);
  expect_readable(screen, 12);
  for (const char* words : {"NDCG@10", "popularity", "95 % intervals", "--all"}) {
    EXPECT_NE(screen.find(words), std::string::npos) << words;
  }
  const std::string all = output_of(line + " --all");
  for (const char* words : {"tail: ", "coverage", "level 3:", "collaborative part 32:"}) {
    EXPECT_NE(all.find(words), std::string::npos) << words;
  }
}

TEST_F(DefaultBundle, TheServiceSaysWhatTheCommandsSay) {
  start("--access-log none", default_model());
  const auto get = [&](const std::string& target) { return Json::parse(ask("GET", target).body); };
  const Json item = shown("--item S000012");
  const Json served = get("/v1/items/S000012");
  for (const char* field : {"id", "title", "codes", "collaborative_codes"}) {
    EXPECT_EQ(served.at(field), item.at(field)) << field;
  }
  const Json similar = get("/v1/items/S000012/similar?k=10").at("items");
  ASSERT_EQ(similar.size(), item.at("neighbours").size());
  for (std::size_t i = 0; i < similar.size(); ++i) {
    EXPECT_EQ(similar[i].at("id"), item.at("neighbours")[i].at("id"));
    EXPECT_EQ(similar[i].at("codes"), item.at("neighbours")[i].at("codes"));
    EXPECT_FLOAT_EQ(similar[i].at("cosine").get<float>(),
                    item.at("neighbours")[i].at("cosine").get<float>());
  }
  const Json list =
      Json::parse(ask("POST", "/v1/recommend",
                      R"({"history":["S000012","S000070"],"k":7,"titles":true,"scores":true})")
                      .body);
  const Json printed =
      json_of("recommend --history S000012,S000070 -k 7 --json --model " + default_model());
  ASSERT_EQ(list.at("items").size(), 7U);
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(list.at("items")[i].at("id"), printed.at("items")[i].at("id"));
    EXPECT_FLOAT_EQ(list.at("items")[i].at("score").get<float>(),
                    printed.at("items")[i].at("score").get<float>());
    EXPECT_EQ(list.at("items")[i].at("codes").size(), 3U);
  }
  const std::string code = item.at("collaborative_codes").at(0).dump();
  EXPECT_EQ(get("/v1/tokens/c1/" + code + "?limit=1000").at("count"),
            shown("--code c1:" + code).at("items").size());
}

TEST_F(DefaultBundle, APutOfACatalogueItemIsAnsweredAsItIsStored) {
  start("--access-log none", default_model());
  const Json before = Json::parse(ask("GET", "/v1/items/S000012").body);
  const Json put =
      Json::parse(ask("PUT", "/v1/items/S000012", R"({"title":"Steel teapot lamp scarf"})").body);
  Json stored = Json::parse(ask("GET", "/v1/items/S000012").body);
  stored.erase("place");
  EXPECT_EQ(put, stored);
  EXPECT_EQ(put.at("collaborative_codes"), before.at("collaborative_codes"));
}

}  // namespace
}  // namespace tessera::testing
