#include "text/sentence_encoder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/elementwise.h"
#include "testing/matrices.h"
#include "testing/temp_directory.h"
#include "text/sentence_fixtures.h"
#include "text/sentence_folder.h"

namespace tessera {
namespace {

using testing::fixtures;

std::vector<std::string_view> texts_of(const std::vector<testing::SentenceCase>& cases) {
  std::vector<std::string_view> texts;
  for (const testing::SentenceCase& one : cases) texts.emplace_back(one.text);
  return texts;
}

void expect_reference_vectors(const char* name) {
  const fs::path folder = fixtures() / name;
  const std::vector<testing::SentenceCase> cases = testing::read_cases(folder / "expected.json");
  const Matrix vectors = read_sentence_folder(folder).encode(texts_of(cases));
  ASSERT_EQ(vectors.rows(), cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    ASSERT_EQ(cases[i].vector.size(), vectors.cols());
    const bool nothing = cases[i].ids.size() == 2;  // the reference encodes [CLS] [SEP]
    testing::expect_values(vectors.view().row(i), 1e-5,
                           [&](std::size_t c) { return nothing ? 0.0F : cases[i].vector[c]; });
  }
}

TEST(SentenceEncoder, GivesTheReferencesVectorsOfABert) { expect_reference_vectors("tiny_bert"); }

TEST(SentenceEncoder, GivesTheReferencesVectorsOfADistilBertPooledByItsFirstToken) {
  expect_reference_vectors("tiny_distilbert");
}

TEST(SentenceEncoder, GivesMiniLmsVectorsOfItemTexts) {
  const fs::path items = fs::path(TESSERA_SHARED_DIR) / "data" / "beauty" / "item_text.json";
  if (testing::minilm_folder().empty()) GTEST_SKIP() << "TESSERA_MINILM names no folder";
  if (!fs::exists(items)) GTEST_SKIP() << items << " is not there";
  const nlohmann::json item_text = read_json(items);
  const SafeTensors expected(fixtures() / "minilm.safetensors");
  const Matrix vectors = expected.matrix("vectors");
  std::vector<std::string> owned;
  for (const std::int64_t item : expected.integers("items")) {
    owned.push_back(item_text.at(std::to_string(item)).get<std::string>());
  }
  ASSERT_GE(owned.size(), 500U);
  const std::vector<std::string_view> texts(owned.begin(), owned.end());
  const Matrix made = read_sentence_folder(testing::minilm_folder()).encode(texts);
  double least = 1.0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    least = std::min(least, cosine(made.view().row(i), vectors.view().row(i)));
  }
  EXPECT_GE(least, 0.9999);
  RecordProperty("least_cosine", std::to_string(least));
  std::printf("least cosine of %zu: %.8f\n", texts.size(), least);
}

TEST(SentenceEncoder, GivesATextTheSameVectorInAnyCompany) {
  const SentenceEncoder encoder = read_sentence_folder(fixtures() / "tiny_bert");
  std::vector<std::string> owned;
  for (int i = 0; i < 300; ++i) {  // more than a batch
    owned.push_back("steel teapot " + std::string(static_cast<std::size_t>(i % 30), 'x') +
                    std::to_string(i));
  }
  const std::vector<std::string_view> texts(owned.begin(), owned.end());
  std::size_t told = 0;
  const Matrix all = encoder.encode(texts, [&](std::size_t done, std::size_t total) {
    EXPECT_GT(done, told);
    EXPECT_EQ(total, texts.size());
    told = done;
  });
  EXPECT_EQ(told, texts.size());
  for (const std::size_t i : {0UL, 17UL, 150UL, 299UL}) {
    const Matrix alone = encoder.encode({&texts[i], 1});
    testing::expect_values(all.view().row(i), 1e-6, [&](std::size_t c) { return alone[0][c]; });
  }
}

TEST(SentenceEncoder, GivesTextWithoutAPieceAZeroRow) {
  const SentenceEncoder encoder = read_sentence_folder(fixtures() / "tiny_bert");
  const std::vector<std::string_view> texts = {"", " \n", "\xff\xfe", "tea",
                                               std::string_view("\0", 1)};
  const Matrix rows = encoder.encode(texts);
  for (const std::size_t i : {0U, 1U, 2U, 4U}) {
    for (const float x : rows.view().row(i)) EXPECT_EQ(x, 0.0F) << i;
  }
  EXPECT_NEAR(dot(rows.view().row(3), rows.view().row(3)), 1.0, 1e-5);
  EXPECT_EQ(encoder.encode({}).rows(), 0U);
}

TEST(SentenceEncoder, GivesTheSameEmbeddingsBitForBitAfterLoading) {
  const testing::TempDirectory directory;
  const fs::path file = directory.path() / "text_encoder.safetensors";
  for (const char* name : {"tiny_bert", "tiny_distilbert"}) {
    const SentenceEncoder encoder = read_sentence_folder(fixtures() / name);
    encoder.save(file);
    const SentenceEncoder loaded = SentenceEncoder::load(SafeTensors(file));
    const std::vector<std::string_view> texts = {"Steel teapot", "É ß", "", "[MASK] 漢字 word"};
    EXPECT_TRUE(testing::same_bits(loaded.encode(texts).span(), encoder.encode(texts).span()));
  }
}

}  // namespace
}  // namespace tessera
