#include "index/segment.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include "base/error.h"
#include "base/parallel.h"
#include "index/kd_order.h"
#include "kernels/box_bounds.h"

namespace tessera {
namespace {

constexpr std::int32_t kNoItem = -1;
constexpr std::size_t kGroups = kScanBlock / kScanGroup;
constexpr std::size_t kMostDims = 1024;
constexpr int kIdSteps = 127;  // of a byte of an ID vector, from side to side of its box
// Single precision rounds by 6e-8 of a term; what bounds a score is a sum of few dozen such terms.
constexpr double kSlack = 4e-6;

// Blocks with the best bounds are searched before all others, so that most of these can be skipped:
// this many, estimated from a sample of the bounds.
constexpr std::size_t kLeaders = 48;
constexpr std::size_t kBoundSample = 1024;

}  // namespace

IndexQuery index_query(const ScoringTables& tables, std::span<const float> state) {
  IndexQuery query;
  query.scores = score_tokens(tables, state);
  for (std::size_t d = 0; d < tables.id_dims(); ++d) {
    double sum = 0.0;
    for (std::size_t i = 0; i < tables.id_dims(); ++i) {
      sum += double{tables.id_axes[d][i]} * query.scores.id[i];
    }
    query.axes.push_back(static_cast<float>(sum));
  }
  query.axes.resize((tables.id_dims() + 3) / 4 * 4);
  const std::size_t codes = tables.codebook_size;
  std::vector<double> least(tables.levels);
  double widest = 0.0;
  for (std::size_t l = 0; l < tables.levels; ++l) {
    const auto level = std::span(query.scores.codes).subspan(l * codes, codes);
    const auto [low, high] = std::ranges::minmax(level);
    least[l] = low;
    query.code_base += low;
    query.code_best += high;
    widest = std::max(widest, high - low);
  }
  // A unit that is a little too large: rounding must not lift the best above 255.
  query.code_unit = static_cast<float>(widest / 255.0 * (1.0 + 1e-6) + 1e-30);
  query.code_scores.assign(tables.levels * kCodeBytes, 0);
  for (std::size_t l = 0; l < tables.levels; ++l) {
    std::uint8_t* bytes = query.code_scores.data() + l * kCodeBytes;
    for (std::size_t c = 0; c < codes; ++c) {
      const double units = (query.scores.codes[l * codes + c] - least[l]) / double{query.code_unit};
      std::uint8_t& byte = bytes[tables.code_bytes[l * codes + c]];
      byte = std::max(byte, static_cast<std::uint8_t>(std::ceil(units)));
    }
    query.bytes_best += *std::max_element(bytes, bytes + kCodeBytes);
  }
  return query;
}

struct Segment::Owned {
  AlignedBuffer<std::int32_t> items;
  AlignedBuffer<std::uint8_t> codes, id_bytes, corners;
  AlignedBuffer<std::uint16_t> wide_codes;
  AlignedBuffer<float> ids, low, high, boxes;
};

Segment::Segment(const ScoringTables& tables, std::span<const std::int32_t> items,
                 std::span<const std::int32_t> codes, MatrixView<const float> ids)
    : size_(items.size()),
      blocks_((items.size() + kScanBlock - 1) / kScanBlock),
      levels_(tables.levels),
      codebook_size_(tables.codebook_size),
      dims_(tables.id_dims()) {
  check_codes(codes, codebook_size_);
  if (padded() > kMostDims) fail("an ID vector has more than {} dimensions", kMostDims);
  for (std::size_t i = 0; i < ids.rows; ++i) check_values(ids.row(i), "an ID vector is");
  const std::vector<std::uint32_t> order = kd_order(tables, ids, kScanBlock, kScanGroup);

  auto owned = std::make_shared<Owned>();
  const std::size_t places = blocks_ * kScanBlock;
  owned->items = AlignedBuffer<std::int32_t>(places);
  owned->codes = AlignedBuffer<std::uint8_t>(places * levels_);
  if (codebook_size_ > kCodeBytes)
    owned->wide_codes = AlignedBuffer<std::uint16_t>(places * levels_);
  owned->id_bytes = AlignedBuffer<std::uint8_t>(places * quads() * 4);
  owned->ids = AlignedBuffer<float>(places * dims_);
  owned->low = AlignedBuffer<float>(dims_ * blocks_);
  owned->high = AlignedBuffer<float>(dims_ * blocks_);
  owned->boxes = AlignedBuffer<float>(2 * padded() * blocks_);
  owned->corners = AlignedBuffer<std::uint8_t>(2 * padded() * kGroups * blocks_);
  parallel_for(blocks_, 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t b = begin; b < end; ++b) {
      const std::size_t count = std::min(kScanBlock, size_ - b * kScanBlock);
      const auto rows = std::span(order).subspan(b * kScanBlock, count);
      for (std::size_t i = 0; i < kScanBlock; ++i) {
        owned->items.data()[b * kScanBlock + i] = i < count ? items[rows[i]] : kNoItem;
      }
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t l = 0; l < levels_; ++l) {
          const auto code = static_cast<std::size_t>(codes[rows[i] * levels_ + l]);
          const std::size_t at = place_of_code(b, l, i);
          owned->codes.data()[at] = tables.code_bytes[l * codebook_size_ + code];
          if (codebook_size_ > kCodeBytes) {
            owned->wide_codes.data()[at] = static_cast<std::uint16_t>(code);
          }
        }
        std::copy_n(ids[rows[i]], dims_, owned->ids.data() + (b * kScanBlock + i) * dims_);
      }
      for (std::size_t d = 0; d < dims_; ++d) pack_dimension(tables, ids, rows, b, d, *owned);
    }
  });
  arrays_ = {owned->items.span(),    owned->codes.span(), owned->wide_codes.span(),
             owned->id_bytes.span(), owned->ids.span(),   owned->low.span(),
             owned->high.span(),     owned->boxes.span(), owned->corners.span()};
  memory_ = std::move(owned);
  find_largest();
}

