#include "base/arena.h"

#include <numeric>

namespace tessera {

namespace {
constexpr std::size_t kFirstBlock = std::size_t{1} << 20;
}

MatrixView<float> StepArena::zeros(std::size_t rows, std::size_t cols) {
  const auto result = matrix(rows, cols);
  std::fill_n(result.data, result.size(), 0.0F);
  return result;
}

void* StepArena::take_bytes(std::size_t bytes) {
  bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (blocks_.empty() || used_ + bytes > blocks_.back().size())
    add_block(std::max({kFirstBlock, bytes, blocks_.empty() ? 0 : blocks_.back().size()}));
  void* result = blocks_.back().data() + used_;
  used_ += bytes;
  return result;
}

void StepArena::add_block(std::size_t bytes) {
  blocks_.emplace_back(bytes);
  used_ = 0;
  ++system_allocations_;
}

std::size_t StepArena::capacity() const {
  return std::accumulate(blocks_.begin(), blocks_.end(), std::size_t{0},
                         [](std::size_t sum, const auto& block) { return sum + block.size(); });
}

void StepArena::reset() {
  if (blocks_.size() > 1) {
    const std::size_t total = capacity();
    blocks_.clear();
    add_block(total);
  }
  used_ = 0;
}

}  // namespace tessera
