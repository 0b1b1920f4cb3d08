#include "train/tensor_files.h"

#include <algorithm>
#include <optional>

#include "model/bundle.h"
#include "ranks/placement.h"

namespace tessera {
namespace {

constexpr std::size_t kBlockBytes = 4U << 20;  // of each rank at a time

// Passes the rows of all ranks to `take` on rank 0, in the order of items, some at a time.
template <class Take>
void pass_rows(const Ranks& ranks, std::span<const std::byte> own, std::size_t row_bytes,
               std::size_t items, const Take& take) {
  const std::size_t block = std::max<std::size_t>(kBlockBytes / row_bytes, 1);
  StepArena arena;
  for (std::size_t first = 0; first < rows_of_rank(items, 0, ranks.size); first += block) {
    arena.reset();
    const auto sizes = arena.take<std::size_t>(ranks.size);
    for (std::size_t r = 0; r < ranks.size; ++r) {
      const std::size_t all = rows_of_rank(items, r, ranks.size);
      sizes[r] = all > first ? std::min(block, all - first) * row_bytes : 0;
    }
    const auto mine = own.subspan(std::min(first * row_bytes, own.size()), sizes[ranks.rank]);
    const auto parts = gather<std::byte>(ranks, mine, sizes, arena).parts;
    take(in_order_of_items(parts, row_bytes, arena));
  }
}

}  // namespace

void write_tensors(const Ranks& ranks, const fs::path& file,
                   const std::map<std::string, Tensor>& own, std::size_t items,
                   const std::map<std::string, std::string>& metadata) {
  std::map<std::string, Tensor> whole = own;
  for (auto& [name, tensor] : whole) {
    if (has_item_rows(name)) tensor.shape[0] = items;
  }
  std::optional<SafeTensorsWriter> writer;
  if (ranks.first()) writer.emplace(file, whole, metadata);
  const auto append = [&](std::span<const std::byte> bytes) {
    if (writer) writer->append(bytes);
  };
  for (const std::string& name : SafeTensorsWriter::order(whole)) {
    if (!has_item_rows(name)) {
      append(own.at(name).bytes);
    } else if (const std::size_t bytes = whole.at(name).byte_count(); bytes > 0) {
      pass_rows(ranks, own.at(name).bytes, bytes / items, items, append);
    }
  }
  if (writer) writer->commit();
}

}  // namespace tessera
