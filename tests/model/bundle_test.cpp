#include "model/bundle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "testing/bundles.h"
#include "testing/errors.h"
#include "testing/matrices.h"
#include "testing/small_model.h"
#include "testing/temp_directory.h"

namespace tessera {
namespace {

using testing::kTextDims;
using testing::same_bits;
using testing::small_model;
using testing::small_settings;
using Json = nlohmann::json;

constexpr std::size_t kBundleItems = 8;

std::vector<CatalogueItem> catalogue_items() {
  std::vector<CatalogueItem> items;
  for (std::size_t i = 0; i < kBundleItems; ++i) {
    items.push_back({fmt::format("B{}", i), fmt::format("crème \"{}\" 日本\n", i), "a text"});
  }
  return items;
}

std::vector<float> scores_of(const Recommender& model, const Catalogue& catalogue) {
  const std::vector<std::int32_t> long_history = {0, 3, 1, 5, 2};
  const std::vector<std::int32_t> short_history = {7};
  const std::vector<History> histories = {long_history, short_history, {}};
  Matrix states(3, model.settings.width());
  user_states(model, catalogue, histories, states);
  Matrix scores(3, kBundleItems);
  score_catalogue(catalogue, states, scores);
  return {scores.span().begin(), scores.span().end()};
}

class BundleDirectory : public ::testing::Test {
 protected:
  testing::TempDirectory temp;
  const fs::path directory = temp.path() / "bundle";
  const fs::path config = directory / "config.json";
  const fs::path weights = directory / "model.safetensors";
  const fs::path items = directory / "items.jsonl";
  Recommender model = small_model(small_settings("collaborative"), kBundleItems, kTextDims);
  const Catalogue catalogue =
      encode_catalogue(model, testing::random_matrix(kBundleItems, kTextDims, 1));

