// A page that points its own name at this machine is not answered.
#include "serve/hosts.h"

#include <gtest/gtest.h>

#include "serve/small_service.h"
#include "testing/errors.h"

namespace tessera {
namespace {

TEST(HostName, IsReadFromTheHeader) {
  EXPECT_EQ(host_name("localhost"), "localhost");
  EXPECT_EQ(host_name("Shop.Example:8080"), "shop.example");
  EXPECT_EQ(host_name("shop.example."), "shop.example");
  EXPECT_EQ(host_name("127.0.0.1:0"), "127.0.0.1");
  EXPECT_EQ(host_name("[::1]:8080"), "::1");
  EXPECT_EQ(host_name("[FE80::1]"), "fe80::1");
  for (const char* bad :
       {"",         " ",    ":80",       ".",        "a b",  "a,b", "a/b", "a@b",
        "http://a", "a:b",  "a:80:80",   "a:123456", "[::1", "::1", "[]",  "[::1]x",
        "[g::1]",   "a\tb", "é.example", "a%00b",    "a?b",  "a#b"}) {
    EXPECT_FALSE(host_name(bad).has_value()) << bad;
  }
}

TEST(HostNames, AreTheLoopbackTheOwnAddressAndWhatWasAdded) {
  const HostNames none;
  for (const char* own :
       {"localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.9.8.7", "[::1]:1"}) {
    EXPECT_TRUE(none.know(own, "")) << own;
  }
  for (const char* foreign :
       {"evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example",
        "127.evil.example", "10.0.0.7", "", "0.0.0.0"}) {
    EXPECT_FALSE(none.know(foreign, "")) << foreign;
  }
  EXPECT_TRUE(none.know("10.0.0.7:8080", "10.0.0.7"));
  EXPECT_TRUE(none.know("[fe80::1]", "fe80::1"));
  EXPECT_FALSE(none.know("10.0.0.8", "10.0.0.7"));
  const HostNames more({"Shop.example", "10.0.0.9", "fd00::9"});
  EXPECT_TRUE(more.know("shop.example:443", ""));
  EXPECT_TRUE(more.know("10.0.0.9", ""));
  EXPECT_TRUE(more.know("[fd00::9]:80", ""));
  EXPECT_FALSE(more.know("www.shop.example", ""));
  for (const char* bad : {"", "shop.example:80", "http://shop.example", "*"}) {
    testing::expect_error<UsageError>([&] { HostNames({bad}); }, {"--host"});
  }
}

TEST(ServiceHosts, AreAskedForBeforeAnythingElse) {
  testing::SmallService small;
  Scratch scratch;
  const auto status = [&](const char* method, const char* target, const char* host,
                          const char* origin) {
    return small.service()
        .answer({.method = method, .target = target, .host = host, .origin = origin}, scratch)
        .status;
  };
  for (const auto& [method, target] :
       std::initializer_list<std::pair<const char*, const char*>>{{"GET", "/v1/users/anna"},
                                                                  {"DELETE", "/v1/users/anna"},
                                                                  {"POST", "/v1/admin/reload"},
                                                                  {"GET", "/"},
                                                                  {"GET", "/healthz"},
                                                                  {"GET", "/nothing"}}) {
    // As a browser sends it from a page of evil.example that has become this machine's name.
    EXPECT_EQ(status(method, target, "evil.example:8080", "http://evil.example:8080"), 421);
    EXPECT_EQ(status(method, target, "evil.example:8080", ""), 421);
  }
  EXPECT_EQ(status("GET", "/healthz", "localhost:8080", ""), 200);
}

}  // namespace
}  // namespace tessera
