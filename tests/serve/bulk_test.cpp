// Bodies of many lines: what each line does, and how a stream of them is read.
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "attributes/attribute_table.h"
#include "serve/running_server.h"

namespace tessera {
namespace {

using testing::Connection;
using testing::ids_of;
using testing::Parsed;
using Lines = std::vector<Parsed>;

Lines lines_of(const std::string& body) {
  Lines lines;
  std::size_t at = 0;
  while (at < body.size()) {
    const std::size_t end = std::min(body.find('\n', at), body.size());
    lines.push_back(Parsed::parse(body.substr(at, end - at)));
    at = end + 1;
  }
  return lines;
}

class Bulk : public testing::RunningServer {
 protected:
  Bulk() {
    AttributeTable table({{"price", AttributeType::number}});
    for (std::int32_t item = 0; item < 16; ++item) table.set(0, item, double(item));
    table.write(small.bundle() / kAttributesFile, 16);
    small.reload();
  }
  Lines post(const std::string& target, const std::string& body) {
    const Response response = small.call("POST", target, body);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.content_type, "application/x-ndjson");
    return lines_of(response.body);
  }
  double price_of(const std::string& id) {
    return small.json("GET", "/v1/items/" + id).at("attributes").at("price").get<double>();
  }
};

TEST_F(Bulk, PutsChangesAndErasesItemsInOrder) {
  const Lines lines = post("/v1/items:bulk",
                           R"({"id":"a","title":"steel teapot","attributes":{"price":7}}
{"id":"a","attributes":{"price":8}}

{"id":3,"erase":true}
{"id":"b","text":"glass kettle"}
{"id":"b","erase":true}
{"id":"b","text":"oak desk"})");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0], Parsed::parse(R"({"lines":6,"done":6,"repeated":0,"failed":0})"));
  EXPECT_EQ(price_of("a"), 8.0);
  EXPECT_EQ(small.json("GET", "/v1/items/a").at("title"), "steel teapot");
  small.refused(404, "unknown_item", "GET", "/v1/items/3");
  EXPECT_EQ(small.json("GET", "/v1/items/b").at("live"), true);
  small.reload();  // all of it is in the store
  EXPECT_EQ(price_of("a"), 8.0);
  small.refused(404, "unknown_item", "GET", "/v1/items/3");
  EXPECT_EQ(small.json("GET", "/v1/items/b").at("live"), true);
}

TEST_F(Bulk, TellsOfEachBadLineAndDoesTheOthers) {
  const Lines lines = post("/v1/items:bulk",
                           "{\"id\":\"good\",\"text\":\"steel\"}\n"
                           "not json\n"
                           "{\"id\":\"x\"}\n"
                           "{\"id\":\"x\",\"text\":\"zzzz\"}\n"
                           "{\"id\":\"nobody\",\"attributes\":{\"price\":1}}\n"
                           "{\"id\":\"1\",\"attributes\":{\"prise\":1}}\n"
                           "{\"id\":\"1\",\"attributes\":{\"price\":\"much\"}}\n"
                           "{\"id\":\"1\",\"erase\":true,\"title\":\"t\"}\n"
                           "{\"title\":\"t\"}\n"
                           "{\"id\":\"1\",\"colour\":\"red\"}\n");
  ASSERT_EQ(lines.size(), 10U);
  EXPECT_EQ(lines.back().at("done"), 1);
  EXPECT_EQ(lines.back().at("failed"), 9);
  std::map<int, std::string> codes;
  for (std::size_t i = 0; i < 9; ++i) {
    codes[lines[i].at("line").get<int>()] = lines[i].at("error").at("code").get<std::string>();
  }
  EXPECT_EQ(codes.size(), 9U);
  EXPECT_EQ(codes[2], "invalid_request");
  EXPECT_EQ(codes[4], "unreadable_text");
  EXPECT_EQ(codes[5], "unknown_item");
  EXPECT_EQ(codes[6], "invalid_attributes");
  EXPECT_EQ(codes[7], "invalid_attributes");
  EXPECT_EQ(small.json("GET", "/v1/items/good").at("live"), true);
  EXPECT_EQ(price_of("1"), 0.0);
}

TEST_F(Bulk, EventsAreAppendedOnceHoweverOftenTheyAreSent) {
  const std::string body = R"({"user":"anna","items":["1","2"]}
{"user":"ben","items":[3]}
{"user":"anna","items":["999"]}
{"user":"anna","items":["5"]})";
  Scratch scratch;
  for (const bool again : {false, true}) {
    const Response response = small.service().answer(
        {.method = "POST", .target = "/v1/events:bulk", .body = body, .idempotency_key = "file-1"},
        scratch);
    const Lines lines = lines_of(response.body);
    ASSERT_EQ(lines.size(), 2U) << response.body;
    EXPECT_EQ(lines[0].at("line"), 3);
    EXPECT_EQ(lines[0].at("error").at("code"), "unknown_item");
    EXPECT_EQ(lines[1].at("done"), again ? 0 : 3);
    EXPECT_EQ(lines[1].at("repeated"), again ? 3 : 0);
  }
  EXPECT_EQ(small.json("GET", "/v1/users/anna").at("items"), Parsed::parse(R"(["1","2","5"])"));
}

