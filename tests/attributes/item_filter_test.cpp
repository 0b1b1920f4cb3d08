#include "attributes/item_filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "base/random.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using testing::expect_error;
using Labels = std::vector<std::string>;

constexpr std::int32_t kItems = 300;

/// A value drawn for an attribute; now and then none.
AttributeValue drawn(AttributeType type, Random& random) {
  if (random.below(5) == 0) return {};
  switch (type) {
    case AttributeType::number:
    case AttributeType::time:
      return static_cast<double>(random.below(10));
    case AttributeType::boolean:
      return random.below(2) == 0;
    case AttributeType::labels: {
      Labels labels;
      for (std::uint64_t i = 0; i <= random.below(3); ++i) {
        labels.push_back(std::string(1, static_cast<char>('a' + random.below(6))));
      }
      return labels;
    }
  }
  return {};
}

const std::vector<Attribute> kSchema = {{"brand", AttributeType::labels},
                                        {"price", AttributeType::number},
                                        {"in_stock", AttributeType::boolean},
                                        {"published", AttributeType::time}};

Filter drawn_condition(Random& random) {
  Filter::Condition condition;
  const Attribute& attribute = kSchema[random.below(kSchema.size())];
  condition.attribute = attribute.name;
  const std::uint64_t kind = random.below(3);
  condition.kind = static_cast<Filter::Condition::Kind>(kind);
  const bool ranged =
      attribute.type == AttributeType::number || attribute.type == AttributeType::time;
  if (condition.kind == Filter::Condition::Kind::range) {
    if (!ranged) condition.kind = Filter::Condition::Kind::exists;
    if (random.below(2) == 0) condition.gte = static_cast<double>(random.below(10));
    if (random.below(2) == 0) condition.lt = static_cast<double>(random.below(10));
    if (random.below(4) == 0) condition.gt = static_cast<double>(random.below(10));
    if (random.below(4) == 0) condition.lte = static_cast<double>(random.below(10));
  }
  if (condition.kind == Filter::Condition::Kind::any) {
    for (std::uint64_t i = 0; i < random.below(4); ++i) {
      if (attribute.type == AttributeType::boolean) {
        condition.values.emplace_back(random.below(2) == 0);
      } else if (ranged) {
        condition.values.emplace_back(static_cast<double>(random.below(10)));
      } else {
        condition.values.emplace_back(std::string(1, static_cast<char>('a' + random.below(8))));
      }
    }
  }
  return {.condition = condition};
}

Filter drawn_filter(Random& random, int depth) {
  if (depth == 0 || random.below(3) == 0) return drawn_condition(random);
  Filter filter;
  for (auto* group : {&filter.must, &filter.should, &filter.must_not}) {
    for (std::uint64_t i = 0; i < random.below(3); ++i) {
      group->push_back(drawn_filter(random, depth - 1));
    }
  }
  return filter;
}

/// What the items are, in the plainest form, and the rules read off filter.h.
using Plain = std::vector<std::map<std::string, AttributeValue>>;

bool equals(const AttributeValue& value, const Filter::Literal& literal) {
  if (const auto* labels = std::get_if<Labels>(&value)) {
    return std::ranges::count(*labels, std::get<std::string>(literal)) > 0;
  }
  if (const bool* truth = std::get_if<bool>(&value)) return *truth == std::get<bool>(literal);
  return std::get<double>(value) == std::get<double>(literal);
}

bool passes(const Filter& filter, std::map<std::string, AttributeValue> item) {
  if (filter.condition) {
    const Filter::Condition& asked = *filter.condition;
    const AttributeValue& value = item[asked.attribute];
    if (value == AttributeValue()) return false;
    if (asked.kind == Filter::Condition::Kind::any &&
        std::ranges::none_of(asked.values, [&](const auto& one) { return equals(value, one); })) {
      return false;
    }
    if (asked.kind == Filter::Condition::Kind::range) {
      const double number = std::get<double>(value);
      if (asked.gt && !(number > std::get<double>(*asked.gt))) return false;
      if (asked.gte && !(number >= std::get<double>(*asked.gte))) return false;
      if (asked.lt && !(number < std::get<double>(*asked.lt))) return false;
      if (asked.lte && !(number <= std::get<double>(*asked.lte))) return false;
    }
  }
  const auto one = [&](const Filter& inner) { return passes(inner, item); };
  return std::ranges::all_of(filter.must, one) &&
         (filter.should.empty() || std::ranges::any_of(filter.should, one)) &&
         std::ranges::none_of(filter.must_not, one);
}

