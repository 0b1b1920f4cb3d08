#include "model/settings.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "model/settings_table.h"
#include "testing/errors.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

void expect_refused(const Json& json, std::initializer_list<std::string_view> parts) {
  testing::expect_error<UsageError>([&] { settings_from_json(json); }, parts);
}

TEST(Settings, AreThePaperRecipeByDefault) {
  const Settings settings = recipe("paper");
  EXPECT_EQ(to_json(settings), to_json(Settings{}));
  EXPECT_EQ(settings.width(), 72U);
  EXPECT_EQ(settings.level_distances(),
            (std::vector{Distance::cosine, Distance::cosine, Distance::euclidean}));
  EXPECT_EQ(settings.max_length, 50U);
  EXPECT_EQ(settings.batch_users, 256U);
  EXPECT_EQ(settings.select, "MRR");
}

TEST(Settings, DecideTheItemVector) {
  const auto widths = [](const char* tokens) {
    const Settings settings = settings_from_json({{"tokens", tokens}});
    return std::vector{settings.semantic_width(), settings.id_width(), settings.width()};
  };
  EXPECT_EQ(widths("unified"), (std::vector<std::size_t>{64, 8, 72}));
  EXPECT_EQ(widths("semantic"), (std::vector<std::size_t>{64, 0, 64}));
  EXPECT_EQ(widths("id"), (std::vector<std::size_t>{0, 64, 64}));
}

TEST(Settings, DecideTheDistanceOfEachLevel) {
  const auto distances = [](const char* distance) {
    return settings_from_json({{"distance", distance}, {"levels", 2}}).level_distances();
  };
  EXPECT_EQ(distances("unified"), (std::vector{Distance::cosine, Distance::euclidean}));
  EXPECT_EQ(distances("cosine"), (std::vector{Distance::cosine, Distance::cosine}));
  EXPECT_EQ(distances("euclidean"), (std::vector{Distance::euclidean, Distance::euclidean}));
}

TEST(Settings, GoToJsonAndBack) {
  Json json = to_json(Settings{});
  const std::map<std::string, Json> words = {{"recipe", "paper"},
                                             {"tokens", "semantic"},
                                             {"distance", "cosine"},
                                             {"precision", "bf16"},
                                             {"select", "NDCG@10"},
                                             {"selection_protocol", "full"},
                                             {"objective", "softmax"},
                                             {"encoder_hidden", "300"},
                                             {"schedule", "linear"},
                                             {"windows", "all"},
                                             {"id_start", "text"},
                                             {"event_weights", "given"},
                                             {"transformer_start", "first_stage"}};
  std::size_t changed = 0;
  for (auto& [key, value] : json.items()) {
    if (value.is_string()) {
      value = words.at(key);
    } else if (value.is_number_float()) {
      value = value.get<double>() * 0.5 + 0.1;
    } else {
      value = value.get<std::uint64_t>() + 4;  // hidden stays a multiple of heads: 68 and 6 do not
    }
    ++changed;
  }
  json["hidden"] = 66;
  json["collaborative_dims"] = 68;  // a multiple of collaborative_tokens
  EXPECT_GT(changed, 20U);
  EXPECT_EQ(to_json(settings_from_json(json)), json);
  EXPECT_EQ(to_json(settings_from_json(Json::parse(json.dump()))), json);
}

TEST(Settings, WhatTheDataDecideIsAuto) {
  Settings settings = recipe("default");
  EXPECT_EQ(to_json(settings)["epochs"], "auto");
  EXPECT_EQ(settings.epochs, 0U);
  EXPECT_EQ(to_json(settings_from_json(to_json(settings))), to_json(settings));
  apply_setting(settings, "epochs=7");
  EXPECT_EQ(to_json(settings)["epochs"], 7);
  apply_setting(settings, "epochs=auto");
  EXPECT_EQ(settings.epochs, 0U);
  EXPECT_EQ(settings.dropout, kAutoReal);
  expect_refused({{"epochs", "many"}}, {"epochs", "whole number"});
  expect_refused({{"layers", "auto"}}, {"layers", "whole number"});
}

TEST(Settings, EncoderWidthsAreNumbersBetweenDashes) {
  Settings settings;
  EXPECT_EQ(settings.encoder_widths(9), (std::vector<std::size_t>{9, 512, 256, 64}));
  apply_setting(settings, "encoder_hidden=300");
  EXPECT_EQ(settings.encoder_widths(9), (std::vector<std::size_t>{9, 300, 64}));
  settings.encoder_hidden = {};
  EXPECT_EQ(settings.encoder_widths(9), (std::vector<std::size_t>{9, 64}));
  for (const char* bad : {"512-", "-512", "0", "5x", "512,256", "512--256", "70000", "1e9"}) {
    expect_refused({{"encoder_hidden", bad}}, {"encoder_hidden", "512-256"});
  }
}

TEST(Settings, SuggestTheNearestKey) {
  expect_refused({{"codebok_size", 64}}, {"'codebok_size'", "did you mean 'codebook_size'?"});
  expect_refused({{"Dropout", 0.1}}, {"'Dropout'", "'dropout'"});
  expect_refused({{"xyzzyxyzzy", 1}}, {"unknown setting 'xyzzyxyzzy'"});
}

TEST(Settings, RefuseValuesOfTheWrongKind) {
  for (const Json& value : {Json("3"), Json(2.5), Json(3.0), Json(-1), Json(true), Json(),
                            Json::array({3}), Json::parse("18446744073709551616")}) {
    expect_refused({{"levels", value}}, {"levels", "whole number"});
  }
  for (const Json& value : {Json("0.5"), Json(false), Json(), Json::object()}) {
    expect_refused({{"dropout", value}}, {"dropout", "number"});
  }
  for (const Json& value : {Json(1), Json(), Json::array({"id"})}) {
    expect_refused({{"tokens", value}}, {"tokens", "word"});
  }
  EXPECT_EQ(settings_from_json({{"dropout", 0}}).dropout, 0.0);
}

