// How a segment is made: places of all items along the axes, a k-d tree over the first of them, and
// for each branch the nodes, steps and fields.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/half.h"
#include "base/parallel.h"
#include "index/kd_order.h"
#include "index/segment.h"
#include "kernels/gemm.h"

namespace tessera {
namespace {

constexpr std::size_t kBranch = kBranchBlocks * kScanBlock;
constexpr std::size_t kRows = 1024;  // of items placed at once
// A step of a 2-bit quantizer of normal deviates, in standard deviations, with the least error (Max
// 1960).
constexpr double kTwoBitStep = 0.996;
constexpr std::size_t kMostDims = 1024;

}  // namespace

/// Fills the arrays of one segment.
class SegmentBuilder {
 public:
  SegmentBuilder(const ScoreSpace& space, std::span<const std::int32_t> items,
                 std::span<const std::int32_t> codes, MatrixView<const float> ids, Segment& segment)
      : space_(space), items_(items), codes_(codes), ids_(ids), segment_(segment) {}

  void build() {
    allocate();
    order_ = kd_order(first_axes(), kBranch, kScanBlock);
    parallel_for(segment_.branches_, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t b = begin; b < end; ++b) fill_branch(b);
    });
  }

 private:
  struct Owned {
    AlignedBuffer<std::uint8_t> rows, fields;
    AlignedBuffer<float> blocks, branches, steps, shortest, largest;
  };
  // Places of items, with how far each may be off.
  struct Placed {
    Matrix places;                 // [items, axes]
    std::vector<double> rounding;  // [items]
  };
  // What a branch's fields are made from.
  struct Branch {
    std::size_t index, count;
    std::span<const std::uint32_t> rows;
    Placed placed;
    std::vector<std::array<double, kRestGroups>> rests;  // [count]
  };

  void allocate() {
    owned_ = std::make_shared<Owned>();
    owned_->rows =
        AlignedBuffer<std::uint8_t>(segment_.blocks_ * kScanBlock * segment_.row_.bytes());
    owned_->fields = AlignedBuffer<std::uint8_t>(segment_.blocks_ * segment_.shape_.block_bytes());
    owned_->blocks =
        AlignedBuffer<float>(segment_.branches_ * segment_.node_rows() * kBranchBlocks);
    owned_->branches = AlignedBuffer<float>(segment_.branches_ * segment_.node_rows());
    owned_->steps = AlignedBuffer<float>(segment_.branches_ * segment_.shape_.fields());
    owned_->shortest = AlignedBuffer<float>(segment_.branches_ * kRestGroups);
    owned_->largest = AlignedBuffer<float>(segment_.branches_);
    segment_.arrays_ = {owned_->rows.span(),     owned_->fields.span(), owned_->blocks.span(),
                        owned_->branches.span(), owned_->steps.span(),  owned_->shortest.span(),
                        owned_->largest.span()};
    segment_.memory_ = owned_;
  }

  std::span<const std::int32_t> codes_of(std::size_t row) const {
    return codes_.subspan(row * segment_.row_.places, segment_.row_.places);
  }

  // The first `axes` places of items `rows`, and how far all places of each may be off.
  Placed place(std::span<const std::uint32_t> rows, std::size_t axes) const {
    const std::size_t width = space_.axes.width();
    Placed placed{Matrix(rows.size(), axes), std::vector<double>(rows.size())};
    Matrix vectors(std::min(kRows, rows.size()), width);
    std::vector<double> vector(width);
    for (std::size_t first = 0; first < rows.size(); first += kRows) {
      const std::size_t count = std::min(kRows, rows.size() - first);
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t row = rows[first + i];
        token_vector(space_.tables, codes_of(row), ids_.row(row), vector);
        double squares = 0.0;
        for (std::size_t j = 0; j < width; ++j) {
          const double from_centre = vector[j] - double{space_.axes.centre[j]};
          vectors[i][j] = static_cast<float>(from_centre);
          squares += from_centre * from_centre;
        }
        placed.rounding[first + i] = space_.axes.rounding * std::sqrt(squares);
      }
      gemm(Transpose::no, Transpose::yes, 1.0F, vectors.view().row_block(0, count),
           space_.axes.to_axes.view().row_block(0, axes), 0.0F,
           placed.places.view().row_block(first, count));
    }
    return placed;
  }

  // Of all items, in their order.
  Matrix first_axes() const {
    const std::size_t axes = std::min(kBoxAxes, space_.axes.width());
    Matrix result(items_.size(), axes);
    std::vector<std::uint32_t> rows(items_.size());
    std::iota(rows.begin(), rows.end(), 0U);
    parallel_for(items_.size(), kRows, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; i += kRows) {
        const std::size_t count = std::min(kRows, end - i);
        const Placed placed = place(std::span(rows).subspan(i, count), axes);
        std::ranges::copy(placed.places.span(), result[i]);
      }
    });
    return result;
  }

  void fill_branch(std::size_t index) {
    Branch branch{index, std::min(kBranch, items_.size() - index * kBranch), {}, {}, {}};
    branch.rows = std::span(order_).subspan(index * kBranch, branch.count);
    branch.placed = place(branch.rows, space_.axes.width());
    branch.rests.resize(branch.count);
    copy_tokens(branch);
    const std::size_t blocks = (branch.count + kScanBlock - 1) / kScanBlock;
    const MatrixView<float> nodes(
        owned_->blocks.data() + index * segment_.node_rows() * kBranchBlocks, segment_.node_rows(),
        kBranchBlocks);
    for (std::size_t b = 0; b < blocks; ++b) {
      const std::size_t count = std::min(kScanBlock, branch.count - b * kScanBlock);
      enclose(branch, b * kScanBlock, count, nodes.col_block(b, 1));
    }
    const MatrixView<float> node(owned_->branches.data() + index, segment_.node_rows(), 1,
                                 segment_.branches_);
    enclose(branch, 0, branch.count, node);
    float& largest = owned_->largest.data()[index];
    for (std::size_t r = 0; r < nodes.rows; ++r) {
      for (const float x : nodes.row(r)) largest = std::max(largest, std::abs(x));
      largest = std::max(largest, std::abs(node[r][0]));
    }
    choose_steps(branch, nodes);
    fill_axes(branch, nodes);
    fill_lengths(branch);
  }

  void copy_tokens(const Branch& branch) {
    const std::size_t bytes = segment_.row_.bytes();
    const std::size_t first = branch.index * kBranch;
    const std::size_t places = std::min(kBranch, segment_.blocks_ * kScanBlock - first);
    for (std::size_t i = 0; i < places; ++i) {
      std::uint8_t* row = owned_->rows.data() + (first + i) * bytes;
      if (i >= branch.count) {
        segment_.row_.write(row, kNoItem, {}, {});
      } else {
        const std::size_t from = branch.rows[i];
        segment_.row_.write(row, items_[from], codes_of(from), ids_.row(from));
      }
    }
  }

  // The node around items [first, first + count) of a branch, one column of rows.
  void enclose(const Branch& branch, std::size_t first, std::size_t count,
               MatrixView<float> node) const {
    const Matrix& places = branch.placed.places;
    const std::size_t box = std::min(kBoxAxes, places.cols());
    const std::size_t fine = std::min(kBoxAxes + segment_.ball_axes_, places.cols());
    double rounding = 0.0;
    for (std::size_t i = first; i < first + count; ++i) {
      rounding = std::max(rounding, branch.placed.rounding[i]);
    }
    for (std::size_t axis = 0; axis < box; ++axis) {
      double low = HUGE_VAL;
      double high = -HUGE_VAL;
      for (std::size_t i = first; i < first + count; ++i) {
        low = std::min(low, double{places[i][axis]});
        high = std::max(high, double{places[i][axis]});
      }
      node[axis][0] = rounded(low - rounding, -HUGE_VALF);
      node[kBoxAxes + axis][0] = rounded(high + rounding, HUGE_VALF);
    }
    const std::size_t centres = 2 * kBoxAxes;
    for (std::size_t axis = box; axis < fine; ++axis) {
      double sum = 0.0;
      for (std::size_t i = first; i < first + count; ++i) sum += double{places[i][axis]};
      node[centres + axis - box][0] = static_cast<float>(sum / static_cast<double>(count));
    }
    double radius = 0.0;
    double rest = 0.0;
    for (std::size_t i = first; i < first + count; ++i) {
      double around = 0.0;
      double others = 0.0;
      for (std::size_t axis = box; axis < places.cols(); ++axis) {
        const double y = places[i][axis];
        const double off = axis < fine ? y - double{node[centres + axis - box][0]} : 0.0;
        around += off * off;
        others += axis < fine ? 0.0 : y * y;
      }
      radius = std::max(radius, around);
      rest = std::max(rest, others);
    }
    const std::size_t last = segment_.node_rows() - 1;
    node[last - 1][0] = rounded(std::sqrt(radius) + rounding, HUGE_VALF);
    node[last][0] = rounded(std::sqrt(rest) + rounding, HUGE_VALF);
  }

  // In single precision, no nearer to zero bound than it is.
  static float rounded(double x, float towards) {
    return std::nextafter(static_cast<float>(x), towards);
  }

  // Half the sum of a block's sides, as a search computes it but for rounding.
  double middle(MatrixView<const float> nodes, std::size_t block, std::size_t axis) const {
    return 0.5 * (double{nodes[axis][block]} + double{nodes[kBoxAxes + axis][block]});
  }
  double centre(MatrixView<const float> nodes, std::size_t block, std::size_t ball_axis) const {
    return double{nodes[2 * kBoxAxes + ball_axis][block]};
  }

  float* steps(const Branch& branch) {
    return owned_->steps.data() + branch.index * segment_.shape_.fields();
  }
  std::size_t ball_end() const {
    return std::min(kBoxAxes + segment_.ball_axes_, space_.axes.width());
  }

  // Fields reach from side to side of the branch's boxes on average, and over most of its balls:
  // what lies further out is left to the lengths.
  void choose_steps(const Branch& branch, MatrixView<const float> nodes) {
    const std::size_t blocks = (branch.count + kScanBlock - 1) / kScanBlock;
    for (std::size_t axis = 0; axis < std::min(kBoxAxes, space_.axes.width()); ++axis) {
      double sides = 0.0;
      for (std::size_t b = 0; b < blocks; ++b) {
        sides += double{nodes[kBoxAxes + axis][b]} - double{nodes[axis][b]};
      }
      steps(branch)[axis] = static_cast<float>(sides / static_cast<double>(blocks) / 15.0);
    }
    for (std::size_t axis = kBoxAxes; axis < ball_end(); ++axis) {
      double squares = 0.0;
      for (std::size_t i = 0; i < branch.count; ++i) {
        const double off =
            double{branch.placed.places[i][axis]} - centre(nodes, i / kScanBlock, axis - kBoxAxes);
        squares += off * off;
      }
      steps(branch)[axis + kRestGroups] =
          static_cast<float>(kTwoBitStep * std::sqrt(squares / static_cast<double>(branch.count)));
    }
  }

  std::uint8_t* block_of(const Branch& branch, std::size_t i) {
    const std::size_t block = branch.index * kBranchBlocks + i / kScanBlock;
    return owned_->fields.data() + block * segment_.shape_.block_bytes();
  }

  // Sets field f to what is nearest to `off`, counted from the middle, and returns what is left.
  double fill_field(const Branch& branch, std::size_t i, std::size_t f, double off) {
    const double step = steps(branch)[f];
    const double most = segment_.shape_.largest(f);
    const double value =
        step > 0.0 ? std::clamp(std::round(off / step + most / 2.0), 0.0, most) : 0.0;
    set_scan_field(segment_.shape_, block_of(branch, i), i % kScanBlock, f,
                   static_cast<int>(value));
    return off - (value - most / 2.0) * step;
  }

  void fill_axes(Branch& branch, MatrixView<const float> nodes) {
    const std::size_t width = space_.axes.width();
    const std::size_t split = second_rest_group(width, segment_.ball_axes_);
    for (std::size_t i = 0; i < branch.count; ++i) {
      auto& rests = branch.rests[i];
      rests = {};
      for (std::size_t axis = 0; axis < width; ++axis) {
        const double y = branch.placed.places[i][axis];
        const std::size_t b = i / kScanBlock;
        double left = y;
        std::size_t group = axis < split ? 2 : 3;
        if (axis < kBoxAxes) {
          left = fill_field(branch, i, axis, y - middle(nodes, b, axis));
          group = 0;
        } else if (axis < ball_end()) {
          left = fill_field(branch, i, axis + kRestGroups, y - centre(nodes, b, axis - kBoxAxes));
          group = 1;
        }
        rests[group] += left * left;
      }
      for (double& rest : rests) rest = std::sqrt(rest) + branch.placed.rounding[i];
    }
  }

  // Lengths are rounded up.
  void fill_lengths(const Branch& branch) {
    for (std::size_t group = 0; group < kRestGroups; ++group) {
      double low = HUGE_VAL;
      double high = 0.0;
      for (const auto& rests : branch.rests) {
        low = std::min(low, rests[group]);
        high = std::max(high, rests[group]);
      }
      const float shortest = static_cast<float>(low);
      const float step = rounded((high - double{shortest}) / 15.0 * (1.0 + 1e-6), HUGE_VALF);
      owned_->shortest.data()[branch.index * kRestGroups + group] = shortest;
      const std::size_t f = kBoxAxes + group;
      steps(branch)[f] = step;
      for (std::size_t i = 0; i < branch.count; ++i) {
        const double above = (branch.rests[i][group] - double{shortest}) / double{step};
        set_scan_field(segment_.shape_, block_of(branch, i), i % kScanBlock, f,
                       static_cast<int>(std::clamp(std::ceil(above), 0.0, 15.0)));
      }
    }
  }

  const ScoreSpace& space_;
  std::span<const std::int32_t> items_, codes_;
  MatrixView<const float> ids_;
  Segment& segment_;
  std::shared_ptr<Owned> owned_;
  std::vector<std::uint32_t> order_;
};

