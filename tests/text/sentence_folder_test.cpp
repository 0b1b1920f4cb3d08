#include "text/sentence_folder.h"

#include <gtest/gtest.h>

#include "testing/errors.h"
#include "testing/matrices.h"
#include "testing/process.h"
#include "testing/temp_directory.h"
#include "text/sentence_fixtures.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

/// A copy of the tiny BERT's folder, to be damaged.
class SentenceFolder : public ::testing::Test {
 protected:
  SentenceFolder() { restore(); }

  void restore() const {
    fs::copy(testing::fixtures() / "tiny_bert", folder,
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }
  void expect_refused(std::initializer_list<std::string_view> parts) const {
    testing::expect_error([&] { read_sentence_folder(folder); }, parts);
  }
  /// Sets a field of a JSON file, expects the error, and mends it.
  void refuse_field(const char* file, const char* field, const Json& value,
                    std::initializer_list<std::string_view> parts) const {
    Json json = read_json(folder / file);
    json[field] = value;
    write_file(folder / file, json.dump());
    SCOPED_TRACE(json.dump());
    expect_refused(parts);
    restore();
  }
  template <class Change>
  void change_tensors(const Change& change) const {
    const SafeTensors old(folder / "model.safetensors");
    auto tensors = old.tensors();
    change(tensors);
    write_safetensors(folder / "model.safetensors", tensors);
  }

  testing::TempDirectory directory;
  const fs::path folder = directory.path() / "bert";
};

TEST_F(SentenceFolder, IsReadWithItsSettings) {
  const SentenceEncoder encoder = read_sentence_folder(folder);
  EXPECT_EQ(encoder.dims(), 16U);
  EXPECT_EQ(encoder.settings.layers, 2U);
  EXPECT_EQ(encoder.settings.max_tokens, 24U);
  EXPECT_EQ(encoder.settings.pooling, Pooling::mean);
  EXPECT_TRUE(encoder.settings.unit_length);
  EXPECT_FLOAT_EQ(encoder.settings.epsilon, 1e-5F);
}

TEST_F(SentenceFolder, WithoutModulesIsAPlainModelPooledByTheMean) {
  for (const char* file : {"modules.json", "sentence_bert_config.json", "tokenizer_config.json"}) {
    fs::remove(folder / file);
  }
  const SentenceEncoder encoder = read_sentence_folder(folder);
  EXPECT_EQ(encoder.settings.pooling, Pooling::mean);
  EXPECT_FALSE(encoder.settings.unit_length);
  EXPECT_EQ(encoder.settings.max_tokens, 32U) << "as many as positions";
  EXPECT_TRUE(encoder.tokenizer.options().lower_case);
}

TEST_F(SentenceFolder, NamesAPoolingEitherWay) {
  write_file(folder / "1_Pooling" / "config.json", R"({"pooling_mode": "cls"})");
  EXPECT_EQ(read_sentence_folder(folder).settings.pooling, Pooling::first);
  write_file(folder / "1_Pooling" / "config.json", R"({"pooling_mode": "max"})");
  expect_refused({"1_Pooling/config.json", "'max'", "mean"});
  write_file(folder / "1_Pooling" / "config.json",
             R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true})");
  expect_refused({"1_Pooling/config.json", "cls_token and mean_tokens"});
}

TEST_F(SentenceFolder, MayPutTheModelsNameBeforeItsTensors) {
  const SentenceEncoder plain = read_sentence_folder(folder);
  change_tensors([](auto& tensors) {
    std::map<std::string, Tensor> named;
    for (const auto& [name, tensor] : tensors) named["bert." + name] = tensor;
    tensors = named;
  });
  EXPECT_EQ(read_sentence_folder(folder).words, plain.words);
}

TEST_F(SentenceFolder, NamesTheFileThatIsMissing) {
  for (const char* file :
       {"config.json", "vocab.txt", "model.safetensors", "1_Pooling/config.json"}) {
    fs::remove(folder / file);
    expect_refused({folder.string(), file});
    restore();
  }
  fs::rename(folder / "model.safetensors", folder / "pytorch_model.bin");
  expect_refused({"model.safetensors", "scripts/convert-weights"});
}

TEST_F(SentenceFolder, IsRefusedIfItIsOfAKindThatIsNotSupported) {
  refuse_field("config.json", "model_type", "roberta", {"config.json", "'roberta'", "bert"});
  refuse_field("config.json", "model_type", nullptr, {"config.json", "model type ''"});
  refuse_field("config.json", "hidden_act", "gelu_new", {"config.json", "'gelu_new'"});
  refuse_field("config.json", "position_embedding_type", "relative_key", {"'relative_key'"});
  refuse_field("tokenizer_config.json", "do_basic_tokenize", false, {"do_basic_tokenize"});
  write_file(folder / "modules.json", R"([{"type": "sentence_transformers.models.Dense"}])");
  expect_refused({"modules.json", "'Dense'"});
}

