#include "data/embed.h"

#include <gtest/gtest.h>

#include "testing/datasets.h"
#include "testing/errors.h"
#include "testing/matrices.h"
#include "testing/small_disk.h"
#include "testing/temp_directory.h"
#include "text/sentence_folder.h"
#include "text/text_encoder.h"

namespace tessera {
namespace {

using testing::expect_error;

const fs::path kFolder = fs::path(TESSERA_TESTS_DIR) / "text" / "fixtures" / "tiny_bert";

class EmbedByFolder : public ::testing::Test {
 protected:
  EmbedByFolder() {
    Dataset data = testing::dataset_of({{0, 1, 2}}, 4);
    const char* texts[] = {"steel teapot", "", "Crème française", "\x01"};
    for (std::size_t i = 0; i < 4; ++i) data.items[i].text = texts[i];
    write_dataset(place, data);
  }
  testing::TempDirectory directory;
  const fs::path place = directory.path() / "data";
};

TEST_F(EmbedByFolder, WritesTheEmbeddingsAndTheEncoderThatMakesThemAgain) {
  std::size_t told = 0;
  const EmbedReport report =
      embed_by_folder(place, kFolder, [&](std::size_t done, std::size_t total) {
        EXPECT_LE(done, total);
        told = done;
      });
  EXPECT_EQ(report.items, 4U);
  EXPECT_EQ(report.dims, 16U);
  EXPECT_EQ(report.zero_rows, 2U);
  EXPECT_EQ(told, 4U);
  const Matrix made = read_embeddings(place, 4);
  const std::vector<std::string_view> texts = {"steel teapot", "", "Crème française", "\x01"};
  const TextEncoder kept = TextEncoder::load(place / kTextEncoderFile);
  EXPECT_TRUE(testing::same_bits(made.span(), kept.encode(texts).span()));
}

TEST_F(EmbedByFolder, LeavesTheDatasetAsItWasIfTheDiskIsFull) {
  const fs::path disk = directory.path() / "disk";
  const testing::SmallDisk small(disk.string(), 1);
  if (!small.mounted()) GTEST_SKIP() << "only root can mount a small disk";
  fs::copy(place, disk / "data", fs::copy_options::recursive);
  std::uintmax_t room = fs::space(disk).available;
  write_file(disk / "ballast", std::string(room - 12288, 'x'));
  expect_error([&] { embed_by_folder(disk / "data", kFolder); }, {"No space left"});
  for (const auto& entry : fs::directory_iterator(disk / "data")) {
    EXPECT_TRUE(fs::exists(place / entry.path().filename())) << entry.path() << " is left over";
  }
}

TEST_F(EmbedByFolder, RefusesADatasetWithoutTexts) {
  write_dataset(place, testing::dataset_of({{0, 1, 2}}, 4));
  expect_error([&] { embed_by_folder(place, kFolder); },
               {"items.jsonl", "no item has a text", "goes without"});
}

}  // namespace
}  // namespace tessera
