// What several ranks give each other, as threads; and that a process alone is given its own.
#include "ranks/ranks.h"

#include <gtest/gtest.h>

#include <numeric>

#include "ranks/placement.h"
#include "testing/thread_ranks.h"

namespace tessera {
namespace {

using testing::run_as_ranks;

TEST(RanksAlone, AreGivenTheirOwnValuesWhereTheyLie) {
  StepArena arena;
  std::vector<float> values = {1.0F, 2.0F};
  const std::span<const float> own = values;
  all_reduce(kAlone, std::span<float>(values));
  const std::span<float> arrays[] = {values, values};
  all_reduce(kAlone, arrays, arena);
  broadcast(kAlone, std::span<float>(values));
  EXPECT_EQ(values, (std::vector<float>{1.0F, 2.0F}));
  EXPECT_EQ(seed_of_rank(kAlone, 7), 7U);

  const std::span<const float> parts[] = {own};
  const std::size_t sizes[] = {2};
  for (const auto& received :
       {all_gather<float>(kAlone, own, arena), all_to_all<float>(kAlone, parts, arena),
        all_to_all<float>(kAlone, parts, sizes, arena), gather<float>(kAlone, own, sizes, arena)}) {
    EXPECT_EQ(received.all.data(), values.data());
    EXPECT_EQ(received.all.size(), 2U);
    ASSERT_EQ(received.parts.size(), 1U);
    EXPECT_EQ(received.parts[0].data(), values.data());
  }
  EXPECT_EQ(scatter_rows<float>(kAlone, own, 1, 2, arena).data(), values.data());
  const auto bytes = std::as_bytes(own);
  EXPECT_EQ(in_order_of_items(std::span(&bytes, 1), 4, arena).data(), bytes.data());
}

TEST(Ranks, AddUpSmallAndLargeArrays) {
  constexpr std::size_t kLarge = 40'000;
  run_as_ranks(3, [](const Ranks& ranks) {
    const auto own = static_cast<float>(ranks.rank + 1);
    std::vector<float> small(5, own);
    std::vector<float> large(kLarge, 2 * own);
    std::vector<float> last(1, 3 * own);
    const std::span<float> arrays[] = {small, large, last};
    StepArena arena;
    all_reduce(ranks, arrays, arena);
    EXPECT_EQ(small, std::vector<float>(5, 6.0F));
    EXPECT_EQ(large, std::vector<float>(kLarge, 12.0F));
    EXPECT_EQ(last, std::vector<float>(1, 18.0F));
    double sum = 0.5;
    all_reduce(ranks, std::span(&sum, 1));
    EXPECT_EQ(sum, 1.5);
  });
}

TEST(Ranks, SendEachOtherPartsOfAnySize) {
  run_as_ranks(3, [](const Ranks& ranks) {
    // To rank r go r values, each 10 · sender + r.
    std::vector<std::vector<int>> out(ranks.size);
    std::vector<std::span<const int>> parts;
    for (std::size_t r = 0; r < ranks.size; ++r) {
      out[r].assign(r, static_cast<int>(10 * ranks.rank + r));
      parts.emplace_back(out[r]);
    }
    StepArena arena;
    const Received<int> received = all_to_all<int>(ranks, parts, arena);
    ASSERT_EQ(received.parts.size(), 3U);
    EXPECT_EQ(received.all.size(), 3 * ranks.rank);
    for (std::size_t from = 0; from < ranks.size; ++from) {
      ASSERT_EQ(received.parts[from].size(), ranks.rank);
      for (const int value : received.parts[from]) {
        EXPECT_EQ(value, static_cast<int>(10 * from + ranks.rank));
      }
    }
  });
}

TEST(Ranks, GatherBroadcastAndDropApart) {
  std::vector<std::uint64_t> seeds(3);
  run_as_ranks(3, [&](const Ranks& ranks) {
    StepArena arena;
    const std::vector<std::size_t> own(ranks.rank, ranks.rank);
    const auto all = all_gather<std::size_t>(ranks, own, arena).all;
    EXPECT_EQ(std::vector(all.begin(), all.end()), (std::vector<std::size_t>{1, 2, 2}));
    const std::size_t sizes[] = {0, 1, 2};
    EXPECT_EQ(gather<std::size_t>(ranks, own, sizes, arena).all.size(), ranks.first() ? 3U : 0U);
    int told = static_cast<int>(ranks.rank) + 40;
    broadcast(ranks, std::span(&told, 1));
    EXPECT_EQ(told, 40);
    seeds[ranks.rank] = seed_of_rank(ranks, 7);
  });
  EXPECT_NE(seeds[0], seeds[1]);
  EXPECT_NE(seeds[1], seeds[2]);
}

TEST(Ranks, ShareRowsOutAndPutThemInOrderAgain) {
  std::vector<int> table(2 * 8);
  std::iota(table.begin(), table.end(), 0);
  run_as_ranks(3, [&](const Ranks& ranks) {
    StepArena arena;
    const std::span<const int> all =
        ranks.first() ? std::span<const int>(table) : std::span<const int>();
    const auto own = scatter_rows<int>(ranks, all, 2, 8, arena);
    ASSERT_EQ(own.size(), 2 * rows_of_rank(8, ranks.rank, 3));
    for (std::size_t row = 0; row < own.size() / 2; ++row) {
      EXPECT_EQ(own[2 * row], static_cast<int>(2 * (ranks.rank + 3 * row)));
    }
    std::vector<std::size_t> sizes;
    for (std::size_t r = 0; r < 3; ++r) sizes.push_back(2 * sizeof(int) * rows_of_rank(8, r, 3));
    const auto parts = gather<std::byte>(ranks, std::as_bytes(own), sizes, arena).parts;
    const auto bytes = in_order_of_items(parts, 2 * sizeof(int), arena);
    ASSERT_EQ(bytes.size(), ranks.first() ? sizeof(int) * table.size() : 0);
    EXPECT_TRUE(std::ranges::equal(bytes, std::as_bytes(std::span(table)).first(bytes.size())));
  });
}

TEST(Ranks, CountWhatTheySend) {
  run_as_ranks(2, [](const Ranks& group) {
    Traffic traffic;
    Ranks ranks = group;
    ranks.traffic = &traffic;
    std::vector<float> values(10);
    all_reduce(ranks, std::span<float>(values));
    EXPECT_EQ(traffic.bytes, 40.0) << "2 (ranks − 1) / ranks of the values";
    broadcast(ranks, std::span<float>(values));
    EXPECT_EQ(traffic.bytes, 80.0);
  });
}

}  // namespace
}  // namespace tessera
