#include "data/dataset.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/npy.h"
#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using testing::as_items;
using testing::dataset_of;
using testing::expect_error;
using Items = std::vector<std::int32_t>;

Dataset example() {
  Dataset data = dataset_of({{0, 1, 2, 3}, {2, 2, 0}, {1, 3}}, 5);
  data.items[1].text = "Crème brûlée; \"quoted\"\n\ttwo lines";
  data.items[2].title = "日本語";
  data.times = {10, 20, 30, -1, 5, 6, 7, -1, 99};
  return data;
}

void expect_equal(const Dataset& a, const Dataset& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.simulated, b.simulated);
  EXPECT_EQ(a.user_ids, b.user_ids);
  EXPECT_EQ(a.offsets, b.offsets);
  EXPECT_EQ(a.events, b.events);
  EXPECT_EQ(a.times, b.times);
  ASSERT_EQ(a.items.size(), b.items.size());
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    EXPECT_EQ(a.items[i].id, b.items[i].id);
    EXPECT_EQ(a.items[i].title, b.items[i].title);
    EXPECT_EQ(a.items[i].text, b.items[i].text);
  }
}

TEST(Split, LeavesTheLastOneOut) {
  const Dataset data = dataset_of({{4, 3, 2, 1, 0}, {7, 8, 9}}, 10);
  EXPECT_EQ(as_items(train_history(data, 0)), (Items{4, 3, 2}));
  EXPECT_EQ(as_items(history_before(data, 0, Split::validation)), (Items{4, 3, 2}));
  EXPECT_EQ(target_of(data, 0, Split::validation), 1);
  EXPECT_EQ(as_items(history_before(data, 0, Split::test)), (Items{4, 3, 2, 1}));
  EXPECT_EQ(target_of(data, 0, Split::test), 0);
  EXPECT_EQ(as_items(train_history(data, 1)), (Items{7}));
  EXPECT_EQ(target_of(data, 1, Split::validation), 8);
  EXPECT_EQ(target_of(data, 1, Split::test), 9);
}

TEST(Split, GivesShortHistoriesToTrainingAlone) {
  const Dataset data = dataset_of({{1, 2, 3}, {4, 5}, {6}, {}, {1, 2, 3, 4}}, 10);
  EXPECT_EQ(evaluated_users(data, Split::test), (Items{0, 4}));
  EXPECT_EQ(as_items(train_history(data, 1)), (Items{4, 5}));
  EXPECT_EQ(as_items(train_history(data, 2)), (Items{6}));
  EXPECT_TRUE(train_history(data, 3).empty());
  EXPECT_THROW(target_of(data, 1, Split::test), std::logic_error);
  EXPECT_THROW(history_before(data, 2, Split::validation), std::logic_error);
}

TEST(Split, HasNoTargetInTraining) {
  const Dataset data = dataset_of({{1, 2, 3}}, 4);
  EXPECT_THROW(target_of(data, 0, Split::train), std::logic_error);
  EXPECT_THROW(history_before(data, 0, Split::train), std::logic_error);
}

TEST(Fingerprint, ChangesWithIdsEventsAndBoundaries) {
  const std::string before = fingerprint(example());
  EXPECT_EQ(fingerprint(example()), before);
  Dataset data = example();
  data.items[4].id = "other";
  EXPECT_NE(fingerprint(data), before);
  data = example();
  std::swap(data.events[0], data.events[1]);
  EXPECT_NE(fingerprint(data), before);
  data = example();
  ++data.offsets[1];
  EXPECT_NE(fingerprint(data), before);
}

class DatasetDirectory : public ::testing::Test {
 protected:
  testing::TempDirectory temp;
  const fs::path directory = temp.path() / "shop";

