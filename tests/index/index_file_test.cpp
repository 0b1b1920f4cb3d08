#include "index/index_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "testing/errors.h"
#include "testing/matrices.h"
#include "testing/small_model.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

constexpr std::size_t kItems = 700;

class IndexFile : public ::testing::TestWithParam<const char*> {
 protected:
  IndexFile() {
    const Settings settings = testing::small_settings(GetParam());
    const std::size_t dims = settings.has_semantics() ? 5 : 0;
    model = testing::small_model(settings, kItems, dims);
    Random random(3);
    Matrix text(kItems, dims);
    fill_normal(text.span(), 1.0, random);
    catalogue = encode_catalogue(model, text);
    states = Matrix(20, settings.width());
    fill_normal(states.span(), 1.0, random);
  }
  fs::path file() const { return directory.path() / kIndexFile; }
  std::vector<std::vector<ScoredItem>> lists(const ItemIndex& index) const {
    return index.search_batch(states, 30, {});
  }
  void expect_same_lists(const ItemIndex& a, const ItemIndex& b) const {
    const auto first = lists(a);
    const auto second = lists(b);
    for (std::size_t i = 0; i < first.size(); ++i) {
      ASSERT_EQ(first[i].size(), second[i].size());
      for (std::size_t j = 0; j < first[i].size(); ++j) {
        EXPECT_EQ(first[i][j].item, second[i][j].item);
        EXPECT_EQ(first[i][j].score, second[i][j].score);
      }
    }
  }
  // With another first value of a tensor, and a checksum that fits.
  template <class T>
  void write_index_that_begins(const char* tensor, T value) const {
    write_index(directory.path(), model, catalogue);
    std::string content = read_file(file());
    const SafeTensors whole(file());
    const std::string sum = index_checksum(whole.tensors());
    const auto& bytes = whole.at(tensor).bytes;
    const std::string_view body(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::memcpy(content.data() + content.find(body), &value, sizeof(value));
    write_file(file(), content);
    const std::string fitting = index_checksum(SafeTensors(file()).tensors());
    write_file(file(), content.replace(content.find(sum), fitting.size(), fitting));
  }

  testing::TempDirectory directory;
  Recommender model;
  Catalogue catalogue;
  Matrix states;
};

TEST_P(IndexFile, AnIndexThatIsReadFindsWhatABuiltOneFinds) {
  const auto built = build_index(model, catalogue);
  EXPECT_GT(write_index(directory.path(), model, catalogue), 0.0);
  const auto mapped = open_index(directory.path(), model, catalogue);
  expect_same_lists(*built, *mapped);
  // Changes to the index leave the file alone.
  const auto size = fs::file_size(file());
  mapped->remove(lists(*mapped)[0][0].item);
  mapped->compact();
  EXPECT_EQ(mapped->size(), kItems - 1);
  EXPECT_EQ(fs::file_size(file()), size);
}

TEST_P(IndexFile, WhatBecomesOfTheFileChangesNothingOfAnOpenIndex) {
  write_index(directory.path(), model, catalogue);
  const auto open = open_index(directory.path(), model, catalogue);
  fs::resize_file(file(), 0);  // of a mapped file the next search would be the last
  expect_same_lists(*build_index(model, catalogue), *open);
}

TEST_P(IndexFile, SearchEqualsScoringTheCatalogue) {
  const auto index = build_index(model, catalogue);
  Matrix scores(states.rows(), kItems);
  score_catalogue(catalogue, states, scores);
  const auto found = lists(*index);
  for (std::size_t i = 0; i < found.size(); ++i) {
    std::vector<float> sorted(scores[i], scores[i] + kItems);
    std::ranges::sort(sorted, std::greater());
    for (std::size_t j = 0; j < found[i].size(); ++j) {
      EXPECT_NEAR(found[i][j].score, sorted[j], 1e-5);
      EXPECT_NEAR(found[i][j].score, scores[i][found[i][j].item], 1e-5);
    }
  }
}

TEST_P(IndexFile, TheIndexOfAnotherModelIsNotUsed) {
  write_index(directory.path(), model, catalogue);
  for (Parameter* parameter : model.parameters()) {
    for (float& x : parameter->value.span()) x *= 1.5F;
  }
  for (float& x : catalogue.vectors.span()) x *= 1.5F;
  expect_same_lists(*build_index(model, catalogue),
                    *open_index(directory.path(), model, catalogue));
}

TEST_P(IndexFile, ADamagedFileIsNamed) {
  write_index(directory.path(), model, catalogue);
  fs::resize_file(file(), fs::file_size(file()) - 1);
  testing::expect_error([&] { (void)open_index(directory.path(), model, catalogue); },
                        {kIndexFile, "damaged"});
  std::ofstream(file(), std::ios::trunc) << "";
  testing::expect_error([&] { (void)open_index(directory.path(), model, catalogue); },
                        {kIndexFile, "cut short"});
}

TEST_P(IndexFile, AChangedByteAnywhereIsNamed) {
  write_index(directory.path(), model, catalogue);
  const std::string content = read_file(file());
  const SafeTensors good(file());
  std::size_t bytes = 0;
  for (const auto& [_, tensor] : good.tensors()) bytes += tensor.bytes.size();
  const std::size_t body = content.size() - bytes;
  for (std::size_t at = body; at < content.size(); at += 1 + (content.size() - body) / 50) {
    std::string bad = content;
    bad[at] = static_cast<char>(bad[at] + 1);
    write_file(file(), bad);
    testing::expect_error([&] { (void)open_index(directory.path(), model, catalogue); },
                          {kIndexFile, "damaged"});
  }
}

TEST_P(IndexFile, AnItemThatTheCatalogueLacksIsRefusedWhateverTheChecksum) {
  // A row begins with the number of its item.
  for (const std::int32_t number : {static_cast<std::int32_t>(kItems), -1, 1 << 30}) {
    write_index_that_begins("rows", number);
    testing::expect_error([&] { (void)open_index(directory.path(), model, catalogue); },
                          {kIndexFile});
  }
}

TEST_P(IndexFile, ABoundThatIsNoNumberIsRefusedWhateverTheChecksum) {
  for (const char* tensor : {"blocks", "branches", "steps", "shortest", "largest", "to_axes"}) {
    SCOPED_TRACE(tensor);
    for (const float value : {NAN, INFINITY}) {
      write_index_that_begins(tensor, value);
      testing::expect_error([&] { (void)open_index(directory.path(), model, catalogue); },
                            {kIndexFile, "finite"});
    }
  }
}

TEST_P(IndexFile, AnIndexOfAnEarlierVersionIsNotUsed) {
  write_index(directory.path(), model, catalogue);
  std::string content = read_file(file());
  content[content.find("tessera index 4") + 14] = '1';
  write_file(file(), content);
  expect_same_lists(*build_index(model, catalogue),
                    *open_index(directory.path(), model, catalogue));
}

INSTANTIATE_TEST_SUITE_P(Tokens, IndexFile,
                         ::testing::Values("unified", "semantic", "id", "collaborative"),
                         [](const auto& tokens) { return tokens.param; });

}  // namespace
}  // namespace tessera
