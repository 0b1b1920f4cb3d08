#include "train/shared_state.h"

#include <algorithm>
#include <cstring>

#include "base/files.h"
#include "train/training_share.h"

namespace tessera {
namespace {

template <class T>
void take_rank_rows(MatrixView<const T> whole, std::size_t rank, std::size_t ranks, T* own) {
  for (std::size_t row = rank; row < whole.rows; row += ranks, own += whole.cols) {
    std::copy_n(whole[row], whole.cols, own);
  }
}

template <class T>
void put_rank_rows(MatrixView<T> own, std::size_t rank, std::size_t ranks, MatrixView<T> whole) {
  for (std::size_t row = 0; row < own.rows; ++row) {
    std::copy_n(own[row], own.cols, whole[rank + row * ranks]);
  }
}

std::vector<std::span<const std::byte>> nothing_from(const Ranks& ranks) {
  return std::vector<std::span<const std::byte>>(ranks.size);
}
std::vector<std::span<std::byte>> nothing_to(const Ranks& ranks) {
  return std::vector<std::span<std::byte>>(ranks.size);
}

template <class T>
std::span<std::byte> bytes_of(MatrixView<T> matrix) {
  return std::as_writable_bytes(std::span(matrix.data, matrix.size()));
}

// Every rank's rows of a table from rank 0's whole one, which others do not have.
template <class T>
void scatter_table(const Ranks& ranks, MatrixView<const T> whole, MatrixView<T> own) {
  std::vector<AlignedBuffer<T>> parts;
  auto out = nothing_from(ranks);
  auto in = nothing_to(ranks);
  for (std::size_t r = 0; ranks.first() && r < ranks.size; ++r) {
    parts.emplace_back(rows_of_rank(whole.rows, r, ranks.size) * whole.cols);
    take_rank_rows(whole, r, ranks.size, parts.back().data());
    out[r] = std::as_bytes(parts.back().span());
  }
  in[0] = bytes_of(own);
  ranks.exchange(out, in);
}

// On rank 0 the whole table from every rank's rows.
template <class T>
void gather_table(const Ranks& ranks, MatrixView<T> own, MatrixView<T> whole, std::size_t items) {
  std::vector<AlignedBuffer<T>> parts(ranks.size);
  auto out = nothing_from(ranks);
  auto in = nothing_to(ranks);
  out[0] = bytes_of(own);
  for (std::size_t r = 0; ranks.first() && r < ranks.size; ++r) {
    parts[r] = AlignedBuffer<T>(rows_of_rank(items, r, ranks.size) * own.cols);
    in[r] = std::as_writable_bytes(parts[r].span());
  }
  ranks.exchange(out, in);
  for (std::size_t r = 0; r < ranks.size; ++r) {
    if (parts[r].size() == 0) continue;  // also if there are no columns
    const MatrixView<T> rows(parts[r].data(), parts[r].size() / own.cols, own.cols);
    put_rank_rows(rows, r, ranks.size, whole);
  }
}

// Codes that were found before training; without columns if there are none.
MatrixView<std::int32_t> codes_of(Recommender& model) {
  CollaborativeTokens& tokens = model.item_encoder.collaborative;
  return {tokens.codes.data(), model.items(), tokens.parts};
}

struct StateMatrix {
  Matrix* matrix;
  bool table;
};

std::vector<StateMatrix> matrices_of(TrainingState& state) {
  std::vector<StateMatrix> list;
  visit_matrices(state, [&](Matrix& matrix, bool table) { list.push_back({&matrix, table}); });
  return list;
}

}  // namespace

void share_out(const Ranks& ranks, TrainingState& state) {
  const std::string text =
      broadcast_text(ranks, ranks.first() ? dump_json(describe(state)) : std::string());
  const nlohmann::json description = parse_json(text, "the state of rank 0");
  const std::size_t items = description.at("items");
  TrainingState own = state_described(description, rows_of_rank(items, ranks.rank, ranks.size));
  const std::vector<StateMatrix> to = matrices_of(own);
  const std::vector<StateMatrix> from = ranks.first() ? matrices_of(state) : to;
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i].table) {
      scatter_table<float>(ranks, *from[i].matrix, *to[i].matrix);
    } else {
      if (ranks.first()) *to[i].matrix = from[i].matrix->clone();
      ranks.broadcast(bytes_of(to[i].matrix->view()));
    }
  }
  scatter_table<std::int32_t>(ranks, codes_of(state.model), codes_of(own.model));
  state = std::move(own);
}

std::optional<TrainingState> whole_state(const Ranks& ranks, TrainingState& state,
                                         std::size_t items) {
  std::optional<TrainingState> whole;
  if (ranks.first()) whole = state_described(describe(state), items);
  const std::vector<StateMatrix> from = matrices_of(state);
  const std::vector<StateMatrix> to = whole ? matrices_of(*whole) : from;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i].table) {
      gather_table<float>(ranks, from[i].matrix->view(), *to[i].matrix, items);
    } else if (whole) {
      *to[i].matrix = from[i].matrix->clone();
    }
  }
  gather_table<std::int32_t>(ranks, codes_of(state.model),
                             codes_of(whole ? whole->model : state.model), items);
  return whole;
}

std::optional<WholeModel> whole_model(const Ranks& ranks, Recommender& model, Catalogue& own,
                                      std::size_t items) {
  Recommender whole;
  if (ranks.first()) {
    whole = Recommender(model.settings, items, model.item_encoder.text_dims());
  }
  const ParameterList from = model.parameters();
  const ParameterList to = ranks.first() ? whole.parameters() : from;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (ranks.first()) to[i]->keep_value_alone();
    if (from[i]->is_table()) {
      gather_table<float>(ranks, from[i]->value, to[i]->value, items);
    } else if (ranks.first()) {
      to[i]->value = from[i]->value.clone();
    }
  }
  std::vector<std::int32_t> codes(ranks.first() ? items * own.levels : 0);
  gather_table<std::int32_t>(ranks, {own.codes.data(), model.items(), own.levels},
                             {codes.data(), items, own.levels}, items);
  gather_table<std::int32_t>(ranks, codes_of(model), codes_of(ranks.first() ? whole : model),
                             items);
  if (!ranks.first()) return std::nullopt;
  UnifiedItemEncoder& encoder = whole.item_encoder;
  auto& levels = encoder.quantizer.levels;
  for (std::size_t l = 0; l < levels.size(); ++l) {
    levels[l].codebook = model.item_encoder.quantizer.levels[l].codebook.clone();
  }
  encoder.collaborative.centres = model.item_encoder.collaborative.centres.clone();
  encoder.collaborative.text_map = model.item_encoder.collaborative.text_map.clone();
  Catalogue catalogue = catalogue_of_codes(whole, std::move(codes));
  return WholeModel{std::move(whole), std::move(catalogue)};
}

}  // namespace tessera