Segment::Segment(const ScoringTables& tables, std::shared_ptr<const SafeTensors> file)
    : levels_(tables.levels), codebook_size_(tables.codebook_size), dims_(tables.id_dims()) {
  const std::size_t places = file->at("items").count();
  blocks_ = places / kScanBlock;
  if (places % kScanBlock != 0) fail("{}: holds no whole blocks of items", file->path().string());
  const std::size_t wide = codebook_size_ > kCodeBytes ? places * levels_ : 0;
  arrays_ = {file->values<std::int32_t>("items", "I32", places),
             file->values<std::uint8_t>("codes", "U8", places * levels_),
             file->values<std::uint16_t>("wide_codes", "U16", wide),
             file->values<std::uint8_t>("id_bytes", "U8", places * padded()),
             file->values<float>("ids", "F32", places * dims_),
             file->values<float>("low", "F32", blocks_ * dims_),
             file->values<float>("high", "F32", blocks_ * dims_),
             file->values<float>("boxes", "F32", 2 * blocks_ * padded()),
             file->values<std::uint8_t>("corners", "U8", 2 * blocks_ * padded() * kGroups)};
  // What a search uses as an index must be in range; a damaged number merely spoils a score.
  const auto in_range = [&](auto span) {
    return std::ranges::all_of(span, [&](auto code) { return code < codebook_size_; });
  };
  if (!(wide > 0 ? in_range(arrays_.wide_codes) : in_range(arrays_.codes))) {
    fail("{}: a code is outside a codebook of {}; build the index again", file->path().string(),
         codebook_size_);
  }
  for (const std::int32_t item : arrays_.items) {
    if (item < kNoItem) fail("{}: an item number is negative", file->path().string());
    size_ += item == kNoItem ? 0 : 1;
  }
  memory_ = std::move(file);
  find_largest();
}

void Segment::find_largest() {
  for (const auto side : {arrays_.low, arrays_.high}) {
    for (const float x : side) largest_ = std::max(largest_, std::abs(x));
  }
}

std::map<std::string, Tensor> Segment::tensors() const {
  const auto tensor = [](const char* dtype, auto values) -> Tensor {
    return {dtype, {values.size()}, std::as_bytes(values)};
  };
  return {{"items", tensor("I32", arrays_.items)},
          {"codes", tensor("U8", arrays_.codes)},
          {"wide_codes", tensor("U16", arrays_.wide_codes)},
          {"id_bytes", tensor("U8", arrays_.id_bytes)},
          {"ids", tensor("F32", arrays_.ids)},
          {"low", tensor("F32", arrays_.low)},
          {"high", tensor("F32", arrays_.high)},
          {"boxes", tensor("F32", arrays_.boxes)},
          {"corners", tensor("U8", arrays_.corners)}};
}

std::size_t Segment::bytes() const {
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : tensors()) bytes += tensor.bytes.size();
  return bytes;
}

