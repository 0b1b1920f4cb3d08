#include "index/segment.h"

#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>

#include "base/error.h"

namespace tessera {
namespace {

// Single precision rounds by 6e-8 of a term; what bounds a score is a sum of few dozen such terms.
// Scores themselves are sums in double precision.
constexpr double kSlack = 4e-6;
constexpr double kDoubleSlack = 1e-13;
// Sums of a scan stay within 16 bits; rounding of the weights takes the rest.
constexpr double kLargestSum = 32000.0;
constexpr int kLowestSum = -32768;
constexpr int kHighestSum = 32767;
// Of more items than this so many with the best bounds are scored first: most of the others then
// miss.
constexpr std::size_t kManyHits = 32;
// … in the first blocks, which bring the threshold near its final value.
constexpr std::size_t kSortedBlocks = 6;

// Blocks whose rows are under way.
constexpr std::size_t kAhead = 4;
// Where at most one of so many items is allowed they are scored one by one; to score one costs as
// much as to scan so many.
constexpr std::size_t kListed = 32;
// Where at most one of so many is allowed it is worth while to find their places first: what a scan
// finds is then looked at only if it is allowed.
constexpr std::size_t kPlaced = 4;
// Rows asked for before the first of them is read.
constexpr std::size_t kRowsAhead = 16;

constexpr std::size_t kMostFields = kBoxAxes + kRestGroups + kMostBallAxes;

double length(std::span<const double> weights) {
  return std::sqrt(std::inner_product(weights.begin(), weights.end(), weights.begin(), 0.0));
}

// Whether one of the places of a block is in the set.
bool any_of_block(const ItemSet& places, std::size_t block) {
  std::uint64_t any = 0;
  for (std::size_t w = 0; w < kScanBlock / 64; ++w) any |= places.word(block * kScanBlock / 64 + w);
  return any != 0;
}

// Numbers of nodes, those of the largest bounds first.
void sort_by_bounds(std::span<std::uint32_t> nodes, std::span<const float> bounds) {
  std::ranges::sort(nodes, [&](std::uint32_t a, std::uint32_t b) {
    return bounds[a] != bounds[b] ? bounds[a] > bounds[b] : a < b;
  });
}

}  // namespace

std::size_t second_rest_group(std::size_t width, std::size_t ball_axes) {
  const std::size_t first = std::min(width, kBoxAxes + ball_axes);
  return first + (width - first) / 4;
}

IndexQuery index_query(const ScoreSpace& space, std::span<const float> state) {
  IndexQuery query;
  query.scores = score_tokens(space.tables, state);
  query.quick = quick_scores(query.scores, space.tables.places.size(), space.tables.codebook_size);
  for (std::size_t j = 0; j < state.size(); ++j) {
    const double term = double{state[j]} * double{space.axes.centre[j]};
    query.base += term;
    query.base_slack += kDoubleSlack * std::abs(term);
  }
  for (const double score : query.scores.codes) query.base_slack += kDoubleSlack * std::abs(score);
  query.weights = axis_weights(space.axes, state);
  const std::size_t width = query.weights.size();
  const std::size_t fine = kBoxAxes + space.axes.ball_axes;
  query.weights.resize(std::max(width, fine));
  const std::span<const double> all(query.weights);
  const auto box = all.first(kBoxAxes);
  const auto ball = all.subspan(kBoxAxes, space.axes.ball_axes);
  const std::size_t split = second_rest_group(width, space.axes.ball_axes);
  query.rest[0] = length(box);
  query.rest[1] = length(ball);
  query.rest[2] = width > fine ? length(all.subspan(fine, split - fine)) : 0.0;
  query.rest[3] = width > fine ? length(all.subspan(split)) : 0.0;
  query.box.assign(box.begin(), box.end());
  query.ball.assign(ball.begin(), ball.end());
  query.ball_length = static_cast<float>(query.rest[1]);
  query.rest_length = static_cast<float>(length(all.subspan(fine)));
  query.weights.resize(fine);
  for (const float q : query.box) query.slack += std::abs(double{q});
  for (const float q : query.ball) query.slack += std::abs(double{q});
  query.slack = kSlack * (query.slack + query.rest[1] + double{query.rest_length});
  return query;
}

// What scans of a branch's blocks share:
//   score ≤ base of the block + offset + unit · the query's sum.
struct Segment::BranchScan {
  ScanQuery query;
  double unit = 0.0;
  double offset = 0.0;  // with all that rounding may take

