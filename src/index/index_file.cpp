#include "index/index_file.h"

#include <fmt/format.h>

#include <cstring>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "kernels/rows.h"

namespace tessera {
namespace {

constexpr const char* kFormat = "tessera index 4";
constexpr const char* kBallAxes = "ball_axes";

ScoreSpace space_of(const Recommender& model, const Catalogue& catalogue) {
  return {scoring_tables(model), score_axes(model, catalogue)};
}

Segment segment_of(const ScoreSpace& space, const Recommender& model, const Catalogue& catalogue) {
  const std::size_t shared = model.settings.shared_width();
  Matrix ids(catalogue.items(), model.settings.id_width());
  gather_rows(catalogue.vectors.view().col_block(shared, ids.cols()), catalogue.rows, ids);
  std::vector<std::int32_t> numbers(catalogue.items());
  std::iota(numbers.begin(), numbers.end(), 0);
  return {space, numbers, catalogue.codes, ids};
}

// Of bytes, eight at a time.
class Hash {
 public:
  explicit Hash(std::uint64_t start) : hash_(start) {}
  void add(std::span<const std::byte> bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, std::min<std::size_t>(8, bytes.size() - i));
      hash_ = mix_bits(hash_ ^ word);
    }
  }
  std::string text() const { return fmt::format("{:016x}", hash_); }

 private:
  std::uint64_t hash_;
};

// Of everything that scores depend on.
std::string fingerprint(const Recommender& model, const Catalogue& catalogue) {
  Hash hash(catalogue.items());
  hash.add(std::as_bytes(std::span(catalogue.codes)));
  hash.add(std::as_bytes(std::span(catalogue.rows)));
  hash.add(std::as_bytes(catalogue.vectors.span()));
  for (const auto& level : model.item_encoder.quantizer.levels) {
    hash.add(std::as_bytes(level.codebook.span()));
  }
  hash.add(std::as_bytes(model.item_encoder.collaborative.vectors.value.span()));
  return hash.text();
}

}  // namespace

std::string index_checksum(const std::map<std::string, Tensor>& tensors) {
  Hash hash(tensors.size());
  for (const auto& [name, tensor] : tensors) {
    hash.add(std::as_bytes(std::span(name)));
    hash.add(tensor.bytes);
  }
  return hash.text();
}

std::unique_ptr<ItemIndex> build_index(const Recommender& model, const Catalogue& catalogue) {
  ScoreSpace space = space_of(model, catalogue);
  Segment segment = segment_of(space, model, catalogue);
  return std::make_unique<ItemIndex>(std::move(space), std::move(segment));
}

double write_index(const fs::path& bundle, const Recommender& model, const Catalogue& catalogue) {
  const ScoreSpace space = space_of(model, catalogue);
  const Segment segment = segment_of(space, model, catalogue);
  auto tensors = segment.tensors();
  tensors.merge(axes_tensors(space.axes));
  write_safetensors(bundle / kIndexFile, tensors,
                    {{"format", kFormat},
                     {"fingerprint", fingerprint(model, catalogue)},
                     {"checksum", index_checksum(tensors)},
                     {kBallAxes, std::to_string(space.axes.ball_axes)}});
  return static_cast<double>(segment.bytes()) / static_cast<double>(segment.size());
}

std::unique_ptr<ItemIndex> open_index(const fs::path& bundle, const Recommender& model,
                                      const Catalogue& catalogue) {
  const fs::path file = bundle / kIndexFile;
  auto index = fs::exists(file) ? read_index(file, model, catalogue) : nullptr;
  return index ? std::move(index) : build_index(model, catalogue);
}

std::unique_ptr<ItemIndex> read_index(const fs::path& path, const Recommender& model,
                                      const Catalogue& catalogue) {
  // Not mapped: who cuts a mapped file short ends whoever searches it.
  const auto file = std::make_shared<const SafeTensors>(path);
  const auto fact = [&](const char* name) {
    const auto found = file->metadata().find(name);
    return found == file->metadata().end() ? std::string() : found->second;
  };
  if (fact("format") != kFormat || fact("fingerprint") != fingerprint(model, catalogue)) {
    return nullptr;
  }
  std::size_t ball_axes = kLeastBallAxes;
  while (ball_axes <= kMostBallAxes && fact(kBallAxes) != std::to_string(ball_axes))
    ball_axes += 16;
  if (ball_axes > kMostBallAxes || fact("checksum") != index_checksum(file->tensors())) {
    fail("{}: the file is damaged: its checksum differs; run tessera index again", path.string());
  }
  ScoreSpace space{scoring_tables(model), read_axes(*file, model.settings.width(), ball_axes)};
  Segment segment(space, file);
  if (segment.size() != catalogue.items()) {
    fail("{}: holds {} items of {}; run tessera index again", path.string(), segment.size(),
         catalogue.items());
  }
  return std::make_unique<ItemIndex>(std::move(space), std::move(segment));
}

}  // namespace tessera