void Segment::for_each(const std::function<void(std::int32_t, std::span<const std::int32_t>,
                                                std::span<const float>)>& visit) const {
  std::vector<std::int32_t> codes(levels_);
  for (std::size_t place = 0; place < arrays_.items.size(); ++place) {
    if (arrays_.items[place] == kNoItem) continue;
    for (std::size_t l = 0; l < levels_; ++l) {
      codes[l] = static_cast<std::int32_t>(code_at(place / kScanBlock, l, place % kScanBlock));
    }
    visit(arrays_.items[place], codes, arrays_.ids.subspan(place * dims_, dims_));
  }
}

// Dimension d, along the axes, of the ID vectors of a block: the block's box, each vector's byte
// within it, and the corners of the groups.
void Segment::pack_dimension(const ScoringTables& tables, MatrixView<const float> ids,
                             std::span<const std::uint32_t> rows, std::size_t block, std::size_t d,
                             Owned& owned) const {
  float along[kScanBlock] = {};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < dims_; ++j) {
      sum += double{tables.id_axes[d][j]} * double{ids[rows[i]][j]};
    }
    along[i] = static_cast<float>(sum);
  }
  const auto [low, high] = std::ranges::minmax(std::span(along, rows.size()));
  const float step = (high - low) / static_cast<float>(kIdSteps);
  owned.low.data()[d * blocks_ + block] = low;
  owned.high.data()[d * blocks_ + block] = high;
  owned.boxes.data()[2 * block * padded() + d] = low;
  owned.boxes.data()[(2 * block + 1) * padded() + d] = step;
  std::uint8_t* bytes = owned.id_bytes.data() + block * kScanBlock * padded();
  std::uint8_t* low_corners = owned.corners.data() + 2 * block * padded() * kGroups;
  std::uint8_t* high_corners = low_corners + padded() * kGroups;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float steps = step > 0.0F ? std::round((along[i] - low) / step) : 0.0F;
    const auto byte =
        static_cast<std::uint8_t>(std::clamp(steps, 0.0F, static_cast<float>(kIdSteps)));
    bytes[scan_place(i, d, quads())] = byte;
    const std::size_t corner = (d / 4 * 4 + i / kScanGroup) * 4 + d % 4;
    const bool first = i % kScanGroup == 0;
    low_corners[corner] = first ? byte : std::min(low_corners[corner], byte);
    high_corners[corner] = first ? byte : std::max(high_corners[corner], byte);
  }
}

std::size_t Segment::place_of_code(std::size_t block, std::size_t level, std::size_t offset) const {
  const std::size_t group = block * kGroups + offset / kScanGroup;
  return (group * levels_ + level) * kScanGroup + offset % kScanGroup;
}

std::size_t Segment::code_at(std::size_t block, std::size_t level, std::size_t offset) const {
  const std::size_t at = place_of_code(block, level, offset);
  return wide() ? arrays_.wide_codes[at] : arrays_.codes[at];
}

double Segment::score(const IndexQuery& query, std::size_t block, std::size_t offset) const {
  double sum = 0.0;
  for (std::size_t l = 0; l < levels_; ++l) {
    sum += query.scores.codes[l * codebook_size_ + code_at(block, l, offset)];
  }
  const float* id = arrays_.ids.data() + (block * kScanBlock + offset) * dims_;
  for (std::size_t d = 0; d < dims_; ++d) sum += query.scores.id[d] * double{id[d]};
  return sum;
}