Segment::Segment(const ScoreSpace& space, std::span<const std::int32_t> items,
                 std::span<const std::int32_t> codes, MatrixView<const float> ids)
    : size_(items.size()),
      blocks_((items.size() + kScanBlock - 1) / kScanBlock),
      branches_((blocks_ + kBranchBlocks - 1) / kBranchBlocks),
      row_{space.tables.places.size(), space.tables.codebook_size, space.tables.id_dims,
           TokenRow::bytes_for({ids.data, ids.size()})},
      ball_axes_(space.axes.ball_axes),
      shape_(space.axes.shape()) {
  check_codes(codes, row_.codebook_size);
  if (row_.id_dims > kMostDims) fail("an ID vector has more than {} dimensions", kMostDims);
  for (std::size_t i = 0; i < ids.rows; ++i) check_values(ids.row(i), "an ID vector is");
  SegmentBuilder(space, items, codes, ids, *this).build();
}

// What a search uses as an index must be in range, and what it adds up must be numbers.
void Segment::check_rows(const fs::path& path) {
  for (const std::span<const float> numbers :
       {arrays_.blocks, arrays_.branches, arrays_.steps, arrays_.shortest, arrays_.largest}) {
    if (!std::ranges::all_of(numbers, [](float x) { return std::isfinite(x); })) {
      fail("{}: a bound is not a finite number; build the index again", path.string());
    }
  }
  ItemSet seen;
  bool good = true;
  std::int64_t largest = -1;
  for_each([&](std::int32_t item, std::span<const std::int32_t> codes, auto) {
    ++size_;
    good = good && item >= 0 && static_cast<std::size_t>(item) < blocks_ * kScanBlock &&
           !seen.contains(item);
    for (const std::int32_t code : codes) {
      good = good && static_cast<std::size_t>(code) < row_.codebook_size;
    }
    if (good) seen.insert(item);
    largest = std::max<std::int64_t>(largest, item);
  });
  // Distinct numbers from 0, each below their count, are those of a catalogue.
  if (!good || largest + 1 != static_cast<std::int64_t>(size_)) {
    fail("{}: a code or an item number is out of range or there twice; build the index again",
         path.string());
  }
}

