// The server behind real sockets: requests, answers, limits.
#include "serve/server.h"

#include "serve/running_server.h"
#include "testing/errors.h"
#include "testing/process.h"

namespace tessera {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::Answer;
using testing::Connection;
using testing::eventually;
using testing::kBody;
using testing::Parsed;
using testing::RunningServer;

TEST_F(RunningServer, AnswersManyRequestsOnOneConnection) {
  start();
  Connection connection(port());
  const Answer first = connection.request("POST", "/v1/recommend", kBody);
  EXPECT_EQ(first.status, 200);
  EXPECT_NE(first.header.find("Content-Type: application/json"), std::string::npos);
  EXPECT_NE(first.header.find("nosniff"), std::string::npos);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(connection.request("POST", "/v1/recommend", kBody).body, first.body);
    EXPECT_EQ(connection.request("GET", "/v1/items/1/similar").status, 200);  // another thread's
    EXPECT_EQ(connection.request("GET", "/nothing").status, 404);
    EXPECT_EQ(connection.request("DELETE", "/v1/users/nobody").status, 404);
  }
}

TEST_F(RunningServer, AnswersPipelinedRequestsInOrder) {
  start();
  Connection connection(port());
  std::string all;
  for (int i = 1; i <= 16; ++i) all += Connection::text("GET", "/v1/items/" + std::to_string(i));
  all += Connection::text("GET", "/v1/items/1/similar?k=1") +
         Connection::text("POST", "/v1/recommend", kBody, "Connection: close\r\n");
  ASSERT_TRUE(connection.send(all));
  for (int i = 1; i <= 16; ++i) {
    EXPECT_EQ(Parsed::parse(connection.receive().body).at("id"), std::to_string(i));
  }
  EXPECT_EQ(Parsed::parse(connection.receive().body).at("items").size(), 1U);
  const Answer last = connection.receive();
  EXPECT_EQ(Parsed::parse(last.body).at("items").size(), 3U);
  EXPECT_TRUE(connection.closed());
}

