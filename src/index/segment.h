#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/item_set.h"
#include "base/safetensors.h"
#include "index/quick_scores.h"
#include "index/score_axes.h"
#include "index/token_row.h"
#include "index/top_k.h"
#include "kernels/node_bounds.h"

namespace tessera {

/// Blocks of a branch, which share the steps of their fields.
inline constexpr std::size_t kBranchBlocks = 64;
/// Lengths that bound what an item's fields leave over: along the box axes, along the ball axes,
/// and along two groups of the others.
inline constexpr std::size_t kRestGroups = 4;

/// What an index knows of a model's scores: exactly, and where they differ most.
struct ScoreSpace {
  ScoringTables tables;
  ScoreAxes axes;
};

/// What one state asks of every segment.
struct IndexQuery {
  TokenScores scores;
  QuickScores quick;
  double base = 0;                ///< of an item at the centre of the axes
  std::vector<double> weights;    ///< [box and ball axes, zeros where the width is less]
  std::vector<float> box, ball;   ///< the same in single precision
  double rest[kRestGroups] = {};  ///< the state's length along each group
  float ball_length = 0, rest_length = 0;
  double slack = 0;       ///< what rounding may take of a bound, for each 1 of a branch's largest
  double base_slack = 0;  ///< and whatever the branch
};
/// Throws Error as score_tokens.
IndexQuery index_query(const ScoreSpace& space, std::span<const float> state);

/// Where the second of the two groups of other axes begins: the first, a quarter of them, has the
/// larger part of what is left.
std::size_t second_rest_group(std::size_t width, std::size_t ball_axes);

/// Items of which alone a search may return some, counted, and perhaps where they lie in a segment:
/// the same for all searches that share them.
struct AllowedItems {
  const ItemSet* items = nullptr;  ///< null: all
  std::size_t count = 0;
  /// Their places in the segment, where it is worth while to know them; see Segment::allowed.
  std::optional<ItemSet> places = {};
};

/// Which items may be returned: those allowed for which `admits` is true. The second is asked only
/// for items that would be among the best.
struct Admission {
  const AllowedItems& allowed;
  std::function<bool(std::int32_t item)> admits;
};

/// Where an item lies in a segment, by its number. Made when it is first asked for, since only
/// searches among some of the items need it.
class ItemPlaces {
 public:
  /// [largest number + 1]: the place, or kNoItem.
  std::span<const std::int32_t> of(const std::function<std::vector<std::int32_t>()>& make) {
    std::call_once(once_, [&] { places_ = make(); });
    return places_;
  }
  std::size_t bytes() const { return places_.size() * sizeof(std::int32_t); }

 private:
  std::once_flag once_;
  std::vector<std::int32_t> places_;
};

/// What a search looked at.
struct SearchStatistics {
  std::size_t blocks = 0;    ///< of kScanBlock items, scanned
  std::size_t rescored = 0;  ///< items scored in full precision
};

/// A part of the catalogue, immutable, in blocks of kScanBlock items that lie together in score
/// space (leaves of a k-d tree along its first axes), and branches of kBranchBlocks blocks.
/// Branches and blocks that cannot hold one of the best items are skipped; items of the others have
/// a few bits for each axis, from which a bound of each score follows; what passes is scored from
/// its codes and ID vector in full precision. See docs/exact-search.md.
class Segment {
 public:
  Segment() = default;
  /// `codes` [items, places], `ids` [items, ID dims]; item numbers are the caller's and distinct.
  /// Throws Error for a code out of range or a value not finite or beyond kLargestValue.
  Segment(const ScoreSpace& space, std::span<const std::int32_t> items,
          std::span<const std::int32_t> codes, MatrixView<const float> ids);
  /// Looks into the mapped file for as long as it lives. Throws Error that names the file if its
  /// tensors do not fit the space or each other.
  Segment(const ScoreSpace& space, const std::shared_ptr<const SafeTensors>& file);

