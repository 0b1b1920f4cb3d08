#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "base/error.h"
#include "index/item_index.h"
#include "index/small_catalogue.h"

namespace tessera {
namespace {

using testing::PlainItems;
using testing::SmallCatalogue;

/// Puts and removes items of an index and of a plain map alike.
class Writer {
 public:
  Writer(ItemIndex& index, PlainItems start, SmallCatalogue& catalogue)
      : items(std::move(start)), index_(index), catalogue_(catalogue) {}

  void put(std::int32_t number) {
    testing::PlainItem item;
    for (std::size_t l = 0; l < catalogue_.tables.places.size(); ++l) {
      item.codes.push_back(
          static_cast<std::int32_t>(catalogue_.below(catalogue_.tables.codebook_size)));
    }
    for (std::size_t d = 0; d < catalogue_.tables.id_dims; ++d) {
      item.id.push_back(catalogue_.normal());
    }
    index_.put(number, item.codes, item.id);
    items[number] = std::move(item);
  }
  void remove(std::int32_t number) {
    index_.remove(number);
    items.erase(number);
  }
  /// One change in three is a removal; a third of the puts are new items.
  void change_at_random(std::size_t numbers) {
    const auto number = static_cast<std::int32_t>(catalogue_.below(numbers));
    if (catalogue_.below(3) == 0) {
      remove(number);
    } else {
      put(number);
    }
  }

  PlainItems items;

