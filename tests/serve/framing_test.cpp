// Requests whose end another program could see elsewhere, each before a second request that must
// never be carried out.
#include "serve/framing.h"

#include <gtest/gtest.h>

#include "serve/running_server.h"

namespace tessera {
namespace {

using namespace std::string_literals;
using testing::Answer;
using testing::Connection;

const std::string kHost = "Host: localhost\r\n";
const std::string kPost = "POST /v1/recommend HTTP/1.1\r\n" + kHost;

/// Header blocks, with what follows them up to the second request.
std::vector<std::string> doubtful() {
  const std::string chunk = "5\r\n{    \r\n0\r\n\r\n";
  std::vector<std::string> all;
  for (const char* coding : {"xchunked", "chunked, identity", "identity", "gzip", "gzip, chunked",
                             "chunked, chunked", "\"chunked\"", "chunked;q=1", "chunked x", "", "x",
                             ", chunked", "chunked,", "chunkedchunked",
                             "\x0b"
                             "chunked",
                             "chunked\x0c", "chunked\x7f", "cow"}) {
    all.push_back(kPost + "Transfer-Encoding: " + coding + "\r\n\r\n" + chunk);
    all.push_back(kPost + "Transfer-Encoding: " + coding + "\r\n\r\n");
  }
  for (const char* fields : {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
                             "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
                             "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                             "Transfer-Encoding: chunked\r\nContent-Length: 4",
                             "Content-Length: 4\r\nTransfer-Encoding: chunked",
                             "Content-Length: 4\r\nTransfer-Encoding: x",
                             "Transfer-Encoding : chunked",
                             "Transfer-Encoding\t: chunked",
                             "Transfer-Encoding:\r\n chunked",
                             " Transfer-Encoding: chunked",
                             "X: y\r\n Transfer-Encoding: chunked",
                             "X: y\nTransfer-Encoding: chunked",
                             "X: y\rTransfer-Encoding: chunked",
                             "Transfer_Encoding: chunked\nTransfer-Encoding: chunked",
                             "Content-Length: 4, 4",
                             "Content-Length: 4\r\nContent-Length: 4",
                             "Content-Length: 4\r\nContent-Length: 5",
                             "Content-Length: 5\r\ncontent-length: 4",
                             "Content-Length: +4",
                             "Content-Length: -1",
                             "Content-Length: 0x4",
                             "Content-Length: 4 4",
                             "Content-Length: 4\x0b",
                             "Content-Length:",
                             "Content-Length: four",
                             "Content-Length: 4.0",
                             "Content-Length: 99999999999999999999",
                             "Content-Length: 18446744073709551620",
                             "Content-Length : 4",
                             "Content-Length\x01: 4",
                             "no colon",
                             ": no name"}) {
    all.push_back(kPost + fields + "\r\n\r\n" + chunk);
  }
  // A body in chunks that are none, or that end in another place for who reads them otherwise.
  for (const char* body :
       {"zz\r\n", "5;\n{    \r\n0\r\n\r\n", "5\n{    \r\n0\r\n\r\n", "5\r\n{    \n0\r\n\r\n",
        "5\r\n{    0\r\n\r\n", "-5\r\n{    \r\n0\r\n\r\n", "0x5\r\n{    \r\n0\r\n\r\n",
        " 5\r\n{    \r\n0\r\n\r\n", "5 ;\r\n{    \r\n0\r\n\r\n", "5;a\nb\r\n{    \r\n0\r\n\r\n",
        "5;a=\"\n\"\r\n{    \r\n0\r\n\r\n", "5\r\n{    \r\n0;a=\"\n\"\r\n\r\n",
        "10000000000000005\r\n{    \r\n0\r\n\r\n", "5\r\n{    \r\n0\r\nAuthorization: x\r\n\r\n",
        "5\r\n{    \r\n0\r\nX: y\r\n\r\n"}) {
    all.push_back(kPost + "Transfer-Encoding: chunked\r\n\r\n" + body);
  }
  all.push_back("POST /v1/recommend HTTP/1.0\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n" +
                chunk);
  // Lines that do not end in CR LF, and other starts.
  all.push_back("POST /v1/recommend HTTP/1.1\n" + kHost + "Content-Length: 4\r\n\r\n{}  ");
  all.push_back("POST /v1/recommend HTTP/1.1\r\nHost: localhost\nContent-Length: 4\r\n\r\n{}  ");
  all.push_back(kPost + "Content-Length: 4\r\n\n{}  ");
  all.push_back(kPost + "Content-Length: 4\n\n{}  ");
  all.push_back("\r\n" + kPost + "\r\n");
  all.push_back("POST  /v1/recommend HTTP/1.1\r\n" + kHost + "\r\n");
  all.push_back("POST /v1/recommend  HTTP/1.1\r\n" + kHost + "\r\n");
  all.push_back("POST\t/v1/recommend HTTP/1.1\r\n" + kHost + "\r\n");
  all.push_back("POST /v1/recommend HTTP/1.1 \r\n" + kHost + "\r\n");
  all.push_back("POST /v1/recommend HTTP/1.2\r\n" + kHost + "\r\n");
  all.push_back("POST /v1/recommend HTTP/2.0\r\n" + kHost + "\r\n");
  all.push_back("POST /v1/recommend\r\n" + kHost + "\r\n");
  all.push_back(kPost + "X: a\0b\r\n\r\n"s);
  // To whom it goes.
  for (const char* hosts :
       {"", "Host: localhost\r\nHost: localhost\r\n", "Host: localhost\r\nhost: evil.example\r\n",
        "Host:\r\n", "Host: a b\r\n", "Host: localhost, evil.example\r\n", "Host: a@localhost\r\n",
        "Host: localhost:x\r\n", "Host: http://localhost\r\n"}) {
    all.push_back("GET /healthz HTTP/1.1\r\n"s + hosts + "\r\n");
  }
  for (const char* twice : {"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
                            "Idempotency-Key: a\r\nIdempotency-Key: b\r\n",
                            "Origin: http://localhost\r\nOrigin: http://evil.example\r\n",
                            "Expect: 100-continue\r\nExpect: x\r\n"}) {
    all.push_back("GET /healthz HTTP/1.1\r\n" + kHost + twice + "\r\n");
  }
  return all;
}

class Framing : public testing::RunningServer {};

TEST_F(Framing, ADoubtfulRequestIsAnsweredOnceAndNothingAfterItIsRead) {
  start();
  Connection(port()).request("POST", "/v1/users/anna/events", R"({"items":["1"]})");
  const std::string poison = "DELETE /v1/users/anna HTTP/1.1\r\n" + kHost + "\r\n";
  for (const std::string& request : doubtful()) {
    Connection connection(port());
    connection.send(request + poison + poison);
    const Answer first = connection.receive();
    EXPECT_EQ(first.status, 400) << request << first.body;
    EXPECT_NE(first.header.find("Connection: close"), std::string::npos) << request;
    EXPECT_EQ(connection.receive().status, 0) << request;
    Connection other(port());
    ASSERT_EQ(other.request("GET", "/v1/users/anna").status, 200) << request;
  }
}

TEST_F(Framing, ARequestWithoutDoubtIsFollowedByTheNext) {
  start();
  const std::string body = R"({"history":["1"]})";
  const std::string length = std::to_string(body.size());
  const std::string next = "GET /healthz HTTP/1.1\r\n" + kHost + "\r\n";
  for (const std::string& request :
       {kPost + "Content-Length: " + length + "\r\n\r\n" + body,
        kPost + "content-length:" + length + "\r\n\r\n" + body,
        kPost + "Content-Length: 0" + length + " \t\r\n\r\n" + body,
        kPost + "Transfer-Encoding: chunked\r\n\r\n11\r\n" + body + "\r\n0\r\n\r\n",
        kPost + "transfer-encoding:  Chunked \r\n\r\n11\r\n" + body + "\r\n0\r\n\r\n",
        kPost + "Transfer-Encoding: chunked\r\n\r\n11;a=b\r\n" + body + "\r\n0\r\n\r\n",
        kPost + "X: \xC3\xA9\r\nContent-Length: " + length + "\r\n\r\n" + body}) {
    Connection connection(port());
    connection.send(request + next);
    EXPECT_EQ(connection.receive().status, 200) << request;
    EXPECT_EQ(connection.receive().body, R"({"status":"ok"})") << request;
  }
}

TEST(HeaderSize, IsThatOfTheFirstHeader) {
  const std::string header = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(header_size(header + header), header.size());
  for (std::size_t size = 0; size < header.size(); ++size) {
    EXPECT_EQ(header_size(header.substr(0, size)), 0U) << size;
  }
  EXPECT_FALSE(check_framing(header).has_value());
  // What cannot become a header is not waited for.
  EXPECT_GT(header_size("GET / HTTP/1.1\nHo"), 0U);
}

}  // namespace
}  // namespace tessera
