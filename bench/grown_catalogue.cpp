#include "bench/grown_catalogue.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"

namespace tessera {
namespace {

std::vector<double> deviations(const Catalogue& catalogue, std::size_t first, std::size_t dims) {
  std::vector<double> result;
  const auto n = static_cast<double>(catalogue.items());
  for (std::size_t d = first; d < first + dims; ++d) {
    double sum = 0.0;
    double squares = 0.0;
    for (const std::int32_t row : catalogue.rows) {
      const double x = catalogue.vectors[static_cast<std::size_t>(row)][d];
      sum += x;
      squares += x * x;
    }
    result.push_back(std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n))));
  }
  return result;
}

}  // namespace

GrownCatalogue grow_catalogue(const Recommender& model, const Catalogue& catalogue,
                              std::size_t items, double spread, std::uint64_t seed) {
  const std::size_t real = catalogue.items();
  const std::size_t levels = catalogue.levels;
  const std::size_t dims = model.settings.id_width();
  const std::size_t shared = model.settings.shared_width();
  const std::vector<double> deviation = deviations(catalogue, shared, dims);
  GrownCatalogue grown;
  grown.codes.resize(items * levels);
  grown.ids = Matrix(items, dims);
  parallel_for(items, 4096, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      Random random(seed, {i});
      const bool is_real = i < real;
      const std::size_t text = is_real ? i : random.below(real);
      const std::size_t last = is_real || random.below(2) == 0 ? text : random.below(real);
      const std::size_t id = is_real ? i : random.below(real);
      for (std::size_t l = 0; l < levels; ++l) {
        const std::size_t source = l + 1 == levels ? last : text;
        grown.codes[i * levels + l] = catalogue.codes[source * levels + l];
      }
      const float* vector = catalogue.vectors[static_cast<std::size_t>(catalogue.rows[id])];
      for (std::size_t d = 0; d < dims; ++d) {
        const double moved = is_real ? 0.0 : spread * deviation[d] * random.normal();
        grown.ids[i][d] = vector[shared + d] + static_cast<float>(moved);
      }
    }
  });
  return grown;
}

}  // namespace tessera
