#include "model/carry_over.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/rows.h"
#include "text/text_encoder_file.h"

namespace tessera {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kBlock = 1024;  // new items, whose codes are predicted together

constexpr const char* kParts[] = {"tokens",
                                  "distance",
                                  "levels",
                                  "codebook_size",
                                  "semantic_dims",
                                  "encoder_hidden",
                                  "collaborative_tokens",
                                  "collaborative_dims",
                                  "id_dims",
                                  "id_only_dims",
                                  "hidden",
                                  "convolution",
                                  "heads",
                                  "layers",
                                  "feed_forward",
                                  "max_length"};

void copy_values(const Matrix& from, Matrix& to) {
  std::ranges::copy(from.span(), to.span().begin());
}

// A table has a row an item: those of known items are theirs, of others as a live item's, `live`,
// or if that is empty as they are.
void carry_rows(const Matrix& from, std::span<const std::int32_t> earlier,
                std::span<const float> live, Matrix& to) {
  for (std::size_t i = 0; i < earlier.size(); ++i) {
    const std::span<float> row = to.view().row(i);
    if (earlier[i] >= 0) {
      std::ranges::copy(from.view().row(static_cast<std::size_t>(earlier[i])), row.begin());
    } else {
      std::ranges::copy(live, row.begin());
    }
  }
}

void carry_codes(const CollaborativeTokens& from, std::span<const std::int32_t> earlier,
                 MatrixView<const float> text, CollaborativeTokens& to) {
  copy_values(from.centres, to.centres);
  to.by_text = {from.by_text.centres.clone(), from.by_text.weights.clone()};
  const std::size_t parts = to.parts;
  std::vector<std::int32_t> fresh;
  for (std::size_t i = 0; i < earlier.size(); ++i) {
    if (earlier[i] < 0) {
      fresh.push_back(static_cast<std::int32_t>(i));
    } else {
      std::copy_n(from.codes.data() + static_cast<std::size_t>(earlier[i]) * parts, parts,
                  to.codes.data() + i * parts);
    }
  }
  StepArena arena;
  for (std::size_t first = 0; first < fresh.size(); first += kBlock) {
    arena.reset();
    const auto block = std::span(fresh).subspan(first, std::min(kBlock, fresh.size() - first));
    const MatrixView<float> texts = arena.matrix(block.size(), text.cols);
    gather_rows(text, block, texts);
    const auto codes = arena.take<std::int32_t>(block.size() * parts);
    to.predict(texts, codes.data(), parts, arena);
    for (std::size_t b = 0; b < block.size(); ++b) {
      std::copy_n(codes.data() + b * parts, parts,
                  to.codes.data() + static_cast<std::size_t>(block[b]) * parts);
    }
  }
}

}  // namespace

MatchedItems match_items(const std::vector<CatalogueItem>& earlier,
                         const std::vector<CatalogueItem>& items, const RowSelection& held) {
  const ItemNumbers numbers = number_by_id(earlier);
  MatchedItems matched;
  for (std::size_t i = 0, next = held.first; i < items.size(); ++i) {
    const auto found = numbers.find(items[i].id);
    const bool known = found != numbers.end();
    (known ? matched.known : matched.added) += 1;
    if (i != next) continue;
    matched.earlier.push_back(known ? found->second : -1);
    next += held.step;
  }
  matched.gone = earlier.size() - matched.known;
  return matched;
}

void check_same_parts(const Settings& settings, const Settings& earlier, const fs::path& bundle) {
  const Json wanted = to_json(settings);
  const Json there = to_json(earlier);
  for (const char* key : kParts) {
    if (wanted.at(key) == there.at(key)) continue;
    fail(
        "setting {} = {} does not fit {}, which has {}: what a model is made of stays, or train "
        "from nothing",
        key, wanted.at(key).dump(), bundle.string(), there.at(key).dump());
  }
}

void check_same_encoder(const fs::path& data_directory, const fs::path& bundle) {
  const fs::path theirs = data_directory / kTextEncoderFile;
  const fs::path ours = bundle / kTextEncoderFile;
  const bool have = fs::exists(ours);
  if (have == fs::exists(theirs) && (!have || map_file(ours).content == map_file(theirs).content)) {
    return;
  }
  fail("{}: was embedded by another text encoder than {}: run 'tessera embed --data {} --from {}'",
       data_directory.string(), bundle.string(), data_directory.string(), bundle.string());
}

void carry_over(const Bundle& from, const MatchedItems& matched, MatrixView<const float> text,
                Recommender& model) {
  const UnifiedItemEncoder& earlier = from.model.item_encoder;
  UnifiedItemEncoder& encoder = model.item_encoder;
  if (encoder.text_dims() != earlier.text_dims()) {
    fail("embeddings of {} dims do not fit a model that was trained on {}: embed with --from",
         encoder.text_dims(), earlier.text_dims());
  }
  const ParameterList to = model.parameters();
  const ParameterList known = const_cast<Recommender&>(from.model).parameters();  // NOLINT: read
  const bool live_items = model.settings.has_semantics();
  for (std::size_t p = 0; p < to.size(); ++p) {
    if (to[p]->is_table()) {
      carry_rows(known[p]->value, matched.earlier,
                 live_items ? std::span(earlier.new_id) : std::span<const float>(), to[p]->value);
    } else {
      copy_values(known[p]->value, to[p]->value);
    }
  }
  for (std::size_t l = 0; l < encoder.quantizer.levels.size(); ++l) {
    copy_values(earlier.quantizer.levels[l].codebook, encoder.quantizer.levels[l].codebook);
  }
  if (model.settings.has_collaborative()) {
    carry_codes(earlier.collaborative, matched.earlier, text, encoder.collaborative);
  }
}

Bundle carried_over(Bundle from, const fs::path& bundle, const Dataset& data,
                    const fs::path& directory) {
  const Settings settings = from.model.settings;
  Matrix text;
  if (settings.has_semantics()) {
    check_same_encoder(directory, bundle);
    text = read_embeddings(directory, data.items.size());
  }
  Bundle newer;
  newer.config = std::move(from.config);
  newer.items = data.items;
  newer.model = Recommender(settings, data.items.size(), text.cols());
  newer.model.initialise();
  carry_over(from, match_items(from.items, data.items), text, newer.model);
  newer.catalogue = encode_catalogue(newer.model, text);
  return newer;
}

}  // namespace tessera
