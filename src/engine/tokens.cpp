// A model's vectors, codebooks and codes, and the map of its items.
#include <algorithm>

#include "base/error.h"
#include "base/numbers.h"
#include "engine/state.h"
#include "eval/code_statistics.h"
#include "kernels/elementwise.h"

namespace tessera {
namespace {

// In the order of TokenKind.
constexpr std::string_view kKinds[] = {"semantic", "collaborative", "id"};

std::string_view name_of(TokenKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

}  // namespace

TokenKind token_kind(std::string_view name) {
  const auto* const found = std::ranges::find(kKinds, name);
  if (found == std::end(kKinds)) {
    fail_usage("'{}' is no kind of token: there are semantic, collaborative and id", name);
  }
  return static_cast<TokenKind>(found - std::begin(kKinds));
}

std::size_t Model::State::codebooks(TokenKind kind) const {
  if (kind == TokenKind::id) return 0;
  return kind == TokenKind::semantic ? levels() : collaborative();
}

std::size_t Model::State::place_of(const Token& token) const {
  const bool semantic = token.kind == TokenKind::semantic;
  const std::size_t count = codebooks(token.kind);
  if (token.codebook >= count) {
    fail_usage("{} codebook {}: the model has {}, counted from 0", name_of(token.kind),
               token.codebook, count);
  }
  if (token.code < 0 || static_cast<std::size_t>(token.code) >= settings().codebook_size) {
    fail_usage("code {}: the codes of a codebook are 0 to {}", token.code,
               settings().codebook_size - 1);
  }
  return semantic ? token.codebook : levels() + token.codebook;
}

const Plane& Model::State::plane() {
  std::call_once(plane_once, [&] { plane_of_vectors = principal_plane(bundle.catalogue.vectors); });
  return plane_of_vectors;
}

MapPoint Model::State::point(std::int32_t number, const Plane& shown) const {
  const Item& placed = item(number);
  return {number, shown.place(vector(placed)), levels() > 0 ? codes(placed)[0] : -1};
}

std::vector<float> Model::vectors(std::span<const std::int32_t> items) const {
  std::vector<float> rows(items.size() * width());
  state_->copy_vectors(items, {rows.data(), items.size(), width()});
  return rows;
}

std::vector<float> Model::id_tokens(std::span<const std::int32_t> items) const {
  constexpr std::size_t kBlock = 1024;  // whole vectors are wide
  const std::size_t dims = id_dims();
  Matrix block(std::min(items.size(), kBlock), width());
  std::vector<float> tokens;
  tokens.reserve(items.size() * dims);
  for (std::size_t first = 0; first < items.size(); first += kBlock) {
    const auto some = items.subspan(first, std::min(kBlock, items.size() - first));
    const MatrixView<float> rows = block.view().row_block(0, some.size());
    state_->copy_vectors(some, rows);
    for (std::size_t i = 0; i < some.size(); ++i) {
      const std::span<float> token = rows.row(i).last(dims);
      tokens.insert(tokens.end(), token.begin(), token.end());
    }
  }
  return tokens;
}

std::size_t Model::codebooks(TokenKind kind) const { return state_->codebooks(kind); }

Codebook Model::codebook(TokenKind kind, std::size_t number) const {
  const std::size_t place = state_->place_of({kind, number, 0});
  const MatrixView<const float> rows = state_->bundle.model.item_encoder.token_table(place).rows;
  return {{rows.data, rows.size()}, rows.rows, rows.cols};
}

Token Model::token(std::string_view codebook, std::string_view code) const {
  if (levels() == 0) fail_usage("a model of ID tokens alone has no codes");
  const bool part = codebook.starts_with('c');
  const std::size_t before = part ? 0 : levels();
  const std::size_t parts = collaborative_tokens();
  const auto place = parse_number<std::size_t>(codebook.substr(part ? 1 : 0));
  if (!place || *place < 1 || *place > before + parts) {
    fail_usage("no codebook '{}': the model has levels 1 to {}{}", codebook, levels(),
               parts > 0 ? fmt::format(" and collaborative parts c1 to c{}", parts) : "");
  }
  const auto number = parse_number<std::int32_t>(code);
  if (!number || *number < 0 || static_cast<std::size_t>(*number) >= codebook_size()) {
    fail_usage("no code '{}': the codes of a codebook are 0 to {}", code, codebook_size() - 1);
  }
  if (*place <= before) return {TokenKind::semantic, *place - 1, *number};
  return {TokenKind::collaborative, *place - before - 1, *number};
}

std::vector<std::int32_t> Model::items_with(const Token& token) const {
  const State& state = *state_;
  const std::size_t place = state.place_of(token);
  std::vector<std::int32_t> found;
  const std::shared_lock lock(state.mutex);
  for (std::size_t i = 0; i < state.items.size(); ++i) {
    const State::Item& item = state.items[i];
    if (item.known && state.codes(item)[place] == token.code) {
      found.push_back(static_cast<std::int32_t>(i));
    }
  }
  return found;
}

std::vector<Neighbour> Model::nearest_codes(const Token& token, std::size_t count) const {
  state_->place_of(token);
  const Codebook book = codebook(token.kind, token.codebook);
  std::vector<Neighbour> nearest;
  for (std::int32_t code = 0; static_cast<std::size_t>(code) < book.codes; ++code) {
    if (code == token.code) continue;
    nearest.push_back({code, cosine(book.vector(token.code), book.vector(code))});
  }
  keep_best(nearest, count, [](const Neighbour& a) { return std::pair(-a.cosine, a.number); });
  return nearest;
}

TokenStatistics Model::statistics() const {
  const State& state = *state_;
  std::vector<std::int32_t> codes;
  std::size_t count = 0;
  {
    const std::shared_lock lock(state.mutex);
    codes.reserve(state.items.size() * state.settings().codes());
    for (const State::Item& item : state.items) {
      if (!item.known) continue;
      ++count;
      const std::span<const std::int32_t> own = state.codes(item);
      codes.insert(codes.end(), own.begin(), own.end());
    }
  }
  TokenStatistics statistics = token_statistics(state.settings(), codes, count);
  statistics.id = id_statistics(id_tokens(items()), state.bundle.model.item_encoder.new_id);
  return statistics;
}

std::vector<MapPoint> Model::map() const {
  const Plane& plane = state_->plane();
  std::vector<MapPoint> points;
  for (const std::int32_t item : items()) {
    const std::shared_lock lock(state_->mutex);
    points.push_back(state_->point(item, plane));
  }
  return points;
}

MapPoint Model::point(std::int32_t item) const {
  const Plane& plane = state_->plane();
  const std::shared_lock lock(state_->mutex);
  return state_->point(item, plane);
}

}  // namespace tessera