  /// The items, of which there are `count`, as a search of this segment wants them.
  AllowedItems allowed(const ItemSet* items, std::size_t count) const;
  /// Offers every admitted item of the segment that is good enough to `best`.
  void search(const IndexQuery& query, const Admission& admission, ScanFunction scan, TopK& best,
              SearchStatistics& statistics) const;

  /// Does now what the first search among some items would do.
  void prepare_places() const { place_of_item(); }

  std::size_t size() const { return size_; }
  std::size_t bytes() const;  ///< resident, all arrays together
  /// The tensors of a file that holds this segment, looking into it.
  std::map<std::string, Tensor> tensors() const;
  /// Calls visit(item, codes, ID vector) for every item.
  void for_each(const std::function<void(std::int32_t, std::span<const std::int32_t>,
                                         std::span<const float>)>& visit) const;

 private:
  friend class SegmentBuilder;
  // Places cover whole blocks; those behind the last item have the number kNoItem. Nodes cover
  // whole branches; those behind the last block hold nothing.
  struct Arrays {
    std::span<const std::uint8_t> rows;    // [places, row.bytes()]
    std::span<const std::uint8_t> fields;  // [blocks, shape.block_bytes()]
    std::span<const float> blocks;         // [branches, node rows, kBranchBlocks]
    std::span<const float> branches;       // [node rows, branches]
    std::span<const float> steps;     // [branches, fields]: what one more of a field stands for
    std::span<const float> shortest;  // [branches, kRestGroups]: the lengths' least
    std::span<const float> largest;   // [branches]: of all numbers of the branch's nodes
  };
  struct BranchScan;
  struct BlockHits;
  /// What admission and scan of one search share.
  struct Wanted {
    const Admission& admission;
    ScanFunction scan;
    const std::optional<ItemSet>& places() const { return admission.allowed.places; }
  };
  std::span<const std::int32_t> place_of_item() const;
  ItemSet places_of(const ItemSet& items) const;
  bool at_most_one_in(std::size_t many, const AllowedItems& allowed) const {
    return allowed.items != nullptr && allowed.count <= size_ / many;
  }
  void search_listed(const IndexQuery& query, const Admission& admission, TopK& best,
                     SearchStatistics& statistics) const;
  double exact_score(const IndexQuery& query, const std::uint8_t* row, RowRoom& room) const;
  std::size_t node_rows() const { return Nodes::row_count(kBoxAxes, ball_axes_); }
  Nodes nodes(const float* first, std::size_t count) const {
    return {kBoxAxes, ball_axes_, {first, node_rows(), count}};
  }
  const std::uint8_t* row(std::size_t place) const {
    return arrays_.rows.data() + place * row_.bytes();
  }
  double slack_of(const IndexQuery& query, std::size_t branch) const {
    return query.base_slack + query.slack * double{arrays_.largest[branch]};
  }
  void check_rows(const fs::path& path);
  BranchScan branch_scan(const IndexQuery& query, std::size_t branch) const;
  void search_branch(const IndexQuery& query, std::size_t branch, bool best_first,
                     const Wanted& wanted, TopK& best, SearchStatistics& statistics) const;
  void score_hits(const IndexQuery& query, const BranchScan& branch, BlockHits& hits,
                  const Wanted& wanted, TopK& best, SearchStatistics& statistics) const;

  std::size_t size_ = 0;
  std::size_t blocks_ = 0;
  std::size_t branches_ = 0;
  TokenRow row_;
  std::size_t ball_axes_ = 0;
  ScanShape shape_;
  Arrays arrays_;
  std::shared_ptr<const void> memory_;  // of the arrays
  std::shared_ptr<ItemPlaces> item_places_ = std::make_shared<ItemPlaces>();
};

/// The number of places behind the last item.
inline constexpr std::int32_t kNoItem = -1;
/// The tensor of a segment's file that says TokenRow::id_bytes.
inline constexpr const char* kIdBytes = "id_bytes";

}  // namespace tessera