TEST_F(RunningServer, FollowsHttp) {
  start();
  Connection connection(port());
  const Answer head = connection.request("HEAD", "/v1/items/1");
  EXPECT_EQ(head.status, 200);
  const Answer get = connection.request("GET", "/v1/items/1");
  EXPECT_NE(head.header.find("Content-Length: " + std::to_string(get.body.size())),
            std::string::npos);
  const Answer wrong = connection.request("PUT", "/v1/recommend");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_NE(wrong.header.find("Allow: POST"), std::string::npos);
  connection.send(
      "POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "10\r\n{\"history\":[\"1\"]\r\n1\r\n}\r\n0\r\n\r\n");
  EXPECT_EQ(connection.receive().status, 200);
  connection.send(
      "POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: 17\r\n"
      "Expect: 100-Continue\r\n\r\n");
  EXPECT_EQ(connection.receive().status, 100);
  connection.send(R"({"history":["1"]})");
  EXPECT_EQ(connection.receive().status, 200);
  Connection old(port());
  old.send("GET /healthz HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.receive().status, 200);
  EXPECT_TRUE(old.closed());
  const Answer put = connection.request("PUT", "/v1/items/n", R"({"title":"oak"})");
  EXPECT_EQ(put.status, 200);
  const Answer gone = connection.request("DELETE", "/v1/items/n");
  EXPECT_EQ(gone.status, 204);
  EXPECT_EQ(gone.header.find("Content-Length"), std::string::npos);
  EXPECT_EQ(connection.request("GET", "/healthz").status, 200);
}

TEST_F(RunningServer, AnswersMalformedHttpWith400) {
  start();
  for (const std::string& bytes :
       {std::string("nonsense\r\n\r\n"), std::string("GET\r\n\r\n"),
        std::string("GET / HTTP/9.9\r\n\r\n"), std::string("GET / HTTP/1.1\r\nno colon\r\n\r\n"),
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n"s,
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "GET / HTTP/1.1\r\n\0: x\r\n\r\n"s,
        std::string("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        std::string(
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc"),
        std::string("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
    Connection connection(port());
    connection.send(bytes);
    const Answer answer = connection.receive();
    EXPECT_EQ(answer.status, 400) << bytes;
    if (answer.status == 400) {
      EXPECT_EQ(code_of(answer), "malformed_request");
    }
    EXPECT_TRUE(connection.closed());
  }
  expect_served();
}

TEST_F(RunningServer, LimitsHeaderAndBody) {
  start();
  Connection header(port());
  header.send(Connection::text("GET", "/healthz", "", "X: " + std::string(20'000, 'x') + "\r\n"));
  const Answer large_header = header.receive();
  EXPECT_EQ(large_header.status, 431);
  EXPECT_EQ(code_of(large_header), "header_too_large");
  Connection body(port());
  body.send(Connection::text("POST", "/v1/recommend", std::string(2 << 20, ' ')));
  const Answer large_body = body.receive();
  EXPECT_EQ(large_body.status, 413);
  EXPECT_EQ(code_of(large_body), "body_too_large");
  Connection chunked(port());
  chunked.send(
      "POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
      "chunked\r\n\r\n200000\r\n" +
      std::string(2 << 20, ' '));
  EXPECT_EQ(chunked.receive().status, 413);
  Connection fits(port());
  const std::string spaces(std::size_t{1} << 19, ' ');
  EXPECT_EQ(fits.request("POST", "/v1/recommend", spaces + kBody).status, 200);
  expect_served();
}

TEST_F(RunningServer, TurnsAwayTooManyConnections) {
  start({.threads = 1, .max_connections = 2});
  Connection first(port()), second(port());
  EXPECT_EQ(first.request("GET", "/healthz").status, 200);
  EXPECT_EQ(second.request("GET", "/healthz").status, 200);
  Connection third(port());
  EXPECT_TRUE(third.closed());
  EXPECT_EQ(first.request("GET", "/healthz").status, 200);
  EXPECT_NE(small.service().metrics().text().find("tessera_refused_connections_total 1"),
            std::string::npos);
}

TEST_F(RunningServer, LeavesPlacesForOthersThanOneClient) {
  start({.threads = 2, .max_connections = 20, .max_of_client = 3});
  std::vector<std::unique_ptr<Connection>> greedy;
  for (int i = 0; i < 3; ++i) {
    greedy.push_back(std::make_unique<Connection>(port(), "127.0.0.2"));
    EXPECT_EQ(greedy.back()->request("GET", "/healthz").status, 200);
  }
  Connection beyond(port(), "127.0.0.2");
  EXPECT_TRUE(beyond.closed());
  Connection other(port(), "127.0.0.3");
  EXPECT_EQ(other.request("GET", "/healthz").status, 200);
  std::vector<std::unique_ptr<Connection>> own;  // a proxy on this machine speaks for many
  for (int i = 0; i < 10; ++i) {
    own.push_back(std::make_unique<Connection>(port()));
    EXPECT_EQ(own.back()->request("GET", "/healthz").status, 200);
  }
  greedy.pop_back();
  EXPECT_TRUE(eventually([&] {
    Connection again(port(), "127.0.0.2");
    return again.request("GET", "/healthz").status == 200;
  }));
}

TEST_F(RunningServer, EndsConnectionsThatTakeTooLong) {
  start({.idle_timeout = 50ms, .header_timeout = 50ms, .body_timeout = 50ms});
  Connection idle(port()), after_one(port()), half_header(port()), half_body(port());
  EXPECT_EQ(after_one.request("GET", "/healthz").status, 200);
  half_header.send("GET /healthz HTTP/1.1\r\nHost: te");
  half_body.send("POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
  for (Connection* connection : {&idle, &after_one, &half_header, &half_body}) {
    EXPECT_TRUE(connection->closed());
  }
  // A dribbling client gains no time by each byte.
  Connection dribbling(port());
  const std::string request =
      Connection::text("GET", "/healthz", "", "X: " + std::string(500, 'x'));
  bool ended = false;
  for (const char c : request) {
    ended = ended || !dribbling.send({&c, 1});
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_TRUE(ended || dribbling.closed());
  expect_served();
}

TEST_F(RunningServer, ServesOthersWhileManyIdleAndDribble) {
  start();
  std::vector<std::unique_ptr<Connection>> slow;
  for (int i = 0; i < 400; ++i) {
    slow.push_back(std::make_unique<Connection>(port()));
    if (i % 2 == 0)
      slow.back()->send("POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Le");
  }
  for (int i = 0; i < 50; ++i) expect_served();
  // The dribbling ones are answered, too, once they are done.
  slow[0]->send("ngth: " + std::to_string(std::strlen(kBody)) + "\r\n\r\n" + kBody);
  EXPECT_EQ(slow[0]->receive().status, 200);
  EXPECT_EQ(slow[1]->request("GET", "/healthz").status, 200);
}

TEST_F(RunningServer, WritesALineForEachRequestWithoutNames) {
  start();
  {
    Connection connection(port());
    connection.request("POST", "/v1/users/anna/events", R"({"items":["1"]})");
    connection.request("GET", "/nothing/anna");
  }
  stop();
  const std::string text = read_file(log_file);
  EXPECT_EQ(text.find("anna"), std::string::npos);
  std::vector<Parsed> lines;
  for_each_line(text,
                [&](std::string_view line, std::size_t) { lines.push_back(Parsed::parse(line)); });
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].at("route"), "/v1/users/{user}/events");
  EXPECT_EQ(lines[0].at("method"), "POST");
  EXPECT_EQ(lines[0].at("status"), 200);
  EXPECT_EQ(lines[0].at("client"), "127.0.0.1");
  EXPECT_EQ(lines[1].at("status"), 404);
  EXPECT_EQ(lines[1].at("route"), "none");
}

TEST_F(RunningServer, SaysNoBeforeTheBodyCame) {
  const fs::path tokens = small.directory() / "tokens";
  write_file(tokens, "write w-0123456789abcdef\n");
  fs::permissions(tokens, fs::perms::owner_read);
  testing::SmallService guarded("unified", tokens);
  Server strict({.port = 0}, guarded.service(), log);
  std::thread thread([&] { strict.run(); });
  for (const char* request :
       {"POST /v1/users/anna/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n",
        "POST /v1/users/anna/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
        "chunked\r\n\r\n",
        "PUT /v1/items/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
        "Expect: 100-Continue\r\n\r\n"}) {
    Connection connection(strict.port());
    connection.send(request);  // and no body
    EXPECT_EQ(connection.receive().status, 401) << request;
    EXPECT_TRUE(connection.closed());
  }
  strict.stop();
  thread.join();
}

TEST_F(RunningServer, BoundsWhatIsUnderWay) {
  start({.threads = 1, .max_bytes = 400 << 10});  // one reads in the order of arrival
  const std::string head =
      "POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: 150000\r\n\r\n{";
  const auto begun = [&](Connection& connection) {
    connection.send(head);
    // An answer to another connection, whose request came later, shows that it was read.
    expect_served();
  };
  {
    Connection first(port()), second(port());
    begun(first);
    second.send(head);
    const Answer refused = second.receive();  // a client has half of it at most
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(code_of(refused), "overloaded");
    EXPECT_NE(refused.header.find("Retry-After: 1"), std::string::npos);
    expect_served();
  }
  // What was held is given back.
  EXPECT_TRUE(eventually([&] {
    Connection third(port());
    return third.request("POST", "/v1/recommend", std::string(150'000, ' ') + kBody).status == 200;
  }));
  // More than there is for all.
  Connection large(port());
  large.send("POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n\r\n{");
  EXPECT_EQ(large.receive().status, 503);
}

TEST_F(RunningServer, SaysWhenItIs) {
  start();
  Connection connection(port());
  const std::string header = connection.request("GET", "/healthz").header;
  const std::size_t at = header.find("Date: ");
  ASSERT_NE(at, std::string::npos);
  std::tm parts{};
  const char* end = ::strptime(header.c_str() + at, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
  ASSERT_NE(end, nullptr);
  EXPECT_NEAR(static_cast<double>(::timegm(&parts)), static_cast<double>(std::time(nullptr)), 60.0);
}

}  // namespace
}  // namespace tessera
