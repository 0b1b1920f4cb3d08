#include "train/shared_files.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "model/bundle.h"
#include "train/training_share.h"

namespace tessera {
namespace {

constexpr std::size_t kBlockBytes = 4U << 20;  // of each rank at a time

// Passes the rows of all ranks to `take` on rank 0, in the order of items, some at a time.
void pass_rows(const Ranks& ranks, std::span<const std::byte> own, std::size_t row_bytes,
               std::size_t items, const std::function<void(std::span<const std::byte>)>& take) {
  const std::size_t block = std::max<std::size_t>(kBlockBytes / row_bytes, 1);
  std::vector<std::byte> rows;
  std::vector<std::vector<std::byte>> parts(ranks.size);
  std::vector<std::span<const std::byte>> out(ranks.size);
  std::vector<std::span<std::byte>> in(ranks.size);
  for (std::size_t first = 0; first < rows_of_rank(items, 0, ranks.size); first += block) {
    const auto rows_here = [&](std::size_t rank) {
      const std::size_t all = rows_of_rank(items, rank, ranks.size);
      return all > first ? std::min(block, all - first) : 0;
    };
    out[0] =
        own.subspan(std::min(first * row_bytes, own.size()), rows_here(ranks.rank) * row_bytes);
    rows.clear();
    for (std::size_t r = 0; ranks.first() && r < ranks.size; ++r) {
      parts[r].resize(rows_here(r) * row_bytes);
      in[r] = parts[r];
    }
    ranks.exchange(out, in);
    for (std::size_t i = 0; ranks.first() && i < rows_here(0); ++i) {
      for (std::size_t r = 0; r < ranks.size && i < rows_here(r); ++r) {
        const auto row = std::span(parts[r]).subspan(i * row_bytes, row_bytes);
        rows.insert(rows.end(), row.begin(), row.end());
      }
    }
    if (ranks.first()) take(rows);
  }
}

}  // namespace

void write_tensors(const Ranks& ranks, const fs::path& file,
                   const std::map<std::string, Tensor>& own, std::size_t items,
                   const std::map<std::string, std::string>& metadata) {
  if (ranks.alone()) return write_safetensors(file, own, metadata);
  std::map<std::string, Tensor> whole = own;
  for (auto& [name, tensor] : whole) {
    if (has_item_rows(name)) tensor.shape[0] = items;
  }
  std::optional<SafeTensorsWriter> writer;
  if (ranks.first()) writer.emplace(file, whole, metadata);
  for (const std::string& name : SafeTensorsWriter::order(whole)) {
    if (!has_item_rows(name)) {
      if (writer) writer->append(own.at(name).bytes);
    } else if (const std::size_t bytes = whole.at(name).byte_count(); bytes > 0) {
      pass_rows(ranks, own.at(name).bytes, bytes / items, items,
                [&](std::span<const std::byte> rows) { writer->append(rows); });
    }
  }
  if (writer) writer->commit();
}

void share_out(const Ranks& ranks, CollaborativeTokens& whole, CollaborativeTokens& own,
               std::size_t items) {
  const std::pair<Matrix*, Matrix*> dense[] = {{&whole.centres, &own.centres},
                                               {&whole.text_map, &own.text_map},
                                               {&whole.vectors.value, &own.vectors.value}};
  for (const auto& [from, to] : dense) {
    if (ranks.first()) *to = from->clone();
    ranks.broadcast(std::as_writable_bytes(to->span()));
  }
  std::vector<std::vector<std::int32_t>> parts(ranks.size);
  std::vector<std::span<const std::byte>> out(ranks.size);
  std::vector<std::span<std::byte>> in(ranks.size);
  for (std::size_t r = 0; ranks.first() && r < ranks.size; ++r) {
    for (std::size_t item = r; item < items; item += ranks.size) {
      const auto codes = std::span(whole.codes).subspan(item * whole.parts, whole.parts);
      parts[r].insert(parts[r].end(), codes.begin(), codes.end());
    }
    out[r] = std::as_bytes(std::span(parts[r]));
  }
  in[0] = std::as_writable_bytes(std::span(own.codes));
  ranks.exchange(out, in);
}

}  // namespace tessera
