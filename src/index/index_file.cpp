#include "index/index_file.h"

#include <fmt/format.h>

#include <cstring>
#include <numeric>

#include "base/random.h"
#include "kernels/rows.h"

namespace tessera {
namespace {

constexpr const char* kFormat = "tessera index 1";

Segment segment_of(const ScoringTables& tables, const Recommender& model,
                   const Catalogue& catalogue) {
  const std::size_t shared = model.settings.shared_width();
  Matrix ids(catalogue.items(), model.settings.id_width());
  gather_rows(catalogue.vectors.view().col_block(shared, ids.cols()), catalogue.rows, ids);
  std::vector<std::int32_t> numbers(catalogue.items());
  std::iota(numbers.begin(), numbers.end(), 0);
  return {tables, numbers, catalogue.codes, ids};
}

// Of everything that scores depend on.
std::string fingerprint(const Recommender& model, const Catalogue& catalogue) {
  std::uint64_t hash = catalogue.items();
  const auto add = [&](std::span<const std::byte> bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, std::min<std::size_t>(8, bytes.size() - i));
      hash = mix_bits(hash ^ word);
    }
  };
  add(std::as_bytes(std::span(catalogue.codes)));
  add(std::as_bytes(std::span(catalogue.rows)));
  add(std::as_bytes(catalogue.vectors.span()));
  for (const auto& level : model.item_encoder.quantizer.levels) {
    add(std::as_bytes(level.codebook.span()));
  }
  add(std::as_bytes(model.item_encoder.collaborative.vectors.value.span()));
  return fmt::format("{:016x}", hash);
}

}  // namespace

std::unique_ptr<ItemIndex> build_index(const Recommender& model, const Catalogue& catalogue) {
  ScoringTables tables = scoring_tables(model, catalogue);
  Segment segment = segment_of(tables, model, catalogue);
  return std::make_unique<ItemIndex>(std::move(tables), std::move(segment));
}

double write_index(const fs::path& bundle, const Recommender& model, const Catalogue& catalogue) {
  const ScoringTables tables = scoring_tables(model, catalogue);
  const Segment segment = segment_of(tables, model, catalogue);
  auto tensors = segment.tensors();
  tensors.merge(orientation_tensors(tables));
  write_safetensors(bundle / kIndexFile, tensors,
                    {{"format", kFormat}, {"fingerprint", fingerprint(model, catalogue)}});
  return static_cast<double>(segment.bytes()) / static_cast<double>(segment.size());
}

std::unique_ptr<ItemIndex> open_index(const fs::path& bundle, const Recommender& model,
                                      const Catalogue& catalogue) {
  const fs::path path = bundle / kIndexFile;
  if (!fs::exists(path)) return build_index(model, catalogue);
  auto file = std::make_shared<const SafeTensors>(SafeTensors::mapped(path));
  const auto fact = [&](const char* name) {
    const auto found = file->metadata().find(name);
    return found == file->metadata().end() ? std::string() : found->second;
  };
  if (fact("format") != kFormat || fact("fingerprint") != fingerprint(model, catalogue)) {
    return build_index(model, catalogue);
  }
  ScoringTables tables = token_tables(model);
  read_orientation(*file, tables);
  Segment segment(tables, file);
  return std::make_unique<ItemIndex>(std::move(tables), std::move(segment));
}

}  // namespace tessera
