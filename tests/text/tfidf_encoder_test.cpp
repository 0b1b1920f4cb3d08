#include "text/tfidf_encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "testing/errors.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using Texts = std::vector<std::string_view>;
using testing::expect_error;

const Texts kTexts = {"rose hand cream",     "rose body lotion", "mint hand cream",
                      "mint tooth paste",    "steel frying pan", "steel sauce pan",
                      "cast iron pan",       "hand cream tube",  "body lotion mint",
                      "frying pan cast iron"};

TfidfEncoder fitted(std::size_t dims = 4) {
  return TfidfEncoder::fit(kTexts, {.dims = dims, .min_df = 2, .max_terms = 50, .seed = 3});
}

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

TEST(TfidfEncoder, GivesUnitRowsThatPutLikeBesideLike) {
  const Matrix rows = fitted().encode(kTexts);
  ASSERT_EQ(rows.rows(), kTexts.size());
  ASSERT_EQ(rows.cols(), 4U);
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    EXPECT_NEAR(dot(rows.view().row(i), rows.view().row(i)), 1.0, 1e-5) << i;
  }
  EXPECT_GT(dot(rows.view().row(0), rows.view().row(7)), 0.8);            // two hand creams
  EXPECT_LT(std::abs(dot(rows.view().row(0), rows.view().row(4))), 0.2);  // cream and pan
}

TEST(TfidfEncoder, EqualsTfidfTimesProjectionScaledToUnitLength) {
  const TfidfEncoder encoder = fitted();
  const SparseMatrix weights = tfidf(encoder.vocabulary, kTexts);
  const Matrix rows = encoder.encode(kTexts);
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    std::vector<double> plain(4);
    for (auto e = weights.offsets[i]; e < weights.offsets[i + 1]; ++e) {
      const auto at = static_cast<std::size_t>(e);
      for (std::size_t c = 0; c < 4; ++c) {
        const std::size_t place = static_cast<std::size_t>(weights.columns[at]) * encoder.dims + c;
        plain[c] += double{weights.values[at]} * static_cast<double>(encoder.projection[place]);
      }
    }
    double squares = 0.0;
    for (const double x : plain) squares += x * x;
    for (std::size_t c = 0; c < 4; ++c) {
      EXPECT_NEAR(rows[i][c], plain[c] / std::sqrt(squares), 1e-5) << i << " " << c;
    }
  }
}

TEST(TfidfEncoder, GivesTextWithoutKnownWordsAZeroRow) {
  const Matrix rows = fitted().encode(Texts{"", "unheard of", "\xff\xfe", "mint"});
  for (std::size_t i = 0; i < 3; ++i) {
    for (const float x : rows.view().row(i)) EXPECT_EQ(x, 0.0F) << i;
  }
  EXPECT_NEAR(dot(rows.view().row(3), rows.view().row(3)), 1.0, 1e-5);
}

TEST(TfidfEncoder, EncodesNewTextBesideItsLikes) {
  const TfidfEncoder encoder = fitted();
  const Matrix known = encoder.encode(kTexts);
  const Matrix fresh = encoder.encode(Texts{"Hand cream with a ROSE scent"});
  EXPECT_GT(dot(fresh.view().row(0), known.view().row(0)), 0.8);
  EXPECT_LT(std::abs(dot(fresh.view().row(0), known.view().row(5))), 0.2);
}

TEST(TfidfEncoder, EncodesATextAloneAsInACompany) {
  const TfidfEncoder encoder = fitted();
  const Matrix all = encoder.encode(kTexts);
  for (std::size_t i = 0; i < kTexts.size(); ++i) {
    EXPECT_TRUE(same_bits(encoder.encode({&kTexts[i], 1}).span(), all.view().row(i))) << i;
  }
}

TEST(TfidfEncoder, IsTheSameForTheSameSeed) { EXPECT_EQ(fitted().projection, fitted().projection); }

