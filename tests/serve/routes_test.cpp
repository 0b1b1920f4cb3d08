#include "serve/routes.h"

#include <gtest/gtest.h>

#include <set>

#include "serve/small_service.h"

namespace tessera {
namespace {

using testing::Parsed;

TEST(OpenApi, DescribesExactlyTheRoutes) {
  testing::SmallService small;
  const Parsed document = small.json("GET", "/openapi.json");
  EXPECT_EQ(document.at("openapi"), "3.0.3");
  std::set<std::string> described, served;
  for (const auto& [path, operations] : document.at("paths").items()) {
    for (const auto& [method, operation] : operations.items()) {
      described.insert(method + " " + path);
      EXPECT_FALSE(operation.at("summary").get<std::string>().empty()) << path;
      EXPECT_TRUE(operation.at("responses").contains("default")) << path;
    }
  }
  for (const Route& route : routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    EXPECT_TRUE(served.insert(method + " " + std::string(route.path)).second) << route.path;
  }
  EXPECT_EQ(described, served);
}

TEST(OpenApi, NamesEveryParameterAndRefersToSchemasThatExist) {
  testing::SmallService small;
  const Parsed document = small.json("GET", "/openapi.json");
  const std::string text = document.dump();
  const std::string mark = "#/components/schemas/";
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const std::size_t begin = at + mark.size();
    const std::string name = text.substr(begin, text.find('"', begin) - begin);
    EXPECT_TRUE(document.at("components").at("schemas").contains(name)) << name;
  }
  for (const auto& [path, operations] : document.at("paths").items()) {
    for (const auto& [method, operation] : operations.items()) {
      std::size_t in_path = 0;
      for (const Parsed& parameter : operation.value("parameters", Parsed::array())) {
        if (parameter.at("in") == "path") ++in_path;
      }
      EXPECT_EQ(in_path, std::ranges::count(path, '{')) << path;
    }
  }
}

TEST(OpenApi, HasAnExampleForEveryBodyAndEachIsAnswered) {
  testing::SmallService small;
  const Parsed paths = small.json("GET", "/openapi.json").at("paths");
  std::size_t examples = 0;
  for (const auto& [path, operations] : paths.items()) {
    for (const auto& [method, operation] : operations.items()) {
      for (const Parsed& parameter : operation.value("parameters", Parsed::array())) {
        if (parameter.at("in") == "path") {
          EXPECT_TRUE(parameter.contains("example")) << path;
        }
      }
      if (!operation.contains("requestBody")) continue;
      const Parsed& content = *operation.at("requestBody").at("content").begin();
      ASSERT_TRUE(content.contains("example")) << path;
      std::string upper = method, target = path;
      for (char& c : upper) c = static_cast<char>(std::toupper(c));
      const std::size_t brace = target.find('{');
      if (brace != std::string::npos) target.replace(brace, target.find('}') - brace + 1, "1");
      const Response response = small.call(upper, target, content.at("example").dump());
      // The small bundle has no attributes.
      EXPECT_EQ(response.status, method == "patch" ? 422 : 200) << path << response.body;
      EXPECT_EQ(response.body.find("\"failed\":1"), std::string::npos) << response.body;
      ++examples;
    }
  }
  EXPECT_GE(examples, 9U);
}

TEST(OpenApi, TellsTheBounds) {
  testing::SmallService small;
  const Parsed paths = small.json("GET", "/openapi.json").at("paths");
  const Parsed& body = paths.at("/v1/recommend")
                           .at("post")
                           .at("requestBody")
                           .at("content")
                           .at("application/json")
                           .at("schema");
  EXPECT_EQ(body.at("properties").at("k").at("maximum"), 1000);
  EXPECT_EQ(body.at("properties").at("history").at("maxItems"), 1000);
  EXPECT_EQ(body.at("properties").at("allow").at("maxItems"), 10'000);
  EXPECT_EQ(body.at("properties").at("user").at("oneOf")[0].at("maxLength"), 256);
  EXPECT_EQ(body.at("oneOf").size(), 2U);
  EXPECT_EQ(body.at("additionalProperties"), false);
  const Parsed& limit = paths.at("/v1/map").at("get").at("parameters")[0].at("schema");
  EXPECT_EQ(limit.at("minimum"), 1);
  EXPECT_EQ(limit.at("maximum"), 50'000);
}

TEST(OpenApi, KnowsEveryFieldThatABodyMayHave) {
  // Each described field is one that the handler does not call unknown.
  testing::SmallService small;
  const Parsed document = small.json("GET", "/openapi.json");
  for (const auto& [path, operations] : document.at("paths").items()) {
    for (const auto& [method, operation] : operations.items()) {
      if (!operation.contains("requestBody")) continue;
      const Parsed& schema = operation.at("requestBody").at("content").begin()->at("schema");
      for (const auto& [field, of] : schema.at("properties").items()) {
        std::string upper = method;
        for (char& c : upper) c = static_cast<char>(std::toupper(c));
        std::string target = path;
        const std::size_t brace = target.find('{');
        if (brace != std::string::npos) target.replace(brace, target.find('}') - brace + 1, "x");
        const Response response = small.call(upper, target, "{\"" + field + "\":{}}");
        EXPECT_EQ(response.body.find("unknown field"), std::string::npos) << path << " " << field;
      }
      EXPECT_NE(small
                    .call(method == "post" ? "POST" : "PUT",
                          path.find('{') == std::string::npos ? path
                          : path.starts_with("/v1/items")     ? "/v1/items/x"
                                                              : "/v1/users/x/events",
                          R"({"no such field":1})")
                    .body.find("unknown field"),
                std::string::npos)
          << path;
    }
  }
}

TEST(MatchRoute, DecodesSegmentsAndParameters) {
  std::string allowed;
  const Match item = match_route("GET", "/v1/items/a%2Fb%20%C3%A9", allowed);
  EXPECT_EQ(item.segments, std::vector<std::string>{"a/b é"});
  Match find = match_route("GET", "/v1/items?prefix=steel+te%26a&limit=3", allowed);
  EXPECT_TRUE(find.parameters.empty());
  read_query(find);
  ASSERT_EQ(find.parameters.size(), 2U);
  EXPECT_EQ(find.parameters[0].second, "steel te&a");
  EXPECT_EQ(find.parameters[1].second, "3");
  EXPECT_EQ(match_route("GET", "/v1/tokens/1/2", allowed).segments.size(), 2U);
  EXPECT_EQ(match_route("GET", "/", allowed).route->path, "/");
}

TEST(MatchRoute, RefusesWhatIsNotThere) {
  testing::SmallService small;
  for (const char* path : {"/nothing", "/v1", "/v1/", "/v1/items/", "/v1/items//similar", "//", "",
                           "*", "http://host/v1/items", "/v1/users/a/b/c"}) {
    small.refused(404, "unknown_path", "GET", path);
  }
  for (const char* path : {"/v1/items/%", "/v1/items/%4", "/v1/items/%zz", "/v1/items?limit=%",
                           "/v1/items?unknown=1", "/healthz?x", "/v1/items?prefix=a&prefix=b"}) {
    small.refused(400, "invalid_request", "GET", path);
  }
  const Response wrong = small.call("POST", "/v1/items/1");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.allow, "GET, PUT, PATCH, DELETE");
}

}  // namespace
}  // namespace tessera
