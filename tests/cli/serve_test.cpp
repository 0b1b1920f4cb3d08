// `tessera serve` as a process: it starts, serves, reloads and ends on signals, and keeps its
// state.
#include "cli/serving.h"

namespace tessera::testing {
namespace {

TEST_F(Serve, RecommendsWhatTheCommandRecommends) {
  start();
  const Json served =
      Json::parse(ask("POST", "/v1/recommend", R"({"history":["S000012","S000070"],"k":5})").body);
  const Json printed =
      json_of("recommend --model " + shop().model + " --history S000012,S000070 -k 5 --json");
  ASSERT_EQ(served.at("items").size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(served.at("items")[i].at("id"), printed.at("items")[i].at("id"));
  }
  const Finished finished = end(SIGTERM);
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_NE(finished.err.find("without --state"), std::string::npos);
  EXPECT_NE(finished.err.find(R"("route":"/v1/recommend","status":200)"), std::string::npos);
}

TEST_F(Serve, KeepsItsStateWhateverEndsIt) {
  const std::string state = "--access-log none --state " + path("state");
  start(state);
  EXPECT_EQ(ask("POST", "/v1/users/anna/events", R"({"items":["S000012"]})").status, 200);
  EXPECT_EQ(ask("PUT", "/v1/items/new", R"({"title":"Steel teapot lamp scarf"})").status, 200);
  EXPECT_EQ(end(SIGKILL).exit_code, -1);
  start(state);
  EXPECT_EQ(ask("GET", "/v1/users/anna").body, R"({"user":"anna","items":["S000012"]})");
  EXPECT_EQ(ask("GET", "/v1/items/new").status, 200);
  EXPECT_EQ(ask("DELETE", "/v1/users/anna").status, 204);
  const Finished finished = end(SIGINT);
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_EQ(finished.err, "");
  start(state);
  EXPECT_EQ(ask("GET", "/v1/users/anna").status, 404);
}

TEST_F(Serve, ReloadsOnSighup) {
  start();
  process_->signal(SIGHUP);
  EXPECT_TRUE(
      eventually([&] { return Json::parse(ask("GET", "/readyz").body).at("generation") == 2; }));
  EXPECT_EQ(end(SIGTERM).exit_code, 0);
}

TEST_F(Serve, AsksForTokens) {
  const std::string tokens = file("tokens", "write w-0123456789abcdef\nadmin a-0123456789abcdef\n");
  fs::permissions(tokens, fs::perms::owner_read);
  start("--token-file " + tokens);
  const std::string body = R"({"items":["S000012"]})";
  EXPECT_EQ(ask("POST", "/v1/users/anna/events", body).status, 401);
  EXPECT_EQ(
      ask("POST", "/v1/users/anna/events", body, "Authorization: Bearer w-0123456789abcdef\r\n")
          .status,
      200);
  EXPECT_EQ(ask("POST", "/v1/recommend", R"({"history":["S000012"]})").status, 200);
}

TEST_F(Serve, RefusesWrongUsage) {
  const std::string serve = "serve --model " + shop().model + " ";
  for (const char* listen :
       {"8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "nowhere:0"}) {
    expect_refusal(tessera(serve + "--listen " + listen), 2, {listen});
  }
  expect_refusal(tessera(serve + "--listen 0.0.0.0:0"), 2, {"0.0.0.0:0", "--token-file"});
  expect_refusal(tessera(serve + "--sync sometimes"), 2, {"sometimes"});
  expect_refusal(tessera(serve + "--certificate x.pem"), 2, {"key"});
  expect_refusal(tessera("serve --model " + path("none")), 1, {path("none")});
  expect_refusal(tessera(serve + "--token-file " + path("none")), 1, {path("none")});
  expect_refusal(tessera(serve + "--state " + file("a-file", "x")), 1, {"a-file"});
}

}  // namespace
}  // namespace tessera::testing