TEST(Settings, AreAnObject) {
  for (const Json& json : {Json(), Json("paper"), Json(3), Json::array(), Json::array({1})}) {
    expect_refused(json, {"settings"});
  }
  EXPECT_EQ(to_json(settings_from_json(Json::object())), to_json(Settings{}));
}

TEST(Settings, RefuseValuesOutOfRange) {
  for (const auto& [key, value] :
       std::vector<std::pair<const char*, Json>>{{"levels", 0},
                                                 {"levels", 65},
                                                 {"codebook_size", 1},
                                                 {"codebook_size", 65537},
                                                 {"semantic_dims", 0},
                                                 {"id_dims", 0},
                                                 {"hidden", 0},
                                                 {"heads", 0},
                                                 {"layers", 0},
                                                 {"feed_forward", 0},
                                                 {"max_length", 0},
                                                 {"batch_users", 0},
                                                 {"epochs", 0},
                                                 {"patience", 0},
                                                 {"dropout", 1.0},
                                                 {"dropout", -0.1},
                                                 {"learning_rate", -1},
                                                 {"commitment_weight", -0.5},
                                                 {"reconstruction_weight", -1},
                                                 {"tokens", "both"},
                                                 {"distance", "manhattan"},
                                                 {"select", "HR@7"},
                                                 {"selection_protocol", "half"},
                                                 {"recipe", "papr"}}) {
    expect_refused({{key, value}}, {key});
  }
  expect_refused({{"hidden", 64}, {"heads", 3}}, {"hidden = 64", "heads = 3"});
  expect_refused({{"tokens", "both"}}, {"id | semantic | unified"});
}

TEST(ApplySetting, ChangesOneValue) {
  Settings settings;
  apply_setting(settings, "levels=4");
  apply_setting(settings, "dropout=0.25");
  apply_setting(settings, "learning_rate=1e-4");
  apply_setting(settings, "tokens=id");
  apply_setting(settings, "seed=18446744073709551615");
  EXPECT_EQ(settings.levels, 4U);
  EXPECT_EQ(settings.dropout, 0.25);
  EXPECT_EQ(settings.learning_rate, 1e-4);
  EXPECT_EQ(settings.tokens, Tokens::id);
  EXPECT_EQ(settings.seed, 18446744073709551615U);
  EXPECT_EQ(settings.codebook_size, Settings{}.codebook_size);
}

TEST(ApplySetting, RefusesWhatItCannotReadAndChangesNothing) {
  Settings settings;
  for (const auto& [assignment, part] :
       std::vector<std::pair<const char*, const char*>>{{"levels", "key=value"},
                                                        {"=3", "key=value"},
                                                        {"", "key=value"},
                                                        {"levels=", "levels"},
                                                        {"levels=three", "levels"},
                                                        {"levels=-1", "levels"},
                                                        {"levels=2.5", "levels"},
                                                        {"levels=0", "levels"},
                                                        {"dropout=much", "dropout"},
                                                        {"tokens=", "tokens"},
                                                        {"levles=2", "did you mean 'levels'?"},
                                                        {"levels=2 3", "levels"},
                                                        {"heads=3", "multiple of heads"}}) {
    testing::expect_error<UsageError>([&] { apply_setting(settings, assignment); }, {part});
  }
  EXPECT_EQ(to_json(settings), to_json(Settings{}));
}

// A step on the way need not fit: only where it ends.
TEST(ApplySettings, ChecksThemTogether) {
  Settings settings;
  const std::vector<std::string> both = {"heads=3", "hidden=66"};
  apply_settings(settings, both);
  EXPECT_EQ(settings.hidden, 66U);
  const std::vector<std::string> late = {"levels=2", "heads=4"};
  testing::expect_error<UsageError>([&] { apply_settings(settings, late); }, {"multiple of heads"});
  EXPECT_EQ(settings.levels, 3U) << "nothing is changed where one does not fit";
}

TEST(SettingsTable, SaysOfEachWhatItMeansAndWhatItTakes) {
  std::set<std::string> keys;
  for (const Setting& row : settings_table()) {
    EXPECT_TRUE(keys.insert(row.key).second) << row.key;
    EXPECT_TRUE(row.help.ends_with('.')) << row.key;
    EXPECT_FALSE(row.values.empty()) << row.key;
    if (row.key != "recipe") {
      EXPECT_NE(settings_help().find(row.help), std::string::npos) << row.key;
    }
  }
  EXPECT_EQ(keys.size(), to_json(Settings{}).size());
}

TEST(Recipe, IsWhatItChangesInThePaper) {
  const Json paper = to_json(recipe("paper"));
  for (const Recipe& one : recipes()) {
    const Json json = to_json(recipe(one.name));
    EXPECT_EQ(json.at("recipe"), one.name);
    std::size_t apart = 0;
    for (const auto& [key, value] : paper.items()) {
      apart += key != "recipe" && json.at(key) != value ? 1U : 0U;
    }
    EXPECT_LE(apart, one.changes.size());
    EXPECT_NE(recipes_help().find(one.name + " ("), std::string::npos);
  }
  EXPECT_EQ(recipe("default").codes(), 32U) << "and levels, which the catalogue decides";
  EXPECT_EQ(recipe("default").objective, Objective::softmax);
}

TEST(Recipe, RefusesAnUnknownName) {
  testing::expect_error<UsageError>([] { recipe("papr"); }, {"'papr'", "paper"});
}

}  // namespace
}  // namespace tessera
