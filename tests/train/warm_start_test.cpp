// Training that goes on from an earlier bundle, on data that have grown since.
#include "train/warm_start.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/npy.h"
#include "data/embed.h"
#include "data/simulate.h"
#include "eval/report.h"
#include "kernels/rows.h"
#include "model/carry_over.h"
#include "model/text_map.h"
#include "testing/errors.h"
#include "testing/temp_directory.h"
#include "testing/thread_ranks.h"

namespace tessera {
namespace {

using testing::expect_error;
using testing::run_as_ranks;

/// A shop, and what it was before each user's last three events, without the items of every 13th
/// number, and with one that is gone since.
class WarmStart : public ::testing::Test {
 protected:
  WarmStart() {
    Dataset now = simulate_shop({.users = 120, .items = 70, .seed = 3});
    now.times.clear();
    write_dataset(newer(), now);
    write_dataset(older(), before(now));
    embed_by_text(older(), {.dims = 16});
    embed_as(newer(), older());
  }
  static Dataset before(const Dataset& now) {
    Dataset data;
    data.name = now.name;
    std::vector<std::int32_t> numbers(now.items.size(), -1);
    data.items.push_back({"gone", "gone", now.items[0].text});
    for (std::size_t i = now.items.size(); i-- > 0;) {
      if (i % 13 == 0) continue;
      numbers[i] = static_cast<std::int32_t>(data.items.size());
      data.items.push_back(now.items[i]);
    }
    data.user_ids = now.user_ids;
    for (std::size_t u = 0; u < now.users(); ++u) {
      const auto history = now.history(u);
      const std::size_t kept = history.size() - std::min<std::size_t>(3, history.size());
      for (std::size_t e = 0; e < kept; ++e) {
        const std::int32_t number = numbers[static_cast<std::size_t>(history[e])];
        if (number < 0) continue;
        data.events.push_back(number);
      }
      data.offsets.push_back(static_cast<std::int64_t>(data.events.size()));
    }
    return data;
  }
  fs::path path(const std::string& name) const { return directory.path() / name; }
  fs::path older() const { return path("older"); }
  fs::path newer() const { return path("newer"); }
  TrainOptions options(const std::string& bundle, const fs::path& data) const {
    TrainOptions options;
    options.data_directory = data;
    options.bundle = path(bundle);
    Settings& settings = options.settings;
    settings = recipe("default");
    for (const char* setting :
         {"codebook_size=8", "collaborative_tokens=4", "collaborative_dims=8", "negatives=20",
          "collaborative_epochs=5", "batch_users=32", "encoder_hidden=32", "epochs=2",
          "tokens=unified", "levels=3", "id_dims=6"}) {
      apply_setting(settings, setting);
    }
    return options;
  }
  /// Options to train on the newer data from the bundle `from`.
  TrainOptions warm(const std::string& bundle, const std::string& from) const {
    TrainOptions warm = options(bundle, newer());
    warm.from = path(from);
    warm.settings = warm_settings(warm.from);
    return warm;
  }
  testing::TempDirectory directory;
};

std::span<const std::int32_t> codes_of(const Bundle& bundle, std::string_view id) {
  const auto item = std::ranges::find(bundle.items, id, &CatalogueItem::id);
  const auto number = static_cast<std::size_t>(item - bundle.items.begin());
  return std::span(bundle.catalogue.codes)
      .subspan(number * bundle.catalogue.places, bundle.catalogue.places);
}

std::vector<float> vector_of(const Bundle& bundle, std::string_view id) {
  const auto item = std::ranges::find(bundle.items, id, &CatalogueItem::id);
  const auto row = bundle.catalogue.rows[static_cast<std::size_t>(item - bundle.items.begin())];
  const auto vector = bundle.catalogue.vectors.view().row(static_cast<std::size_t>(row));
  return {vector.begin(), vector.end()};
}

TEST_F(WarmStart, TakesAFifthOfTheEpochsAndGoesOnFromGoneAndNewItems) {
  train(options("base", older()));
  const TrainOptions next = warm("next", "base");
  EXPECT_EQ(next.settings.epochs, 0U) << "the data say how many";
  std::size_t first_epochs = 0, epochs = 0;
  TrainOptions told = next;
  told.on_start = [&](const StartReport& report) { EXPECT_TRUE(report.finds_codes); };
  told.on_epoch = [&](const EpochReport& report) {
    ++(report.first_stage ? first_epochs : epochs);
  };
  const TrainResult result = train(told);
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(first_epochs, 6U) << "the first stage goes on with its table";
  EXPECT_EQ(epochs, 2U);
  const Bundle bundle = read_bundle(next.bundle);
  EXPECT_EQ(bundle.items.size(), 70U);
  const nlohmann::json& from = bundle.config.at("from");
  EXPECT_EQ(from.at("known_items"), 64);
  EXPECT_EQ(from.at("new_items"), 6);
  EXPECT_EQ(from.at("gone_items"), 1);
  EXPECT_EQ(from.at("recoded_items"), 0);
  EXPECT_EQ(from.at("bundle"), path("base").string());
}

// Nothing is learned at a rate of 0: every item scores as it did, new ones as live items do.
TEST_F(WarmStart, BeginsWhereTheEarlierModelEnded) {
  for (const char* tokens : {"unified", "semantic", "id"}) {
    TrainOptions base = options(std::string("base-") + tokens, older());
    apply_setting(base.settings, std::string("tokens=") + tokens);
    apply_setting(base.settings, "id_start=random");  // or untaught items begin by their texts
    train(base);
    TrainOptions next = warm(std::string("next-") + tokens, base.bundle.filename());
    next.keep_tokens = true;
    next.settings.epochs = 1;
    next.settings.learning_rate = 0.0;
    train(next);
    const Bundle before = read_bundle(base.bundle);
    const Bundle after = read_bundle(next.bundle);
    const Dataset now = read_dataset(newer());
    const Matrix text = read_embeddings(newer(), now.items.size());
    for (std::size_t i = 0; i < now.items.size(); ++i) {
      const std::string& id = now.items[i].id;
      if (i % 13 != 0) {
        EXPECT_EQ(vector_of(after, id), vector_of(before, id)) << tokens << " " << i;
      } else if (std::string(tokens) != "id") {
        StepArena arena;
        const auto codes = encode_items(before.model, text.view().row_block(i, 1), arena);
        const std::vector<float> zero(before.model.settings.id_width());
        EXPECT_EQ(vector_of(after, id), item_vector(before.model, codes, zero)) << tokens << i;
      }
    }
    const auto parameters = [](const Bundle& bundle) {
      return const_cast<Recommender&>(bundle.model).parameters();
    };
    for (std::size_t p = 0; p < parameters(before).size(); ++p) {
      const Parameter& one = *parameters(before)[p];
      if (one.name == kIdTokens) continue;
      EXPECT_TRUE(std::ranges::equal(one.value.span(), parameters(after)[p]->value.span()))
          << one.name;
    }
  }
}

TEST_F(WarmStart, KeepsTheCodesOfKnownItemsWhereAskedTo) {
  train(options("base", older()));
  const Bundle before = read_bundle(path("base"));
  for (const bool keep : {true, false}) {
    TrainOptions next = warm(keep ? "kept" : "followed", "base");
    next.keep_tokens = keep;
    next.settings.learning_rate = 0.01;
    next.settings.epochs = 4;
    train(next);
    const Bundle after = read_bundle(next.bundle);
    std::size_t moved = 0;
    for (const CatalogueItem& item : before.items) {
      if (item.id == "gone") continue;
      moved += std::ranges::equal(codes_of(before, item.id), codes_of(after, item.id)) ? 0 : 1;
    }
    EXPECT_EQ(moved == 0, keep) << moved;
    EXPECT_NE(vector_of(before, before.items[5].id), vector_of(after, before.items[5].id))
        << "what stands behind the codes is trained on";
  }
}

// Nothing is learned at a rate of 0: of the first stage's table the rows stay that events have
// taught, and others are where the texts of these say.
TEST_F(WarmStart, TheFirstStageGoesOnWithItsTable) {
  train(options("base", older()));
  const fs::path stage = path("base") / kCollaborativeStage;
  EXPECT_EQ(SafeTensors(stage / kWeightsFile).at(kIdTokens).dtype, "F16");
  TrainOptions next = options("next", newer());
  next.settings = settings_from_json(read_config(stage).at("settings"));
  next.settings.epochs = 1;
  next.settings.learning_rate = 0.0;
  next.from = stage;
  train(next);
  const Bundle before = read_bundle(stage), after = read_bundle(next.bundle);
  const Dataset now = read_dataset(newer());
  const Matrix text = read_embeddings(newer(), now.items.size());
  const std::vector<std::int32_t> events = read_npy_i32(stage / kPopularityFile);
  std::vector<std::int32_t> taught, others;
  for (std::size_t i = 0; i < now.items.size(); ++i) {
    const auto known = std::ranges::find(before.items, now.items[i].id, &CatalogueItem::id);
    const auto number = static_cast<std::size_t>(known - before.items.begin());
    const bool is_taught = known != before.items.end() && events[number] > 0;
    (is_taught ? taught : others).push_back(static_cast<std::int32_t>(i));
    if (!is_taught) continue;
    EXPECT_EQ(vector_of(after, now.items[i].id), vector_of(before, now.items[i].id)) << i;
  }
  const Matrix& table = after.model.item_encoder.ids.value;
  Matrix texts(taught.size(), text.cols()), rows(taught.size(), table.cols());
  gather_rows(text, taught, texts);
  gather_rows(table, taught, rows);
  const Matrix map = fit_text_map(texts, rows);
  std::vector<float> predicted(table.cols());
  EXPECT_GT(others.size(), 6U) << "new ones and untaught ones";
  for (const std::int32_t other : others) {
    const auto i = static_cast<std::size_t>(other);
    predict_factors(map, text.view().row(i), predicted);
    for (std::size_t d = 0; d < predicted.size(); ++d) {
      EXPECT_NEAR(table[i][d], predicted[d], 1e-3) << i << ", in half precision";
    }
  }
}

// As a nightly refresh of ID tokens alone, which embeds nothing.
TEST_F(WarmStart, OfIdTokensAloneNeedsNoTexts) {
  TrainOptions base = options("base", older());
  apply_setting(base.settings, "tokens=id");
  train(base);
  ASSERT_EQ(read_config(base.bundle).at("settings").at("id_start"), "text");
  fs::remove(newer() / kEmbeddingsFile);
  EXPECT_TRUE(train(warm("next", "base")).finished);
}

TEST_F(WarmStart, CollaborativeCodesGoOnMeaningWhatTheyMeant) {
  train(options("base", older()));
  const Bundle before = read_bundle(path("base"));
  const auto share_kept = [&](const TrainOptions& next) {
    train(next);
    const Bundle after = read_bundle(next.bundle);
    const std::size_t first = next.settings.levels, parts = next.settings.collaborative_tokens;
    double kept = 0;
    for (std::size_t i = 1; i < before.items.size(); ++i) {  // but the one that is gone
      const auto a = codes_of(before, before.items[i].id).subspan(first, parts);
      const auto b = codes_of(after, before.items[i].id).subspan(first, parts);
      for (std::size_t p = 0; p < parts; ++p) kept += a[p] == b[p] ? 1.0 : 0.0;
    }
    return kept / static_cast<double>((before.items.size() - 1) * parts);
  };
  const double warm_share = share_kept(warm("warm", "base"));
  const double fresh_share = share_kept(options("fresh", newer()));
  EXPECT_GT(warm_share, 2 * fresh_share) << "of eight names, at random";
  EXPECT_LT(warm_share, 1.0) << "and they move";
}

// Bundles of earlier versions have no table, and one that another training left is not theirs.
TEST_F(WarmStart, WithoutATableCollaborativeCodesAreCarriedOver) {
  train(options("base", older()));
  const Bundle before = read_bundle(path("base"));
  const fs::path stage = path("base") / kCollaborativeStage;
  const auto carries_over = [&](const std::string& name) {
    TrainOptions next = warm(name, "base");
    next.on_epoch = [&](const EpochReport& report) { EXPECT_FALSE(report.first_stage); };
    train(next);
    const Bundle after = read_bundle(next.bundle);
    for (const CatalogueItem& item : before.items) {
      if (item.id == "gone") continue;
      EXPECT_TRUE(std::ranges::equal(codes_of(before, item.id).subspan(next.settings.levels),
                                     codes_of(after, item.id).subspan(next.settings.levels)));
    }
    EXPECT_FALSE(fs::exists(next.bundle / kCollaborativeStage));
  };
  nlohmann::json config = read_config(stage);
  config.at("data").at("fingerprint") = "another";
  write_file(stage / "config.json", config.dump());
  carries_over("from-other");
  fs::remove(stage / kWeightsFile);
  carries_over("from-older");
  fs::remove_all(stage);
  carries_over("from-oldest");
}

TEST_F(WarmStart, KeptTokensLeaveNoTableOfAnotherTraining) {
  train(options("base", older()));
  TrainOptions next = warm("next", "base");
  train(next);
  const fs::path stage = next.bundle / kCollaborativeStage;
  EXPECT_TRUE(fs::exists(stage / kWeightsFile));
  next.keep_tokens = true;
  next.on_epoch = [&](const EpochReport& report) { EXPECT_FALSE(report.first_stage); };
  next.on_start = [&](const StartReport& report) { EXPECT_FALSE(report.finds_codes); };
  EXPECT_EQ(train(next).ids_alone.users, 0U) << "what another first stage reached";
  EXPECT_FALSE(fs::exists(stage));
}

TEST_F(WarmStart, AResumedRunEqualsAnUnbrokenOne) {
  train(options("base", older()));
  train(warm("unbroken", "base"));
  for (const int limit : {1, 4}) {
    TrainOptions broken = warm("broken" + std::to_string(limit), "base");
    int steps = 0;
    broken.interrupted = [&] { return ++steps > limit; };
    for (int runs = 0; !train(broken).finished; ++runs) {
      ASSERT_LT(runs, 40);
      steps = 0;
      broken.resume = true;
      broken.from.clear();  // it knows where it came from
      broken.settings = {};
    }
    for (const fs::path& file :
         {fs::path(kWeightsFile), kCollaborativeStage / fs::path(kWeightsFile)}) {
      EXPECT_EQ(read_file(path("unbroken") / file), read_file(broken.bundle / file)) << file;
    }
    EXPECT_FALSE(fs::exists(broken.bundle / kCollaborativeStage / kCheckpointFile));
  }
}

// Ranks drop out apart, so that without dropout alone they come to the same.
TEST_F(WarmStart, SeveralRanksGoOnAsOneDoes) {
  TrainOptions base = options("base", older());
  base.settings.dropout = 0.0;
  train(base);
  const auto losses = [&](std::size_t ranks) {
    std::vector<double> found;
    TrainOptions next = warm("by" + std::to_string(ranks), "base");
    next.keep_tokens = true;  // no first stage, which drops out
    next.on_step = [&](const StepReport& report) { found.push_back(report.loss); };
    if (ranks == 1) {
      train(next);
    } else {
      run_as_ranks(ranks, [&](const Ranks& one) {
        TrainOptions own = next;
        own.ranks = one;
        train(own);
      });
    }
    return found;
  };
  const std::vector<double> one = losses(1), three = losses(3);
  ASSERT_EQ(one.size(), three.size());
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(one[i], three[i], 1e-3) << i;
  TrainOptions both = warm("both", "base");
  run_as_ranks(2, [&](const Ranks& ranks) {
    TrainOptions own = both;
    own.ranks = ranks;
    EXPECT_TRUE(train(own).finished) << "with a first stage";
  });
}

TEST_F(WarmStart, FromARefitOnlyUsersAreMeasuredWhoChoseSomethingSince) {
  TrainOptions base = options("base", older());
  base.refit = true;
  train(base);
  const Dataset before = read_dataset(older());
  Dataset now = read_dataset(newer());
  // Some users did nothing since.
  Dataset same = now;
  same.events.clear();
  same.offsets = {0};
  std::size_t active = 0;
  for (std::size_t u = 0; u < now.users(); ++u) {
    const auto history = now.history(u);
    const std::size_t kept = u % 2 == 0 ? history.size() : before.history(u).size();
    same.events.insert(same.events.end(), history.begin(),
                       history.begin() + static_cast<std::ptrdiff_t>(kept));
    same.offsets.push_back(static_cast<std::int64_t>(same.events.size()));
    // The target must lie behind all that was seen, of which one event may have been left out.
    active += kept >= kMinEvaluatedEvents && kept - 2 >= before.history(u).size() ? 1 : 0;
  }
  const fs::path quiet = path("quiet");
  write_dataset(quiet, same);
  fs::copy(newer() / kEmbeddingsFile, quiet / kEmbeddingsFile);
  fs::copy(newer() / kTextEncoderFile, quiet / kTextEncoderFile);
  TrainOptions next = warm("next", "base");
  next.data_directory = quiet;
  EXPECT_EQ(train(next).best.users, active);
  EvaluateOptions asked;
  asked.model = next.bundle;
  asked.data = quiet;
  asked.split = Split::validation;
  const EvaluationReport report = evaluate(asked);
  EXPECT_EQ(report.systems[0].whole.metrics.users, active);
  EXPECT_GT(report.left_out, 0U);
  asked.model = base.bundle;
  asked.newer = true;
  EXPECT_EQ(evaluate(asked).systems[0].whole.metrics.users, active)
      << "the earlier model on the same users";
  fs::remove_all(older());
  expect_error([&] { evaluate(asked); }, {older().string(), "no longer there"});
}

TEST_F(WarmStart, GoesOnToARefit) {
  train(options("base", older()));
  TrainOptions next = warm("next", "base");
  next.refit = true;
  EXPECT_TRUE(train(next).refit);
  const nlohmann::json config = read_config(next.bundle);
  EXPECT_EQ(config.at("refit"), true);
  EXPECT_EQ(config.at("from").at("bundle"), path("base").string());
  EXPECT_FALSE(config.at("seen").is_null());
  EXPECT_TRUE(fs::exists(next.bundle / kCollaborativeStage / kWeightsFile));
  EXPECT_FALSE(fs::exists(next.bundle / kSelection / kCollaborativeStage / kWeightsFile))
      << "nothing goes on from what only chose";
  TrainOptions alone = options("alone", newer());
  alone.refit = true;
  alone.chosen_by = next.bundle / kSelection;
  expect_error([&] { train(alone); }, {"was trained from", "--from"});
  alone.from = path("base");
  train(alone);
  EXPECT_EQ(read_file(alone.bundle / kWeightsFile), read_file(next.bundle / kWeightsFile));
}

TEST_F(WarmStart, ABundleThatIsDamagedOrNewerIsRefused) {
  const TrainOptions base = options("base", older());
  train(base);
  const auto refused = [&](const char* file, const std::string& content,
                           std::initializer_list<std::string_view> parts) {
    const std::string whole = read_file(base.bundle / file);
    write_file(base.bundle / file, content);
    expect_error([&] { train(warm("next", "base")); }, parts);
    EXPECT_FALSE(fs::exists(path("next") / "config.json"));
    write_file(base.bundle / file, whole);
  };
  const std::string weights = read_file(base.bundle / kWeightsFile);
  refused(kWeightsFile, weights.substr(0, weights.size() / 2), {"base", kWeightsFile});
  const std::string table = std::string(kCollaborativeStage) + "/" + kWeightsFile;
  const std::string rows = read_file(base.bundle / table);
  refused(table.c_str(), rows.substr(0, rows.size() / 2), {kCollaborativeStage, kWeightsFile});
  refused("items.jsonl", "{\"id\": 3}\n", {"items.jsonl:1", "damaged"});
  refused("config.json", "{", {"config.json"});
  nlohmann::json config = read_config(base.bundle);
  config["format_version"] = 1000;
  refused("config.json", config.dump(), {"config.json", "newer"});
}

TEST_F(WarmStart, WhatDoesNotFitIsRefused) {
  train(options("base", older()));
  TrainOptions next = warm("next", "base");
  next.settings.semantic_dims = 32;
  expect_error([&] { train(next); }, {"semantic_dims = 32", "base", "64"});
  next = warm("next", "base");
  embed_by_text(newer(), {.dims = 16});
  expect_error([&] { train(next); }, {"another text encoder", "tessera embed", "--from"});
  write_dataset(path("other"), simulate_shop({.users = 50, .items = 30, .seed = 9}));
  Dataset other = read_dataset(path("other"));
  for (CatalogueItem& item : other.items) item.id += "x";
  write_dataset(path("other"), other);
  embed_as(path("other"), older());
  next.data_directory = path("other");
  expect_error([&] { train(next); }, {"none of its 65 items"});
  EXPECT_FALSE(fs::exists(next.bundle / "config.json"));
  next.from = path("nowhere");
  expect_error([&] { train(next); }, {"nowhere", "not a model bundle"});
}

}  // namespace
}  // namespace tessera