void Segment::search_block(const IndexQuery& query, std::size_t block, double slack,
                           const Admission& admission, ScanFunction scan, TopK& best,
                           SearchStatistics& statistics) const {
  // score ≤ base + code_unit · Σ bytes + id_unit · <weights, bytes of the ID vector> + error
  const float* low = arrays_.boxes.data() + 2 * block * padded();
  const float* step = low + padded();
  const float* axes = query.axes.data();
  float slopes[kMostDims];
  float base = 0.0F;
  float steepest = 0.0F;
  for (std::size_t d = 0; d < padded(); ++d) {
    base += axes[d] * low[d];
    slopes[d] = axes[d] * step[d];
    steepest = std::max(steepest, std::abs(slopes[d]));
  }
  const float id_unit = steepest / 127.0F + 1e-30F;
  const float inverse = 1.0F / id_unit;
  std::int8_t weights[kMostDims];
  float error = 0.0F;
  for (std::size_t d = 0; d < padded(); ++d) {
    const float exact = slopes[d] * inverse;
    const auto weight = static_cast<int>(exact + (exact < 0.0F ? -0.5F : 0.5F));
    weights[d] = static_cast<std::int8_t>(weight);
    error += std::abs(slopes[d] - static_cast<float>(weight) * id_unit) * kIdSteps +
             std::abs(slopes[d]) / 2.0F;
  }
  const double threshold = best.threshold();
  const double rest = threshold - query.code_base - double{base} - double{error} -
                      (slack + kSlack * std::abs(threshold));
  const ScanQuery scanned{levels_,         quads(), query.code_scores.data(), weights,
                          query.code_unit, id_unit, static_cast<float>(rest), query.bytes_best};
  const std::uint8_t* corners = arrays_.corners.data() + 2 * block * padded() * kGroups;
  const ScanBlock bytes{arrays_.codes.data() + block * levels_ * kScanBlock,
                        arrays_.id_bytes.data() + block * kScanBlock * padded(), corners,
                        corners + padded() * kGroups};
  std::uint16_t found[kScanBlock];
  std::size_t count = scan(bytes, scanned, found);
  ++statistics.blocks;
  // ID vectors come from far memory: ask for all of them, but for none that may not be returned.
  const std::int32_t* items = arrays_.items.data() + block * kScanBlock;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t item = items[found[i]];
    if (item == kNoItem) continue;
    if (admission.allowed != nullptr && !admission.allowed->contains(item)) continue;
    __builtin_prefetch(arrays_.ids.data() + (block * kScanBlock + found[i]) * dims_);
    found[kept++] = found[i];
  }
  count = kept;
  statistics.rescored += count;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t item = items[found[i]];
    const double exact = score(query, block, found[i]);
    if (best.admits(exact, item) && admission.admits(item)) best.add(exact, item);
  }
}

void Segment::search(const IndexQuery& query, const Admission& admission, ScanFunction scan,
                     TopK& best, SearchStatistics& statistics) const {
  const auto bounds = std::make_unique_for_overwrite<float[]>(blocks_);
  const std::span<float> all(bounds.get(), blocks_);
  box_bounds(std::span(query.axes).first(dims_), {arrays_.low.data(), dims_, blocks_},
             {arrays_.high.data(), dims_, blocks_}, static_cast<float>(query.code_best), all);
  // What rounding may take from a bound.
  double magnitude = std::abs(query.code_base) + std::abs(query.code_best) +
                     255.0 * static_cast<double>(levels_) * double{query.code_unit};
  for (const float q : query.axes) magnitude += 3.0 * std::abs(double{q}) * double{largest_};
  const double slack = kSlack * magnitude;
  const auto worth = [&](float bound) { return double{bound} + slack >= best.threshold(); };

  // The blocks with the best bounds first; where there are many, a sample says which these are.
  // Without ID vectors all bounds are equal.
  std::vector<std::uint32_t> leaders;
  float least_leader =
      dims_ == 0 ? std::numeric_limits<float>::infinity() : -std::numeric_limits<float>::infinity();
  if (dims_ > 0 && blocks_ > kBoundSample) {
    std::vector<float> sample;
    const std::size_t stride = blocks_ / kBoundSample;
    for (std::size_t b = stride / 2; b < blocks_; b += stride) {
      if (!std::isnan(all[b])) sample.push_back(all[b]);  // as a damaged file may make it
    }
    if (sample.empty()) return;
    const std::size_t rank = kLeaders * sample.size() / blocks_;
    std::ranges::nth_element(sample, sample.begin() + static_cast<std::ptrdiff_t>(rank),
                             std::ranges::greater());
    least_leader = sample[rank];
  }
  for (std::size_t b = 0; b < blocks_; ++b) {
    if (all[b] >= least_leader) leaders.push_back(static_cast<std::uint32_t>(b));
  }
  std::ranges::sort(leaders, [&](std::uint32_t a, std::uint32_t b) {
    return all[a] != all[b] ? all[a] > all[b] : a < b;
  });
  for (const std::uint32_t b : leaders) {
    if (!worth(all[b])) break;
    search_block(query, b, slack, admission, scan, best, statistics);
  }
  for (std::size_t b = 0; b < blocks_; ++b) {
    if (all[b] < least_leader && worth(all[b])) {
      search_block(query, b, slack, admission, scan, best, statistics);
    }
  }
}

}  // namespace tessera
