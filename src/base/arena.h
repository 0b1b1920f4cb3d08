#pragma once
#include <vector>

#include "base/matrix.h"
#include "base/stage_clock.h"

namespace tessera {

/// Scratch memory of one step: bump allocation, everything released at once by `reset`. It goes
/// wherever the step goes, and carries the clock of its stages.
/// After the largest step has been seen no further memory is asked of the system.
class StepArena {
 public:
  /// Uninitialised room for `count` values, aligned to kAlignment, valid until `reset`.
  template <class T>
  std::span<T> take(std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T>);
    return {static_cast<T*>(take_bytes(count * sizeof(T))), count};
  }
  /// As `take`, as a matrix.
  template <class T = float>
  MatrixView<T> matrix(std::size_t rows, std::size_t cols) {
    return {take<T>(rows * cols).data(), rows, cols};
  }
  /// As `matrix`, filled with zeros.
  MatrixView<float> zeros(std::size_t rows, std::size_t cols);
  /// Releases everything taken; joins the blocks of an outgrown arena into one.
  void reset();
  /// Bytes held from the system.
  std::size_t capacity() const;
  /// How often memory was asked of the system (a steady state asks no more).
  std::size_t system_allocations() const { return system_allocations_; }

  StageClock stages;

 private:
  void* take_bytes(std::size_t bytes);
  void add_block(std::size_t bytes);

  std::vector<AlignedBuffer<std::byte>> blocks_;
  std::size_t used_ = 0;  // bytes of the last block
  std::size_t system_allocations_ = 0;
};

}  // namespace tessera
