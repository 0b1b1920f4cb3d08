// The model against a small instance computed by another program (needs the shared reference file).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "base/safetensors.h"
#include "kernels/rows.h"
#include "model/recommender.h"

namespace tessera {
namespace {

double distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(double{a[i]} - b[i], 2);
  return std::sqrt(sum);
}

double length(std::span<const float> a) {
  double sum = 0.0;
  for (const float x : a) sum += double{x} * x;
  return std::sqrt(sum);
}

/// The fixture's name of each of our parameters.
std::string fixture_name(const std::string& ours) {
  const auto replaced = [&](const std::string& from, const std::string& to) {
    return to + ours.substr(from.size());
  };
  if (ours == "id_tokens") return "unique_item_embeddings.weight";
  if (ours == "positions") return "position_embeddings.weight";
  if (ours.starts_with("input_norm.")) return replaced("input_norm.", "LayerNorm.");
  for (const auto& [from, to] : {std::pair{"item_encoder.", "rq_model.encoder.mlp."},
                                 {"item_decoder.", "rq_model.decoder.mlp."}}) {
    if (ours.starts_with(from)) {
      const std::string rest = ours.substr(std::string(from).size());
      return to + std::to_string(2 * (rest[0] - '0')) + rest.substr(1);
    }
  }
  const std::string layer = ours.substr(7, 1);
  const std::string rest = ours.substr(9);
  const std::string part = rest.substr(0, rest.find('.'));
  const std::string end = rest.substr(rest.find('.'));
  const std::map<std::string, std::string> names = {
      {"query", "attention.query"},
      {"key", "attention.key"},
      {"value", "attention.value"},
      {"output", "attention.dense"},
      {"attention_norm", "attention.LayerNorm"},
      {"expand", "intermediate.dense_1"},
      {"contract", "intermediate.dense_2"},
      {"feed_forward_norm", "intermediate.LayerNorm"}};
  return "item_encoder.layer." + layer + "." + names.at(part) + end;
}

class Parity : public ::testing::Test {
 protected:
  void SetUp() override {
    const fs::path file = fs::path(TESSERA_SHARED_DIR) / "reference/parity.safetensors";
    if (!fs::exists(file)) GTEST_SKIP() << "needs " << file;
    fixture = std::make_unique<SafeTensors>(file);
    Settings settings;
    settings.codebook_size = 16;
    settings.max_length = 12;
    settings.dropout = 0.0;
    model = Recommender(settings, 42, 768);
    for (Parameter* parameter : model.parameters()) {
      const Matrix value = fixture->matrix("weight." + fixture_name(parameter->name),
                                           parameter->value.rows(), parameter->value.cols());
      std::copy(value.span().begin(), value.span().end(), parameter->value.span().begin());
    }
    for (std::size_t l = 0; l < 3; ++l) {
      model.item_encoder.quantizer.levels[l].codebook =
          fixture->matrix("codebook." + std::to_string(l), 16, 64);
    }
    text = fixture->matrix("text_embeddings");
  }

  /// Packs the left-padded fixture batch; distinct items with the inputs first.
  void pack() {
    const auto inputs = fixture->integers("input_ids");
    const auto positive = fixture->integers("positive_ids");
    const auto negative = fixture->integers("negative_ids");
    offsets = {0};
    std::vector<std::int32_t> place(42, -1);
    const auto place_of = [&](std::int64_t id) {
      std::int32_t& at = place[static_cast<std::size_t>(id)];
      if (at < 0) {
        at = static_cast<std::int32_t>(items.size());
        items.push_back(static_cast<std::int32_t>(id));
      }
      return at;
    };
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] != 0) {
        input_places.push_back(place_of(inputs[i]));
        cells.push_back(i);
      }
      if (i % 12 == 11) offsets.push_back(static_cast<std::int32_t>(input_places.size()));
    }
    weights.assign(items.size(), 0.0F);
    for (const std::int32_t p : input_places) {
      weights[static_cast<std::size_t>(p)] += 1.0F / static_cast<float>(input_places.size());
    }
    for (const std::size_t cell : cells) {
      positive_places.push_back(place_of(positive[cell]));
      negative_places.push_back(place_of(negative[cell]));
    }
  }

  StepResult run() {
    pack();
    return compute_gradients(model, text,
                             {offsets,
                              input_places,
                              positive_places,
                              negative_places,
                              {items, weights},
                              input_places.size()},
                             {}, arena);
  }

  std::unique_ptr<SafeTensors> fixture;
  Recommender model;
  Matrix text;
  StepArena arena;
  std::vector<std::int32_t> offsets, items, input_places, positive_places, negative_places;
  std::vector<std::size_t> cells;
  std::vector<float> weights;
};

