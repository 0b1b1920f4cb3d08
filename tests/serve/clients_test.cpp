#include "serve/clients.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

TEST(Clients, HaveTheirPlacesAndNoMore) {
  Clients clients(6, 2, {"127.0.0.1"});
  std::vector<Clients::Place> places;
  const auto enter = [&](const char* client) {
    auto place = clients.enter(client);
    if (place) places.push_back(std::move(*place));
    return place.has_value();
  };
  EXPECT_TRUE(enter("10.0.0.1") && enter("10.0.0.1"));
  EXPECT_FALSE(enter("10.0.0.1"));
  EXPECT_TRUE(enter("10.0.0.2")) << "others have places of their own";
  EXPECT_TRUE(enter("127.0.0.1") && enter("127.0.0.1") && enter("127.0.0.1"))
      << "for this machine only the number of all counts";
  EXPECT_FALSE(enter("127.0.0.1"));
  EXPECT_FALSE(enter("10.0.0.3"));
  places.pop_back();  // of this machine
  EXPECT_TRUE(enter("10.0.0.3"));
  places.clear();
  EXPECT_TRUE(enter("10.0.0.1") && enter("10.0.0.1"));
}

TEST(Clients, AreNetworksInVersion6) {
  EXPECT_EQ(client_of("10.0.0.7"), "10.0.0.7");
  EXPECT_EQ(client_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(client_of("2001:db8:1:2::1"), client_of("2001:db8:1:2:ffff::"));
  EXPECT_NE(client_of("2001:db8:1:2::1"), client_of("2001:db8:1:3::1"));
  EXPECT_EQ(client_of("::1"), "::1");
  EXPECT_EQ(client_of(""), "");
  EXPECT_TRUE(is_address("10.0.0.7") && is_address("2001:db8::1"));
  EXPECT_FALSE(is_address("shop.example") || is_address("10.0.0") || is_address(""));
}

}  // namespace
}  // namespace tessera
