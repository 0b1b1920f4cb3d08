#include "train/text_agreement.h"

#include <algorithm>

#include "base/random.h"
#include "kernels/elementwise.h"
#include "nn/kmeans.h"

namespace tessera {
namespace {

constexpr std::size_t kMostPairs = 8192, kFewestPairs = 1000;

struct Pair {
  std::int32_t earlier, later;
};

// Neighbours of different items, at even distances in the log.
std::vector<Pair> neighbours(const Dataset& data) {
  std::size_t all = 0;
  for (std::size_t u = 0; u < data.users(); ++u) {
    all += std::max<std::size_t>(train_history(data, u).size(), 1) - 1;
  }
  const std::size_t step = std::max<std::size_t>(1, all / kMostPairs);
  std::vector<Pair> pairs;
  std::size_t number = 0;
  for (std::size_t u = 0; u < data.users(); ++u) {
    const auto history = train_history(data, u);
    for (std::size_t e = 1; e < history.size(); ++e) {
      if (number++ % step == 0 && history[e] != history[e - 1]) {
        pairs.push_back({history[e - 1], history[e]});
      }
    }
  }
  return pairs;
}

// Embeddings of these items alone, [items, dims] in their order: the whole may be larger than
// memory.
Matrix embeddings_of(std::span<const std::int32_t> items, const Dataset& data,
                     const fs::path& directory) {
  Matrix rows;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const RowSelection one = {.first = static_cast<std::size_t>(items[i]), .count = 1};
    const Matrix row = read_embeddings(directory, data.items.size(), one);
    if (i == 0) rows = Matrix(items.size(), row.cols());
    std::ranges::copy(row.span(), rows[i]);
  }
  return rows;
}

// Of length 1 about their mean; rows without a text stay out of the mean, and zero.
void centre(Matrix& rows) {
  std::vector<double> mean(rows.cols());
  double count = 0.0;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const auto row = rows.view().row(i);
    if (norm(row) == 0.0F) continue;
    for (std::size_t d = 0; d < row.size(); ++d) mean[d] += double{row[d]};
    ++count;
  }
  for (double& x : mean) x /= std::max(count, 1.0);
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const auto row = rows.view().row(i);
    if (norm(row) == 0.0F) continue;
    for (std::size_t d = 0; d < row.size(); ++d) row[d] -= static_cast<float>(mean[d]);
    normalise(row);
  }
}

}  // namespace

std::optional<double> text_agreement(const Dataset& data, const fs::path& directory) {
  std::vector<Pair> pairs = neighbours(data);
  if (pairs.size() < kFewestPairs) return std::nullopt;
  Random random(0, {0xA9});
  random.shuffle(std::span(pairs));
  std::vector<std::int32_t> items;
  for (const Pair& pair : pairs) items.insert(items.end(), {pair.earlier, pair.later});
  std::ranges::sort(items);
  items.erase(std::ranges::unique(items).begin(), items.end());
  Matrix rows = embeddings_of(items, data, directory);
  centre(rows);
  const auto row_of = [&](std::int32_t item) {
    const auto at = std::ranges::lower_bound(items, item) - items.begin();
    return rows.view().row(static_cast<std::size_t>(at));
  };
  double wins = 0.0;
  std::size_t compared = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::int32_t other = pairs[(i + 1) % pairs.size()].later;  // as often as it is chosen
    if (other == pairs[i].later || other == pairs[i].earlier) continue;
    const auto text = row_of(pairs[i].earlier);
    const float near = dot(text, row_of(pairs[i].later)), far = dot(text, row_of(other));
    wins += near > far ? 1.0 : near == far ? 0.5 : 0.0;
    ++compared;
  }
  if (compared < kFewestPairs) return std::nullopt;
  return wins / static_cast<double>(compared);
}

}  // namespace tessera
