#include "data/embed.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/npy.h"

namespace tessera {
namespace {

EmbedReport write_embeddings(const fs::path& directory, const Matrix& embeddings) {
  EmbedReport report{embeddings.rows(), embeddings.cols(), 0};
  for (std::size_t i = 0; i < embeddings.rows(); ++i) {
    report.zero_rows +=
        std::ranges::all_of(embeddings.view().row(i), [](float x) { return x == 0.0F; });
  }
  write_npy(directory / kEmbeddingsFile, embeddings);
  return report;
}

// Item number of each row of the file.
std::vector<std::int32_t> read_row_items(const fs::path& file, const Dataset& data) {
  const auto numbers = number_by_id(data.items);
  std::vector<std::int32_t> items;
  std::vector<bool> met(data.items.size());
  for_each_line(read_file(file), [&](std::string_view id, std::size_t line) {
    const auto found = numbers.find(id);
    if (found == numbers.end()) {
      fail("{}:{}: item '{}' is not in the catalogue; remove its row or prepare the data again",
           file.string(), line, id);
    }
    if (met[static_cast<std::size_t>(found->second)]) {
      fail("{}:{}: item '{}' has a row already; keep one of them", file.string(), line, id);
    }
    met[static_cast<std::size_t>(found->second)] = true;
    items.push_back(found->second);
  });
  return items;
}

}  // namespace

EmbedReport embed_by_text(const fs::path& directory, const TfidfOptions& options) {
  const Dataset data = read_dataset(directory);
  std::vector<std::string_view> texts;
  for (const CatalogueItem& item : data.items) texts.emplace_back(item.text);
  if (std::ranges::all_of(texts, [](std::string_view text) { return text.empty(); })) {
    fail("{}: no item has a text: prepare the data with --item-text, or train with tokens=id",
         (directory / "items.jsonl").string());
  }
  const TfidfEncoder encoder = TfidfEncoder::fit(texts, options);
  if (encoder.vocabulary.terms.empty()) {
    fail("{}: no word stands in {} texts or more: lower --min-df",
         (directory / "items.jsonl").string(), options.min_df);
  }
  // The embeddings last: where they are, the encoder beside them is theirs.
  encoder.save(directory / kTextEncoderFile);
  return write_embeddings(directory, encoder.encode(texts));
}

EmbedReport embed_from_npy(const fs::path& directory, const fs::path& file, const fs::path& ids) {
  const Dataset data = read_dataset(directory);
  const Matrix rows = read_npy(file);
  if (rows.cols() == 0) fail("{}: the embeddings have no columns", file.string());
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    if (!std::ranges::all_of(rows.view().row(i), [](float x) { return std::isfinite(x); })) {
      fail("{}: row {} holds NaN or Inf; correct the embeddings", file.string(), i);
    }
  }
  Matrix embeddings(data.items.size(), rows.cols());
  if (ids.empty()) {
    if (rows.rows() != data.items.size()) {
      fail("{}: {} rows for {} items; give a row for each line of items.jsonl, or --ids",
           file.string(), rows.rows(), data.items.size());
    }
    std::ranges::copy(rows.span(), embeddings.span().begin());
  } else {
    const std::vector<std::int32_t> items = read_row_items(ids, data);
    if (rows.rows() != items.size()) {
      fail("{}: {} rows for the {} ids of {}; give one id a row", file.string(), rows.rows(),
           items.size(), ids.string());
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
      std::copy_n(rows[i], rows.cols(), embeddings[static_cast<std::size_t>(items[i])]);
    }
  }
  std::error_code ignored;
  fs::remove(directory / kTextEncoderFile, ignored);  // of other embeddings
  return write_embeddings(directory, embeddings);
}

}  // namespace tessera