 private:
  ItemIndex& index_;
  SmallCatalogue& catalogue_;
};

void expect_same(const ItemIndex& index, const ScoringTables& tables, const PlainItems& items,
                 MatrixView<const float> states, std::size_t k) {
  ASSERT_EQ(index.size(), items.size());
  for (std::size_t i = 0; i < states.rows; ++i) {
    const auto expected =
        testing::plain_best(tables, items, states.row(i), k, [](std::int32_t) { return true; });
    const auto found = index.search(states.row(i), k);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t j = 0; j < found.size(); ++j) {
      EXPECT_EQ(found[j].item, expected[j].second);
      EXPECT_NEAR(found[j].score, expected[j].first, 1e-4);
    }
  }
}

TEST(IndexChanges, ManyAtOnceAreAsOneAfterTheOther) {
  SmallCatalogue catalogue({.items = 700});
  const auto together = catalogue.index(), apart = catalogue.index();
  Writer writer(*apart, testing::plain_items(catalogue), catalogue);
  const Matrix states = catalogue.states(3);
  for (const std::size_t count : {1, 40, 3000}) {
    std::vector<std::int32_t> numbers;
    for (std::size_t i = 0; i < count; ++i) {  // new ones, others, and some of these twice
      numbers.push_back(static_cast<std::int32_t>(catalogue.below(2500)));
    }
    std::vector<testing::PlainItem> given;
    for (const std::int32_t number : numbers) {
      writer.put(number);
      given.push_back(writer.items[number]);
    }
    std::vector<ItemIndex::NewItem> items;
    for (std::size_t i = 0; i < count; ++i) {
      items.push_back({numbers[i], given[i].codes, given[i].id});
    }
    together->put(items);
    expect_same(*together, catalogue.tables, writer.items, states, 20);
    together->remove(numbers.front());
    writer.remove(numbers.front());
    expect_same(*together, catalogue.tables, writer.items, states, 20);
  }
}

TEST(IndexChanges, OneThatIsRefusedAmongManyLeavesAllOut) {
  SmallCatalogue catalogue({.items = 100});
  const auto index = catalogue.index();
  const std::vector<std::int32_t> codes(catalogue.tables.places.size(), 0);
  std::vector<std::int32_t> wrong = codes;
  wrong.back() = static_cast<std::int32_t>(catalogue.tables.codebook_size);
  const std::vector<float> id(catalogue.tables.id_dims, 1.0F);
  const std::vector<ItemIndex::NewItem> items = {{200, codes, id}, {201, wrong, id}};
  EXPECT_THROW(index->put(items), Error);
  EXPECT_EQ(index->size(), 100U);
}

TEST(IndexChanges, EachIsSeenByTheNextSearch) {
  SmallCatalogue catalogue({.items = 700});
  const auto index = catalogue.index();
  Writer writer(*index, testing::plain_items(catalogue), catalogue);
  const Matrix states = catalogue.states(1);
  for (int i = 0; i < 300; ++i) {
    writer.change_at_random(1000);
    expect_same(*index, catalogue.tables, writer.items, states, 5);
  }
}

TEST(IndexChanges, SurviveCompactionAtAnyMoment) {
  SmallCatalogue catalogue({.items = 3000});
  const auto index = catalogue.index();
  Writer writer(*index, testing::plain_items(catalogue), catalogue);
  const Matrix states = catalogue.states(3);
  for (int round = 0; round < 12; ++round) {
    const std::size_t changes = catalogue.below(600);
    for (std::size_t i = 0; i < changes; ++i) writer.change_at_random(6000);
    index->compact();
    expect_same(*index, catalogue.tables, writer.items, states, 40);
  }
}

TEST(IndexChanges, AnIndexMayBeEmptiedAndFilledAgain) {
  SmallCatalogue catalogue({.items = 300});
  const auto index = catalogue.index();
  Writer writer(*index, testing::plain_items(catalogue), catalogue);
  const Matrix states = catalogue.states(1);
  for (std::int32_t i = 0; i < 300; ++i) writer.remove(i);
  writer.remove(17);    // again
  writer.remove(1000);  // never there
  writer.remove(-4);
  expect_same(*index, catalogue.tables, writer.items, states, 5);
  index->compact();
  expect_same(*index, catalogue.tables, writer.items, states, 5);
  for (std::int32_t i = 0; i < 20; ++i) writer.put(i * 100);
  index->compact();
  index->compact();
  expect_same(*index, catalogue.tables, writer.items, states, 5);
}

// Meant for ThreadSanitizer too: ./check --sanitize runs it so.
TEST(IndexChanges, WritersAndReadersDoNotDisturbEachOther) {
  SmallCatalogue catalogue({.items = 2000, .codebook_size = 8, .id_dims = 4});
  const auto index = catalogue.index();
  const Matrix states = catalogue.states(4);
  const PlainItems before = testing::plain_items(catalogue);
  // Each writer owns the numbers of its own remainder, so that the outcome is known.
  std::vector<SmallCatalogue> sources;
  for (std::uint64_t seed = 2; seed < 4; ++seed) {
    sources.emplace_back(SmallCatalogue::Shape{.items = 1, .codebook_size = 8, .id_dims = 4}, seed);
  }
  std::vector<PlainItems> outcomes(2);
  std::atomic<int> writing = 2;
  std::vector<std::jthread> threads;
  for (std::size_t w = 0; w < 2; ++w) {
    threads.emplace_back([&, w] {
      PlainItems own;
      for (const auto& [number, item] : before) {
        if (static_cast<std::size_t>(number) % 2 == w) own[number] = item;
      }
      Writer writer(*index, std::move(own), sources[w]);
      for (int i = 0; i < 2500; ++i) {
        const auto number = static_cast<std::int32_t>(sources[w].below(2500) * 2 + w);
        if (sources[w].below(3) == 0) {
          writer.remove(number);
        } else {
          writer.put(number);
        }
      }
      outcomes[w] = std::move(writer.items);
      --writing;
    });
  }
  std::atomic<int> searches = 0;
  for (int r = 0; r < 2; ++r) {
    threads.emplace_back([&, r] {
      while (writing > 0) {
        const auto found = index->search(states.view().row(static_cast<std::size_t>(r)), 50);
        EXPECT_EQ(found.size(), 50U);
        for (std::size_t j = 1; j < found.size(); ++j) {
          EXPECT_GE(found[j - 1].score, found[j].score);
          EXPECT_NE(found[j - 1].item, found[j].item);
        }
        ++searches;
      }
    });
  }
  threads.clear();
  EXPECT_GT(searches, 0);
  PlainItems items = std::move(outcomes[0]);
  items.merge(outcomes[1]);
  expect_same(*index, catalogue.tables, items, states, 60);
}

}  // namespace
}  // namespace tessera