  fs::path file(const char* name) const { return directory / name; }
  /// Puts the example in the directory; it is written only once, as writing waits for the disk.
  void restore() const {
    const fs::path whole = temp.path() / "whole";
    if (!fs::exists(whole)) write_dataset(whole, example());
    fs::copy(whole, directory, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }
  void expect_refused(std::initializer_list<std::string_view> parts) const {
    expect_error([&] { read_dataset(directory); }, parts);
  }
  /// Restores the example and lets `change` alter its dataset.json.
  template <class Change>
  void restore_with_json(const Change& change) const {
    restore();
    nlohmann::json json = read_json(file("dataset.json"));
    change(json);
    write_file(file("dataset.json"), json.dump());
  }
};

TEST_F(DatasetDirectory, ReadsBackWhatWasWritten) {
  write_dataset(directory, example());
  expect_equal(read_dataset(directory), example());
  EXPECT_FALSE(fs::exists(directory / ".writing"));
  Dataset data = example();
  data.times.clear();
  data.simulated = true;
  write_dataset(directory, data);
  expect_equal(read_dataset(directory), data);
  EXPECT_FALSE(fs::exists(file("times.npy")));
}

TEST_F(DatasetDirectory, LosesItsEmbeddingsWhenReplaced) {
  write_dataset(directory, example());
  write_npy(file("embeddings.npy"), Matrix(5, 2));
  write_dataset(directory, example());
  EXPECT_FALSE(fs::exists(file("embeddings.npy")));
}

TEST_F(DatasetDirectory, IsNamedIfMissing) {
  expect_refused({directory.string(), "dataset.json", "tessera prepare"});
}

TEST_F(DatasetDirectory, NamesEachFileThatIsMissing) {
  for (const char* name : {"items.jsonl", "users.txt", "offsets.npy", "events.npy", "times.npy"}) {
    restore();
    fs::remove(file(name));
    expect_refused({file(name).string(), "cannot open"});
  }
}

TEST_F(DatasetDirectory, NamesEachFileThatIsCutShort) {
  for (const char* name :
       {"dataset.json", "items.jsonl", "users.txt", "offsets.npy", "events.npy", "times.npy"}) {
    for (const std::uintmax_t parts : {2, 100'000}) {
      restore();
      fs::resize_file(file(name), fs::file_size(file(name)) / parts);
      expect_refused({file(name).string()});
    }
  }
}

TEST_F(DatasetDirectory, IsRefusedFromANewerVersion) {
  restore_with_json([](auto& json) { json["format_version"] = 4; });
  expect_refused({file("dataset.json").string(), "version 4", "update"});
}

TEST_F(DatasetDirectory, NamesTheFieldThatIsMissingOrOfTheWrongKind) {
  for (const char* field : {"format_version", "name", "simulated", "users", "items", "events",
                            "times", "fingerprint"}) {
    restore_with_json([&](auto& json) { json.erase(field); });
    expect_refused({file("dataset.json").string(), field, "missing"});
    restore_with_json([&](auto& json) { json[field] = nlohmann::json::array(); });
    expect_refused({file("dataset.json").string(), field, "wrong kind"});
  }
  restore_with_json([](auto& json) { json["weights"] = "yes"; });
  expect_refused({file("dataset.json").string(), "weights", "wrong kind"});
  restore_with_json([](auto& json) { json["weights"] = true; });
  expect_refused({file("weights.npy").string()});
  write_file(file("dataset.json"), "[]");
  expect_refused({file("dataset.json").string(), "missing"});
}

TEST_F(DatasetDirectory, IsRefusedWhenCountsDisagree) {
  for (const auto& [field, name] :
       {std::pair{"items", "items.jsonl"}, {"users", "users.txt"}, {"events", "events.npy"}}) {
    restore_with_json([&](auto& json) { json[field] = json[field].template get<int>() + 1; });
    expect_refused({file(name).string(), field, "damaged"});
  }
}

TEST_F(DatasetDirectory, NamesTheLineOfADamagedItem) {
  const std::string good = R"({"id":"a","title":"t","text":""})";
  for (const std::string bad :
       {R"({"id":"b","title":"t"})", R"({"id":7,"title":"t","text":""})", R"("b")", "{", ""}) {
    restore();
    write_file(file("items.jsonl"), good + "\n" + bad + "\n" + good + "\n");
    expect_refused({file("items.jsonl").string() + ":2"});
  }
}

TEST_F(DatasetDirectory, IsRefusedWithIdsThatAreNotDistinct) {
  restore();
  write_file(file("users.txt"), "u0\nu1\nu0\n");
  expect_refused({file("users.txt").string() + ":3", "'u0'", "twice"});
  write_file(file("users.txt"), "u0\n\nu2\n");
  expect_refused({file("users.txt").string() + ":2", "empty"});
}

TEST_F(DatasetDirectory, IsRefusedWithOffsetsThatDoNotFit) {
  using Offsets = std::vector<std::int64_t>;
  for (const Offsets& offsets : {Offsets{0, 4, 9}, Offsets{1, 4, 7, 9}, Offsets{0, 4, 7, 8},
                                 Offsets{0, 7, 4, 9}, Offsets{0, -1, 4, 9}, Offsets{}}) {
    restore();
    write_npy(file("offsets.npy"), std::span(offsets));
    expect_refused({file("offsets.npy").string(), "damaged"});
  }
}

TEST_F(DatasetDirectory, IsRefusedWithEventsOutsideTheCatalogue) {
  for (const std::int32_t item : {5, -1}) {
    restore();
    Items events = example().events;
    events[4] = item;
    write_npy(file("events.npy"), std::span<const std::int32_t>(events));
    expect_refused({file("events.npy").string(), "event 4", std::to_string(item)});
  }
}

TEST_F(DatasetDirectory, IsRefusedWithTimesThatDoNotFit) {
  restore();
  const std::vector<std::int64_t> times(8, 1);
  write_npy(file("times.npy"), std::span(times));
  expect_refused({file("times.npy").string(), "8 times for 9 events"});
}

TEST_F(DatasetDirectory, NoticesFilesOfAnotherDataset) {
  restore();
  Dataset other = example();
  std::swap(other.events[0], other.events[1]);
  write_npy(file("events.npy"), std::span<const std::int32_t>(other.events));
  expect_refused({file("dataset.json").string(), "fingerprint"});
}

TEST_F(DatasetDirectory, KeepsTheOldDatasetWhenWritingIsInterrupted) {
  write_dataset(directory, example());
  fs::create_directory(directory / ".writing");
  write_file(directory / ".writing/items.jsonl", "half a li");
  expect_equal(read_dataset(directory), example());

  fs::create_directory(file("dataset.json.part"));  // nothing can be written in its place
  Dataset unwritable = dataset_of({{0, 1, 2}}, 3);
  expect_equal(read_dataset(directory), example());
}

TEST_F(DatasetDirectory, TakesNothingFromAnInterruptedWriting) {
  write_dataset(directory / ".writing", example());  // as if broken off before the moves
  Dataset data = example();
  data.times.clear();
  write_dataset(directory, data);
  expect_equal(read_dataset(directory), data);
  EXPECT_FALSE(fs::exists(file("times.npy")));
}

TEST_F(DatasetDirectory, RefusesToWriteWhatCouldNotBeRead) {
  const auto expect_unwritable = [&](const Dataset& data, std::string_view part) {
    expect_error([&] { write_dataset(directory, data); }, {part});
    EXPECT_FALSE(fs::exists(file("dataset.json")));
  };
  Dataset data = example();
  data.items[3].id = data.items[0].id;
  expect_unwritable(data, "items.jsonl:4");
  data = example();
  data.user_ids[1] = "two\nlines";
  expect_unwritable(data, "users.txt:2");
  data = example();
  data.user_ids[2].clear();
  expect_unwritable(data, "users.txt:3");
  data = example();
  data.events[0] = 5;
  expect_unwritable(data, "events.npy");
  data = example();
  data.times.pop_back();
  expect_unwritable(data, "times.npy");
}

TEST_F(DatasetDirectory, SaysHowToMakeItsEmbeddings) {
  write_dataset(directory, example());
  expect_error([&] { read_embeddings(directory, 5); },
               {file("embeddings.npy").string(), "tessera embed"});
}

TEST_F(DatasetDirectory, ChecksItsEmbeddings) {
  write_dataset(directory, example());
  Matrix rows(5, 3);
  rows[4][2] = 0.5F;
  write_npy(file("embeddings.npy"), rows);
  EXPECT_EQ(read_embeddings(directory, 5)[4][2], 0.5F);
  expect_error([&] { read_embeddings(directory, 6); },
               {file("embeddings.npy").string(), "5 rows for 6 items"});
  for (const float bad : {NAN, INFINITY}) {
    rows[3][1] = bad;
    write_npy(file("embeddings.npy"), rows);
    expect_error([&] { read_embeddings(directory, 5); },
                 {file("embeddings.npy").string(), "row 3", "not finite"});
  }
}

}  // namespace
}  // namespace tessera
