#include <gtest/gtest.h>

#include "data/preparing.h"

namespace tessera {
namespace {

using testing::expect_error;
using Labels = std::vector<std::string>;

class PrepareAttributes : public testing::PrepareTest {
 protected:
  PrepareOptions with_items(const std::string& items, const std::string& attributes,
                            const char* format = "csv") const {
    PrepareOptions options = csv("a,p,1\na,q,2\nb,p,1\n");
    options.items = {put("items", items)};
    options.items_shape = shape_named(format);
    options.item_fields.attributes = attributes;
    return options;
  }
  AttributeValue value(const Dataset& data, const char* attribute, std::string_view id) const {
    return data.attributes.value(data.attributes.number_of(attribute),
                                 number_by_id(data.items).at(id));
  }
};

TEST_F(PrepareAttributes, AreReadByTypeAndOutlastTheDirectory) {
  const PrepareOptions options = with_items(
      "id,title,kind,price,in_stock,since\n"
      "p,Pan,kitchen|iron,19.5,yes,2026-01-31\nq,Quilt,,,no,\nr,Rake,garden,7,,\n",
      "kind:labels, price,in_stock:bool,since:time");
  const fs::path directory = temp.path() / "data";
  write_dataset(directory, prepared(options));
  const Dataset data = read_dataset(directory);
  EXPECT_EQ(value(data, "kind", "p"), AttributeValue(Labels{"iron", "kitchen"}));
  EXPECT_EQ(value(data, "price", "p"), AttributeValue(19.5));
  EXPECT_EQ(value(data, "in_stock", "q"), AttributeValue(false));
  EXPECT_EQ(value(data, "since", "p"), AttributeValue(1769817600.0));
  EXPECT_EQ(value(data, "kind", "q"), AttributeValue());
  EXPECT_EQ(value(data, "price", "r"), AttributeValue(7.0));  // without events
  const auto guessed = std::ranges::find(report.choices, "price", &FieldChoice::field);
  ASSERT_NE(guessed, report.choices.end());
  EXPECT_EQ(guessed->role, "attribute (number)");
  EXPECT_TRUE(guessed->guessed);
  write_dataset(directory, prepared(csv("a,p,1\n")));  // one without leaves none behind
  EXPECT_TRUE(read_dataset(directory).attributes.schema().empty());
}

TEST_F(PrepareAttributes, ListsOfJsonAreLabels) {
  const Dataset data = prepared(
      with_items(R"({"id":"p","title":"Pan","tags":["iron","kitchen"],"maker":{"name":"Acme"}})"
                 "\n"
                 R"({"id":"q","title":"Quilt","tags":"linen","maker":{"name":"Zeta"}})"
                 "\n",
                 "tags:labels,maker.name:labels", "jsonl"));
  EXPECT_EQ(value(data, "tags", "p"), AttributeValue(Labels{"iron", "kitchen"}));
  EXPECT_EQ(value(data, "tags", "q"), AttributeValue(Labels{"linen"}));
  EXPECT_EQ(value(data, "maker.name", "p"), AttributeValue(Labels{"Acme"}));
}

TEST_F(PrepareAttributes, NameTheLineOrFieldThatIsWrong) {
  expect_refused(with_items("id,title,price\np,Pan,cheap\n", "price:number"),
                 {"items:2", "'price'", "cheap"});
  expect_refused(with_items("id,title,price\np,Pan,4\n", "prise"),
                 {"--attributes 'prise'", "did you mean 'price'"});
  expect_refused(with_items("id,title,price\np,Pan,4\n", "price:money"),
                 {"'money' is no type", "labels, number, bool"});
  expect_refused(with_items("id,title,price\np,Pan,4\n", "price,price"), {"named twice"});
  expect_refused(with_items("id,title,price\np,Pan,4\n", ",price"), {"--attributes"});
  PrepareOptions skipping = with_items("id,title,price\np,Pan,cheap\nq,Quilt,3\n", "price:number");
  skipping.max_errors = 1;
  EXPECT_EQ(value(prepared(skipping), "price", "q"), AttributeValue(3.0));
}

}  // namespace
}  // namespace tessera