TEST_F(SentenceFolder, IsRefusedIfItsConfigSaysWhatCannotBe) {
  refuse_field("config.json", "num_attention_heads", 3, {"config.json", "3 heads", "16"});
  refuse_field("config.json", "num_attention_heads", 0, {"config.json", "heads"});
  refuse_field("config.json", "num_hidden_layers", 1e6, {"config.json", "layers"});
  refuse_field("config.json", "num_hidden_layers", -1, {"config.json", "num_hidden_layers"});
  refuse_field("config.json", "hidden_size", "wide", {"config.json", "hidden_size"});
  refuse_field("config.json", "vocab_size", nullptr, {"config.json", "vocab_size"});
  refuse_field("config.json", "layer_norm_eps", -1, {"config.json", "epsilon"});
  refuse_field("sentence_bert_config.json", "max_seq_length", 1, {"tokens"});
  refuse_field("tokenizer_config.json", "unk_token", 7, {"tokenizer_config.json", "unk_token"});
  refuse_field("tokenizer_config.json", "unk_token", "<unk>", {"vocab.txt", "'<unk>'"});
  for (const char* text : {"", "[]", "{", "7"}) {
    write_file(folder / "config.json", text);
    expect_refused({"config.json"});
  }
}

TEST_F(SentenceFolder, IsRefusedIfItsTensorsDoNotFit) {
  refuse_field("config.json", "hidden_size", 32, {"model.safetensors", "32 is needed"});
  refuse_field("config.json", "num_hidden_layers", 3, {"model.safetensors", "encoder.layer.2."});
  refuse_field("config.json", "intermediate_size", 25, {"model.safetensors", "25"});
  refuse_field("config.json", "vocab_size", 7, {"model.safetensors", "word_embeddings"});
  change_tensors([](auto& tensors) { tensors.erase("embeddings.LayerNorm.bias"); });
  expect_refused({"model.safetensors", "embeddings.LayerNorm.bias"});
  restore();
  change_tensors([](auto& tensors) { tensors["embeddings.LayerNorm.bias"].dtype = "I32"; });
  expect_refused({"model.safetensors", "embeddings.LayerNorm.bias"});
  restore();
  const std::vector<float> huge(16, 1e6F);
  change_tensors([&](auto& tensors) {
    tensors["embeddings.LayerNorm.bias"].bytes = std::as_bytes(std::span(huge));
  });
  expect_refused({"model.safetensors", "embeddings.LayerNorm.bias", "half precision"});
  restore();
  const auto size = fs::file_size(folder / "model.safetensors");
  for (const auto kept : {size - 1, size / 2, std::uintmax_t{9}, std::uintmax_t{0}}) {
    fs::resize_file(folder / "model.safetensors", kept);
    expect_refused({"model.safetensors", "damaged"});
  }
}

TEST_F(SentenceFolder, IsRefusedIfItsVocabularyIsNotAsLongAsTheEmbedding) {
  const std::string vocabulary = read_file(folder / "vocab.txt");
  write_file(folder / "vocab.txt", vocabulary.substr(0, vocabulary.size() / 2));
  expect_refused({"vocab.txt", "word embeddings"});
  write_file(folder / "vocab.txt", vocabulary + "more\n");
  expect_refused({"vocab.txt", "word embeddings"});
  write_file(folder / "vocab.txt", "");
  expect_refused({"vocab.txt", "0 pieces"});
}

/// scripts/convert-weights at work on the folder.
testing::Finished convert(const fs::path& folder) {
  return testing::Process({"/usr/bin/env", "python3",
                           TESSERA_TESTS_DIR "/../scripts/convert-weights", folder.string()})
      .wait();
}

TEST_F(SentenceFolder, IsConvertedFromPytorchWeights) {
  const SentenceEncoder expected = read_sentence_folder(folder);
  fs::remove(folder / "model.safetensors");
  const testing::Finished finished = convert(folder);
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  const std::vector<std::string_view> texts = {"steel teapot", "word"};
  EXPECT_TRUE(testing::same_bits(read_sentence_folder(folder).encode(texts).span(),
                                 expected.encode(texts).span()));
}

TEST_F(SentenceFolder, IsNotConvertedFromAFileThatWouldRunCode) {
  const auto refused = [&](const std::string& pickle, std::string_view part) {
    const std::string program =
        "import os, pickle, sys, zipfile\n"
        "class Evil:\n"
        "  def __reduce__(self): return (os.mkdir, (sys.argv[1] + '/ran',))\n"
        "zipfile.ZipFile(sys.argv[1] + '/pytorch_model.bin', 'w')"
        ".writestr('a/data.pkl', " +
        pickle + ")\n";
    ASSERT_EQ(testing::Process({"/usr/bin/env", "python3", "-c", program, folder.string()})
                  .wait()
                  .exit_code,
              0);
    const testing::Finished finished = convert(folder);
    EXPECT_EQ(finished.exit_code, 1);
    EXPECT_NE(finished.err.find(part), std::string::npos) << finished.err;
    EXPECT_EQ(std::ranges::count(finished.err, '\n'), 1) << finished.err;
    EXPECT_FALSE(fs::exists(folder / "ran"));
  };
  refused("pickle.dumps({'a': Evil()})", "mkdir");
  refused("pickle.dumps([1, 2])", "not a dictionary");
  refused("b'cut'", "pytorch_model.bin");
  write_file(folder / "pytorch_model.bin", "not a zip archive");
  const testing::Finished finished = convert(folder);
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_NE(finished.err.find("not a zip archive"), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace tessera