  BundleDirectory() {
    testing::write_bundle(directory, model, catalogue, catalogue_items(),
                          {{"data", {{"fingerprint", "f"}}}});
    fs::copy(directory, temp.path() / "whole");
  }
  void restore() const {
    fs::copy(temp.path() / "whole", directory,
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }
  void expect_refused(std::initializer_list<std::string_view> parts) const {
    testing::expect_error([&] { read_bundle(directory); }, parts);
  }
  template <class Change>
  void change_config(const Change& change) const {
    restore();
    Json json = read_json(config);
    change(json);
    write_file(config, json.dump());
  }
  template <class Change>
  void change_tensors(const Change& change) const {
    restore();
    const SafeTensors whole(weights);
    auto tensors = whole.tensors();
    change(tensors);
    write_safetensors(weights, tensors);
  }
};

TEST(Bundle, GivesTheSameScoresBitForBit) {
  for (const char* tokens : {"unified", "semantic", "id"}) {
    Recommender model = small_model(small_settings(tokens), kBundleItems, kTextDims);
    const Catalogue catalogue =
        encode_catalogue(model, testing::random_matrix(kBundleItems, kTextDims, 1));
    const testing::TempDirectory temp;
    testing::write_bundle(temp.path(), model, catalogue, catalogue_items(), {{"epoch", 3}});
    const Bundle bundle = read_bundle(temp.path());
    EXPECT_EQ(to_json(bundle.model.settings), to_json(model.settings));
    EXPECT_EQ(bundle.catalogue.codes, catalogue.codes);
    EXPECT_EQ(bundle.catalogue.rows, catalogue.rows);
    EXPECT_TRUE(same_bits(bundle.catalogue.vectors.span(), catalogue.vectors.span()));
    EXPECT_TRUE(same_bits(scores_of(bundle.model, bundle.catalogue), scores_of(model, catalogue)))
        << tokens;
    EXPECT_EQ(bundle.config.at("epoch"), 3);
    EXPECT_EQ(bundle.config.at("format_version"), 1);
    ASSERT_EQ(bundle.items.size(), kBundleItems);
    EXPECT_EQ(bundle.items[6].id, "B6");
    EXPECT_EQ(bundle.items[6].title, "crème \"6\" 日本\n");
  }
}

TEST_F(BundleDirectory, EncodesNewTextAfterReading) {
  const Bundle bundle = read_bundle(directory);
  const Matrix text = testing::random_matrix(kBundleItems, kTextDims, 9);
  EXPECT_EQ(encode_catalogue(bundle.model, text).codes, encode_catalogue(model, text).codes);
}

TEST_F(BundleDirectory, KeepsTheTextsThatPredictCodes) {
  TextKernel& kernel = model.item_encoder.collaborative.by_text;
  kernel = {testing::random_matrix(6, kTextDims, 4), testing::random_matrix(7, 4, 5)};
  for (float& x : kernel.centres.span()) x = half_precision(x);
  ASSERT_EQ(model.item_encoder.collaborative.dims(), kernel.weights.cols());
  testing::write_bundle(directory, model, catalogue, catalogue_items());
  const Bundle bundle = read_bundle(directory);
  const Matrix text = testing::random_matrix(20, kTextDims, 6);
  StepArena arena;
  EXPECT_EQ(encode_items(bundle.model, text, arena), encode_items(model, text, arena));
}

TEST_F(BundleDirectory, IsRefusedWithTextsThatPredictNothing) {
  const std::vector<float> row(model.item_encoder.collaborative.dims(), 1.0F);
  change_tensors([&](auto& tensors) {
    tensors["collaborative_text_centres"] = {"F32", {0, kTextDims}, {}};
    tensors["collaborative_text_map"] = {"F32", {1, row.size()}, std::as_bytes(std::span(row))};
  });
  expect_refused({weights.string(), "collaborative_text_centres"});
}

TEST_F(BundleDirectory, IsRefusedWhereTheIdTokenOfNewItemsIsNoToken) {
  std::vector<float> token(model.settings.id_width() + 1, 0.5F);
  const auto refused = [&](std::size_t dims) {
    change_tensors([&](auto& tensors) {
      tensors["new_id_token"] = {"F32", {1, dims}, std::as_bytes(std::span(token).first(dims))};
    });
    expect_refused({weights.string(), "new_id_token"});
  };
  refused(token.size());
  token[0] = std::numeric_limits<float>::quiet_NaN();
  refused(token.size() - 1);
}

TEST_F(BundleDirectory, ListsTheCodesOfEachItem) {
  std::size_t lines = 0;
  for_each_line(read_file(items), [&](std::string_view line, std::size_t number) {
    const Json item = parse_json(line, "line");
    EXPECT_EQ(item.at("id"), fmt::format("B{}", number - 1));
    const auto codes = std::span(catalogue.codes).subspan((number - 1) * 5, 5);
    EXPECT_EQ(item.at("codes"), Json(codes.first(3)));
    EXPECT_EQ(item.at("collaborative_codes"), Json(codes.last(2)));
    ++lines;
  });
  EXPECT_EQ(lines, kBundleItems);
}

TEST_F(BundleDirectory, NamesWhatIsMissing) {
  testing::expect_error([&] { read_bundle(temp.path() / "nowhere"); },
                        {"nowhere", "config.json", "tessera train"});
  for (const fs::path& file : {weights, items}) {
    restore();
    fs::remove(file);
    expect_refused({file.string(), "cannot open"});
  }
}

TEST_F(BundleDirectory, NamesTheFileThatIsCutShort) {
  for (const fs::path& file : {config, weights, items}) {
    for (const std::uintmax_t parts : {2, 50, 100'000'000}) {
      restore();
      fs::resize_file(file, fs::file_size(file) / parts);
      expect_refused({file.string()});
    }
  }
}

TEST_F(BundleDirectory, IsRefusedFromANewerVersion) {
  change_config([](Json& json) { json["format_version"] = 2; });
  expect_refused({config.string(), "version 2", "update"});
}

TEST_F(BundleDirectory, NamesTheFieldOfTheConfigThatIsWrong) {
  for (const char* field : {"format_version", "settings", "items", "text_dims"}) {
    change_config([&](Json& json) { json.erase(field); });
    expect_refused({config.string(), field});
    change_config([&](Json& json) { json[field] = Json(); });
    expect_refused({config.string(), field});
    change_config([&](Json& json) { json[field] = -1; });
    expect_refused({config.string(), field});
  }
  write_file(config, "[]");
  expect_refused({config.string()});
}

TEST_F(BundleDirectory, NamesTheSettingThatIsWrong) {
  change_config([](Json& json) { json["settings"]["levels"] = 0; });
  expect_refused({config.string(), "levels"});
  change_config([](Json& json) { json["settings"]["tokens"] = 5; });
  expect_refused({config.string(), "tokens"});
  change_config([](Json& json) { json["settings"]["colour"] = "red"; });
  expect_refused({config.string(), "colour"});
}

TEST_F(BundleDirectory, IsRefusedWhenSettingsAndTensorsDisagree) {
  for (const auto& [key, value] : {std::pair{"hidden", 10},
                                   {"levels", 4},
                                   {"levels", 2},
                                   {"codebook_size", 6},
                                   {"semantic_dims", 7},
                                   {"id_dims", 4},
                                   {"layers", 3},
                                   {"max_length", 5}}) {
    change_config([&, k = key, v = value](Json& json) { json["settings"][k] = v; });
    expect_refused({weights.string(), "tensor"});
  }
  change_config([](Json& json) { json["text_dims"] = 6; });
  expect_refused({weights.string(), "item_encoder"});
}

TEST_F(BundleDirectory, NamesTheTensorThatIsMissing) {
  for (const char* name :
       {"id_tokens", "item_encoder.1.weight", "item_decoder.2.bias", "codebook.0", "codebook.2",
        "positions", "input_norm.weight", "layers.1.expand.bias", "codes"}) {
    change_tensors([&](auto& tensors) { ASSERT_EQ(tensors.erase(name), 1U) << name; });
    expect_refused({weights.string(), name});
  }
}

TEST_F(BundleDirectory, IsRefusedWithCodesOutsideTheCodebook) {
  for (const std::int32_t bad : {5, -1, 1'000'000}) {
    std::vector<std::int32_t> codes = catalogue.codes;
    codes[10] = bad;
    change_tensors(
        [&](auto& tensors) { tensors["codes"].bytes = std::as_bytes(std::span(codes)); });
    expect_refused({weights.string(), "codes", std::to_string(bad)});
  }
}

TEST_F(BundleDirectory, IsRefusedWithCodesOfTheWrongShapeOrType) {
  change_tensors([](auto& tensors) { std::ranges::reverse(tensors["codes"].shape); });
  expect_refused({weights.string(), "codes"});
  change_tensors([](auto& tensors) { tensors["codes"].dtype = "F32"; });
  expect_refused({weights.string(), "codes"});
}

TEST_F(BundleDirectory, IsReadWithoutTheMemoryOfTraining) {
  Bundle bundle = read_bundle(directory);
  for (const Parameter* parameter : bundle.model.parameters()) {
    EXPECT_GT(parameter->value.size(), 0U) << parameter->name;
    EXPECT_EQ(parameter->grad.size() + parameter->m.size() + parameter->v.size(), 0U);
  }
}

TEST_F(BundleDirectory, IsRefusedWithAnotherNumberOfItems) {
  restore();
  const std::string lines = read_file(items);
  write_file(items, lines + R"({"id":"extra","title":"","codes":[0,0,0]})" + "\n");
  expect_refused({items.string(), "9 items", "8"});
  write_file(items, lines.substr(lines.find('\n') + 1));
  expect_refused({items.string(), "7 items", "8"});
  change_config([](Json& json) { json["items"] = 9; });
  expect_refused({items.string(), "8 items", "9"});
}

TEST_F(BundleDirectory, NamesTheLineOfADamagedItem) {
  const std::string whole = read_file(items);
  const std::size_t second = whole.find('\n') + 1;
  const std::size_t third = whole.find('\n', second) + 1;
  for (const char* bad : {"", "{", "[]", "3", R"({"title":"t"})", R"({"id":3,"title":"t"})",
                          R"({"id":"B1","title":7})"}) {
    write_file(items, whole.substr(0, second) + bad + "\n" + whole.substr(third));
    expect_refused({items.string() + ":2"});
  }
}

}  // namespace
}  // namespace tessera