  // The least sum with which an item of a block may reach the threshold.
  int least_sum(double base, double threshold) const {
    const double least = std::floor((threshold - base - offset) / unit);
    if (!(least > kLowestSum)) return kLowestSum;  // also of what is not a number
    return least >= kHighestSum + 1 ? kHighestSum + 1 : static_cast<int>(least);
  }
};

Segment::BranchScan Segment::branch_scan(const IndexQuery& query, std::size_t branch) const {
  const float* steps = arrays_.steps.data() + branch * shape_.fields();
  const float* shortest = arrays_.shortest.data() + branch * kRestGroups;
  std::array<double, kMostFields> slopes;
  BranchScan scan;
  double range = 0.0;
  double steepest = 0.0;
  for (std::size_t f = 0; f < shape_.fields(); ++f) {
    const bool rest = f >= kBoxAxes && f < kBoxAxes + kRestGroups;
    const std::size_t axis = f < kBoxAxes ? f : f - kRestGroups;
    const double weight = rest ? query.rest[f - kBoxAxes] : query.weights[axis];
    const double most = shape_.largest(f);
    slopes[f] = weight * double{steps[f]};
    range += std::abs(slopes[f]) * most;
    steepest = std::max(steepest, std::abs(slopes[f]));
    // Fields of an axis count from its middle, lengths from the branch's shortest.
    scan.offset += rest ? weight * double{shortest[f - kBoxAxes]} : -slopes[f] * most / 2.0;
  }
  scan.unit = std::max({steepest / 127.0, range / kLargestSum, 1e-30});
  std::array<std::int8_t, kMostFields> weights;
  for (std::size_t f = 0; f < shape_.fields(); ++f) {
    const double weight = std::clamp(std::round(slopes[f] / scan.unit), -127.0, 127.0);
    weights[f] = static_cast<std::int8_t>(weight);
    scan.offset += std::max(0.0, slopes[f] - weight * scan.unit) * shape_.largest(f);
  }
  scan.query = scan_query(shape_, std::span(weights).first(shape_.fields()));
  return scan;
}

// What a scan found in a block, whose rows are under way from memory.
struct Segment::BlockHits {
  std::size_t first = 0;  // place of the block
  double base = 0.0;      // of its scores
  std::size_t count = 0;
  ScanHit hits[kScanBlock];
  RowRoom room;
};

void Segment::score_hits(const IndexQuery& query, const BranchScan& branch, BlockHits& block,
                         const Wanted& wanted, TopK& best, SearchStatistics& statistics) const {
  int least = branch.least_sum(block.base, best.threshold());
  for (const ScanHit& hit : std::span(block.hits).first(block.count)) {
    if (hit.sum < least) continue;
    const std::uint8_t* row = this->row(block.first + hit.place);
    const std::int32_t item = TokenRow::item(row);
    if (item == kNoItem) continue;
    const ItemSet* allowed = wanted.places() ? nullptr : wanted.admission.allowed.items;
    if (allowed != nullptr && !allowed->contains(item)) continue;
    ++statistics.rescored;
    if (!(most_score(query.quick, query.scores, row_, row) >= best.threshold())) continue;
    const double exact = exact_score(query, row, block.room);
    if (!best.admits(exact, item) || !wanted.admission.admits(item)) continue;
    best.add(exact, item);
    least = branch.least_sum(block.base, best.threshold());
  }
}

void Segment::search_branch(const IndexQuery& query, std::size_t branch, bool best_first,
                            const Wanted& wanted, TopK& best, SearchStatistics& statistics) const {
  float bounds[kBranchBlocks];
  float centres[kBranchBlocks];
  node_bounds(nodes(arrays_.blocks.data() + branch * node_rows() * kBranchBlocks, kBranchBlocks),
              {query.box, query.ball, query.ball_length, query.rest_length}, bounds, centres);
  BranchScan shared = branch_scan(query, branch);
  const double slack = slack_of(query, branch);
  shared.offset += slack;
  const std::size_t first = branch * kBranchBlocks;
  const std::size_t count = std::min(kBranchBlocks, blocks_ - first);
  std::array<std::uint32_t, kBranchBlocks> all;
  const std::span<std::uint32_t> order = std::span(all).first(count);
  std::iota(order.begin(), order.end(), 0U);
  if (best_first) sort_by_bounds(order, bounds);
  // Rows come from far memory: they are asked for when a block has been scanned, and read some
  // blocks later.
  BlockHits found[kAhead];
  std::size_t turn = 0;
  std::size_t scanned = 0;
  const std::size_t sorted = best_first ? kSortedBlocks : 0;
  for (const std::uint32_t b : order) {
    if (!(query.base + double{bounds[b]} + slack >= best.threshold())) continue;
    if (wanted.places() && !any_of_block(*wanted.places(), first + b)) continue;
    BlockHits& hits = found[turn];
    hits.first = (first + b) * kScanBlock;
    hits.base = query.base + double{centres[b]};
    shared.query.threshold = shared.least_sum(hits.base, best.threshold());
    hits.count = shared.query.threshold > kHighestSum
                     ? 0
                     : wanted.scan(arrays_.fields.data() + (first + b) * shape_.block_bytes(),
                                   shared.query, hits.hits);
    ++statistics.blocks;
    if (wanted.places()) {
      const auto end = std::remove_if(hits.hits, hits.hits + hits.count, [&](const ScanHit& hit) {
        return !wanted.places()->contains(static_cast<std::int32_t>(hits.first + hit.place));
      });
      hits.count = static_cast<std::size_t>(end - hits.hits);
    }
    if (scanned++ < sorted && hits.count > kManyHits) {
      std::ranges::nth_element(hits.hits, hits.hits + kManyHits, hits.hits + hits.count,
                               std::ranges::greater(), &ScanHit::sum);
    }
    for (const ScanHit& hit : std::span(hits.hits).first(hits.count)) {
      __builtin_prefetch(row(hits.first + hit.place));
      __builtin_prefetch(row(hits.first + hit.place) + row_.bytes() - 1);
    }
    turn = (turn + 1) % kAhead;
    score_hits(query, shared, found[turn], wanted, best, statistics);
    found[turn].count = 0;
  }
  for (BlockHits& hits : found) score_hits(query, shared, hits, wanted, best, statistics);
}

double Segment::exact_score(const IndexQuery& query, const std::uint8_t* row, RowRoom& room) const {
  return row_.with_codes(row, room, [&](auto codes) {
    return token_score(query.scores, row_.codebook_size, codes, row_.id(row, room));
  });
}

std::span<const std::int32_t> Segment::place_of_item() const {
  return item_places_->of([&] {
    std::vector<std::int32_t> places;
    for (std::size_t place = 0; place < blocks_ * kScanBlock; ++place) {
      const std::int32_t item = TokenRow::item(row(place));
      if (item == kNoItem) continue;
      const auto number = static_cast<std::size_t>(item);
      if (number >= places.size()) places.resize(number + 1, kNoItem);
      places[number] = static_cast<std::int32_t>(place);
    }
    return places;
  });
}

ItemSet Segment::places_of(const ItemSet& items) const {
  const std::span<const std::int32_t> place = place_of_item();
  ItemSet places(blocks_ * kScanBlock);
  items.for_each([&](std::int32_t item) {
    const auto number = static_cast<std::size_t>(item);
    if (number < place.size() && place[number] != kNoItem) places.insert(place[number]);
  });
  return places;
}

AllowedItems Segment::allowed(const ItemSet* items, std::size_t count) const {
  AllowedItems allowed = {items, count};
  const bool placed = at_most_one_in(kPlaced, allowed) && !at_most_one_in(kListed, allowed);
  if (placed) allowed.places = places_of(*items);
  return allowed;
}

/// Scores the allowed items one by one; their rows are asked for some ahead.
void Segment::search_listed(const IndexQuery& query, const Admission& admission, TopK& best,
                            SearchStatistics& statistics) const {
  const std::span<const std::int32_t> place = place_of_item();
  std::array<const std::uint8_t*, kRowsAhead> rows{};
  RowRoom room;
  std::size_t count = 0;
  const auto score = [&](const std::uint8_t* row) {
    const std::int32_t item = TokenRow::item(row);
    ++statistics.rescored;
    if (!(most_score(query.quick, query.scores, row_, row) >= best.threshold())) return;
    const double exact = exact_score(query, row, room);
    if (best.admits(exact, item) && admission.admits(item)) best.add(exact, item);
  };
  admission.allowed.items->for_each([&](std::int32_t item) {
    const auto number = static_cast<std::size_t>(item);
    if (number >= place.size() || place[number] == kNoItem) return;
    const std::uint8_t*& next = rows[count % kRowsAhead];
    if (count >= kRowsAhead) score(next);
    next = row(static_cast<std::size_t>(place[number]));
    __builtin_prefetch(next);
    __builtin_prefetch(next + row_.bytes() - 1);
    ++count;
  });
  for (std::size_t i = count - std::min(count, kRowsAhead); i < count; ++i)
    score(rows[i % kRowsAhead]);
}

void Segment::search(const IndexQuery& query, const Admission& admission, ScanFunction scan,
                     TopK& best, SearchStatistics& statistics) const {
  if (at_most_one_in(kListed, admission.allowed)) {
    return search_listed(query, admission, best, statistics);
  }
  const Wanted wanted = {admission, scan};
  std::vector<float> bounds(branches_);
  std::vector<float> centres(branches_);
  node_bounds(nodes(arrays_.branches.data(), branches_),
              {query.box, query.ball, query.ball_length, query.rest_length}, bounds, centres);
  std::vector<std::uint32_t> order(branches_);
  std::iota(order.begin(), order.end(), 0U);
  sort_by_bounds(order, bounds);
  // The best branch is searched from its best block on, which brings the threshold near its final
  // value; in the others the order of memory is faster.
  for (const std::uint32_t branch : order) {
    const double slack = slack_of(query, branch);
    if (!(query.base + double{bounds[branch]} + slack >= best.threshold())) continue;
    search_branch(query, branch, branch == order.front(), wanted, best, statistics);
  }
}

std::map<std::string, Tensor> Segment::tensors() const {
  const auto tensor = [](const char* dtype, auto values) -> Tensor {
    return {dtype, {values.size()}, std::as_bytes(values)};
  };
  return {{"rows", tensor("U8", arrays_.rows)},
          {"fields", tensor("U8", arrays_.fields)},
          {"blocks", tensor("F32", arrays_.blocks)},
          {"branches", tensor("F32", arrays_.branches)},
          {"steps", tensor("F32", arrays_.steps)},
          {"shortest", tensor("F32", arrays_.shortest)},
          {"largest", tensor("F32", arrays_.largest)},
          {kIdBytes, tensor("U64", std::span(&row_.id_bytes, 1))}};
}

std::size_t Segment::bytes() const {
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : tensors()) bytes += tensor.bytes.size();
  return bytes + item_places_->bytes();
}

void Segment::for_each(const std::function<void(std::int32_t, std::span<const std::int32_t>,
                                                std::span<const float>)>& visit) const {
  std::vector<std::int32_t> plain(row_.places);
  RowRoom room;
  for (std::size_t place = 0; place < blocks_ * kScanBlock; ++place) {
    const std::uint8_t* row = this->row(place);
    if (TokenRow::item(row) == kNoItem) continue;
    row_.with_codes(row, room, [&](auto codes) { std::ranges::copy(codes, plain.begin()); });
    visit(TokenRow::item(row), plain, row_.id(row, room));
  }
}

}  // namespace tessera
