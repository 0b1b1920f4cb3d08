// The API, request by request, without sockets.
#include "serve/handlers.h"

#include <gtest/gtest.h>

#include <numeric>

#include "serve/small_service.h"

namespace tessera {
namespace {

using testing::ids_of;
using testing::Parsed;
using Ids = std::vector<std::string>;

class Api : public ::testing::Test, public testing::SmallService {};

TEST_F(Api, RecommendsForAHistory) {
  const Parsed plain = json("POST", "/v1/recommend", R"({"history":["1",6]})");
  EXPECT_EQ(plain.at("items").size(), 10U);
  EXPECT_EQ(plain.at("items")[0].size(), 1U);  // the id alone
  const Parsed full =
      json("POST", "/v1/recommend", R"({"history":["1","6"],"k":3,"titles":true,"scores":true})");
  EXPECT_EQ(full.at("items").size(), 3U);
  const Parsed& first = full.at("items")[0];
  EXPECT_EQ(first.at("id"), plain.at("items")[0].at("id"));
  EXPECT_FALSE(first.at("title").get<std::string>().empty());
  EXPECT_EQ(first.at("codes").size(), 3U);
  EXPECT_GE(first.at("score").get<double>(), full.at("items")[1].at("score").get<double>());
}

TEST_F(Api, ExcludesWhatWasSeenUnlessRepeatsAreAllowed) {
  const Ids without = ids_of(json("POST", "/v1/recommend", R"({"history":["1","6"],"k":100})"));
  EXPECT_EQ(without.size(), 14U);
  EXPECT_EQ(std::ranges::count(without, "1") + std::ranges::count(without, "6"), 0);
  const Ids with =
      ids_of(json("POST", "/v1/recommend", R"({"history":["1","6"],"k":100,"repeats":true})"));
  EXPECT_EQ(with.size(), 16U);
}

TEST_F(Api, UnderstandsWhatRepeatsWereCalledOnce) {
  const auto size_with = [&](const char* words) {
    const std::string body = R"({"history":["1","6"],"k":100,)" + std::string(words) + "}";
    return ids_of(json("POST", "/v1/recommend", body)).size();
  };
  EXPECT_EQ(size_with(R"("exclude_seen":false)"), 16U);
  EXPECT_EQ(size_with(R"("exclude_seen":true)"), 14U);
  EXPECT_EQ(size_with(R"("exclude_seen":false,"repeats":true)"), 16U);
  EXPECT_EQ(size_with(R"("exclude_seen":true,"repeats":false)"), 14U);
  for (const char* both :
       {R"("exclude_seen":true,"repeats":true)", R"("exclude_seen":false,"repeats":false)"}) {
    refused(400, "invalid_request", "POST", "/v1/recommend",
            R"({"history":["1"],)" + std::string(both) + "}");
  }
}

TEST_F(Api, KeepsToAllowAndDenyLists) {
  const Ids allowed = ids_of(
      json("POST", "/v1/recommend", R"({"history":["1"],"allow":["2","3","1","no such item"]})"));
  EXPECT_EQ(std::set<std::string>(allowed.begin(), allowed.end()),
            (std::set<std::string>{"2", "3"}));
  const Ids denied = ids_of(json("POST", "/v1/recommend",
                                 R"({"history":["1"],"k":100,"deny":["2","3","no such item"]})"));
  EXPECT_EQ(denied.size(), 13U);
  const Ids both =
      ids_of(json("POST", "/v1/recommend", R"({"history":["1"],"allow":["2","3"],"deny":["2"]})"));
  EXPECT_EQ(both, Ids{"3"});
  EXPECT_TRUE(ids_of(json("POST", "/v1/recommend", R"({"history":["1"],"allow":[]})")).empty());
}

TEST_F(Api, RecommendsForAStoredUser) {
  json("POST", "/v1/users/anna/events", R"({"items":["1","6"]})");
  EXPECT_EQ(json("POST", "/v1/recommend", R"({"user":"anna"})"),
            json("POST", "/v1/recommend", R"({"history":["1","6"]})"));
  refused(404, "unknown_user", "POST", "/v1/recommend", R"({"user":"ben","fallback":"none"})");
}

TEST_F(Api, TakesWholeNumbersForIds) {
  json("POST", "/v1/users/42/events", R"({"items":[1,6],"idempotency_key":7})");
  EXPECT_EQ(json("POST", "/v1/users/42/events", R"({"items":["1","6"],"idempotency_key":"7"})")
                .at("repeated"),
            true);
  const Parsed list = json("POST", "/v1/recommend", R"({"history":["1","6"]})");
  EXPECT_EQ(json("POST", "/v1/recommend", R"({"user":42})"), list);
  EXPECT_EQ(json("POST", "/v1/recommend", R"({"user":"42"})"), list);
  EXPECT_EQ(json("POST", "/v1/recommend", R"({"history":[1,6]})"), list);
  EXPECT_EQ(json("POST", "/v1/explain", R"({"user":42,"item":4})"),
            json("POST", "/v1/explain", R"({"history":["1","6"],"item":"4"})"));
  refused(404, "unknown_user", "POST", "/v1/recommend",
          R"({"user":18446744073709551615,"fallback":"none"})");
}

TEST_F(Api, SkipsOrKeepsUnknownItemsOfABatchWhereTold) {
  const std::string path = "/v1/users/anna/events";
  const Parsed skipped =
      json("POST", path, R"({"items":["1","new","6"],"skip_unknown":true,"idempotency_key":"k"})");
  EXPECT_EQ(skipped.at("appended"), 2);
  EXPECT_EQ(skipped.at("unknown"), Ids{"new"});
  EXPECT_EQ(json("GET", "/v1/users/anna").at("items"), (Ids{"1", "6"}));
  const Parsed kept = json("POST", path, R"({"items":["new"],"keep_unknown":true})");
  EXPECT_EQ(kept.at("appended"), 1);
  EXPECT_EQ(kept.at("unknown"), Ids{"new"});
  EXPECT_EQ(json("GET", "/v1/users/anna").at("items"), (Ids{"1", "6", "new"}));
  EXPECT_EQ(json("POST", "/v1/recommend", R"({"user":"anna"})"),
            json("POST", "/v1/recommend", R"({"history":["1","6"]})"));
  json("PUT", "/v1/items/new", R"({"title":"glass teapot"})");
  EXPECT_EQ(json("POST", "/v1/recommend", R"({"user":"anna"})"),
            json("POST", "/v1/recommend", R"({"history":["1","6","new"]})"));
  EXPECT_FALSE(json("POST", path, R"({"items":["1"],"keep_unknown":true})").contains("unknown"));
  const Parsed nothing = json("POST", path, R"({"items":["no","none"],"skip_unknown":true})");
  EXPECT_EQ(nothing.at("appended"), 0);
  EXPECT_EQ(nothing.at("unknown"), (Ids{"no", "none"}));
}

TEST_F(Api, PassesOverStoredEventsOfItemsThatAreGone) {
  json("POST", "/v1/users/anna/events", R"({"items":["1","6"]})");
  json("DELETE", "/v1/items/1", "", 204);
  EXPECT_EQ(json("POST", "/v1/recommend", R"({"user":"anna"})"),
            json("POST", "/v1/recommend", R"({"history":["6"]})"));
  json("DELETE", "/v1/items/6", "", 204);
  refused(422, "empty_history", "POST", "/v1/recommend", R"({"user":"anna","fallback":"none"})");
  EXPECT_EQ(json("GET", "/v1/users/anna").at("items"), (Ids{"1", "6"}));
}

TEST_F(Api, RefusesARecommendationThatMakesNoSense) {
  const auto bad = [&](int status, const char* code, const char* body) {
    refused(status, code, "POST", "/v1/recommend", body);
  };
  for (const char* body : {"",
                           "{}",
                           "[]",
                           "{",
                           R"({"history":["1"],"user":"anna"})",
                           R"({"history":"1"})",
                           R"({"history":["1"],"k":0})",
                           R"({"history":["1"],"k":1001})",
                           R"({"history":["1"],"k":1e300})",
                           R"({"history":["1"],"k":"10"})",
                           R"({"history":["1"],"k":-1})",
                           R"({"history":["1"],"K":10})",
                           R"({"user":""})",
                           R"({"user":7.5})",
                           R"({"user":[7]})",
                           R"({"user":true})",
                           R"({"history":["1"],"titles":1})",
                           R"({"history":["1"],"allow":"2"})",
                           R"({"history":["1"],"deny":[{}]})",
                           "{\"history\":[\"\xFF\"]}"}) {
    bad(400, "invalid_request", body);
  }
  bad(422, "unknown_item", R"({"history":["1","999"]})");
  bad(422, "unknown_item", R"({"history":[-1]})");
  bad(422, "empty_history", R"({"history":[],"fallback":"none"})");
  bad(422, "empty_history", R"({"history":["999"],"skip_unknown":true,"fallback":"none"})");
  std::string many = R"({"history":["1")";
  for (int i = 0; i < 1000; ++i) many += ",1";
  bad(400, "invalid_request", (many + "]}").c_str());
  EXPECT_EQ(json("POST", "/v1/recommend", R"({"history":["1","999"],"skip_unknown":true})"),
            json("POST", "/v1/recommend", R"({"history":["1"]})"));
}

TEST_F(Api, ScoresGivenItemsAsItRanksThem) {
  const Parsed list =
      json("POST", "/v1/recommend", R"({"history":["1","6"],"k":3,"scores":true,"vectors":true})");
  const auto state = list.at("state").get<std::vector<double>>();
  for (const Parsed& item : list.at("items")) {
    const auto vector = item.at("vector").get<std::vector<double>>();
    EXPECT_NEAR(std::inner_product(state.begin(), state.end(), vector.begin(), 0.0),
                item.at("score").get<double>(), 1e-4);
    const std::string id = item.at("id");
    const Parsed own =
        json("POST", "/v1/score",
             R"({"history":["1","6"],"items":["nobody",")" + id + R"("],"vectors":true})");
    EXPECT_TRUE(own.at("items")[0].at("score").is_null());
    EXPECT_FALSE(own.at("items")[0].contains("vector"));
    EXPECT_NEAR(own.at("items")[1].at("score").get<double>(), item.at("score").get<double>(), 1e-5);
    EXPECT_EQ(own.at("items")[1].at("vector"), item.at("vector"));
  }
  refused(400, "invalid_request", "POST", "/v1/score", R"({"history":["1"]})");
  refused(400, "invalid_request", "POST", "/v1/score", R"({"items":["1"]})");
}

TEST_F(Api, ExplainsARecommendation) {
  const Parsed why = json("POST", "/v1/explain", R"({"history":["1","6"],"item":"4"})");
  double sum = why.at("id_token").at("contribution").get<double>();
  for (const Parsed& token : why.at("tokens")) sum += token.at("contribution").get<double>();
  EXPECT_NEAR(sum, why.at("score").get<double>(), 1e-4);
  EXPECT_EQ(why.at("tokens")[2].at("level"), 3);
  EXPECT_EQ(why.at("history").size(), 2U);
  EXPECT_EQ(why.at("history")[1].at("id"), "6");
  refused(400, "invalid_request", "POST", "/v1/explain", R"({"history":["1"]})");
  refused(422, "unknown_item", "POST", "/v1/explain", R"({"history":["1"],"item":"99"})");
  refused(400, "invalid_request", "POST", "/v1/explain", R"({"item":"1"})");
}

/// A model with collaborative tokens, as the default recipe makes them: 3 levels and 2 parts.
class CollaborativeApi : public ::testing::Test, public testing::SmallService {
 protected:
  CollaborativeApi() : SmallService("collaborative") {}
};

TEST_F(CollaborativeApi, KeepsTheKindsOfCodesApart) {
  const Parsed item = json("GET", "/v1/items/1");
  EXPECT_EQ(item.at("codes").size(), 3U);
  EXPECT_EQ(item.at("collaborative_codes").size(), 2U);
  const Parsed model = json("GET", "/v1/model");
  EXPECT_EQ(model.at("levels"), 3);
  EXPECT_EQ(model.at("collaborative_tokens"), 2);
  EXPECT_EQ(model.at("codebook_size"), 5);
  const std::vector<Parsed> lists = {
      json("POST", "/v1/recommend", R"({"history":["1"],"titles":true})"),
      json("GET", "/v1/items/1/similar"), json("GET", "/v1/items?prefix=steel"),
      json("GET", "/v1/tokens/1/" + item.at("codes")[0].dump())};
  for (const Parsed& list : lists) {
    ASSERT_FALSE(list.at("items").empty());
    for (const Parsed& listed : list.at("items")) {
      EXPECT_EQ(listed.at("codes").size(), 3U);
      EXPECT_FALSE(listed.contains("collaborative_codes"));
    }
  }
}

TEST_F(CollaborativeApi, AnswersOneKindOfTokens) {
  const Parsed item = json("GET", "/v1/items/1");
  EXPECT_EQ(json("GET", "/v1/items/1?kind=semantic").at("tokens"), item.at("codes"));
  EXPECT_EQ(json("GET", "/v1/items/1?kind=collaborative").at("tokens"),
            item.at("collaborative_codes"));
  const Parsed id = json("GET", "/v1/items/1?kind=id");
  EXPECT_EQ(id.at("tokens").size(), json("GET", "/v1/model").at("id_dims"));
  EXPECT_FALSE(id.contains("codes"));
  refused(400, "invalid_request", "GET", "/v1/items/1?kind=all");
}

TEST_F(CollaborativeApi, ExplainsByKindOfToken) {
  const Parsed why = json("POST", "/v1/explain", R"({"history":["1","6"],"item":"4"})");
  const Parsed item = json("GET", "/v1/items/4");
  EXPECT_EQ(why.at("item").at("collaborative_codes"), item.at("collaborative_codes"));
  ASSERT_EQ(why.at("tokens").size(), 3U);
  const Parsed& collaborative = why.at("collaborative");
  ASSERT_EQ(collaborative.at("tokens").size(), 2U);
  double parts = 0;
  for (std::size_t p = 0; p < 2; ++p) {
    EXPECT_EQ(collaborative.at("tokens")[p].at("part"), p + 1);
    EXPECT_EQ(collaborative.at("tokens")[p].at("code"), item.at("collaborative_codes")[p]);
    parts += collaborative.at("tokens")[p].at("contribution").get<double>();
  }
  EXPECT_NEAR(collaborative.at("contribution").get<double>(), parts, 1e-5);
  double sum = parts + why.at("id_token").at("contribution").get<double>();
  for (const Parsed& token : why.at("tokens")) sum += token.at("contribution").get<double>();
  EXPECT_NEAR(sum, why.at("score").get<double>(), 1e-4);
}

TEST_F(CollaborativeApi, AnswersAPutWithWhatItStored) {
  const auto stored = [&](const std::string& id) {
    Parsed item = json("GET", "/v1/items/" + id);
    item.erase("place");
    return item;
  };
  const Parsed before = stored("1");
  const Parsed put = json("PUT", "/v1/items/1", R"({"title":"wool blanket"})");
  EXPECT_EQ(put, stored("1"));
  EXPECT_EQ(put.at("collaborative_codes"), before.at("collaborative_codes")) << "learned ones stay";
  EXPECT_EQ(put.at("codes"), stored("11").at("codes"));
  const Parsed fresh = json("PUT", "/v1/items/new", R"({"title":"oak lamp"})");
  EXPECT_EQ(fresh, stored("new"));
}

TEST_F(CollaborativeApi, ShowsTokensOfBothKinds) {
  const Parsed item = json("GET", "/v1/items/1");
  const std::string code = item.at("collaborative_codes")[1].dump();
  const Parsed token = json("GET", "/v1/tokens/c2/" + code);
  EXPECT_EQ(token.at("part"), 2);
  EXPECT_FALSE(token.contains("level"));
  const Ids ids = ids_of(token);
  EXPECT_EQ(std::ranges::count(ids, "1"), 1);
  EXPECT_EQ(json("GET", "/v1/tokens/5/" + code), token) << "as it was counted once";
  EXPECT_EQ(json("GET", "/v1/tokens/3/0").at("level"), 3);
  for (const char* path : {"/v1/tokens/0/0", "/v1/tokens/6/0", "/v1/tokens/c0/0", "/v1/tokens/c3/0",
                           "/v1/tokens/c/0", "/v1/tokens/c1/5"}) {
    refused(404, "unknown_token", "GET", path);
  }
}

TEST_F(Api, LooksItemsUp) {
  EXPECT_EQ(ids_of(json("GET", "/v1/items?prefix=steel")), (Ids{"1", "2"}));
  EXPECT_EQ(ids_of(json("GET", "/v1/items?prefix=steel%20ket")), (Ids{"2"}));
  EXPECT_EQ(ids_of(json("GET", "/v1/items?prefix=steel&limit=1")), (Ids{"1"}));
  EXPECT_EQ(ids_of(json("GET", "/v1/items?prefix=16")), (Ids{"16"}));
  EXPECT_EQ(ids_of(json("GET", "/v1/items?prefix=1")).front(), "1");
  EXPECT_EQ(ids_of(json("GET", "/v1/items?prefix=nothing")), Ids{});
  const Parsed item = json("GET", "/v1/items/3");
  EXPECT_EQ(item.at("title"), "glass teapot");
  EXPECT_EQ(item.at("live"), false);
  EXPECT_EQ(item.at("place").size(), 2U);
  refused(404, "unknown_item", "GET", "/v1/items/99");
  refused(400, "invalid_request", "GET", "/v1/items");
  std::string words = "steel";
  for (int i = 0; i < 31; ++i) words += "+steel";
  EXPECT_EQ(ids_of(json("GET", "/v1/items?prefix=" + words)), (Ids{"1", "2"}));
  refused(400, "invalid_request", "GET", "/v1/items?prefix=" + words + "+steel");
  refused(400, "invalid_request", "GET", "/v1/items?prefix=" + std::string(1025, 'a'));
  for (const char* limit : {"", "0", "-1", "1001", "x", "1x", "99999999999999999999"}) {
    refused(400, "invalid_request", "GET", std::string("/v1/items?prefix=a&limit=") + limit);
  }
}

TEST_F(Api, FindsSimilarItems) {
  const Parsed similar = json("GET", "/v1/items/1/similar?k=3");
  EXPECT_EQ(similar.at("items").size(), 3U);
  EXPECT_LE(similar.at("items")[0].at("cosine").get<double>(), 1.0 + 1e-5);
  refused(404, "unknown_item", "GET", "/v1/items/99/similar");
  refused(400, "invalid_request", "GET", "/v1/items/1/similar?k=0");
}

TEST_F(Api, TakesAnItemByItsText) {
  const Parsed put = json("PUT", "/v1/items/new%2F1", R"({"title":"Steel teapot"})");
  EXPECT_EQ(put.at("id"), "new/1");
  EXPECT_EQ(put.at("live"), true);
  EXPECT_EQ(put.at("codes"), json("GET", "/v1/items/1").at("codes"));
  const Ids similar = ids_of(json("GET", "/v1/items/1/similar?k=15"));
  EXPECT_EQ(std::ranges::count(similar, "new/1"), 1);
  const Ids recommended = ids_of(json("POST", "/v1/recommend", R"({"history":["6"],"k":100})"));
  EXPECT_EQ(std::ranges::count(recommended, "new/1"), 1);
  json("POST", "/v1/users/anna/events", R"({"items":["new/1"]})");
  json("POST", "/v1/recommend", R"({"user":"anna"})");
  const Parsed by_text =
      json("PUT", "/v1/items/new%2F1", R"({"title":"Anything","text":"oak desk"})");
  EXPECT_EQ(by_text.at("title"), "Anything");
  EXPECT_EQ(by_text.at("codes"), json("GET", "/v1/items/7").at("codes"));
  json("DELETE", "/v1/items/new%2F1", "", 204);
  refused(404, "unknown_item", "DELETE", "/v1/items/new%2F1");
  refused(404, "unknown_item", "GET", "/v1/items/new%2F1");
}

TEST_F(Api, RefusesAnItemItCannotRead) {
  refused(422, "unreadable_text", "PUT", "/v1/items/new", R"({"title":"xyzzy"})");
  refused(400, "invalid_request", "PUT", "/v1/items/new", "{}");
  refused(400, "invalid_request", "PUT", "/v1/items/new", R"({"title":["steel"]})");
  refused(400, "invalid_request", "PUT", "/v1/items/%FF", R"({"title":"steel"})");
  refused(400, "invalid_request", "PUT", "/v1/items/new", R"({"title":"steel\u0000"})");
  refused(400, "invalid_request", "PUT", "/v1/items/new", R"({"title":"\u001b[31msteel"})");
  refused(400, "invalid_request", "PUT", "/v1/items/new",
          "{\"text\":\"" + std::string(70'000, 'x') + "\"}");
  refused(404, "unknown_item", "GET", "/v1/items/new");
  testing::SmallService id_model("id");
  id_model.refused(422, "unreadable_text", "PUT", "/v1/items/new", R"({"title":"steel"})");
  id_model.refused(404, "unknown_token", "GET", "/v1/tokens/1/0");
  id_model.json("POST", "/v1/recommend", R"({"history":["1"]})");
}

TEST_F(Api, KeepsHistories) {
  refused(404, "unknown_user", "GET", "/v1/users/anna");
  EXPECT_EQ(json("POST", "/v1/users/anna/events", R"({"items":["1",6]})").at("appended"), 2);
  json("POST", "/v1/users/anna/events", R"({"items":["1"]})");
  const Parsed anna = json("GET", "/v1/users/anna");
  EXPECT_EQ(anna.at("user"), "anna");
  EXPECT_EQ(anna.at("items"), (Ids{"1", "6", "1"}));
  json("DELETE", "/v1/users/anna", "", 204);
  refused(404, "unknown_user", "GET", "/v1/users/anna");
  refused(404, "unknown_user", "DELETE", "/v1/users/anna");
}

TEST_F(Api, AppendsABatchWithAKeyOnce) {
  const std::string body = R"({"items":["1"],"idempotency_key":"k1"})";
  EXPECT_EQ(json("POST", "/v1/users/anna/events", body).at("repeated"), false);
  const Parsed again = json("POST", "/v1/users/anna/events", body);
  EXPECT_EQ(again.at("repeated"), true);
  EXPECT_EQ(again.at("appended"), 0);
  Scratch scratch;
  const Response by_header = service().answer({.method = "POST",
                                               .target = "/v1/users/anna/events",
                                               .body = R"({"items":["1"]})",
                                               .idempotency_key = "k1"},
                                              scratch);
  EXPECT_EQ(Parsed::parse(by_header.body).at("repeated"), true);
  EXPECT_EQ(json("GET", "/v1/users/anna").at("items"), Ids{"1"});
}

TEST_F(Api, RefusesAKeyThatCameWithOtherEvents) {
  json("POST", "/v1/users/anna/events", R"({"items":["1","6"],"idempotency_key":"k"})");
  for (const char* other : {R"(["6","1"])", R"(["1"])", R"(["1","6","6"])", R"(["16"])"}) {
    refused(422, "idempotency_key_reused", "POST", "/v1/users/anna/events",
            "{\"idempotency_key\":\"k\",\"items\":" + std::string(other) + "}");
  }
  // The same events, written differently.
  EXPECT_EQ(json("POST", "/v1/users/anna/events", R"({"idempotency_key":"k", "items":[1, 6]})")
                .at("repeated"),
            true);
  EXPECT_EQ(json("GET", "/v1/users/anna").at("items"), (Ids{"1", "6"}));
}

TEST_F(Api, AnswersARetryWhateverBecameOfTheItem) {
  const std::string body = R"({"items":["1"],"idempotency_key":"k"})";
  json("POST", "/v1/users/anna/events", body);
  const Parsed retried = json("POST", "/v1/users/anna/events", body);
  json("DELETE", "/v1/items/1", "", 204);
  EXPECT_EQ(json("POST", "/v1/users/anna/events", body), retried);
  refused(422, "idempotency_key_reused", "POST", "/v1/users/anna/events",
          R"({"items":["1","1"],"idempotency_key":"k"})");
  refused(422, "unknown_item", "POST", "/v1/users/anna/events",
          R"({"items":["1"],"idempotency_key":"new"})");
  EXPECT_EQ(json("GET", "/v1/users/anna").at("items"), Ids{"1"});
}

TEST_F(Api, RefusesTwoKeysForOneBatch) {
  Scratch scratch;
  const auto status = [&](const char* header) {
    return service()
        .answer({.method = "POST",
                 .target = "/v1/users/anna/events",
                 .body = R"({"items":["1"],"idempotency_key":"k"})",
                 .idempotency_key = header},
                scratch)
        .status;
  };
  EXPECT_EQ(status("other"), 400);
  EXPECT_EQ(status("k"), 200);
}

TEST_F(Api, RefusesEventsThatMakeNoSense) {
  for (const char* body :
       {"", "{}", R"({"items":[]})", R"({"items":"1"})", R"({"items":[null]})",
        R"({"items":["1"],"idempotency_key":3.5})",
        R"({"items":["1"],"skip_unknown":true,"keep_unknown":true})", R"({"item":["1"]})"}) {
    refused(400, "invalid_request", "POST", "/v1/users/anna/events", body);
  }
  refused(422, "unknown_item", "POST", "/v1/users/anna/events", R"({"items":["1","99"]})");
  refused(400, "invalid_request", "POST", "/v1/users/%01/events", R"({"items":["1"]})");
  refused(400, "invalid_request", "POST", "/v1/users/" + std::string(300, 'x') + "/events",
          R"({"items":["1"]})");
  refused(404, "unknown_user", "GET", "/v1/users/anna");
}

TEST_F(Api, ShowsATokenAndItsItems) {
  const Parsed item = json("GET", "/v1/items/1");
  const std::string code = std::to_string(item.at("codes")[1].get<int>());
  const Parsed token = json("GET", "/v1/tokens/2/" + code + "?limit=100");
  EXPECT_EQ(token.at("count").get<std::size_t>(), token.at("items").size());
  const Ids ids = ids_of(token);
  EXPECT_EQ(std::ranges::count(ids, "1"), 1);
  EXPECT_EQ(token.at("nearest").size(), 4U);  // of five codes
  for (const char* path : {"/v1/tokens/0/0", "/v1/tokens/4/0", "/v1/tokens/1/5", "/v1/tokens/1/-1",
                           "/v1/tokens/x/0", "/v1/tokens/1/1x"}) {
    refused(404, "unknown_token", "GET", path);
  }
}

TEST_F(Api, DrawsTheMap) {
  const Parsed map = json("GET", "/v1/map");
  for (const char* list : {"ids", "x", "y", "codes"}) EXPECT_EQ(map.at(list).size(), 16U);
  EXPECT_EQ(map.at("codes")[2], json("GET", "/v1/items/3").at("codes")[0]);
  EXPECT_EQ(json("GET", "/v1/map?limit=5").at("ids").size(), 4U);  // every fourth
}

TEST_F(Api, TellsAboutItself) {
  EXPECT_EQ(json("GET", "/healthz").at("status"), "ok");
  EXPECT_EQ(json("GET", "/readyz").at("status"), "ready");
  EXPECT_EQ(json("GET", "/v1/model").at("items"), 16);
  EXPECT_EQ(json("GET", "/v1/model").at("settings").at("tokens"), "unified");
  service().drain();
  EXPECT_EQ(json("GET", "/readyz", "", 503).at("status"), "draining");
  EXPECT_EQ(json("GET", "/healthz").at("status"), "ok");
  service().metrics().count_request("GET", "/healthz", 200, 0.001);
  const Response metrics = call("GET", "/metrics");
  EXPECT_NE(
      metrics.body.find(R"(tessera_requests_total{method="GET",route="/healthz",status="200"} 1)"),
      std::string::npos);
  EXPECT_NE(metrics.body.find("tessera_request_seconds_bucket"), std::string::npos);
  EXPECT_NE(metrics.body.find("tessera_items{kind=\"all\"} 16"), std::string::npos);
}

TEST_F(Api, ShowsTheConsole) {
  const Response page = call("GET", "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_TRUE(page.content_type.starts_with("text/html"));
  EXPECT_TRUE(page.body.starts_with("<!doctype html>"));
  EXPECT_EQ(call("GET", "/console/index.html").body, page.body);
  refused(404, "unknown_file", "GET", "/console/..%2Fserver.cpp");
}

}  // namespace
}  // namespace tessera
