#include "index/scoring_tables.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "kernels/accumulate.h"

namespace tessera {
namespace {

constexpr std::size_t kTypicalStates = 1024;

// Ranks of the codes of one level along the codebook's principal axis, spread over 256 bytes.
void spread_codes(const ScoringTables& tables, std::size_t level, std::span<std::uint8_t> bytes) {
  const std::size_t codes = tables.codebook_size;
  Eigen::MatrixXd rows(codes, tables.width());
  for (std::size_t c = 0; c < codes; ++c) {
    for (std::size_t w = 0; w < tables.width(); ++w) {
      rows(static_cast<Eigen::Index>(c), static_cast<Eigen::Index>(w)) =
          tables.tables[w][level * codes + c];
    }
  }
  rows.rowwise() -= rows.colwise().mean().eval();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(rows.transpose() * rows);
  const Eigen::VectorXd places = rows * solver.eigenvectors().rightCols(1);
  std::vector<std::size_t> order(codes);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(
      order, {}, [&](std::size_t c) { return std::pair(places[static_cast<Eigen::Index>(c)], c); });
  for (std::size_t rank = 0; rank < codes; ++rank) {
    bytes[order[rank]] = static_cast<std::uint8_t>(rank * kCodeBytes / codes);
  }
}

// States after one item each: enough to know where states of this model look.
Matrix typical_states(const Recommender& model, const Catalogue& catalogue) {
  const std::size_t count = std::min(kTypicalStates, catalogue.items());
  Random random(model.settings.seed, {count});
  std::vector<std::int32_t> items(count);
  for (std::int32_t& item : items) {
    item = static_cast<std::int32_t>(random.below(catalogue.items()));
  }
  std::vector<History> histories;
  for (const std::int32_t& item : items) histories.emplace_back(&item, 1);
  Matrix states(count, model.settings.width());
  user_states(model, catalogue, histories, states);
  return states;
}

}  // namespace

void check_codes(std::span<const std::int32_t> codes, std::size_t codebook_size) {
  for (const std::int32_t code : codes) {
    if (code < 0 || static_cast<std::size_t>(code) >= codebook_size) {
      fail("code {} is outside a codebook of {}", code, codebook_size);
    }
  }
}

void check_values(std::span<const float> values, const char* what) {
  for (const float value : values) {
    if (!(std::abs(value) <= kLargestValue)) {  // true for what is not a number
      fail("{} not finite or beyond {:g}: the model is damaged or has diverged", what,
           kLargestValue);
    }
  }
}

void orient(ScoringTables& tables, MatrixView<const float> typical_states) {
  check_values(tables.tables.span(), "a codebook is");
  check_values(tables.id_map.span(), "the map of ID vectors is");
  check_values(tables.id_offset, "the offset of ID vectors is");
  const auto dims = static_cast<Eigen::Index>(tables.id_dims());
  Eigen::MatrixXd moment = Eigen::MatrixXd::Identity(dims, dims);
  if (typical_states.rows > 0) moment.setZero();
  for (std::size_t i = 0; i < typical_states.rows; ++i) {
    const TokenScores scores = score_tokens(tables, typical_states.row(i));
    const Eigen::Map<const Eigen::VectorXd> query(scores.id.data(), dims);
    moment.noalias() += query * query.transpose() / static_cast<double>(typical_states.rows);
  }
  tables.id_axes = Matrix(tables.id_dims(), tables.id_dims());
  tables.axis_weights.assign(tables.id_dims(), 0.0F);
  if (dims > 0) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(moment);
    for (Eigen::Index d = 0; d < dims; ++d) {
      const Eigen::Index axis = dims - 1 - d;  // the weightiest first
      tables.axis_weights[static_cast<std::size_t>(d)] =
          static_cast<float>(std::sqrt(std::max(0.0, solver.eigenvalues()[axis])));
      for (Eigen::Index i = 0; i < dims; ++i) {
        tables.id_axes[static_cast<std::size_t>(d)][i] =
            static_cast<float>(solver.eigenvectors()(i, axis));
      }
    }
  }
  const std::size_t codes = tables.codebook_size;
  tables.code_bytes.resize(tables.levels * codes);
  for (std::size_t l = 0; l < tables.levels; ++l) {
    const auto bytes = std::span(tables.code_bytes).subspan(l * codes, codes);
    if (codes <= kCodeBytes) {
      std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
    } else {
      spread_codes(tables, l, bytes);
    }
  }
}