TEST_F(Bulk, ManyUsersAreAnsweredInOneCall) {
  small.json("POST", "/v1/users/anna/events", R"({"items":["1","6"]})");
  const Parsed lists =
      small.json("POST", "/v1/recommend:bulk", R"({"users":["anna","nobody"],"k":4})").at("lists");
  EXPECT_EQ(ids_of(lists[0]),
            ids_of(small.json("POST", "/v1/recommend", R"({"user":"anna","k":4})")));
  EXPECT_EQ(lists[0].at("user"), "anna");
  EXPECT_TRUE(lists[1].contains("from"));
  const Parsed given = small
                           .json("POST", "/v1/recommend:bulk",
                                 R"({"histories":[["1"],[],["999"]],"fallback":"none"})")
                           .at("lists");
  EXPECT_EQ(ids_of(given[0]), ids_of(small.json("POST", "/v1/recommend", R"({"history":["1"]})")));
  EXPECT_EQ(given[1].at("error").at("code"), "empty_history");
  EXPECT_EQ(given[2].at("error").at("code"), "unknown_item");
  small.refused(400, "invalid_request", "POST", "/v1/recommend:bulk", "{}");
  small.refused(400, "invalid_request", "POST", "/v1/recommend:bulk", R"({"histories":["1"]})");
  std::string many = "\"1\"";
  for (int i = 0; i < 100; ++i) many += ",\"1\"";
  small.refused(400, "invalid_request", "POST", "/v1/recommend:bulk",
                R"({"users":[)" + many + "]}");
}

std::string zstd_packed(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

TEST_F(Bulk, StreamsMayBeLargerThanAnyBodyAndPacked) {
  start();
  std::string body;
  constexpr std::size_t kCount = 30'000;
  for (std::size_t i = 0; i < kCount; ++i) {
    body += R"({"id":"1","attributes":{"price":)" + std::to_string(i) + "}}\n";
  }
  body += "oops";
  ASSERT_GT(body.size(), ServerOptions().max_body);
  for (const bool packed : {false, true}) {
    Connection connection(port());
    const auto answer = packed ? connection.request("POST", "/v1/items:bulk", zstd_packed(body),
                                                    "Content-Encoding: zstd\r\n")
                               : connection.request("POST", "/v1/items:bulk", body);
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Lines lines = lines_of(answer.body);
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].at("line"), kCount + 1);
    EXPECT_EQ(lines[1].at("done"), kCount);
    EXPECT_EQ(price_of("1"), double(kCount - 1));
    EXPECT_EQ(connection.request("POST", "/v1/recommend", testing::kBody).status, 200);
  }
}

TEST_F(Bulk, WhatCannotBeReadIsToldWithHowFarItWent) {
  start();
  const std::string line = "{\"id\":\"1\",\"attributes\":{\"price\":1}}\n";
  const auto sent = [&](const std::string& body, const char* coding) {
    Connection connection(port());
    const auto answer = connection.request("POST", "/v1/items:bulk", body,
                                           std::string("Content-Encoding: ") + coding + "\r\n");
    return std::pair(answer.status, lines_of(answer.body).back().at("error").at("code"));
  };
  EXPECT_EQ(sent(line, "br"), std::pair(415, Parsed("unknown_coding")));
  EXPECT_EQ(sent(line, "gzip"), std::pair(400, Parsed("damaged_body")));
  const std::string packed = zstd_packed(line);
  EXPECT_EQ(sent(packed.substr(0, packed.size() - 2), "zstd"),
            std::pair(400, Parsed("damaged_body")));
  EXPECT_EQ(sent(line + std::string(2 << 20, 'x'), "identity"),
            std::pair(413, Parsed("line_too_large")));
  Connection plain(port());
  EXPECT_EQ(
      plain.request("POST", "/v1/recommend", testing::kBody, "Content-Encoding: gzip\r\n").status,
      415);
}

TEST_F(Bulk, WhoMayNotWriteIsToldBeforeTheBodyIsRead) {
  start();
  Connection connection(port());
  connection.send(
      "POST /v1/items:bulk HTTP/1.1\r\nHost: elsewhere\r\nContent-Length: 99999\r\n\r\n");
  EXPECT_EQ(connection.receive().status, 421);
}

}  // namespace
}  // namespace tessera
