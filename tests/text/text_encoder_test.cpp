#include "text/text_encoder.h"

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/matrices.h"
#include "testing/small_disk.h"
#include "testing/temp_directory.h"
#include "text/sentence_folder.h"

namespace tessera {
namespace {

using Texts = std::vector<std::string_view>;
using testing::expect_error;

SentenceEncoder tiny_bert() {
  return read_sentence_folder(fs::path(TESSERA_TESTS_DIR) / "text" / "fixtures" / "tiny_bert");
}

TfidfEncoder small_tfidf() {
  return TfidfEncoder::fit(Texts{"rose hand cream", "mint hand cream", "mint tooth paste"},
                           {.dims = 2, .min_df = 1});
}

class TextEncoderFile : public ::testing::Test {
 protected:
  testing::TempDirectory directory;
  const fs::path file = directory.path() / kTextEncoderFile;

  void expect_refused(std::string_view part) const {
    expect_error([&] { TextEncoder::load(file); }, {file.string(), part});
  }
  template <class Change>
  void rewrite(const Change& change) const {
    const SafeTensors old(file);
    auto tensors = old.tensors();
    auto metadata = old.metadata();
    change(tensors, metadata);
    write_safetensors(file, tensors, metadata);
  }
};

TEST_F(TextEncoderFile, HoldsEitherKind) {
  const Texts texts = {"mint cream", "", "steel teapot"};
  const TextEncoder encoders[] = {small_tfidf(), tiny_bert()};
  for (const TextEncoder& encoder : encoders) {
    encoder.save(file);
    const TextEncoder loaded = TextEncoder::load(file);
    EXPECT_EQ(loaded.dims(), encoder.dims());
    EXPECT_TRUE(testing::same_bits(loaded.encode(texts).span(), encoder.encode(texts).span()));
  }
}

TEST_F(TextEncoderFile, WithoutAKindIsTheBuiltInOne) {
  TextEncoder(small_tfidf()).save(file);
  rewrite([](auto&, auto& metadata) { metadata.erase("kind"); });
  EXPECT_EQ(TextEncoder::load(file).dims(), 2U);
}

TEST_F(TextEncoderFile, IsRefusedFromAnotherFormatVersion) {
  TextEncoder(small_tfidf()).save(file);
  rewrite([](auto&, auto& metadata) { metadata["format_version"] = "2"; });
  expect_refused("version");
  rewrite([](auto&, auto& metadata) { metadata = {{"format_version", "1"}, {"kind", "other"}}; });
  expect_refused("version");
  rewrite([](auto&, auto& metadata) { metadata.clear(); });
  expect_refused("version");
}

TEST_F(TextEncoderFile, OfASentenceEncoderIsRefusedWhenSomethingIsMissingOrDoesNotFit) {
  const TextEncoder encoder = tiny_bert();
  for (const char* name : {"vocabulary", "words", "positions", "layers.1.contract.bias"}) {
    encoder.save(file);
    rewrite([&](auto& tensors, auto&) { tensors.erase(name); });
    expect_refused(name);
  }
  encoder.save(file);
  rewrite([](auto& tensors, auto&) { tensors["positions"] = tensors["input_norm.beta"]; });
  expect_refused("positions");
  encoder.save(file);
  rewrite([](auto& tensors, auto&) {
    Tensor& pieces = tensors["vocabulary"];
    pieces.bytes = pieces.bytes.first(pieces.bytes.size() / 2);
    pieces.shape = {pieces.bytes.size()};
  });
  expect_refused("words");
  for (const char* settings : {"", "[]", "{}", R"({"layers": "two"})"}) {
    encoder.save(file);
    rewrite([&](auto&, auto& metadata) { metadata["settings"] = settings; });
    expect_refused("settings");
  }
  encoder.save(file);
  rewrite([](auto&, auto& metadata) {
    std::string& settings = metadata["settings"];
    settings.replace(settings.find("\"heads\":2"), 9, "\"heads\":3");
  });
  expect_refused("heads");
  encoder.save(file);
  fs::resize_file(file, fs::file_size(file) / 2);
  expect_refused("damaged");
}

TEST_F(TextEncoderFile, IsNotThereAfterTheDiskWasFull) {
  const fs::path disk = directory.path() / "disk";
  const testing::SmallDisk small(disk.string(), 1);
  if (!small.mounted()) GTEST_SKIP() << "only root can mount a small disk";
  write_file(disk / "ballast", std::string((1 << 20) - 16384, 'x'));
  expect_error([&] { TextEncoder(tiny_bert()).save(disk / kTextEncoderFile); },
               {(disk / kTextEncoderFile).string(), "No space left"});
  EXPECT_FALSE(fs::exists(disk / kTextEncoderFile));
}

}  // namespace
}  // namespace tessera
