// What each kind of store promises; the one in memory is the reference.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "stores.h"
#include "testing/errors.h"

namespace tessera::testing {
namespace {

INSTANTIATE_TEST_SUITE_P(Stores, EveryStore,
                         ::testing::Values("memory", "rocksdb", "redis", "redis_cluster"),
                         [](const auto& named) { return named.param; });

TEST_P(EveryStore, AppendsEventsInOrder) {
  EXPECT_EQ(store().history("anna"), std::nullopt);
  EXPECT_EQ(store().append_events("anna", plain_events(Ids{"12", "7"}), ""), Append::kDone);
  EXPECT_EQ(store().append_events("ben", plain_events(Ids{"1"}), ""), Append::kDone);
  EXPECT_EQ(store().append_events("anna", plain_events(Ids{"12"}), ""), Append::kDone);
  EXPECT_EQ(store().history("anna"), (Ids{"12", "7", "12"}));
  EXPECT_EQ(store().history("ben"), Ids{"1"});
  EXPECT_EQ(store().history("ann"), std::nullopt);
}

using Events = std::vector<StoredEvent>;

TEST_P(EveryStore, KeepsWhatIsKnownOfAnEvent) {
  std::int64_t now = 1'764'000'000'000;
  reopen({.clock = [&] { return now; }});
  const Events given = {
      {"12", "view"}, {"7", "purchase", 2.5F, 1'400'000'000'000}, {"7", "", 0.0F}};
  store().append_events("anna", given, "key");
  now += 10;
  store().append_events("anna", Events{{"9", "", {}, -5}}, "");
  const std::int64_t first = 1'764'000'000'000;
  EXPECT_EQ(histories().at("anna"), (Events{{"12", "view", {}, first, first},
                                            {"7", "purchase", 2.5F, 1'400'000'000'000, first},
                                            {"7", "", 0.0F, first, first},
                                            {"9", "", {}, -5, first + 10}}));
  EXPECT_EQ(store().history("anna"), (Ids{"12", "7", "7", "9"}));
  // A key is of what was sent: the same later is repeated, another kind, weight or time is not.
  EXPECT_EQ(store().append_events("anna", given, "key"), Append::kRepeated);
  for (const std::size_t place : {0, 1, 2}) {
    for (const int what : {0, 1, 2}) {
      Events other = given;
      if (what == 0) other[place].kind += "s";
      if (what == 1) other[place].weight = 3.0F;
      if (what == 2) other[place].time = 7;
      EXPECT_EQ(store().append_events("anna", other, "key"), Append::kConflict);
    }
  }
}

// The same item twice in a batch is two events, and stays two where what is the same counts once.
TEST_P(EveryStore, EventsOfABatchThatAreAlikeDifferInTheirTimes) {
  reopen({.clock = [] { return 1000; }});
  store().append_events("anna", plain_events(Ids{"1", "2", "1", "1", "2"}), "");
  std::vector<std::int64_t> times;
  const auto of_users = histories();
  for (const StoredEvent& event : of_users.at("anna")) times.push_back(event.time.value());
  EXPECT_EQ(times, (std::vector<std::int64_t>{1000, 1000, 1001, 1002, 1002}));
}

TEST_P(EveryStore, ReceivesNothingBeforeWhatItReceivedEarlier) {
  std::int64_t now = 1'000'000;
  const auto received = [&](const char* user) { return histories().at(user).back().received; };
  reopen({.clock = [&] { return now; }});
  store().append_events("anna", plain_events(Ids{"1"}), "");
  EXPECT_EQ(received("anna"), 1'000'000);
  now = 400'000;  // the clock is set back
  store().append_events("anna", plain_events(Ids{"2"}), "");
  EXPECT_EQ(received("anna"), 1'000'000);
  EXPECT_EQ(histories().at("anna").back().time, 400'000) << "times are the clock's";
  if (GetParam() == "memory") return;
  reopen({.clock = [&] { return now; }});  // and the process starts again
  EXPECT_GE(store().clock_behind().count(), 600'000);
  store().append_events("anna", plain_events(Ids{"3"}), "");
  EXPECT_GE(received("anna"), 1'000'000);
  now = 2'000'000;
  store().append_events("anna", plain_events(Ids{"4"}), "");
  EXPECT_EQ(received("anna"), 2'000'000);
  EXPECT_EQ(store().clock_behind().count(), 1000) << "the bound holds for a second";
}

TEST_P(EveryStore, TellsEveryHistoryInPages) {
  std::map<std::string, std::size_t> expected;
  for (int i = 0; i < 500; ++i) {
    const std::string user = fmt::format("user {}", i);
    store().append_events(user, plain_events(Ids{"1", "2"}), "key");
    expected[user] = 2;
  }
  store().append_events("erased", plain_events(Ids{"1"}), "");
  store().erase_history("erased");
  store().put_item({"9", "", ""});
  std::map<std::string, std::size_t> told;
  std::size_t pages = 0;
  std::string cursor;
  do {
    std::size_t users = 0;
    cursor = store().for_each_history(
        cursor, [&](std::string_view user, std::span<const StoredEvent> events) {
          EXPECT_TRUE(told.emplace(user, events.size()).second) << user;
          return ++users < 50;
        });
    ++pages;
  } while (!cursor.empty());
  EXPECT_EQ(told, expected);
  EXPECT_GT(pages, 2U);
  EXPECT_LE(pages, 11U);
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
  EXPECT_EQ(store().append_events("anna", plain_events(Ids{"1"}), "key"), Append::kDone);
}

TEST_P(EveryStore, KeepsTheLatestEvents) {
  StoreOptions options;
  options.history_limit = 3;
  reopen(options);
  store().append_events("anna", plain_events(Ids{"1", "2"}), "");
  store().append_events("anna", plain_events(Ids{"3", "4"}), "");
  EXPECT_EQ(store().history("anna"), (Ids{"2", "3", "4"}));
  store().append_events("anna", plain_events(Ids{"5", "6", "7", "8", "9"}), "");
  EXPECT_EQ(store().history("anna"), (Ids{"7", "8", "9"}));
}

TEST_P(EveryStore, TakesLongBatches) {
  Ids batch;
  for (int i = 0; i < 20'000; ++i) batch.push_back(fmt::format("{}", i));
  store().append_events("anna", plain_events(batch), "key");
  EXPECT_EQ(store().history("anna"), Ids(batch.end() - 1000, batch.end()));
}

TEST_P(EveryStore, AKeyAppendsOnce) {
  EXPECT_EQ(store().append_events("anna", plain_events(Ids{"1"}), "a"), Append::kDone);
  EXPECT_EQ(store().append_events("anna", plain_events(Ids{"1"}), "a"), Append::kRepeated);
  EXPECT_EQ(store().append_events("ben", plain_events(Ids{"1"}), "a"), Append::kDone)
      << "keys are each user's own";
  EXPECT_EQ(store().append_events("anna", plain_events(Ids{"3"}), "b"), Append::kDone);
  EXPECT_EQ(store().append_events("anna", plain_events(Ids{"1"}), "a"), Append::kRepeated);
  EXPECT_EQ(store().history("anna"), (Ids{"1", "3"}));
}

TEST_P(EveryStore, AKeyIsOneBatchs) {
  const auto both = [&](const Ids& items, const std::string& key) {
    const Append foreseen = store().foresee_append("anna", plain_events(items), key);
    const Append done = store().append_events("anna", plain_events(items), key);
    EXPECT_EQ(foreseen, done);
    return done;
  };
  EXPECT_EQ(both(Ids{"1", "2"}, "a"), Append::kDone);
  EXPECT_EQ(both(Ids{"1", "2"}, "a"), Append::kRepeated);
  for (const Ids& other : {Ids{"1"}, Ids{"2", "1"}, Ids{"12"}, Ids{"1", "2", "3"}, Ids{"1,2"}}) {
    EXPECT_EQ(both(other, "a"), Append::kConflict);
  }
  EXPECT_EQ(store().foresee_append("anna", plain_events(Ids{"1"}), ""), Append::kDone);
  EXPECT_EQ(store().foresee_append("ben", plain_events(Ids{"1"}), "a"), Append::kDone);
  EXPECT_EQ(store().history("ben"), std::nullopt) << "foreseeing changes nothing";
  EXPECT_EQ(store().history("anna"), (Ids{"1", "2"}));
  store().erase_history("anna");
  EXPECT_EQ(both(Ids{"3"}, "a"), Append::kDone);
}

TEST_P(EveryStore, RemembersTheLatestKeys) {
  const auto append = [&](std::size_t i) {
    return store().append_events("anna", plain_events(Ids{fmt::format("{}", i)}),
                                 fmt::format("key {}", i));
  };
  for (std::size_t i = 0; i < kIdempotencyKeys; ++i) EXPECT_EQ(append(i), Append::kDone);
  for (std::size_t i = 0; i < kIdempotencyKeys; ++i) EXPECT_EQ(append(i), Append::kRepeated) << i;
  EXPECT_EQ(append(kIdempotencyKeys), Append::kDone);
  EXPECT_EQ(append(1), Append::kRepeated);
  EXPECT_EQ(append(0), Append::kDone) << "the oldest key is forgotten";
}

TEST_P(EveryStore, ErasesAUserWithTheKeys) {
  store().append_events("anna", plain_events(Ids{"1"}), "a");
  store().append_events("anna2", plain_events(Ids{"2"}), "a");
  EXPECT_TRUE(store().erase_history("anna"));
  EXPECT_FALSE(store().erase_history("anna"));
  store().purge_erased();
  EXPECT_EQ(store().history("anna"), std::nullopt);
  EXPECT_EQ(store().history("anna2"), Ids{"2"});
  EXPECT_EQ(store().append_events("anna", plain_events(Ids{"3"}), "a"), Append::kDone);
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

TEST_P(EveryStore, KeepsTheLatestFeedback) {
  reopen({.feedback_limit = 250});
  const auto record = [](int i) {
    return StoredFeedback{i - 5, fmt::format("request {}", i), i % 2 == 0 ? "a" : "b",
                          i % 3 == 0 ? "impression" : "view",
                          Ids{std::string("x\0y", 3), std::to_string(i)}};
  };
  constexpr int kRecords = 900;
  for (int i = 0; i < kRecords; ++i) {
    store().add_feedback(record(i));
    if (i == kRecords / 2 && GetParam() != "memory") reopen({.feedback_limit = 250});
  }
  std::vector<StoredFeedback> kept;
  store().for_each_feedback([&](const StoredFeedback& one) { kept.push_back(one); });
  // Redis forgets a whole node of its stream at a time.
  EXPECT_GE(kept.size(), 250U);
  EXPECT_LE(kept.size(), GetParam().starts_with("redis") ? 350U : 250U);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    EXPECT_EQ(kept[i], record(kRecords - static_cast<int>(kept.size() - i)));
  }
  EXPECT_TRUE(histories().empty());
  EXPECT_TRUE(items().put.empty());
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
    EXPECT_EQ(store().append_events(id, plain_events(Ids{id, "1", id}), key), Append::kDone);
    EXPECT_EQ(store().append_events(id, plain_events(Ids{id, "1", id}), key), Append::kRepeated);
    EXPECT_EQ(store().append_events(id, plain_events(Ids{id}), key), Append::kConflict);
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
    expect_error<UsageError>([&] { store().append_events(bad, plain_events(Ids{"1"}), ""); },
                             {"an id", "byte"});
    expect_error<UsageError>(
        [&] { store().append_events("anna", plain_events(Ids{"1", bad}), ""); }, {"an id"});
    expect_error<UsageError>([&] { store().history(bad); }, {"an id"});
    expect_error<UsageError>([&] { store().erase_history(bad); }, {"an id"});
    expect_error<UsageError>([&] { store().put_item({bad, "", ""}); }, {"an id"});
    expect_error<UsageError>([&] { store().erase_item(bad); }, {"an id"});
  }
  const std::string key(kMaxIdempotencyKeyBytes + 1, 'k');
  expect_error<UsageError>([&] { store().append_events("anna", plain_events(Ids{"1"}), key); },
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
        const Append result =
            store().append_events(user, plain_events(Ids{shared, shared + "'"}), shared);
        appended += result == Append::kDone ? 1 : 0;
        store().append_events(user, plain_events(Ids{fmt::format("own {} {:03}", own, i)}), "");
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

/// All that sharers are told behind the place.
SharedChanges told(const Store& store, std::string& place,
                   std::span<const std::string> names = {}) {
  SharedChanges all;
  for (bool more = true; more;) {
    SharedChanges some = store.changes_behind(place, names);
    std::ranges::move(some.put, std::back_inserter(all.put));
    std::ranges::move(some.erased, std::back_inserter(all.erased));
    std::ranges::move(some.restored, std::back_inserter(all.restored));
    std::ranges::move(some.attributes, std::back_inserter(all.attributes));
    all.missed = some.missed;
    more = some.more;
  }
  return all;
}

TEST_P(EveryStore, TellsSharersWhatOthersChanged) {
  std::optional<std::string> place = store().latest_change();
  if (!GetParam().starts_with("redis")) {
    EXPECT_EQ(place, std::nullopt) << "nobody shares it";
    return;
  }
  ASSERT_TRUE(place);
  EXPECT_TRUE(told(store(), *place).put.empty());
  const auto other = open();
  other->put_item({"1", "one", "text", "codes"});
  other->put_item({"2", "two", "text"});
  other->put_item({"1", "one more", "text", "codes"});
  other->erase_item("2");
  other->erase_item("3");
  other->erase_item("4");
  other->restore_item("4");
  other->put_attributes("7", std::vector<StoredAttribute>{{"price", "3"}, {"brand", "[\"x\"]"}});
  other->put_attributes("7", std::vector<StoredAttribute>{{"price", "4"}});
  store().put_item({"own", "own", "text"});
  std::string own = *other->latest_change();
  const SharedChanges changes = told(store(), *place);
  EXPECT_EQ(changes.put, (std::vector<StoredItem>{{"1", "one more", "text", "codes"}}))
      << "as they are now, and none of its own";
  EXPECT_EQ(changes.erased, (Ids{"2", "3"}));
  EXPECT_EQ(changes.restored, Ids{"4"});
  ASSERT_EQ(changes.attributes.size(), 2U);
  for (const auto& [id, attribute] : changes.attributes) {
    EXPECT_EQ(id, "7");
    EXPECT_EQ(attribute.value, attribute.name == "price" ? "4" : "[\"x\"]");
  }
  EXPECT_TRUE(told(store(), *place).put.empty()) << "once";
  // With an item come all attributes that are asked for.
  other->put_item({"7", "seven", "text"});
  const SharedChanges seven = told(store(), *place, Ids{"price", "colour"});
  ASSERT_EQ(seven.attributes.size(), 1U);
  EXPECT_EQ(seven.attributes[0].second, (StoredAttribute{"price", "4"}));

  // Many at once, in parts.
  std::vector<StoredChange> many;
  for (int i = 0; i < 3000; ++i) {
    many.push_back({{fmt::format("many-{}", i), "title", "text"},
                    i % 3 == 0 ? StoredChange::Kind::erase : StoredChange::Kind::put,
                    i % 5 == 0 ? std::vector<StoredAttribute>{{"price", std::to_string(i)}}
                               : std::vector<StoredAttribute>{}});
  }
  other->change_items(many);
  EXPECT_TRUE(told(*other, own).put.empty()) << "an own change is no news";
  const SharedChanges later = told(store(), *place);
  EXPECT_EQ(later.put.size(), 2000U);
  EXPECT_EQ(later.erased.size(), 1000U);
  EXPECT_EQ(later.attributes.size(), 600U);
  EXPECT_EQ(items().put.size(), 2003U);
}

TEST_P(EveryStore, SaysWhatSharersMissed) {
  if (!GetParam().starts_with("redis")) return;
  std::string place = *store().latest_change();
  const auto other = open({.change_limit = 100});
  for (int i = 0; i < 1000; ++i)
    other->put_attributes("7", std::vector<StoredAttribute>{{"price", "1"}});
  const std::string before = place;
  EXPECT_TRUE(store().changes_behind(place, {}).missed);
  EXPECT_EQ(place, before);
  place = *store().latest_change();
  other->put_item({"1", "one", "text"});
  const SharedChanges changes = store().changes_behind(place, {});
  EXPECT_FALSE(changes.missed);
  EXPECT_EQ(changes.put.size(), 1U);
}

}  // namespace
}  // namespace tessera::testing