TEST(ItemFilter, SelectsWhatAPlainReadingSelectsThroughChanges) {
  Random random(7, {1});
  ItemFilter filters{AttributeTable(kSchema)};
  Plain plain(kItems);
  std::vector<Filter> asked;  // again and again, so that kept answers are used
  for (int i = 0; i < 40; ++i) asked.push_back(drawn_filter(random, 3));
  for (int round = 0; round < 25; ++round) {
    for (int change = 0; change < 40; ++change) {
      const auto item = static_cast<std::int32_t>(random.below(kItems));
      const Attribute& attribute = kSchema[random.below(kSchema.size())];
      const AttributeValue value = drawn(attribute.type, random);
      filters.set(item, {{attribute.name, value}});
      plain[static_cast<std::size_t>(item)][attribute.name] = value;
    }
    for (const Filter& filter : asked) {
      const ItemSet selected = filters.select(filter, kItems);
      std::size_t count = 0;
      for (std::int32_t item = 0; item < kItems; ++item) {
        const bool expected = passes(filter, plain[static_cast<std::size_t>(item)]);
        count += expected;
        ASSERT_EQ(selected.contains(item), expected) << "round " << round << ", item " << item;
      }
      ASSERT_EQ(selected.count(), count);
    }
  }
}

TEST(ItemFilter, AnItemPutLaterIsSelectedByWhatItHolds) {
  ItemFilter filters{AttributeTable(kSchema)};
  filters.set(0, {{"price", 5.0}});
  const Filter cheap = filter_from_words("price < 10");
  EXPECT_EQ(filters.select(cheap, 1).count(), 1U);
  filters.set(200, {{"price", 6.0}});
  EXPECT_TRUE(filters.select(cheap, 201).contains(200));
  EXPECT_EQ(filters.select(filter_from_words("not price < 10"), 201).count(), 199U);
  filters.clear(200);
  EXPECT_FALSE(filters.select(cheap, 201).contains(200));
}

TEST(ItemFilter, ChangesAreSeenWhileOthersAsk) {
  ItemFilter filters{AttributeTable(kSchema)};
  const Filter in_stock = filter_from_words("in_stock");
  std::jthread writer([&] {
    for (int i = 0; i < 2000; ++i) filters.set(i % kItems, {{"in_stock", i % 3 == 0}});
  });
  for (int i = 0; i < 500; ++i) EXPECT_LE(filters.select(in_stock, kItems).count(), 300U);
  writer.join();
  filters.set(5, {{"in_stock", true}});
  EXPECT_TRUE(filters.select(in_stock, kItems).contains(5));
}

TEST(ItemFilter, KeepsNoMoreThanItsLimit) {
  constexpr std::size_t kMany = 8'000'000;  // a megabyte a bitmap
  ItemFilter filters{AttributeTable(kSchema)};
  filters.set(0, {{"price", 5.0}});
  for (int i = 0; i < 100; ++i) {
    filters.select(filter_from_words(fmt::format("price < {}", i)), kMany);
  }
  EXPECT_LE(filters.kept_bytes(), std::size_t{64} << 20);
  EXPECT_TRUE(filters.select(filter_from_words("price < 6"), kMany).contains(0));
}

TEST(ItemFilter, AChangeIsMadeAsAWholeOrNotAtAll) {
  ItemFilter filters{AttributeTable(kSchema)};
  expect_error<UsageError>([&] { filters.set(0, {{"price", 5.0}, {"in_stock", 1.0}}); },
                           {"'in_stock'"});
  EXPECT_EQ(filters.values(0),
            (AttributeValues{{"brand", {}}, {"price", {}}, {"in_stock", {}}, {"published", {}}}));
}

TEST(ItemFilter, NamesWhatIsWrongWithAFilter) {
  const ItemFilter filters{AttributeTable(kSchema)};
  const auto refused = [&](const char* words, std::initializer_list<std::string_view> parts) {
    expect_error<UsageError>([&] { filters.select(filter_from_words(words), 1); }, parts);
  };
  refused("prise < 5", {"no attribute 'prise'", "did you mean 'price'"});
  refused("price = \"x\"", {"'price' is of type number", "'x'"});
  refused("brand < 5", {"'brand' is of type labels", "no range"});
  refused("published > \"soon\"", {"'published' holds times"});
  refused("price", {"'price' is of type number"});
  expect_error<UsageError>([&] { ItemFilter().select(filter_from_words("price < 5"), 1); },
                           {"items have none", "--attributes"});
}

/// The filter, written out plainly.
std::string shown(const Filter& filter) {
  std::string text;
  if (filter.condition) {
    text = filter.condition->attribute;
    const auto literal = [](const Filter::Literal& value) {
      return std::visit([](const auto& held) { return fmt::format("{}", held); }, value);
    };
    for (const auto& value : filter.condition->values) text += "=" + literal(value);
    if (filter.condition->gt) text += ">" + literal(*filter.condition->gt);
    if (filter.condition->gte) text += ">=" + literal(*filter.condition->gte);
    if (filter.condition->lt) text += "<" + literal(*filter.condition->lt);
    if (filter.condition->lte) text += "<=" + literal(*filter.condition->lte);
    if (filter.condition->kind == Filter::Condition::Kind::exists) text += "?";
  }
  const auto group = [&](const char* sign, const std::vector<Filter>& inner) {
    if (inner.empty()) return;
    text += sign;
    text += '(';
    for (const Filter& one : inner) text += shown(one) + ";";
    text += ')';
  };
  group("&", filter.must);
  group("|", filter.should);
  group("!", filter.must_not);
  return text;
}

