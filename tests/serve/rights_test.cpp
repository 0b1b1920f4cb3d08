// Who may do what: every route, with every right, and every way to name a user.
#include <gtest/gtest.h>

#include <map>

#include "serve/small_service.h"

namespace tessera {
namespace {

const std::string kReader = "read-0123456789abcdef";
const std::string kWriter = "write-0123456789abcdef";
const std::string kBoss = "admin-0123456789abcdef";

/// What each route needs, written down here once more: a change of the table must be one on
/// purpose.
const std::map<std::string, Access> kNeeded = {
    {"POST /v1/recommend", Access::read},
    {"POST /v1/score", Access::read},
    {"POST /v1/explain", Access::read},
    {"POST /v1/similar", Access::read},
    {"POST /v1/similar-users", Access::admin},
    {"POST /v1/impressions", Access::write},
    {"GET /v1/admin/variants", Access::admin},
    {"POST /v1/recommend:bulk", Access::read},
    {"POST /v1/items:bulk", Access::write},
    {"POST /v1/events:bulk", Access::write},
    {"POST /v1/items/{id}/restore", Access::write},
    {"GET /v1/items", Access::read},
    {"GET /v1/items/{id}", Access::read},
    {"PUT /v1/items/{id}", Access::write},
    {"PATCH /v1/items/{id}", Access::write},
    {"DELETE /v1/items/{id}", Access::write},
    {"GET /v1/items/{id}/similar", Access::read},
    {"POST /v1/users/{user}/events", Access::write},
    {"GET /v1/users/{user}", Access::write},
    {"DELETE /v1/users/{user}", Access::write},
    {"GET /v1/tokens/{level}/{code}", Access::read},
    {"GET /v1/map", Access::read},
    {"GET /v1/model", Access::read},
    {"POST /v1/admin/reload", Access::admin},
    {"POST /v1/admin/backup", Access::admin},
    {"GET /v1/admin/events", Access::admin},
    {"POST /v1/admin/purge", Access::admin},
    {"GET /healthz", Access::open},
    {"GET /readyz", Access::open},
    {"GET /metrics", Access::read},
    {"GET /openapi.json", Access::open},
    {"GET /", Access::open},
    {"GET /console/{file}", Access::open},
};

fs::path tokens_in(const testing::TempDirectory& directory, const std::string& text) {
  const fs::path file = directory.path() / "tokens";
  write_file(file, text);
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  return file;
}

std::string filled(std::string_view pattern) {
  std::string target;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] != '{') {
      target += pattern[at];
      continue;
    }
    target += pattern.substr(at).starts_with("{user}") ? "anna" : "1";
    at = pattern.find('}', at);
  }
  return target;
}

/// With and without a line for `read`, which leaves reading open to everybody.
class Rights : public ::testing::TestWithParam<bool> {
 protected:
  Rights() {
    Scratch scratch;
    for (const char* events : {R"({"items":["1","6"]})"}) {
      small.service().answer({.method = "POST",
                              .target = "/v1/users/anna/events",
                              .body = events,
                              .authorization = "Bearer " + kWriter},
                             scratch);
    }
  }
  struct Caller {
    std::string authorization;
    Access may;
  };
  std::vector<Caller> callers() const {
    const Access anybody = GetParam() ? Access::open : Access::read;
    std::vector<Caller> all = {{"", anybody},
                               {"Bearer nobodys-0123456789", anybody},
                               {"Bearer " + kWriter, Access::write},
                               {"Bearer " + kBoss, Access::admin}};
    if (GetParam()) all.push_back({"Bearer " + kReader, Access::read});
    return all;
  }
  Response answer(std::string_view method, const std::string& target, std::string_view body,
                  const Caller& caller) {
    Scratch scratch;
    return small.service().answer(
        {.method = method, .target = target, .body = body, .authorization = caller.authorization},
        scratch);
  }

  testing::TempDirectory directory;
  testing::SmallService small{
      "unified", tokens_in(directory, (GetParam() ? "read " + kReader + "\n" : "") + "write " +
                                          kWriter + "\nadmin " + kBoss + "\n")};
};

INSTANTIATE_TEST_SUITE_P(Tokens, Rights, ::testing::Bool());