TEST(TfidfEncoder, FillsDimsBeyondTheRankWithZeros) {
  const Matrix rows = fitted(40).encode(kTexts);
  ASSERT_EQ(rows.cols(), 40U);
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    EXPECT_NEAR(dot(rows.view().row(i), rows.view().row(i)), 1.0, 1e-5);
    for (std::size_t c = kTexts.size(); c < 40; ++c) EXPECT_EQ(rows[i][c], 0.0F);
  }
}

TEST(TfidfEncoder, OfNoTextsEncodesToZeros) {
  const TfidfEncoder encoder = TfidfEncoder::fit({}, {.dims = 3});
  const Matrix rows = encoder.encode(Texts{"mint"});
  EXPECT_EQ(rows.cols(), 3U);
  for (const float x : rows.span()) EXPECT_EQ(x, 0.0F);
}

class TfidfEncoderFile : public ::testing::Test {
 protected:
  testing::TempDirectory directory;
  const fs::path file = directory.path() / "text_encoder.safetensors";

  void expect_refused(std::string_view part) const {
    expect_error([&] { TfidfEncoder::load(SafeTensors(file)); }, {file.string(), part});
  }
  /// Rewrites the file with what `change` did to its tensors.
  template <class Change>
  void rewrite(const Change& change) const {
    const SafeTensors old(file);
    auto tensors = old.tensors();
    auto metadata = old.metadata();
    change(tensors, metadata);
    write_safetensors(file, tensors, metadata);
  }
};

TEST_F(TfidfEncoderFile, GivesTheSameEmbeddingsBitForBit) {
  const TfidfEncoder encoder = fitted();
  encoder.save(file);
  const TfidfEncoder loaded = TfidfEncoder::load(SafeTensors(file));
  EXPECT_EQ(loaded.vocabulary.terms, encoder.vocabulary.terms);
  const Texts texts = {kTexts[0], kTexts[5], "new mint pan", "", "cream"};
  EXPECT_TRUE(same_bits(loaded.encode(texts).span(), encoder.encode(texts).span()));
}

TEST_F(TfidfEncoderFile, HoldsAnEncoderWithoutTerms) {
  TfidfEncoder::fit({}, {.dims = 3}).save(file);
  const Matrix rows = TfidfEncoder::load(SafeTensors(file)).encode(Texts{"mint"});
  EXPECT_EQ(rows.rows(), 1U);
  EXPECT_EQ(rows.cols(), 3U);
}

TEST_F(TfidfEncoderFile, IsNamedIfMissingOrCutShort) {
  expect_refused("cannot open");
  fitted().save(file);
  const auto size = fs::file_size(file);
  for (const auto kept : {size - 1, size / 2, std::uintmax_t{9}, std::uintmax_t{0}}) {
    fs::resize_file(file, kept);
    expect_refused("damaged");
  }
}

TEST_F(TfidfEncoderFile, IsRefusedWhenATensorIsMissing) {
  for (const char* name : {"terms", "idf", "projection"}) {
    fitted().save(file);
    rewrite([&](auto& tensors, auto&) { tensors.erase(name); });
    expect_refused(name);
  }
}

TEST_F(TfidfEncoderFile, IsRefusedWhenItsTensorsDoNotFit) {
  fitted().save(file);
  rewrite([](auto& tensors, auto&) {
    Tensor& terms = tensors["terms"];
    terms.bytes = terms.bytes.first(terms.bytes.size() / 2);
    terms.shape = {terms.bytes.size()};
  });
  expect_refused("do not fit");

  fitted().save(file);
  rewrite([](auto& tensors, auto&) {
    std::swap(tensors["projection"].shape[0], tensors["projection"].shape[1]);
  });
  expect_refused("do not fit");

  fitted().save(file);
  rewrite([](auto& tensors, auto&) {
    Tensor& projection = tensors["projection"];
    projection.dtype = "F32";
    projection.shape[1] /= 2;
  });
  expect_refused("do not fit");
}

}  // namespace
}  // namespace tessera
