// What exact search over codes and ID vectors is made of.
#include "compare.h"

#include <array>

#include "kernels/node_bounds.h"
#include "kernels/scan.h"

namespace tessera::bench {
namespace {

/// A thousand blocks, more than the caches of a core hold, and one query that finds few of the
/// items.
void add_scan(Operands& operands) {
  constexpr std::size_t kBlocks = 1000;
  constexpr ScanShape kShape{.quads = 5, .octets = 5};
  const std::vector<std::int32_t>& numbers = operands.numbers(kBlocks * kShape.block_bytes(), 256);
  const std::vector<std::uint8_t> blocks(numbers.begin(), numbers.end());
  std::vector<std::int8_t> weights;
  for (std::size_t f = 0; f < kShape.fields(); ++f) {
    weights.push_back(static_cast<std::int8_t>((f % 2 == 0 ? 1 : -1) * (80 - static_cast<int>(f))));
  }
  const Work work{.bytes = static_cast<double>(blocks.size())};
  ScanQuery query = scan_query(kShape, weights);
  query.threshold = 6000;
  const auto scan_all = [=](auto scan) {
    std::array<ScanHit, kScanBlock> found{};
    std::size_t count = 0;
    for (std::size_t b = 0; b < kBlocks; ++b) {
      count += scan(blocks.data() + b * kShape.block_bytes(), query, found.data());
    }
    benchmark::DoNotOptimize(count);
  };
  for (const ScanTarget& target : scan_targets()) {
    measure(std::string("scan of 256,000 items, ") + target.name, work,
            [=] { scan_all(target.scan); });
  }
}

void add_node_bounds(Operands& operands) {
  constexpr std::size_t kBox = 16, kBall = 32, kNodes = 64;
  const Matrix& rows = operands.matrix(Nodes::row_count(kBox, kBall), kNodes);
  const std::span<float> box = operands.vector(kBox), ball = operands.vector(kBall),
                         bounds = operands.vector(kNodes), centres = operands.vector(kNodes);
  compare(
      "node_bounds", {.bytes = 4.0 * static_cast<double>(rows.size())},
      [&, box, ball, bounds, centres] {
        node_bounds({kBox, kBall, rows}, {box, ball, 1.0F, 1.0F}, bounds, centres);
      },
      [&, box, ball, bounds, centres] {
        for (std::size_t i = 0; i < kNodes; ++i) {
          bounds[i] = rows[2 * kBox + kBall][i] + rows[2 * kBox + kBall + 1][i];
          centres[i] = 0.0F;
          for (std::size_t d = 0; d < kBox; ++d) {
            const float low = box[d] * rows[d][i], high = box[d] * rows[kBox + d][i];
            bounds[i] += std::max(low, high);
            centres[i] += (low + high) / 2.0F;
          }
          for (std::size_t d = 0; d < kBall; ++d) {
            bounds[i] += ball[d] * rows[2 * kBox + d][i];
            centres[i] += ball[d] * rows[2 * kBox + d][i];
          }
        }
      });
}

}  // namespace

void add_search(Operands& operands) {
  add_scan(operands);
  add_node_bounds(operands);
}

}  // namespace tessera::bench
