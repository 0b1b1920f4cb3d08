#include "engine/item_lookup.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

using Items = std::vector<std::int32_t>;

TEST(ItemLookup, FindsItemsInWhichEveryWordBeginsAWord) {
  ItemLookup lookup;
  lookup.insert(3, "B07", "Steel Teapot, 1 l");
  lookup.insert(1, "B08", "Steel kettle");
  lookup.insert(2, "C09", "Teak table");
  EXPECT_EQ(lookup.find("st", 10), (Items{1, 3}));
  EXPECT_EQ(lookup.find("te st", 10), (Items{3}));
  EXPECT_EQ(lookup.find("TEAPOT", 10), (Items{3}));
  EXPECT_EQ(lookup.find("te", 10), (Items{2, 3}));
  EXPECT_EQ(lookup.find("te", 1), (Items{2}));
  EXPECT_EQ(lookup.find("b0", 10), (Items{1, 3}));
  EXPECT_EQ(lookup.find("teapots", 10), Items{});
  EXPECT_EQ(lookup.find("te nothing", 10), Items{});
  EXPECT_EQ(lookup.find("", 10), Items{});
  EXPECT_EQ(lookup.find(" ,!", 10), Items{});
}

TEST(ItemLookup, ForgetsAnErasedItemAlone) {
  ItemLookup lookup;
  lookup.insert(1, "a", "steel teapot");
  lookup.insert(2, "b", "steel kettle");
  lookup.erase(1, "a", "steel teapot");
  EXPECT_EQ(lookup.find("steel", 10), (Items{2}));
  EXPECT_EQ(lookup.find("teapot", 10), Items{});
  lookup.erase(1, "a", "steel teapot");
  lookup.insert(1, "a", "steel teapot");
  EXPECT_EQ(lookup.find("steel", 10), (Items{1, 2}));
}

TEST(ItemLookup, TakesBytesThatAreNotUtf8) {
  ItemLookup lookup;
  lookup.insert(1, "a", "steel\xFFpot");
  EXPECT_EQ(lookup.find("pot", 10), (Items{1}));
  EXPECT_EQ(lookup.find("\xFFsteel", 10), (Items{1}));
}

}  // namespace
}  // namespace tessera
