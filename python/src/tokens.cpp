#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "engine.h"
#include "tokenize/tokenization.h"

namespace tessera::python {
namespace {

using Integers = nb::ndarray<const std::int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

/// A tokenizer as Python holds it.
struct Tokenizer {
  std::shared_ptr<const SemanticTokenizer> engine;
};

/// Tokens in memory with their report.
struct Tokens {
  Tokenization engine;
  std::string health, summary;
};

MatrixView<const float> view_of(const Floats& rows) {
  return {rows.data(), rows.shape(0), rows.shape(1)};
}

IntMatrix codes_of(const Integers& codes) {
  return {codes.shape(0), codes.shape(1), {codes.data(), codes.data() + codes.size()}};
}

auto array_of_codes(IntMatrix codes) {
  const std::size_t rows = codes.rows, cols = codes.cols;
  return array_of(std::move(codes.values), rows, cols);
}

auto array_of_rows(const Matrix& rows) {
  return array_of(std::vector<float>(rows.span().begin(), rows.span().end()), rows.rows(),
                  rows.cols());
}

template <class Rows>
auto by_word(const Rows& rows, const std::string& word, const char* option) {
  for (const auto& row : rows) {
    if (row.word == word) return row;
  }
  std::string words;
  for (const auto& row : rows) words += (words.empty() ? "" : ", ") + std::string(row.word);
  fail_usage("{} '{}': it must be one of {}", option, word, words);
}

TokenizerOptions options_of(const std::string& quantizer, const std::string& distance,
                            const std::vector<std::size_t>& sizes, std::size_t beam,
                            std::size_t sample, std::size_t rounds, std::size_t updates,
                            std::uint64_t seed) {
  TokenizerOptions options;
  options.quantizer = by_word(kQuantizers, quantizer, "--quantizer").quantizer;
  if (!distance.empty()) options.distance = distance_of(distance);
  options.sizes = sizes;
  options.beam = beam;
  options.sample = sample;
  options.rounds = rounds;
  options.updates = updates;
  options.seed = seed;
  return options;
}

struct Interrupted {};

// Does the work without the GIL, by so many threads; Ctrl-C ends it.
template <class Work>
auto at_work(int threads, const Work& work) {
  Listener listener;
  const ProgressFunction watch = [&](std::size_t, std::size_t) {
    if (listener.interrupted()) throw Interrupted();
  };
  std::optional<decltype(work(watch))> result;
  {
    const nb::gil_scoped_release release;
    const UsedThreads used(threads);
    try {
      result = work(watch);
    } catch (const Interrupted&) {
      // What interrupted is raised below.
    }
  }
  listener.rethrow();
  return std::move(*result);
}

Tokenizer fit(const Floats& vectors, const std::string& quantizer, const std::string& distance,
              const std::vector<std::size_t>& sizes, std::size_t beam, std::size_t sample,
              std::size_t rounds, std::size_t updates, std::uint64_t seed, int threads) {
  TokenizerOptions options =
      options_of(quantizer, distance, sizes, beam, sample, rounds, updates, seed);
  return at_work(threads, [&](const ProgressFunction& watch) {
    options.progress = watch;
    return Tokenizer{std::make_shared<const SemanticTokenizer>(
        SemanticTokenizer::fit(vectors_in_memory(view_of(vectors)), options))};
  });
}

auto encode(const Tokenizer& self, const Floats& vectors, int threads) {
  return array_of_codes(at_work(threads, [&](const ProgressFunction& watch) {
    return self.engine->encode(vectors_in_memory(view_of(vectors)), watch);
  }));
}

auto decode(const Tokenizer& self, const Integers& codes, std::optional<std::size_t> levels) {
  return array_of_rows(self.engine->decode(codes_of(codes), levels));
}

nb::tuple unique(const Tokenizer& self, const Floats& vectors, const Integers& codes,
                 const std::string& rule, const std::optional<Integers>& kept) {
  IntMatrix changed = codes_of(codes);
  if (changed.cols != self.engine->levels() || changed.rows != vectors.shape(0)) {
    fail_usage("codes [{}, {}] do not fit {} vectors and {} levels", changed.rows, changed.cols,
               vectors.shape(0), self.engine->levels());
  }
  const UniquenessReport report = make_unique(*self.engine, vectors_in_memory(view_of(vectors)),
                                              by_word(kUniqueness, rule, "--unique").rule, changed,
                                              kept ? codes_of(*kept) : IntMatrix());
  return nb::make_tuple(array_of_codes(std::move(changed)), report.moved, report.error_before,
                        report.error_after);
}

// What is tokenized, from wherever it is.
NamedVectors items_of(nb::handle given, const fs::path& ids_file, std::vector<std::string> ids) {
  if (nb::isinstance<nb::str>(given)) {
    const fs::path path = nb::cast<std::string>(given);
    const nb::gil_scoped_release release;
    return fs::is_directory(path) ? vectors_of_dataset(path) : read_named_vectors(path, ids_file);
  }
  const auto rows = nb::cast<Floats>(given);
  Matrix copy(rows.shape(0), rows.shape(1));
  std::copy_n(rows.data(), rows.size(), copy.span().begin());
  return name_vectors(std::move(copy), std::move(ids));
}

Tokens tokenize_items(nb::handle vectors, std::vector<std::string> ids,
                      std::vector<std::string> titles, std::vector<std::string> labels,
                      const std::string& label, const fs::path& out, const Tokens* earlier,
                      const std::string& quantizer, const std::string& distance,
                      const std::vector<std::size_t>& sizes, std::size_t beam, std::size_t sample,
                      std::size_t rounds, std::size_t updates, const std::string& rule,
                      std::uint64_t seed, int threads) {
  TokenizeRequest request;
  request.items = items_of(vectors, "", std::move(ids));
  const std::size_t items = request.items.ids.size();
  for (const auto* texts : {&titles, &labels}) {
    if (!texts->empty() && texts->size() != items) {
      fail_usage("{} {} for {} items: give one each", texts->size(),
                 texts == &titles ? "titles" : "labels", items);
    }
  }
  if (!titles.empty()) request.items.titles = std::move(titles);
  request.labels = std::move(labels);
  request.label = label;
  request.options = options_of(quantizer, distance, sizes, beam, sample, rounds, updates, seed);
  request.unique = by_word(kUniqueness, rule, "--unique").rule;
  if (earlier != nullptr) request.earlier = &earlier->engine;
  return at_work(threads, [&](const ProgressFunction& watch) {
    request.progress = [&](const char*) { return watch; };
    TokenizeResult result = tokenize(std::move(request));
    if (!out.empty()) write_tokenization(out, result.tokens, result.health);
    return Tokens{std::move(result.tokens), dump_json(result.health), dump_json(result.summary)};
  });
}

Tokens read_tokens(const fs::path& folder) {
  const nb::gil_scoped_release release;
  return {read_tokenization(folder), dump_json(read_json(folder / "health.json")), "{}"};
}

std::string health_json(const Integers& codes, const std::vector<std::size_t>& sizes,
                        const std::vector<std::string>& ids, const std::vector<std::string>& titles,
                        const std::vector<std::string>& labels, const std::string& label,
                        const std::optional<Floats>& vectors, const Tokenizer* tokenizer,
                        std::uint64_t seed) {
  const IntMatrix all = codes_of(codes);
  if (sizes.size() != all.cols) {
    fail_usage("{} sizes for {} codes an item: give one each", sizes.size(), all.cols);
  }
  for (const auto* texts : {&ids, &titles, &labels}) {
    if (!texts->empty() && texts->size() != all.rows) {
      fail_usage("{} ids, titles or labels for {} items: give one each", texts->size(), all.rows);
    }
  }
  std::optional<VectorSource> source;
  if (vectors) source = vectors_in_memory(view_of(*vectors));
  TokensToJudge tokens;
  tokens.codes = &all;
  tokens.sizes = sizes;
  tokens.ids = ids;
  tokens.titles = titles;
  tokens.labels = labels;
  tokens.label = label;
  tokens.vectors = source ? &*source : nullptr;
  tokens.tokenizer = tokenizer == nullptr ? nullptr : tokenizer->engine.get();
  const nb::gil_scoped_release release;
  return dump_json(health_of(tokens, seed));
}

}  // namespace

void bind_tokens(nb::module_& module) {
  nb::class_<Tokenizer>(module, "Tokenizer", "Vectors to codes and back.")
      .def_prop_ro("levels", [](const Tokenizer& self) { return self.engine->levels(); })
      .def_prop_ro("dims", [](const Tokenizer& self) { return self.engine->dims(); })
      .def_prop_ro("quantizer",
                   [](const Tokenizer& self) { return std::string(self.engine->word()); })
      .def_prop_ro("parameters", [](const Tokenizer& self) { return self.engine->parameters(); })
      .def_prop_ro("sizes",
                   [](const Tokenizer& self) {
                     std::vector<std::size_t> sizes;
                     for (std::size_t l = 0; l < self.engine->levels(); ++l) {
                       sizes.push_back(self.engine->codes().codes(l));
                     }
                     return sizes;
                   })
      .def("codebook",
           [](const Tokenizer& self, std::size_t level) {
             return array_of_rows(self.engine->codes().books().at(level).rows);
           })
      .def("encode", &encode, "vectors"_a, "threads"_a)
      .def("decode", &decode, "codes"_a, "levels"_a.none())
      .def("unique", &unique, "vectors"_a, "codes"_a, "rule"_a, "kept"_a.none())
      .def("save", [](const Tokenizer& self, const fs::path& file) { self.engine->save(file); });
  module.def("fit_tokenizer", &fit, "vectors"_a, "quantizer"_a, "distance"_a, "sizes"_a, "beam"_a,
             "sample"_a, "rounds"_a, "updates"_a, "seed"_a, "threads"_a);
  module.def("load_tokenizer", [](const fs::path& file) {
    return Tokenizer{std::make_shared<const SemanticTokenizer>(SemanticTokenizer::load(file))};
  });
  nb::class_<Tokens>(module, "Tokens", "Items with their codes.")
      .def_prop_ro("ids", [](const Tokens& self) { return texts_of(self.engine.ids); })
      .def_prop_ro("titles", [](const Tokens& self) { return texts_of(self.engine.titles); })
      .def("codes", [](const Tokens& self) { return array_of_codes(self.engine.codes); })
      .def_prop_ro("sizes", [](const Tokens& self) { return self.engine.sizes(); })
      .def_prop_ro("unique", [](const Tokens& self) { return std::string(self.engine.rule()); })
      .def_prop_ro("tokenizer", [](const Tokens& self) { return Tokenizer{self.engine.tokenizer}; })
      .def_prop_ro("health", [](const Tokens& self) { return self.health; })
      .def_prop_ro("summary", [](const Tokens& self) { return self.summary; })
      .def("compare", [](const Tokens& self, const Tokens& later) {
        return dump_json(compare(self.engine, later.engine));
      });
  module.def("tokenize", &tokenize_items, "vectors"_a, "ids"_a, "titles"_a, "labels"_a, "label"_a,
             "out"_a, "earlier"_a.none(), "quantizer"_a, "distance"_a, "sizes"_a, "beam"_a,
             "sample"_a, "rounds"_a, "updates"_a, "unique"_a, "seed"_a, "threads"_a);
  module.def("read_tokens", &read_tokens, "folder"_a);
  module.def("health", &health_json, "codes"_a, "sizes"_a, "ids"_a, "titles"_a, "labels"_a,
             "label"_a, "vectors"_a.none(), "tokenizer"_a.none(), "seed"_a);
  module.def("health_page", [](const std::string& health, const std::string& name) {
    return health_page(parse_json(health, "health"), name);
  });
}

}  // namespace tessera::python
