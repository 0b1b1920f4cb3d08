#include "data/embed.h"

#include <algorithm>

#include "base/error.h"
#include "base/folders.h"
#include "base/npy.h"
#include "data/vectors.h"
#include "text/sentence_folder.h"
#include "text/text_encoder.h"

namespace tessera {
namespace {

/// Texts that are encoded, and whose embeddings are held, at once.
constexpr std::size_t kTextsAtOnce = 16384;

std::size_t zero_rows(MatrixView<const float> rows) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    count += is_zero(rows.row(i));
  }
  return count;
}

std::vector<std::string_view> texts_of(const Dataset& data, const fs::path& directory) {
  if (!has_texts(data)) {
    fail(
        "{}: no item has a text: there is nothing to embed, and 'tessera train' goes without; with "
        "texts, prepare the data with --item-text",
        (directory / "items.jsonl").string());
  }
  std::vector<std::string_view> texts;
  texts.reserve(data.items.size());
  for (const CatalogueItem& item : data.items) texts.emplace_back(item.text);
  return texts;
}

/// The encoder and its embeddings of the texts. The embeddings take their place last: where they
/// are, the encoder beside them is theirs.
EmbedReport write_encoded(const fs::path& directory, const TextEncoder& encoder,
                          std::span<const std::string_view> texts,
                          const ProgressFunction& progress) {
  const FolderLock lock(directory, Folder::dataset);
  EmbedReport report{texts.size(), encoder.dims(), 0, 0, 0};
  NpyWriter file(directory / kEmbeddingsFile, texts.size(), encoder.dims());
  if (progress) progress(0, texts.size());
  for (std::size_t first = 0; first < texts.size(); first += kTextsAtOnce) {
    const auto part = texts.subspan(first, std::min(kTextsAtOnce, texts.size() - first));
    const Matrix rows = encoder.encode(part, [&](std::size_t done, std::size_t) {
      if (progress) progress(first + done, texts.size());
    });
    report.zero_rows += zero_rows(rows);
    file.append(rows);
    if (progress) progress(first + part.size(), texts.size());
  }
  encoder.save(directory / kTextEncoderFile);
  file.commit();
  return report;
}

EmbedReport write_taken(const fs::path& directory, const ItemVectors& vectors) {
  const FolderLock lock(directory, Folder::dataset);
  std::error_code ignored;
  fs::remove(directory / kTextEncoderFile, ignored);  // of other embeddings
  write_npy(directory / kEmbeddingsFile, vectors.rows);
  return {vectors.rows.rows(), vectors.rows.cols(), vectors.without_vector, 0, 0};
}

}  // namespace

EmbedReport embed_by_text(const fs::path& directory, const TfidfOptions& options,
                          const ProgressFunction& progress) {
  const Dataset data = read_dataset(directory);
  const std::vector<std::string_view> texts = texts_of(data, directory);
  // A withheld item is one that nobody knows yet: its words weigh nothing in the fit.
  std::vector<std::string_view> known;
  for (const CatalogueItem& item : data.items) {
    if (!item.withheld) known.emplace_back(item.text);
  }
  TfidfEncoder encoder = TfidfEncoder::fit(known, options);
  if (encoder.vocabulary.terms.empty()) {
    fail("{}: no word stands in {} texts or more: lower --min-df",
         (directory / "items.jsonl").string(), options.min_df);
  }
  return write_encoded(directory, std::move(encoder), texts, progress);
}

EmbedReport embed_as(const fs::path& directory, const fs::path& from,
                     const ProgressFunction& progress) {
  const fs::path file = from / kTextEncoderFile;
  if (!fs::exists(file)) {
    fail(
        "{}: keeps no text encoder: give a bundle or a dataset that was embedded by one, or the "
        "same vectors by --encoder npy, safetensors or jsonl",
        from.string());
  }
  const Dataset data = read_dataset(directory);
  const std::vector<std::string_view> texts = texts_of(data, directory);
  const TextEncoder encoder = TextEncoder::load(file);
  EmbedReport report = write_encoded(directory, encoder, texts, progress);
  for (const std::string_view text : texts) {
    const WordCount count = encoder.count_words(text);
    report.words += count.words;
    report.unread_words += count.unknown;
  }
  return report;
}

EmbedReport embed_by_folder(const fs::path& directory, const fs::path& folder,
                            const ProgressFunction& progress) {
  const Dataset data = read_dataset(directory);
  return write_encoded(directory, read_sentence_folder(folder), texts_of(data, directory),
                       progress);
}

EmbedReport embed_from_file(const fs::path& directory, std::string_view format,
                            const fs::path& file, const fs::path& ids) {
  const Dataset data = read_dataset(directory);
  const ItemVectors vectors = format == "npy" ? read_npy_vectors(file, ids, data.items)
                              : format == "safetensors"
                                  ? read_safetensors_vectors(file, ids, data.items)
                                  : read_jsonl_vectors(file, data.items);
  return write_taken(directory, vectors);
}

EmbedReport embed_vectors(const fs::path& directory, MatrixView<const float> rows,
                          const std::optional<std::vector<std::string>>& ids) {
  const Dataset data = read_dataset(directory);
  return write_taken(directory, take_vectors(rows, ids, data.items, "vectors"));
}

}  // namespace tessera
