#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "base/safetensors.h"
#include "index/scoring_tables.h"
#include "index/top_k.h"
#include "kernels/scan.h"

namespace tessera {

/// What one state asks of every segment.
struct IndexQuery {
  TokenScores scores;
  std::vector<float> axes;  ///< [ID dims, padded to fours], the ID query along the tables' axes
  std::vector<std::uint8_t> code_scores;  ///< [levels, 256], rounded up in units of code_unit
  float code_unit = 0;
  double code_base = 0;          ///< Σ_l of the least code score
  double code_best = 0;          ///< Σ_l of the best
  std::uint32_t bytes_best = 0;  ///< Σ_l of the largest byte
};
/// Throws Error as score_tokens.
IndexQuery index_query(const ScoringTables& tables, std::span<const float> state);

/// Which items may be returned: those in `allowed` (if given) for which `admits` is true. The
/// second is asked only for items that would be among the best.
struct Admission {
  const ItemSet* allowed = nullptr;
  std::function<bool(std::int32_t item)> admits;
};

/// What a search looked at.
struct SearchStatistics {
  std::size_t blocks = 0;    ///< of kScanBlock items, scanned
  std::size_t rescored = 0;  ///< items scored in full precision
};

/// A part of the catalogue, immutable, in blocks of kScanBlock items that are alike in their ID
/// vectors (leaves of a k-d tree along the tables' axes). Each block knows the box around its ID
/// vectors, which bounds every score within; blocks that may hold one of the best items are scanned
/// as bytes, and what passes is scored in full precision. See docs/exact-search.md.
class Segment {
 public:
  Segment() = default;
  /// `codes` [items, levels], `ids` [items, ID dims]; item numbers are the caller's and distinct.
  /// Throws Error for a code out of range or a value not finite or beyond kLargestValue.
  Segment(const ScoringTables& tables, std::span<const std::int32_t> items,
          std::span<const std::int32_t> codes, MatrixView<const float> ids);
  /// Looks into the mapped file for as long as it lives. Throws Error that names the file if its
  /// tensors do not fit the tables or each other.
  Segment(const ScoringTables& tables, std::shared_ptr<const SafeTensors> file);

  /// Offers every admitted item of the segment that is good enough to `best`.
  void search(const IndexQuery& query, const Admission& admission, ScanFunction scan, TopK& best,
              SearchStatistics& statistics) const;

  std::size_t size() const { return size_; }
  std::size_t bytes() const;  ///< resident, all arrays together
  /// The tensors of a file that holds this segment, looking into it.
  std::map<std::string, Tensor> tensors() const;
  /// Calls visit(item, codes, ID vector) for every item.
  void for_each(const std::function<void(std::int32_t, std::span<const std::int32_t>,
                                         std::span<const float>)>& visit) const;

 private:
  // All arrays cover whole blocks; places behind the last item have the number kNoItem.
  struct Arrays {
    std::span<const std::int32_t> items;        // [blocks · kScanBlock]
    std::span<const std::uint8_t> codes;        // [blocks, groups, levels, kScanGroup]
    std::span<const std::uint16_t> wide_codes;  // as codes, where codes are more than 256
    std::span<const std::uint8_t> id_bytes;     // [blocks, kScanBlock · padded ID dims]
    std::span<const float> ids;                 // [blocks · kScanBlock, ID dims]
    std::span<const float> low, high;           // [ID dims, blocks], the boxes along the axes
    std::span<const float>
        boxes;  // [blocks, 2, padded ID dims]: low, and the width of a byte's step
    std::span<const std::uint8_t> corners;  // [blocks, 2, padded ID dims · 4]: boxes of the groups
  };
  struct Owned;
  std::size_t quads() const { return (dims_ + 3) / 4; }
  std::size_t padded() const { return quads() * 4; }
  bool wide() const { return !arrays_.wide_codes.empty(); }
  std::size_t place_of_code(std::size_t block, std::size_t level, std::size_t offset) const;
  std::size_t code_at(std::size_t block, std::size_t level, std::size_t offset) const;
  double score(const IndexQuery& query, std::size_t block, std::size_t offset) const;
  void find_largest();
  void pack_dimension(const ScoringTables& tables, MatrixView<const float> ids,
                      std::span<const std::uint32_t> rows, std::size_t block, std::size_t d,
                      Owned& owned) const;
  void search_block(const IndexQuery& query, std::size_t block, double slack,
                    const Admission& admission, ScanFunction scan, TopK& best,
                    SearchStatistics& statistics) const;

  std::size_t size_ = 0;
  std::size_t blocks_ = 0;
  std::size_t levels_ = 0;
  std::size_t codebook_size_ = 0;
  std::size_t dims_ = 0;
  float largest_ = 0;  // of all box sides
  Arrays arrays_;
  std::shared_ptr<const void> memory_;  // of the arrays
};

}  // namespace tessera