TEST(FilterWords, BindAsInOtherLanguages) {
  const auto read = [](const char* words) { return shown(filter_from_words(words)); };
  EXPECT_EQ(read("price < 20 and category = \"tea\" and not brand = \"x\""),
            "&(price<20;category=tea;!(brand=x;);)");
  EXPECT_EQ(read("a = 1 or b = 2 and c = 3"), "|(a=1;&(b=2;c=3;);)");
  EXPECT_EQ(read("(a = 1 or b = 2) and c = 3"), "&(|(a=1;b=2;);c=3;)");
  EXPECT_EQ(read("in_stock and price>=5"), "&(in_stock=true;price>=5;)");
  EXPECT_EQ(read("a in (1, 'it''s') and b not in (true)"), "&(a=1=it's;!(b=true;);)");
  EXPECT_EQ(read("`two words` exists"), "two words?");
  EXPECT_EQ(read("größe != 4"), "!(größe=4;)");
}

TEST(FilterWords, SayWhereTheyBreakOff) {
  const auto refused = [](const char* words, std::initializer_list<std::string_view> parts) {
    expect_error<UsageError>([&] { filter_from_words(words); }, parts);
  };
  refused("price <", {"at 'the end' (character 8)", "a value"});
  refused("price < cheap", {"at 'cheap'", "text in quotes"});
  refused("(price < 5", {"a closing )"});
  refused("brand = \"x", {"a closing \""});
  refused("price < 5 brand = 'x'", {"at 'brand'", "'and', 'or' or the end"});
  refused("", {"an attribute's name"});
  refused(std::string(100, '(').append("a").append(100, ')').c_str(), {"nests too deeply"});
  std::string nots;
  for (int i = 0; i < 10000; ++i) nots += "not ";
  refused((nots + "a").c_str(), {"nests too deeply"});
}

TEST(FilterJson, SaysTheSameAsWords) {
  const Filter json = filter_from_text(
      R"({"must": [{"key": "price", "range": {"lt": 20}}, {"key": "category", "match": "tea"}],
          "must_not": [{"key": "brand", "any": ["x", "y"]}, {"key": "ends", "exists": false}]})");
  EXPECT_EQ(shown(json), "&(price<20;category=tea;)!(brand=x=y;!(ends?;);)");
}

TEST(FilterJson, NamesTheFieldThatIsWrong) {
  const auto refused = [](const char* json, std::initializer_list<std::string_view> parts) {
    expect_error<UsageError>([&] { filter_from_json(json); }, parts);
  };
  refused("{", {"filter"});
  refused("[]", {"filter must be an object"});
  refused(R"({"must": {}})", {"filter.must must be a list"});
  refused(R"({"mst": []})", {"'mst'"});
  refused(R"({"must": [{"key": "a"}]})", {"filter.must[0]", "match, any, range, exists"});
  refused(R"({"must": [{"key": "a", "match": [1]}]})", {"filter.must[0].match"});
  refused(R"({"must": [{"key": "a", "range": {"below": 3}}]})", {"range", "'below'"});
  refused(R"({"must": [{"key": 3, "match": 1}]})", {"key must be an attribute's name"});
  std::string deep = R"({"key": "a", "match": 1})";
  for (int i = 0; i < 40; ++i) deep = R"({"must": [)" + deep + "]}";
  refused(deep.c_str(), {"nests deeper"});
}

TEST(ItemFilter, TheSetOfItemsThatLastIsMadeOnceAChange) {
  AttributeTable table({{"price", AttributeType::number}, {"expires", AttributeType::time}});
  for (std::int32_t item = 0; item < 300; ++item) table.set(1, item, double(1000 + item));
  ItemFilter filter(std::move(table));
  EXPECT_EQ(filter.lasting(999.0, 300), nullptr) << "all of them";
  const auto some = filter.lasting(1010.0, 300);
  EXPECT_EQ(some->count(), 289U);
  EXPECT_FALSE(some->contains(10));
  EXPECT_EQ(filter.lasting(1010.5, 300), some) << "nothing has ended since";
  filter.set(5, {{"price", 1.0}});
  filter.set(200, {{"expires", 5000.0}});
  EXPECT_EQ(filter.lasting(1010.5, 300), some) << "nor by these";
  EXPECT_EQ(filter.lasting(1010.5, 301)->count(), 290U) << "there is a number more";
  const auto next = filter.lasting(1011.0, 300);
  EXPECT_FALSE(next->contains(11));
  EXPECT_TRUE(some->contains(11)) << "a search goes on with the set that it began with";
  filter.set(11, {{"expires", AttributeValue()}});
  EXPECT_TRUE(filter.lasting(1011.0, 300)->contains(11));
  for (std::int32_t item = 0; item < 300; ++item) filter.clear(item);
  EXPECT_EQ(filter.lasting(9000.0, 300), nullptr);
}

}  // namespace
}  // namespace tessera
