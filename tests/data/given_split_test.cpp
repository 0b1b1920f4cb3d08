// A split that was published is used as it is: three files, of training, validation and test.
#include <gtest/gtest.h>

#include <algorithm>

#include "data/parts.h"
#include "data/prepare_request.h"
#include "data/preparing.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using testing::expect_error;

class GivenSplit : public testing::PrepareTest {
 protected:
  Dataset prepared(const std::string& first, const std::string& second, const std::string& third,
                   const std::function<void(PrepareRequest&)>& change = {}) {
    PrepareRequest request;
    request.options.interactions = {put("train.csv", first), put("valid.csv", second),
                                    put("test.csv", third)};
    request.format = "csv";
    request.split = "given";
    if (change) change(request);
    return prepare(options_of(request), report);
  }
  fs::path path(const std::string& name) const { return temp.path() / name; }
  static std::vector<std::string> ids(const Dataset& data, std::span<const std::int32_t> items) {
    std::vector<std::string> found;
    for (const std::int32_t item : items)
      found.push_back(data.items[static_cast<std::size_t>(item)].id);
    return found;
  }
  static std::size_t user_of(const Dataset& data, const std::string& id) {
    return static_cast<std::size_t>(std::ranges::find(data.user_ids, id) - data.user_ids.begin());
  }
  using Ids = std::vector<std::string>;

  const std::string train = "user,item,time\na,x,2\na,w,1\nb,x,5\nc,x,9\n";
  const std::string valid = "user,item,time\na,y,3\nb,z,1\n";
  const std::string test = "user,item,time\na,z,7\na,x,8\nc,y,1\nd,x,1\n";
};

TEST_F(GivenSplit, EachFileIsItsPart) {
  const Dataset data = prepared(train, valid, test);
  const std::size_t a = user_of(data, "a"), b = user_of(data, "b"), c = user_of(data, "c");
  EXPECT_EQ(ids(data, train_history(data, a)), (Ids{"w", "x"}));  // in order of time
  EXPECT_EQ(ids(data, history_before(data, a, Split::validation)), (Ids{"w", "x"}));
  EXPECT_EQ(ids(data, history_before(data, a, Split::test)), (Ids{"w", "x", "y"}));
  EXPECT_EQ(data.items[static_cast<std::size_t>(target_of(data, a, Split::test))].id, "z");
  EXPECT_EQ(data.items[static_cast<std::size_t>(target_of(data, b, Split::validation))].id, "z");
  // Times never move an event into another part.
  EXPECT_EQ(ids(data, data.history(b)), (Ids{"x", "z"}));
  EXPECT_EQ(data.items[static_cast<std::size_t>(target_of(data, c, Split::test))].id, "y");
  // Who has no event before the target is not evaluated.
  EXPECT_EQ(evaluated_users(data, Split::test).size(), 2U);
  EXPECT_EQ(evaluated_users(data, Split::validation).size(), 2U);
}

TEST_F(GivenSplit, StaysInTheDirectoryAndInTheFingerprint) {
  const Dataset data = prepared(train, valid, test);
  write_dataset(path("data"), data);
  const Dataset read = read_dataset(path("data"));
  EXPECT_EQ(read.cuts, data.cuts);
  EXPECT_EQ(fingerprint(read), fingerprint(data));
  // The same events, cut elsewhere.
  const Dataset other = prepared(train + "a,y,3\n", "user,item,time\nb,z,1\n", test);
  EXPECT_NE(fingerprint(other), fingerprint(data));
  fs::remove(path("data") / "cuts.npy");
  expect_error([&] { read_dataset(path("data")); }, {"cuts.npy"});
}

TEST_F(GivenSplit, GoesAlongWithParts) {
  const Dataset data = prepared(train, valid, test);
  std::size_t users = 0, evaluated = 0;
  for (const std::size_t part : {0U, 1U}) {
    const DatasetPart one = part_of(prepared(train, valid, test), part, 2);
    users += one.data.users();
    evaluated += evaluated_users(one.data, Split::test).size();
    EXPECT_EQ(one.data.cuts.size(), 2 * one.data.users());
  }
  EXPECT_EQ(users, data.users());
  EXPECT_EQ(evaluated, 2U);
}

TEST_F(GivenSplit, IsUsedAsItIs) {
  expect_error<UsageError>([&] { prepared(train, valid, test, [](auto& r) { r.k_core = 5; }); },
                           {"--split given", "no filter"});
  expect_error<UsageError>(
      [&] { prepared(train, valid, test, [](auto& r) { r.options.interactions.pop_back(); }); },
      {"three --interactions", "2"});
  expect_error([&] { prepared(train, valid, "user,item,time\nnobody,x,1\n"); },
               {"test.csv", "no user"});
}

TEST_F(GivenSplit, ReadsABenchmarkOfRecBoles) {
  const std::string head = "user_id:token\titem_id:token\ttimestamp:float\n";
  fs::create_directories(path("beauty"));
  write_file(path("beauty/beauty.train.inter"), head + "a\tx\t1\na\ty\t2\n");
  write_file(path("beauty/beauty.valid.inter"), head + "a\tz\t3\n");
  write_file(path("beauty/beauty.test.inter"), head + "a\tw\t4\n");
  PrepareRequest request;
  request.options.interactions = {path("beauty")};
  request.format = "recbole";
  request.split = "given";
  const Dataset data = prepare(options_of(request), report);
  EXPECT_EQ(ids(data, train_history(data, 0)), (Ids{"x", "y"}));
  EXPECT_EQ(ids(data, history_before(data, 0, Split::test)), (Ids{"x", "y", "z"}));
}

}  // namespace
}  // namespace tessera
