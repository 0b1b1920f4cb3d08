#include "store/records.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "testing/errors.h"

namespace tessera::testing {
namespace {

using Views = std::vector<std::string_view>;

TEST(HistoryRecords, SurviveTheirBytes) {
  const std::string long_id(300, 'x'), longest(kMaxIdBytes, '\0');
  const HistoryRecord record{{"", "1", long_id, longest, "\xff"}, {"key", ""}, {"d", ""}};
  const std::string bytes = encode_history(record);
  const auto again = decode_history(bytes);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->events, record.events);
  EXPECT_EQ(again->keys, record.keys);
  EXPECT_EQ(again->digests, record.digests);
}

TEST(EventRecords, SurviveTheirBytes) {
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  using Time = std::optional<std::int64_t>;
  for (const std::string& item : {std::string("7"), std::string("\0x", 2), std::string(300, 'y')}) {
    for (const std::string& kind : {std::string(), std::string("view"), std::string(300, 'k')}) {
      for (const std::optional<float> weight : {std::optional<float>(), {0.0F}, {2.5F}}) {
        for (const Time time : {Time(), {0}, {-1}, {1'764'000'000'123}, {kLeast}, {kMost}}) {
          for (const Time received : {Time(), {5}, {1'764'000'000'000}, {kMost}}) {
            const StoredEvent event{item, kind, weight, time, received};
            EXPECT_EQ(decode_event(encode_event(event)), event);
            EXPECT_EQ(item_of_event(encode_event(event)), item);
          }
        }
      }
    }
  }
  EXPECT_EQ(decode_event("as before"), (StoredEvent{"as before"}));
  EXPECT_LE(encode_event({"7", "", {}, 1'764'000'000'000, 1'764'000'000'000}).size(), 10U);
}

TEST(EventRecords, AreRefusedWhenBroken) {
  const std::string bytes = encode_event({"", "view", 1.5F, 2, 3});
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_event(bytes.substr(0, size))) << size;
    EXPECT_FALSE(item_of_event(bytes.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_event(std::string("\0\x10x", 3))) << "an unknown part";
}

TEST(HistoryRecords, AreReadWithoutDigestsAsTheyWereWrittenBefore) {
  const std::string before(
      "\x01\x01"
      "7"
      "\x01\x03"
      "key",
      8);
  const auto record = decode_history(before);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->events, Views{"7"});
  EXPECT_EQ(record->verdict("key", "any"), Append::kRepeated);
  const HistoryRecord later{{"8"}, {"next"}, {"d"}};
  const HistoryRecord both = joined(*record, later, 10);
  EXPECT_EQ(both.verdict("key", "any"), Append::kRepeated);
  EXPECT_EQ(both.verdict("next", "d"), Append::kRepeated);
  EXPECT_EQ(both.verdict("next", "other"), Append::kConflict);
  EXPECT_EQ(both.verdict("new", "d"), Append::kDone);
}

TEST(HistoryRecords, AreRefusedWhenBroken) {
  const std::string bytes = encode_history({{"12", "7"}, {"key"}, {"digest"}});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    if (size == bytes.size() - std::strlen(".digest") - 1)
      continue;  // as before there were digests
    EXPECT_FALSE(decode_history(bytes.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_history(bytes + "x"));
  EXPECT_FALSE(decode_history(std::string(20, '\xff')));
  EXPECT_FALSE(decode_history("\xff\xff\xff\xff\xff\xff\xff\xff\x7f"));
}

TEST(HistoryRecords, AreJoinedInAnyGrouping) {
  const HistoryRecord a{{"1", "2"}, {"a"}, {"x"}}, b{{"3"}, {}, {}}, c{{"4", "5"}, {"c"}, {"y"}};
  for (std::size_t limit = 1; limit < 7; ++limit) {
    const HistoryRecord left = joined(joined(a, b, limit), c, limit);
    const HistoryRecord right = joined(a, joined(b, c, limit), limit);
    EXPECT_EQ(left.events, right.events);
    EXPECT_EQ(left.events.back(), "5");
    EXPECT_EQ(left.events.size(), std::min<std::size_t>(limit, 5));
    EXPECT_EQ(left.keys, (Views{"a", "c"}));
    EXPECT_EQ(left.digests, (Views{"x", "y"}));
  }
}

TEST(ItemRecords, AreRefusedWhenBroken) {
  const auto decodes = [](std::string_view bytes) {
    return decode_item("1", bytes, [](const StoredItem&) {}, [](std::string_view) {});
  };
  const std::string bytes = encode_item({"1", "title", "text"});
  EXPECT_TRUE(decodes(bytes));
  EXPECT_TRUE(decodes(encode_erased_item()));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decodes(bytes.substr(0, size)));
  EXPECT_FALSE(decodes(bytes + "x"));
  EXPECT_FALSE(decodes("-x"));
}

TEST(SyncPolicies, HaveNames) {
  StoreOptions options;
  set_sync(options, "none");
  EXPECT_EQ(options.sync, Sync::kNone);
  set_sync(options, "250ms");
  EXPECT_EQ(options.sync, Sync::kInterval);
  EXPECT_EQ(options.sync_interval.count(), 250);
  set_sync(options, "always");
  EXPECT_EQ(options.sync, Sync::kAlways);
  for (const char* bad : {"", "ms", "0ms", "-1ms", "1s", "60001ms", "99999999999ms", "Always"}) {
    expect_error<UsageError>([&] { set_sync(options, bad); }, {"always, none", bad});
  }
}

}  // namespace
}  // namespace tessera::testing
