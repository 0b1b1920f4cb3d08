// What exact search over codes and ID vectors is made of.
#include "compare.h"
#include "kernels/box_bounds.h"
#include "kernels/scan.h"

namespace tessera::bench {
namespace {

/// A thousand blocks, more than the caches of a core hold, and one query that finds few of the
/// items.
void add_scan(Operands& operands) {
  constexpr std::size_t kBlocks = 1000, kLevels = 3, kQuads = 2, kDims = 4 * kQuads;
  const auto bytes = [&](std::size_t count, std::size_t bound) {
    const std::vector<std::int32_t>& numbers = operands.numbers(count, bound);
    return std::vector<std::uint8_t>(numbers.begin(), numbers.end());
  };
  const std::vector<std::uint8_t> codes = bytes(kBlocks * kLevels * kScanBlock, 256),
                                  ids = bytes(kBlocks * kDims * kScanBlock, 128),
                                  tables = bytes(kLevels * 256, 256), low(kDims * 4, 0),
                                  high(kDims * 4, 127);
  const std::vector<std::int8_t> weights = {100, -90, 80, -70, 60, -50, 40, -30};
  // The sum of the tables alone: 765 at most, reached by few.
  const float threshold = 700;
  const Work work{.bytes = static_cast<double>(codes.size() + ids.size())};
  const auto scan_all = [=](auto scan) {
    ScanQuery query{.levels = kLevels,
                    .quads = kQuads,
                    .tables = tables.data(),
                    .weights = weights.data(),
                    .table_unit = 1,
                    .id_unit = 1e-3F,
                    .threshold = threshold,
                    .table_max = 765};
    std::array<std::uint16_t, kScanBlock> found{};
    std::size_t count = 0;
    for (std::size_t b = 0; b < kBlocks; ++b) {
      const ScanBlock block{codes.data() + b * kLevels * kScanBlock,
                            ids.data() + b * kDims * kScanBlock, low.data(), high.data()};
      count += scan(block, query, found.data());
    }
    benchmark::DoNotOptimize(count);
  };
  for (const ScanTarget& target : scan_targets()) {
    measure(std::string("scan of 256,000 items, ") + target.name, work,
            [=] { scan_all(target.scan); });
  }
  measure("scan of 256,000 items/plain", work, [=] {
    scan_all([](const ScanBlock& block, const ScanQuery& query, std::uint16_t* found) {
      std::size_t count = 0;
      for (std::size_t i = 0; i < kScanBlock; ++i) {
        const std::size_t group = i / kScanGroup, place = i % kScanGroup;
        std::int32_t table = 0, id = 0;
        for (std::size_t l = 0; l < query.levels; ++l) {
          table += query.tables[l * 256 + block.codes[(group * kLevels + l) * kScanGroup + place]];
        }
        for (std::size_t d = 0; d < kDims; ++d) {
          id += query.weights[d] * block.ids[scan_place(i, d, query.quads)];
        }
        if (query.table_unit * static_cast<float>(table) + query.id_unit * static_cast<float>(id) >=
            query.threshold) {
          found[count++] = static_cast<std::uint16_t>(i);
        }
      }
      return count;
    });
  });
}

void add_box_bounds(Operands& operands) {
  constexpr std::size_t kDims = 8, kBoxes = 4096;
  const Matrix &low = operands.matrix(kDims, kBoxes), &high = operands.matrix(kDims, kBoxes);
  const std::span<float> query = operands.vector(kDims), bounds = operands.vector(kBoxes);
  compare(
      "box_bounds", {.bytes = 8.0 * kDims * kBoxes},
      [&, query, bounds] { box_bounds(query, low, high, 0.5F, bounds); },
      [&, query, bounds] {
        for (std::size_t b = 0; b < kBoxes; ++b) {
          bounds[b] = 0.5F;
          for (std::size_t d = 0; d < kDims; ++d) {
            bounds[b] += std::max(query[d] * low[d][b], query[d] * high[d][b]);
          }
        }
      });
}

}  // namespace

void add_search(Operands& operands) {
  add_scan(operands);
  add_box_bounds(operands);
}

}  // namespace tessera::bench
