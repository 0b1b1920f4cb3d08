// What each kind of store promises; the one in memory is the reference.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "stores.h"
#include "testing/errors.h"

namespace tessera::testing {
namespace {

INSTANTIATE_TEST_SUITE_P(Stores, EveryStore, ::testing::Values("memory", "rocksdb", "redis"),
                         [](const auto& named) { return named.param; });

TEST_P(EveryStore, AppendsEventsInOrder) {
  EXPECT_EQ(store().history("anna"), std::nullopt);
  EXPECT_EQ(store().append_events("anna", Ids{"12", "7"}, ""), Append::kDone);
  EXPECT_EQ(store().append_events("ben", Ids{"1"}, ""), Append::kDone);
  EXPECT_EQ(store().append_events("anna", Ids{"12"}, ""), Append::kDone);
  EXPECT_EQ(store().history("anna"), (Ids{"12", "7", "12"}));
  EXPECT_EQ(store().history("ben"), Ids{"1"});
  EXPECT_EQ(store().history("ann"), std::nullopt);
}

TEST_P(EveryStore, KeepsTheLatestOfEachAttribute) {
  const auto kept = [&] {
    std::map<std::string, std::string> all;
    store().for_each_attribute([&](std::string_view id, const StoredAttribute& attribute) {
      all[std::string(id) + "/" + attribute.name] = attribute.value;
    });
    return all;
  };
  using Attributes = std::vector<StoredAttribute>;
  store().put_attributes("1", Attributes{{"price", "4.5"}, {"brand", R"(["x"])"}});
  store().put_attributes("12", Attributes{{"price", "7"}});
  store().put_attributes("1", Attributes{{"price", "5"}, {std::string("\0", 1), "null"}});
  store().put_attributes("1", {});
  store().erase_item("1");  // attributes are not the item's
  const std::map<std::string, std::string> expected = {{"1/price", "5"},
                                                       {"1/brand", R"(["x"])"},
                                                       {std::string("1/\0", 3), "null"},
                                                       {"12/price", "7"}};
  EXPECT_EQ(kept(), expected);
  if (GetParam() == "memory") return;
  reopen();
  EXPECT_EQ(kept(), expected);
}

TEST_P(EveryStore, NoEventsLeaveNothingBehind) {
  EXPECT_EQ(store().append_events("anna", {}, "key"), Append::kDone);
  EXPECT_EQ(store().history("anna"), std::nullopt);
  EXPECT_EQ(store().append_events("anna", Ids{"1"}, "key"), Append::kDone);
}

TEST_P(EveryStore, KeepsTheLatestEvents) {
  StoreOptions options;
  options.history_limit = 3;
  reopen(options);
  store().append_events("anna", Ids{"1", "2"}, "");
  store().append_events("anna", Ids{"3", "4"}, "");
  EXPECT_EQ(store().history("anna"), (Ids{"2", "3", "4"}));
  store().append_events("anna", Ids{"5", "6", "7", "8", "9"}, "");
  EXPECT_EQ(store().history("anna"), (Ids{"7", "8", "9"}));
}

TEST_P(EveryStore, TakesLongBatches) {
  Ids batch;
  for (int i = 0; i < 20'000; ++i) batch.push_back(fmt::format("{}", i));
  store().append_events("anna", batch, "key");
  EXPECT_EQ(store().history("anna"), Ids(batch.end() - 1000, batch.end()));
}

TEST_P(EveryStore, AKeyAppendsOnce) {
  EXPECT_EQ(store().append_events("anna", Ids{"1"}, "a"), Append::kDone);
  EXPECT_EQ(store().append_events("anna", Ids{"1"}, "a"), Append::kRepeated);
  EXPECT_EQ(store().append_events("ben", Ids{"1"}, "a"), Append::kDone)
      << "keys are each user's own";
  EXPECT_EQ(store().append_events("anna", Ids{"3"}, "b"), Append::kDone);
  EXPECT_EQ(store().append_events("anna", Ids{"1"}, "a"), Append::kRepeated);
  EXPECT_EQ(store().history("anna"), (Ids{"1", "3"}));
}

TEST_P(EveryStore, AKeyIsOneBatchs) {
  const auto both = [&](const Ids& items, const std::string& key) {
    const Append foreseen = store().foresee_append("anna", items, key);
    const Append done = store().append_events("anna", items, key);
    EXPECT_EQ(foreseen, done);
    return done;
  };
  EXPECT_EQ(both(Ids{"1", "2"}, "a"), Append::kDone);
  EXPECT_EQ(both(Ids{"1", "2"}, "a"), Append::kRepeated);
  for (const Ids& other : {Ids{"1"}, Ids{"2", "1"}, Ids{"12"}, Ids{"1", "2", "3"}, Ids{"1,2"}}) {
    EXPECT_EQ(both(other, "a"), Append::kConflict);
  }
  EXPECT_EQ(store().foresee_append("anna", Ids{"1"}, ""), Append::kDone);
  EXPECT_EQ(store().foresee_append("ben", Ids{"1"}, "a"), Append::kDone);
  EXPECT_EQ(store().history("ben"), std::nullopt) << "foreseeing changes nothing";
  EXPECT_EQ(store().history("anna"), (Ids{"1", "2"}));
  store().erase_history("anna");
  EXPECT_EQ(both(Ids{"3"}, "a"), Append::kDone);
}

TEST_P(EveryStore, RemembersTheLatestKeys) {
  const auto append = [&](std::size_t i) {
    return store().append_events("anna", Ids{fmt::format("{}", i)}, fmt::format("key {}", i));
  };
  for (std::size_t i = 0; i < kIdempotencyKeys; ++i) EXPECT_EQ(append(i), Append::kDone);
  for (std::size_t i = 0; i < kIdempotencyKeys; ++i) EXPECT_EQ(append(i), Append::kRepeated) << i;
  EXPECT_EQ(append(kIdempotencyKeys), Append::kDone);
  EXPECT_EQ(append(1), Append::kRepeated);
  EXPECT_EQ(append(0), Append::kDone) << "the oldest key is forgotten";
}

TEST_P(EveryStore, ErasesAUserWithTheKeys) {
  store().append_events("anna", Ids{"1"}, "a");
  store().append_events("anna2", Ids{"2"}, "a");
  EXPECT_TRUE(store().erase_history("anna"));
  EXPECT_FALSE(store().erase_history("anna"));
  store().purge_erased();
  EXPECT_EQ(store().history("anna"), std::nullopt);
  EXPECT_EQ(store().history("anna2"), Ids{"2"});
  EXPECT_EQ(store().append_events("anna", Ids{"3"}, "a"), Append::kDone);
  EXPECT_EQ(store().history("anna"), Ids{"3"});
}

TEST_P(EveryStore, KeepsItems) {
  EXPECT_TRUE(items().put.empty());
  const StoredItem lamp{"9", "Walnut lamp", "Walnut lamp;Alder;Office"};
  store().put_item({"9", "Old title", "Old text"});
  store().put_item(lamp);
  store().put_item({"10", "", ""});
  store().erase_item("3");
  EXPECT_EQ(items().put, (std::map<std::string, StoredItem>{{"9", lamp}, {"10", {"10", "", ""}}}));
  EXPECT_EQ(items().erased, std::set<std::string>{"3"});

  store().erase_item("9");
  store().put_item({"3", "Teapot", "Steel"});
  EXPECT_EQ(items().put.size(), 2U);
  EXPECT_EQ(items().put["3"].title, "Teapot");
  EXPECT_EQ(items().erased, std::set<std::string>{"9"});
}

TEST_P(EveryStore, KeepsWhatAModelMadeOfAnItem) {
  store().put_item({"a", "A", "text a", "of a"});
  store().put_item({"b", "B", "text b"});
  store().put_item({"c", "C", "text c"});
  const StoredItem later[] = {{"b", "", "", "of b"}, {"unknown", "", "", "of nothing"}};
  store().keep_tokens(later);
  store().keep_tokens({});
  EXPECT_EQ(items().put, (std::map<std::string, StoredItem>{{"a", {"a", "A", "text a", "of a"}},
                                                            {"b", {"b", "B", "text b", "of b"}},
                                                            {"c", {"c", "C", "text c"}}}));
  store().erase_item("a");
  EXPECT_FALSE(items().put.contains("a"));
  store().put_item({"a", "A", "other"});
  EXPECT_EQ(items().put["a"].tokens, "");
  store().check();
}

TEST_P(EveryStore, IdsMayHoldAnything) {
  using namespace std::string_literals;
  Ids ids = {"\0"s,    "\0\0"s,         "a\0b"s, "a",      "a:",         "a:b",   "h:a",   "i",
             "schema", "\xff\xfe",      "\n",    "{a}b",   "%s %n",      " ",     "*",     "+",
             "-",      "\x80\x80\x80"s, "é",     "../../", "\r\n$3\r\n", "'; --", "items", "\x7f"};
  ids.push_back(std::string(kMaxIdBytes, 'x'));
  ids.push_back(std::string(kMaxIdBytes, '\xff'));
  for (const std::string& id : ids) {
    const std::string key = id.substr(0, kMaxIdempotencyKeyBytes);
    EXPECT_EQ(store().append_events(id, Ids{id, "1", id}, key), Append::kDone);
    EXPECT_EQ(store().append_events(id, Ids{id, "1", id}, key), Append::kRepeated);
    EXPECT_EQ(store().append_events(id, Ids{id}, key), Append::kConflict);
    store().put_item({id, id, id});
  }
  for (const std::string& id : ids) EXPECT_EQ(store().history(id), (Ids{id, "1", id}));
  EXPECT_EQ(items().put.size(), ids.size());
  for (const auto& [id, item] : items().put) EXPECT_EQ(item, (StoredItem{id, id, id}));
  for (const std::string& id : ids) {
    EXPECT_TRUE(store().erase_history(id));
    store().erase_item(id);
  }
  EXPECT_TRUE(items().put.empty());
  EXPECT_EQ(items().erased, std::set<std::string>(ids.begin(), ids.end()));
}

TEST_P(EveryStore, RefusesIdsOfForbiddenLength) {
  for (const std::string& bad : {std::string(), std::string(kMaxIdBytes + 1, 'x')}) {
    expect_error<UsageError>([&] { store().append_events(bad, Ids{"1"}, ""); }, {"an id", "byte"});
    expect_error<UsageError>([&] { store().append_events("anna", Ids{"1", bad}, ""); }, {"an id"});
    expect_error<UsageError>([&] { store().history(bad); }, {"an id"});
    expect_error<UsageError>([&] { store().erase_history(bad); }, {"an id"});
    expect_error<UsageError>([&] { store().put_item({bad, "", ""}); }, {"an id"});
    expect_error<UsageError>([&] { store().erase_item(bad); }, {"an id"});
  }
  const std::string key(kMaxIdempotencyKeyBytes + 1, 'k');
  expect_error<UsageError>([&] { store().append_events("anna", Ids{"1"}, key); },
                           {"idempotency key", "257", "256"});
  EXPECT_EQ(store().history("anna"), std::nullopt);
  expect_error<UsageError>([&] { open({.history_limit = 0}); }, {"history limit"});
}

// Every thread appends the same keyed batches and some of its own to the same users: each batch is
// there once, whole, and each thread's own in their order.
TEST_P(EveryStore, ThreadsDoNotDisturbEachOther) {
  constexpr int kThreads = 4, kBatches = 60, kUsers = 3;
  std::atomic<int> appended = 0;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kBatches; ++i) {
        const std::string user = fmt::format("user {}", i % kUsers);
        const std::string shared = fmt::format("shared {}", i), own = fmt::format("{}", thread);
        const Append result = store().append_events(user, Ids{shared, shared + "'"}, shared);
        appended += result == Append::kDone ? 1 : 0;
        store().append_events(user, Ids{fmt::format("own {} {:03}", own, i)}, "");
        store().put_item({fmt::format("{} {}", own, i), shared, ""});
        store().erase_item(shared);
        EXPECT_TRUE(store().history(user).has_value());
      }
    });
  }
  threads.clear();
  EXPECT_EQ(appended, kBatches);
  std::size_t events = 0;
  for (int user = 0; user < kUsers; ++user) {
    const Ids history = store().history(fmt::format("user {}", user)).value();
    events += history.size();
    for (std::size_t i = 0; i < history.size(); ++i) {
      if (history[i].starts_with("shared") && !history[i].ends_with("'")) {
        EXPECT_EQ(std::ranges::count(history, history[i]), 1);
        EXPECT_EQ(history.at(i + 1), history[i] + "'");
      }
    }
    for (int thread = 0; thread < kThreads; ++thread) {
      Ids own;
      std::ranges::copy_if(history, std::back_inserter(own), [&](const std::string& id) {
        return id.starts_with(fmt::format("own {} ", thread));
      });
      EXPECT_EQ(own.size(), std::size_t{kBatches / kUsers});
      EXPECT_TRUE(std::ranges::is_sorted(own));
    }
  }
  EXPECT_EQ(events, std::size_t{kBatches * (2 + kThreads)});
  EXPECT_EQ(items().put.size(), std::size_t{kThreads * kBatches});
  EXPECT_EQ(items().erased.size(), std::size_t{kBatches});
}

}  // namespace
}  // namespace tessera::testing