Segment::Segment(const ScoreSpace& space, const std::shared_ptr<const SafeTensors>& file)
    : row_{space.tables.places.size(), space.tables.codebook_size, space.tables.id_dims,
           file->values<std::uint64_t>(kIdBytes, "U64", 1)[0]},
      ball_axes_(space.axes.ball_axes),
      shape_(space.axes.shape()) {
  if (row_.id_bytes != sizeof(Half) && row_.id_bytes != sizeof(float)) {
    fail("{}: an ID number of {} bytes; build the index again", file->path().string(),
         row_.id_bytes);
  }
  const std::size_t block_bytes = kScanBlock * row_.bytes();
  const std::size_t bytes = file->at("rows").count();
  if (bytes % block_bytes != 0) fail("{}: holds no whole blocks of items", file->path().string());
  blocks_ = bytes / block_bytes;
  branches_ = (blocks_ + kBranchBlocks - 1) / kBranchBlocks;
  arrays_ = {file->values<std::uint8_t>("rows", "U8", bytes),
             file->values<std::uint8_t>("fields", "U8", blocks_ * shape_.block_bytes()),
             file->values<float>("blocks", "F32", branches_ * node_rows() * kBranchBlocks),
             file->values<float>("branches", "F32", branches_ * node_rows()),
             file->values<float>("steps", "F32", branches_ * shape_.fields()),
             file->values<float>("shortest", "F32", branches_ * kRestGroups),
             file->values<float>("largest", "F32", branches_)};
  memory_ = file;
  check_rows(file->path());
}

}  // namespace tessera