TEST_P(Rights, EveryRouteAsksForItsOwn) {
  std::size_t walked = 0;
  for (const Route& route : routes()) {
    const std::string name = std::string(route.method) + " " + std::string(route.path);
    ASSERT_TRUE(kNeeded.contains(name)) << name;
    ++walked;
    for (const Caller& caller : callers()) {
      for (const std::string_view method : {route.method, std::string_view("HEAD")}) {
        if (method == "HEAD" && route.method != "GET") continue;
        const int status = answer(method, filled(route.path), "", caller).status;
        EXPECT_EQ(status == 401, caller.may < kNeeded.at(name))
            << name << " " << caller.authorization << " " << status;
      }
    }
  }
  EXPECT_EQ(walked, kNeeded.size());
}

TEST_P(Rights, WhoMayNotAskIsNotToldWhatIsWrongWithTheQuery) {
  for (const Caller& caller : callers()) {
    const int status = answer("GET", "/v1/admin/variants?nonsense=1", "", caller).status;
    if (caller.may == Access::admin) {
      EXPECT_EQ(status, 400);
    } else {
      EXPECT_TRUE(status == 401 || status == 403) << status;
    }
  }
}

TEST_P(Rights, AStoredHistoryNeedsWriteWhereverTheUserIsNamed) {
  const std::pair<const char*, const char*> ways[] = {
      {"/v1/recommend", R"({"user":"anna"})"},
      {"/v1/recommend", R"({"user":"anna","allow":["1"],"exclude_seen":true})"},
      {"/v1/recommend", R"({"\u0075ser":"anna"})"},
      {"/v1/recommend", R"({"user":"anna","history":null})"},
      {"/v1/recommend", R"({"history":null,"k":3,"user":"anna"})"},
      {"/v1/recommend", R"({"user":"nobody"})"},
      {"/v1/recommend:bulk", R"({"users":["anna"]})"},
      {"/v1/explain", R"({"user":"anna","item":"2"})"},
      {"/v1/explain", R"({"item":"2","us\u0065r":"anna"})"},
      {"/v1/explain", R"({"item":"2","user":"anna","skip_unknown":true})"},
  };
  for (const auto& [target, body] : ways) {
    for (const Caller& caller : callers()) {
      const Response got = answer("POST", target, body, caller);
      if (caller.may < Access::write) {
        EXPECT_EQ(got.status, 401) << target << body << caller.authorization;
      } else {
        EXPECT_TRUE(got.status == 200 || got.status == 404) << target << body << got.body;
      }
    }
  }
}

TEST_P(Rights, AUserNamedTwiceOrBesideAHistoryIsNeverAnswered) {
  for (const char* body :
       {R"({"user":"ben","user":"anna","item":"2"})", R"({"user":null,"user":"anna","item":"2"})",
        R"({"user":"anna","user":null,"item":"2"})",
        R"({"history":["1"],"user":"anna","item":"2"})",
        R"({"history":["1"],"history":null,"user":"anna","item":"2"})"}) {
    for (const Caller& caller : callers()) {
      const int status = answer("POST", "/v1/explain", body, caller).status;
      EXPECT_TRUE(status == 400 || status == 401) << body << status;
    }
  }
}

TEST_P(Rights, ReadingWithoutAUserStaysAsItWas) {
  for (const Caller& caller : callers()) {
    const int expected = caller.may < Access::read ? 401 : 200;
    EXPECT_EQ(answer("POST", "/v1/recommend", R"({"history":["1"],"user":null})", caller).status,
              expected);
    EXPECT_EQ(answer("POST", "/v1/explain", R"({"history":["1"],"item":"2"})", caller).status,
              expected);
  }
}

TEST(RightsInOpenApi, AreThoseOfTheTable) {
  const testing::TempDirectory directory;
  testing::SmallService asking("unified", tokens_in(directory, "write " + kWriter + "\n"));
  const testing::Parsed paths = asking.json("GET", "/openapi.json").at("paths");
  const testing::Parsed& explain = paths.at("/v1/explain").at("post");
  EXPECT_NE(explain.at("description").get<std::string>().find("'user' needs a 'write' token"),
            std::string::npos);
  EXPECT_TRUE(explain.contains("security"));
  testing::SmallService open;
  const testing::Parsed document = open.json("GET", "/openapi.json");
  EXPECT_FALSE(document.at("paths").at("/v1/explain").at("post").contains("security"));
  EXPECT_FALSE(document.at("components").contains("securitySchemes"));
}

}  // namespace
}  // namespace tessera