ScoringTables token_tables(const Recommender& model) {
  const Settings& settings = model.settings;
  const std::size_t shared = settings.shared_width();
  const std::size_t width = settings.width();
  ScoringTables tables;
  if (settings.has_semantics()) {
    tables.levels = settings.codes();
    tables.codebook_size = settings.codebook_size;
    tables.tables = Matrix(width, tables.levels * tables.codebook_size);
    for (std::size_t l = 0; l < tables.levels; ++l) {
      const auto [rows, column] = model.item_encoder.token_table(l);
      for (std::size_t c = 0; c < rows.rows; ++c) {
        for (std::size_t w = 0; w < rows.cols; ++w) {
          tables.tables[column + w][l * tables.codebook_size + c] = rows[c][w];
        }
      }
    }
  }
  tables.id_map = Matrix(settings.id_width(), width);
  tables.id_offset.assign(settings.id_width(), 0.0F);
  for (std::size_t d = 0; d < settings.id_width(); ++d) tables.id_map[d][shared + d] = 1.0F;
  return tables;
}

ScoringTables scoring_tables(const Recommender& model, const Catalogue& catalogue) {
  ScoringTables tables = token_tables(model);
  orient(tables, typical_states(model, catalogue));
  return tables;
}

std::map<std::string, Tensor> orientation_tensors(const ScoringTables& tables) {
  const std::span<const float> weights(tables.axis_weights);
  const std::span<const std::uint8_t> bytes(tables.code_bytes);
  return {{"id_axes", as_tensor(tables.id_axes)},
          {"axis_weights", {"F32", {weights.size()}, std::as_bytes(weights)}},
          {"code_bytes", {"U8", {bytes.size()}, std::as_bytes(bytes)}}};
}

void read_orientation(const SafeTensors& file, ScoringTables& tables) {
  const std::size_t dims = tables.id_dims();
  tables.id_axes = file.matrix("id_axes", dims, dims);
  const Matrix weights = file.matrix("axis_weights", 1, dims);
  tables.axis_weights.assign(weights.span().begin(), weights.span().end());
  const auto bytes =
      file.values<std::uint8_t>("code_bytes", "U8", tables.levels * tables.codebook_size);
  tables.code_bytes.assign(bytes.begin(), bytes.end());
}

double token_score(const ScoringTables& tables, const TokenScores& scores,
                   std::span<const std::int32_t> codes, std::span<const float> id) {
  double sum = 0.0;
  for (std::size_t l = 0; l < codes.size(); ++l) {
    sum += scores.codes[l * tables.codebook_size + static_cast<std::size_t>(codes[l])];
  }
  for (std::size_t d = 0; d < id.size(); ++d) sum += scores.id[d] * double{id[d]};
  return sum;
}

TokenScores score_tokens(const ScoringTables& tables, std::span<const float> state) {
  check_values(state, "the user's state is");
  TokenScores scores;
  scores.codes.assign(tables.levels * tables.codebook_size, 0.0);
  for (std::size_t w = 0; w < tables.tables.rows(); ++w) {
    accumulate_scaled(double{state[w]}, tables.tables.view().row(w), scores.codes);
  }
  scores.id.assign(tables.id_offset.begin(), tables.id_offset.end());
  for (std::size_t d = 0; d < tables.id_dims(); ++d) {
    for (std::size_t w = 0; w < state.size(); ++w) {
      scores.id[d] += double{tables.id_map[d][w]} * double{state[w]};
    }
  }
  return scores;
}

}  // namespace tessera
