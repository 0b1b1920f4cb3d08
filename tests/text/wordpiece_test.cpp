#include "text/wordpiece.h"

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "text/sentence_fixtures.h"
#include "text/sentence_folder.h"

namespace tessera {
namespace {

using testing::expect_error;
using testing::fixtures;

const std::vector<std::string> kVocabulary = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "tea",
                                              "##pot", "##p",   "##ot",  "a",     ",",      "é"};

WordPiece small(WordPieceOptions options = {}) {
  return {kVocabulary, std::move(options), "vocab.txt"};
}

/// The pieces between [CLS] and [SEP].
std::vector<std::string> pieces(const WordPiece& tokenizer, std::string_view text,
                                std::size_t max_tokens = 512) {
  const std::vector<std::int32_t> ids = tokenizer.encode(text, max_tokens);
  EXPECT_EQ(ids.front(), 2);
  EXPECT_EQ(ids.back(), 3);
  std::vector<std::string> result;
  for (std::size_t i = 1; i + 1 < ids.size(); ++i) {
    result.push_back(tokenizer.vocabulary()[static_cast<std::size_t>(ids[i])]);
  }
  return result;
}

using Pieces = std::vector<std::string>;

void expect_reference_ids(const fs::path& folder, const fs::path& cases) {
  const SentenceEncoder encoder = read_sentence_folder(folder);
  for (const testing::SentenceCase& one : testing::read_cases(cases)) {
    EXPECT_EQ(encoder.tokenizer.encode(one.text, encoder.settings.max_tokens), one.ids) << one.text;
  }
}

TEST(WordPiece, GivesTheReferencesIdsOfNastyTexts) {
  expect_reference_ids(fixtures() / "tiny_bert", fixtures() / "tiny_bert" / "expected.json");
}

TEST(WordPiece, GivesTheReferencesIdsOfNastyTextsWithCaseAndAccents) {
  expect_reference_ids(fixtures() / "tiny_distilbert",
                       fixtures() / "tiny_distilbert" / "expected.json");
}

TEST(WordPiece, GivesTheReferencesIdsByMiniLmsVocabulary) {
  if (testing::minilm_folder().empty()) GTEST_SKIP() << "TESSERA_MINILM names no folder";
  expect_reference_ids(testing::minilm_folder(), fixtures() / "minilm.json");
}

TEST(WordPiece, TakesTheLongestPieceThatFits) {
  EXPECT_EQ(pieces(small(), "teapot TEAP, tea"),
            (Pieces{"tea", "##pot", "tea", "##p", ",", "tea"}));
}

TEST(WordPiece, MakesAWordUnknownIfAPartIs) {
  EXPECT_EQ(pieces(small(), "teapots a"), (Pieces{"[UNK]", "a"}));
}

TEST(WordPiece, KeepsCaseAndAccentsIfAsked) {
  EXPECT_EQ(pieces(small(), "Tea é"), (Pieces{"tea", "[UNK]"})) << "é is e without its accent";
  EXPECT_EQ(pieces(small({.strip_accents = false}), "Tea É"), (Pieces{"tea", "é"}));
  EXPECT_EQ(pieces(small({.lower_case = false, .strip_accents = false}), "Tea é"),
            (Pieces{"[UNK]", "é"}));
}

TEST(WordPiece, LeavesOutBytesThatAreNotUtf8AndNul) {
  EXPECT_EQ(pieces(small(), std::string_view("te\xff"
                                             "a\0 \xe2\x82 a\xed\xa0\x80",
                                             13)),
            (Pieces{"tea", "a"}));
  EXPECT_EQ(pieces(small(), "\xf0\x9f"), Pieces{});
}

TEST(WordPiece, CutsTheTextsEndAtTheLargestNumberOfTokens) {
  const WordPiece tokenizer = small();
  EXPECT_EQ(tokenizer.encode("a teapot a a", 5), (std::vector<std::int32_t>{2, 9, 5, 6, 3}));
  EXPECT_EQ(tokenizer.encode("a teapot a a", 4), (std::vector<std::int32_t>{2, 9, 5, 3}));
  EXPECT_EQ(tokenizer.encode("a", 0), (std::vector<std::int32_t>{2, 3}));
  EXPECT_EQ(tokenizer.encode("a[SEP][SEP][SEP]a", 4), (std::vector<std::int32_t>{2, 9, 3, 3}));
}

TEST(WordPiece, ReadsAMebibyteOfText) {
  const std::string one_word(1 << 20, 'a');
  EXPECT_EQ(pieces(small(), one_word), Pieces{"[UNK]"});
  std::string words;
  while (words.size() < (1 << 20)) words += "teapot, ";
  EXPECT_EQ(small().encode(words, 512).size(), 512U);
  std::string specials;
  while (specials.size() < (1 << 20)) specials += "[[[[MASK";
  EXPECT_EQ(small().encode(specials, 512).size(), 512U);
}

TEST(WordPiece, RefusesAVocabularyWithoutTheTokensItNeeds) {
  expect_error([] { WordPiece({"[CLS]", "[SEP]", "a"}, {}, "vocab.txt"); }, {"vocab.txt", "[UNK]"});
  expect_error([] { WordPiece({}, {}, "vocab.txt"); }, {"vocab.txt", "[UNK]"});
}

}  // namespace
}  // namespace tessera
