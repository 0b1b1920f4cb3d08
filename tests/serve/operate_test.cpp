// What whoever runs the service reads from its answers and its log.
#include <gtest/gtest.h>

#include "base/unpacker.h"
#include "serve/running_server.h"

namespace tessera {
namespace {

using testing::Connection;
using testing::ids_of;
using testing::kBody;
using testing::Parsed;

class Operate : public testing::RunningServer {
 protected:
  std::string logged() {
    stop();
    log.flush();
    return read_file(log_file);
  }
  static std::string field(const testing::Answer& answer, const std::string& name) {
    const std::size_t at = answer.header.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + name.size() + 4;
    return answer.header.substr(begin, answer.header.find("\r\n", begin) - begin);
  }
};

TEST_F(Operate, EveryAnswerHasTheRequestsIdAndTheLogHasItToo) {
  start();
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  Connection connection(port());
  const auto given = connection.request(
      "POST", "/v1/recommend", kBody, "X-Request-Id: order-17\r\ntraceparent: " + parent + "\r\n");
  EXPECT_EQ(field(given, "X-Request-Id"), "order-17");
  EXPECT_EQ(field(given, "traceparent"), parent);
  const auto made = connection.request("GET", "/nothing");
  const std::string id = field(made, "X-Request-Id");
  EXPECT_EQ(id.size(), 16U);
  EXPECT_EQ(field(made, "traceparent"), "");
  const std::string lines = logged();
  EXPECT_NE(lines.find("\"id\":\"order-17\""), std::string::npos) << lines;
  EXPECT_NE(lines.find("\"trace\":\"4bf92f3577b34da6a3ce929d0e0e4736\""), std::string::npos);
  EXPECT_NE(lines.find("\"id\":\"" + id + "\""), std::string::npos);
}

TEST_F(Operate, AnswersNameTheModel) {
  start();
  Connection connection(port());
  const auto answer = connection.request("POST", "/v1/recommend", kBody);
  const std::string name = field(answer, "Tessera-Model");
  EXPECT_EQ(name.size(), 16U);
  EXPECT_EQ(Parsed::parse(connection.request("GET", "/v1/model").body).at("name"), name);
  EXPECT_EQ(field(connection.request("GET", "/healthz"), "Tessera-Model"), "");
}

TEST_F(Operate, LargeAnswersArePackedForWhoTakesThem) {
  start();
  Connection connection(port());
  const auto plain = connection.request("GET", "/openapi.json");
  const auto packed =
      connection.request("GET", "/openapi.json", "", "Accept-Encoding: br, gzip\r\n");
  EXPECT_EQ(field(packed, "Content-Encoding"), "gzip");
  EXPECT_LT(packed.body.size(), plain.body.size() / 2);
  Unpacker unpacker(Unpacker::Coding::gzip);
  std::string_view rest = packed.body;
  std::string text;
  unpacker.expand(rest, plain.body.size() + 1, text);
  EXPECT_EQ(text, plain.body);
  for (const char* takes : {"Accept-Encoding: gzip;q=0\r\n", "Accept-Encoding: br\r\n", ""}) {
    EXPECT_EQ(field(connection.request("GET", "/openapi.json", "", takes), "Content-Encoding"), "");
  }
  EXPECT_EQ(field(connection.request("GET", "/healthz", "", "Accept-Encoding: gzip\r\n"),
                  "Content-Encoding"),
            "");
}

TEST_F(Operate, TheClientBehindAProxyIsTheOneThatIsLogged) {
  ServerOptions options;
  options.unbounded.emplace_back("127.0.0.9");
  start(options);
  const auto ask = [&](const char* from, const std::string& forwarded) {
    Connection connection(port(), from);
    connection.request("GET", "/healthz", "", "X-Forwarded-For: " + forwarded + "\r\n");
  };
  ask("127.0.0.9", "1.2.3.4, 203.0.113.7, 127.0.0.9");  // the first may be anybody's word
  ask("127.0.0.5", "203.0.113.8");                      // no proxy
  ask("127.0.0.9", "\"><script>");
  const std::string lines = logged();
  EXPECT_NE(lines.find("\"client\":\"203.0.113.7\""), std::string::npos) << lines;
  EXPECT_EQ(lines.find("203.0.113.8"), std::string::npos);
  EXPECT_EQ(lines.find("script"), std::string::npos);
}

class Pages : public ::testing::Test {
 protected:
  Pages() {
    testing::write_small_bundle(directory.path() / "bundle");
    service = std::make_unique<Service>(ServiceOptions{.models = {{directory.path() / "bundle"}},
                                                       .origins = {"https://shop.example"}},
                                        *store, log);
  }
  Plan plan(std::string_view method, std::string_view target, std::string_view origin,
            std::string_view asked = "") {
    return service->plan({.method = method,
                          .target = target,
                          .host = "localhost",
                          .origin = origin,
                          .asked_method = asked});
  }
  testing::TempDirectory directory;
  const Log log{fs::path()};
  std::unique_ptr<Store> store = open_store("");
  std::unique_ptr<Service> service;
};

TEST_F(Pages, OfNamedOriginsMayReadAndNeverWrite) {
  const char* shop = "https://shop.example";
  EXPECT_EQ(plan("POST", "/v1/recommend", shop).readable_by, shop);
  EXPECT_FALSE(plan("POST", "/v1/recommend", shop).answer);
  EXPECT_EQ(plan("GET", "/v1/items/1", shop).readable_by, shop);
  const Plan asked = plan("OPTIONS", "/v1/recommend", shop, "POST");
  EXPECT_EQ(asked.answer->status, 204);
  EXPECT_EQ(asked.readable_by, shop);
  for (const char* other : {"https://other.example", "https://shop.example.other", "null"}) {
    EXPECT_EQ(plan("POST", "/v1/recommend", other).answer->status, 403) << other;
    EXPECT_EQ(plan("GET", "/v1/items/1", other).readable_by, "") << other;
    EXPECT_EQ(plan("OPTIONS", "/v1/recommend", other, "POST").answer->status, 405) << other;
  }
  EXPECT_EQ(plan("PUT", "/v1/items/1", shop).answer->status, 403);
  EXPECT_EQ(plan("POST", "/v1/users/anna/events", shop).answer->status, 403);
  EXPECT_EQ(plan("OPTIONS", "/v1/items/1", shop, "PUT").answer->status, 403);
  EXPECT_EQ(plan("OPTIONS", "/v1/recommend", shop).answer->status, 405);
}

class SmallApi : public ::testing::Test, public testing::SmallService {};

TEST_F(SmallApi, ListsComeInPages) {
  const auto page = [&](int k, int offset) {
    return ids_of(json("POST", "/v1/recommend",
                       fmt::format(R"({{"history":["1"],"k":{},"offset":{}}})", k, offset)));
  };
  const auto whole = page(10, 0);
  auto pages = page(4, 0);
  for (const std::string& id : page(6, 4)) pages.push_back(id);
  EXPECT_EQ(pages, whole);
  EXPECT_EQ(page(100, 12).size(), 3U);
  EXPECT_TRUE(page(5, 900).empty());
  refused(400, "invalid_request", "POST", "/v1/recommend", R"({"history":["1"],"offset":-1})");
}

TEST_F(SmallApi, AnErasedItemOfTheCatalogueComesBackAsItWas) {
  const auto before = json("GET", "/v1/items/4");
  const auto list = ids_of(json("POST", "/v1/recommend", R"({"history":["1"],"k":16})"));
  refused(409, "item_is_there", "POST", "/v1/items/4/restore");
  call("DELETE", "/v1/items/4");
  json("PUT", "/v1/items/5", R"({"title":"steel kettle"})");
  call("DELETE", "/v1/items/5");
  refused(404, "unknown_item", "GET", "/v1/items/4");
  EXPECT_EQ(json("POST", "/v1/items/4/restore"), [&] {
    auto card = before;
    card.erase("place");
    return card;
  }());
  EXPECT_EQ(json("POST", "/v1/items/5/restore").at("title"), "walnut lamp");
  EXPECT_EQ(ids_of(json("POST", "/v1/recommend", R"({"history":["1"],"k":16})")), list);
  reload();
  EXPECT_EQ(ids_of(json("POST", "/v1/recommend", R"({"history":["1"],"k":16})")), list);
  json("PUT", "/v1/items/new", R"({"title":"steel kettle"})");
  call("DELETE", "/v1/items/new");
  refused(404, "unknown_item", "POST", "/v1/items/new/restore");
}

TEST_F(SmallApi, CountsWhatListsAreMadeOf) {
  json("PUT", "/v1/items/new", R"({"title":"steel kettle"})");
  json("POST", "/v1/recommend", R"({"history":["1"],"k":16})");
  json("POST", "/v1/recommend", R"({"history":[],"fallback":"newest","k":1})");
  json("POST", "/v1/recommend", R"({"history":["1"],"allow":[]})");
  const std::string text = call("GET", "/metrics").body;
  for (const char* line :
       {"tessera_lists_total{from=\"model\"} 2", "tessera_lists_total{from=\"newest\"} 1",
        "tessera_empty_lists_total 1", "tessera_listed_items_total{kind=\"new\"} 2",
        "tessera_listed_items_total{kind=\"known\"} 15", "tessera_listed_items_distinct 16",
        "tessera_build_info{version=\"", "process_resident_memory_bytes ", "process_open_fds "}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

}  // namespace
}  // namespace tessera
