#include "text/tfidf.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/parallel.h"
#include "text/words.h"

namespace tessera {
namespace {

// Calls body(term) for each word and each pair of neighbours.
template <class Body>
void for_terms(std::string_view text, const Body& body) {
  const std::vector<std::string> words = split_words(text);
  for (std::size_t i = 0; i < words.size(); ++i) {
    body(words[i]);
    if (i + 1 < words.size()) body(words[i] + ' ' + words[i + 1]);
  }
}

}  // namespace

void Vocabulary::index_terms() {
  numbers.clear();
  numbers.reserve(terms.size());
  for (std::size_t i = 0; i < terms.size(); ++i) {
    numbers.emplace(terms[i], static_cast<std::int32_t>(i));
  }
}

Vocabulary fit_vocabulary(std::span<const std::string_view> texts, std::size_t min_df,
                          std::size_t max_terms, std::size_t counted) {
  struct Count {
    std::size_t texts = 0;
    std::size_t last_text = 0;  // from 1
  };
  std::unordered_map<std::string, Count> counts;
  std::size_t dropped = 1;  // terms with so few texts go next
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for_terms(texts[i], [&](const std::string& term) {
      Count& count = counts[term];
      if (count.last_text == i + 1) return;
      count.last_text = i + 1;
      ++count.texts;
    });
    if (counts.size() <= counted) continue;
    for (; counts.size() > counted / 2; ++dropped) {
      std::erase_if(counts, [&](const auto& term) { return term.second.texts <= dropped; });
    }
  }
  std::vector<std::pair<std::size_t, const std::string*>> kept;
  for (const auto& [term, count] : counts) {
    if (count.texts >= min_df) kept.emplace_back(count.texts, &term);
  }
  std::ranges::sort(kept, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : *a.second < *b.second;
  });
  if (kept.size() > max_terms) kept.resize(max_terms);
  Vocabulary vocabulary;
  for (const auto& [frequency, term] : kept) {
    vocabulary.terms.push_back(*term);
    vocabulary.idf.push_back(static_cast<float>(std::log((1.0 + static_cast<double>(texts.size())) /
                                                         (1.0 + static_cast<double>(frequency))) +
                                                1.0));
  }
  vocabulary.index_terms();
  return vocabulary;
}

namespace {

// Appends the rows of the texts.
void append_rows(const Vocabulary& vocabulary, std::span<const std::string_view> texts,
                 SparseMatrix& matrix) {
  std::map<std::int32_t, std::size_t> counts;
  for (const std::string_view text : texts) {
    counts.clear();
    for_terms(text, [&](const std::string& term) {
      const auto found = vocabulary.numbers.find(term);
      if (found != vocabulary.numbers.end()) ++counts[found->second];
    });
    double squares = 0.0;
    const std::size_t first = matrix.values.size();
    for (const auto& [term, count] : counts) {
      const double value = (1.0 + std::log(static_cast<double>(count))) *
                           vocabulary.idf[static_cast<std::size_t>(term)];
      squares += value * value;
      matrix.columns.push_back(term);
      matrix.values.push_back(static_cast<float>(value));
    }
    for (std::size_t e = first; e < matrix.values.size(); ++e) {
      matrix.values[e] /= static_cast<float>(std::sqrt(squares));
    }
    matrix.offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
  }
}

}  // namespace

SparseMatrix tfidf(const Vocabulary& vocabulary, std::span<const std::string_view> texts) {
  SparseMatrix all;
  all.rows = texts.size();
  all.cols = vocabulary.terms.size();
  const std::size_t parts =
      std::min(static_cast<std::size_t>(thread_count()), 1 + texts.size() / 64);
  std::vector<SparseMatrix> rows(parts);
  parallel_for(parts, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t p = begin; p < end; ++p) {
      const std::size_t first = texts.size() * p / parts;
      append_rows(vocabulary, texts.subspan(first, texts.size() * (p + 1) / parts - first),
                  rows[p]);
    }
  });
  for (SparseMatrix& part : rows) {
    const auto before = static_cast<std::int64_t>(all.values.size());
    for (std::size_t r = 1; r < part.offsets.size(); ++r) {
      all.offsets.push_back(before + part.offsets[r]);
    }
    all.columns.insert(all.columns.end(), part.columns.begin(), part.columns.end());
    all.values.insert(all.values.end(), part.values.begin(), part.values.end());
    part = SparseMatrix();
  }
  return all;
}

}  // namespace tessera