TEST_F(Parity, CodesAndSemanticVectorsOfAllItems) {
  std::vector<std::int32_t> all(40);
  std::iota(all.begin(), all.end(), 1);
  const auto cache = model.item_encoder.forward(text, {all, {}}, arena);
  const auto codes = fixture->integers("out.codes");
  const Matrix semantic = fixture->matrix("out.semantic", 40, 64);
  ASSERT_EQ(codes.size(), 120U);
  for (std::size_t i = 0; i < codes.size(); ++i) EXPECT_EQ(cache.quantized.codes[i], codes[i]);
  for (std::size_t i = 0; i < 40; ++i) {
    EXPECT_LE(distance(cache.quantized.semantic.row(i), {semantic[i], 64}),
              1e-5 * length({semantic[i], 64}));
  }
}

TEST_F(Parity, OutputsAndLosses) {
  const StepResult result = run();
  const std::span<const std::byte> bytes = fixture->at("out.sequence").bytes;
  std::vector<float> sequence(bytes.size() / sizeof(float));
  std::memcpy(sequence.data(), bytes.data(), bytes.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::span<const float> expected(sequence.data() + cells[i] * 72, 72);
    EXPECT_LE(distance(result.sequence.output.row(i), expected), 1e-5 * length(expected)) << i;
  }
  const Matrix positive = fixture->matrix("out.positive_logits");
  const Matrix negative = fixture->matrix("out.negative_logits");
  const auto logits = [&](std::span<const std::int32_t> places) {
    std::vector<float> scores(places.size());
    gathered_dots(result.sequence.output, result.items.vectors, places, scores);
    return scores;
  };
  EXPECT_LE(distance(logits(positive_places), positive.span()), 1e-5 * length(positive.span()));
  EXPECT_LE(distance(logits(negative_places), negative.span()), 1e-5 * length(negative.span()));
  const auto near = [&](double ours, const std::string& name) {
    const double theirs = fixture->matrix(name).span()[0];
    EXPECT_NEAR(ours, theirs, 1e-5 * std::abs(theirs)) << name;
  };
  near(result.losses.recommendation, "loss.bce");
  near(result.losses.items.reconstruction, "loss.reconstruction");
  for (std::size_t l = 0; l < 3; ++l) {
    near(result.losses.items.commitment[l], "loss.commitment_" + std::to_string(l));
  }
  near(result.losses.total, "loss.total");
}

TEST_F(Parity, GradientsOfEveryParameter) {
  run();
  std::size_t compared = 0;
  for (const Parameter* parameter : model.parameters()) {
    const std::string name = fixture_name(parameter->name);
    const Matrix expected = fixture->matrix("grad." + name);
    ASSERT_EQ(expected.size(), parameter->grad.size()) << name;
    const double error = distance(parameter->grad.span(), expected.span());
    if (name.ends_with("key.bias")) {  // its true gradient is 0
      for (const float g : parameter->grad.span()) EXPECT_LE(std::abs(g), 1e-6) << name;
    } else {
      EXPECT_LE(error, 1e-5 * length(expected.span())) << name;
    }
    ++compared;
  }
  std::size_t in_fixture = 0;
  for (const auto& [name, tensor] : fixture->tensors()) in_fixture += name.starts_with("grad.");
  EXPECT_EQ(compared, in_fixture);
}

}  // namespace
}  // namespace tessera
