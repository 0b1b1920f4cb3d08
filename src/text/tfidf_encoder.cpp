#include "text/tfidf_encoder.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/parallel.h"
#include "kernels/half_rows.h"
#include "text/svd.h"

namespace tessera {
namespace {

/// The rows of the projection that the texts use, in single precision; `weights` is changed to
/// number these.
Matrix used_rows(const std::vector<Half>& projection, std::size_t dims, SparseMatrix& weights) {
  std::vector<std::int32_t> used(weights.columns.begin(), weights.columns.end());
  std::ranges::sort(used);
  const auto repeated = std::ranges::unique(used);
  used.erase(repeated.begin(), repeated.end());
  Matrix rows(used.size(), dims);
  for (std::size_t i = 0; i < used.size(); ++i) {
    const std::size_t term = static_cast<std::size_t>(used[i]);
    widen(std::span(projection).subspan(term * dims, dims), rows.view().row(i));
  }
  for (std::int32_t& term : weights.columns) {
    term = static_cast<std::int32_t>(std::ranges::lower_bound(used, term) - used.begin());
  }
  weights.cols = used.size();
  return rows;
}

}  // namespace

TfidfEncoder TfidfEncoder::fit(std::span<const std::string_view> texts,
                               const TfidfOptions& options) {
  TfidfEncoder encoder;
  encoder.vocabulary = fit_vocabulary(texts, options.min_df, options.max_terms);
  const Matrix vectors = right_singular_vectors(tfidf(encoder.vocabulary, texts), options.dims,
                                                options.seed, kPowerRounds, options.progress);
  encoder.dims = vectors.cols();
  encoder.projection.reserve(vectors.size());
  for (const float value : vectors.span()) encoder.projection.push_back(static_cast<Half>(value));
  return encoder;
}

Matrix TfidfEncoder::encode(std::span<const std::string_view> texts) const {
  Matrix embeddings(texts.size(), dims);
  SparseMatrix weights = tfidf(vocabulary, texts);
  const Matrix rows = used_rows(projection, dims, weights);
  multiply(weights, rows, embeddings);
  parallel_for(texts.size(), 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      double squares = 0.0;
      for (const float x : embeddings.view().row(i)) squares += double{x} * x;
      if (squares == 0.0) continue;
      const auto scale = static_cast<float>(1.0 / std::sqrt(squares));
      for (float& x : embeddings.view().row(i)) x *= scale;
    }
  });
  return embeddings;
}

void TfidfEncoder::save(const fs::path& file) const {
  std::string terms;
  for (const std::string& term : vocabulary.terms) terms += term + '\n';
  const auto bytes = [](const auto& values) { return std::as_bytes(std::span(values)); };
  write_safetensors(file,
                    {{"projection", {"F16", {vocabulary.terms.size(), dims}, bytes(projection)}},
                     {"idf", {"F32", {vocabulary.idf.size()}, bytes(vocabulary.idf)}},
                     {"terms", {"U8", {terms.size()}, bytes(terms)}}},
                    {{"format_version", kTextEncoderVersion}, {"kind", kTfidfKind}});
}

TfidfEncoder TfidfEncoder::load(const SafeTensors& tensors) {
  TfidfEncoder encoder;
  const Tensor& terms = tensors.at("terms");
  for_each_line(
      {reinterpret_cast<const char*>(terms.bytes.data()), terms.bytes.size()},
      [&](std::string_view term, std::size_t) { encoder.vocabulary.terms.emplace_back(term); });
  const std::size_t count = encoder.vocabulary.terms.size();
  const Matrix idf = tensors.matrix("idf");
  const Tensor& projection = tensors.at("projection");
  if (idf.size() != count || projection.dtype != "F16" || projection.shape.size() != 2 ||
      projection.shape[0] != count) {
    fail("{}: its tensors do not fit each other: run 'tessera embed' again",
         tensors.path().string());
  }
  encoder.vocabulary.idf.assign(idf.span().begin(), idf.span().end());
  encoder.vocabulary.index_terms();
  encoder.dims = projection.shape[1];
  encoder.projection.resize(projection.count());
  std::ranges::copy(projection.bytes,
                    std::as_writable_bytes(std::span(encoder.projection)).begin());
  return encoder;
}

}  // namespace tessera
