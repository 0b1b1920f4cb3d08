#include <unistd.h>

#include <limits>
#include <mutex>

#include "base/error.h"
#include "data/item_texts.h"
#include "engine.h"
#include "engine/model.h"
#include "eval/code_statistics.h"

namespace tessera::python {
namespace {

using Numbers = std::vector<std::int32_t>;

// Scratch memory of calls that go on at once; it is kept for the next ones.
class Arenas {
 public:
  class Lease {
   public:
    explicit Lease(Arenas& arenas) : arenas_(arenas) {
      const std::lock_guard lock(arenas_.mutex_);
      if (arenas_.free_.empty()) {
        arena_ = std::make_unique<StepArena>();
      } else {
        arena_ = std::move(arenas_.free_.back());
        arenas_.free_.pop_back();
      }
      arena_->reset();
    }
    ~Lease() {
      const std::lock_guard lock(arenas_.mutex_);
      arenas_.free_.push_back(std::move(arena_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    operator StepArena&() { return *arena_; }  // NOLINT: is one

   private:
    Arenas& arenas_;
    std::unique_ptr<StepArena> arena_;
  };

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<StepArena>> free_;
};

// A model as one process opened it. After a fork the child has neither the index's thread nor the
// holders of its locks: there the model refuses to work, and is left alone at the end.
class OpenModel {
 public:
  explicit OpenModel(const fs::path& bundle) : model_(std::make_unique<Model>(bundle)) {}
  ~OpenModel() {
    if (getpid() != opened_in_) static_cast<void>(model_.release());  // NOLINT: see above
  }
  OpenModel(const OpenModel&) = delete;
  OpenModel& operator=(const OpenModel&) = delete;

  Model& operator*() const {
    if (getpid() != opened_in_) {
      fail(
          "this model was opened before the process was forked: open it in the child, by its path");
    }
    return *model_;
  }
  Model* operator->() const { return &**this; }
  Arenas& arenas() { return arenas_; }

 private:
  std::unique_ptr<Model> model_;
  Arenas arenas_;
  const pid_t opened_in_ = getpid();
};

std::vector<std::string> ids_of(nb::handle ids, const char* what) {
  std::vector<std::string> all;
  for (const nb::handle id : ids) {
    all.push_back(id_of(id, what + ("[" + std::to_string(all.size()) + "]")));
  }
  return all;
}

Numbers numbers_of(const Model& model, const std::vector<std::string>& ids) {
  const auto found = model.numbers(ids);
  Numbers numbers;
  numbers.reserve(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i])
      fail("item '{}' is not in the model's catalogue; item_ids lists the ids", ids[i]);
    numbers.push_back(*found[i]);
  }
  return numbers;
}

Numbers history_of(const Model& model, nb::handle ids, const char* what) {
  Numbers numbers = numbers_of(model, ids_of(ids, what));
  if (numbers.empty()) fail_usage("{} is empty, which says nothing: give at least one item", what);
  return numbers;
}

std::size_t checked_k(std::int64_t k) {
  if (k < 1 || k > 10000) fail_usage("k = {}: it must be from 1 to 10000", k);
  return static_cast<std::size_t>(k);
}

nb::list ids_list(const Model& model, const Numbers& numbers) {
  nb::list ids;
  for (const ItemCard& card : model.cards(numbers)) ids.append(text_of(card.id));
  return ids;
}

// (ids, scores [n]) of one list.
nb::tuple pair_of(const Model& model, const std::vector<ScoredItem>& best) {
  Numbers numbers;
  auto scores = std::make_unique<float[]>(best.size());
  for (std::size_t i = 0; i < best.size(); ++i) {
    numbers.push_back(best[i].item);
    scores[i] = best[i].score;
  }
  return nb::make_tuple(ids_list(model, numbers), array_of(std::move(scores), best.size()));
}

nb::tuple recommend(OpenModel& self, nb::handle ids, std::int64_t k, bool repeats) {
  const Model& model = *self;
  const std::size_t count = checked_k(k);
  const Numbers history = history_of(model, ids, "history");
  std::vector<ScoredItem> best;
  {
    const nb::gil_scoped_release release;
    SearchFilter filter;
    if (!repeats) filter.excluded = history;
    Arenas::Lease arena(self.arenas());
    best = model.recommend(history, count, filter, arena);
  }
  return pair_of(model, best);
}

std::vector<Numbers> histories_of(const Model& model, nb::handle ids) {
  std::vector<Numbers> histories;
  for (const nb::handle history : ids) {
    const std::string what = "histories[" + std::to_string(histories.size()) + "]";
    if (PyUnicode_Check(history.ptr()) || PySequence_Check(history.ptr()) == 0) {
      throw nb::type_error((what + " is no list of item ids").c_str());
    }
    histories.push_back(history_of(model, history, what.c_str()));
  }
  return histories;
}

// (ids, n × k in one list, None where a list is shorter; scores [n, k], NaN there).
nb::tuple recommend_many(OpenModel& self, nb::handle ids, std::int64_t k, bool repeats,
                         int threads) {
  const Model& model = *self;
  const std::size_t count = checked_k(k);
  const std::vector<Numbers> histories = histories_of(model, ids);
  std::vector<std::vector<ScoredItem>> lists;
  {
    const nb::gil_scoped_release release;
    const UsedThreads used(threads);
    const std::vector<History> views(histories.begin(), histories.end());
    lists = model.recommend_many(views, {.k = count, .exclude_history = !repeats});
  }
  auto scores = std::make_unique<float[]>(lists.size() * count);
  std::fill_n(scores.get(), lists.size() * count, std::numeric_limits<float>::quiet_NaN());
  nb::list names;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    Numbers numbers;
    for (const ScoredItem& scored : lists[i]) {
      scores[i * count + numbers.size()] = scored.score;
      numbers.push_back(scored.item);
    }
    names.extend(ids_list(model, numbers));
    for (std::size_t j = numbers.size(); j < count; ++j) names.append(nb::none());
  }
  return nb::make_tuple(names, array_of(std::move(scores), lists.size(), count));
}

auto states(OpenModel& self, nb::handle ids, int threads) {
  const Model& model = *self;
  const std::vector<Numbers> histories = histories_of(model, ids);
  const std::size_t width = model.settings().width();
  auto rows = std::make_unique<float[]>(histories.size() * width);
  {
    const nb::gil_scoped_release release;
    const UsedThreads used(threads);
    const std::vector<History> views(histories.begin(), histories.end());
    model.states(views, {rows.get(), histories.size(), width});
  }
  return array_of(std::move(rows), histories.size(), width);
}

Numbers items_or_all(const Model& model, nb::handle items) {
  return items.is_none() ? model.known_items() : numbers_of(model, ids_of(items, "items"));
}

// The codes [n, levels] of cards or tokens.
template <class Coded>
auto codes_of(const std::vector<Coded>& all, std::size_t levels) {
  auto codes = std::make_unique<std::int32_t[]>(all.size() * levels);
  std::int32_t* next = codes.get();
  for (const Coded& item : all) next = std::ranges::copy(item.codes, next).out;
  return array_of(std::move(codes), all.size(), levels);
}

auto tokens(OpenModel& self, nb::handle items) {
  const Model& model = *self;
  return codes_of(model.cards(items_or_all(model, items)), model.levels());
}

auto vectors(OpenModel& self, nb::handle items) {
  const Model& model = *self;
  const Numbers numbers = items_or_all(model, items);
  const std::size_t width = model.settings().width();
  auto rows = std::make_unique<float[]>(numbers.size() * width);
  model.copy_vectors(numbers, {rows.get(), numbers.size(), width});
  return array_of(std::move(rows), numbers.size(), width);
}

nb::tuple similar(OpenModel& self, nb::handle item, std::int64_t k) {
  const Model& model = *self;
  const std::size_t count = checked_k(k);
  const std::int32_t number = numbers_of(model, {id_of(item, "item")}).front();
  std::vector<ScoredItem> best;
  {
    const nb::gil_scoped_release release;
    best = model.similar(number, count);
  }
  return pair_of(model, best);
}

std::string explain(OpenModel& self, nb::handle ids, nb::handle item) {
  const Model& model = *self;
  const Numbers history = history_of(model, ids, "history");
  const std::int32_t number = numbers_of(model, {id_of(item, "item")}).front();
  const nb::gil_scoped_release release;
  Arenas::Lease arena(self.arenas());
  const Explanation why = model.explain(history, number, arena);
  return nlohmann::json{{"score", why.score},
                        {"tokens", why.tokens},
                        {"id_token", why.id_token},
                        {"history", why.history}}
      .dump();
}

// (ids, places [n, 2], codes of the first level [n])
nb::tuple map(OpenModel& self) {
  const std::vector<Model::Point> points = self->map();
  Numbers numbers;
  auto places = std::make_unique<float[]>(2 * points.size());
  auto codes = std::make_unique<std::int32_t[]>(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    numbers.push_back(points[i].item);
    std::ranges::copy(points[i].place, places.get() + 2 * i);
    codes[i] = points[i].code;
  }
  return nb::make_tuple(ids_list(*self, numbers), array_of(std::move(places), points.size(), 2),
                        array_of(std::move(codes), points.size()));
}

// Puts items by their texts, or by their embeddings where these are given. All tokens are found
// before the first item is put: an error leaves the model as it was.
void put_all(OpenModel& self, const std::vector<std::string>& names,
             const std::vector<std::string>& titles, const std::vector<std::string>& texts,
             const std::optional<Floats>& embeddings, std::vector<ItemTokens>& found) {
  Model& model = *self;
  for (std::size_t i = 0; i < names.size(); ++i) {
    try {
      check_id({names[i], Value::Kind::word}, IdOf::item);
      Arenas::Lease arena(self.arenas());
      found.push_back(embeddings
                          ? model.tokens_of(std::span(embeddings->data() + i * embeddings->shape(1),
                                                      embeddings->shape(1)),
                                            arena)
                          : model.tokens_of(texts[i], arena));
    } catch (const Error& error) {
      fail("item '{}': {}", names[i], error.what());
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) model.put(names[i], titles[i], found[i]);
}

// Returns the tokens [n, levels].
auto add_items(OpenModel& self, nb::handle ids, const std::vector<std::string>& titles,
               const std::vector<std::string>& texts, const std::optional<Floats>& embeddings) {
  const std::vector<std::string> names = ids_of(ids, "ids");
  std::vector<ItemTokens> found;
  {
    const nb::gil_scoped_release release;
    put_all(self, names, titles, texts, embeddings, found);
  }
  return codes_of(found, self->levels());
}

void remove_items(OpenModel& self, nb::handle ids) {
  Model& model = *self;
  const std::vector<std::string> names = ids_of(ids, "ids");
  numbers_of(model, names);
  for (const std::string& name : names) model.erase(name);
}

std::string statistics(OpenModel& self) {
  const Model& model = *self;
  const Settings& settings = model.settings();
  Numbers codes;
  const Numbers all = model.known_items();
  for (const ItemCard& card : model.cards(all)) {
    codes.insert(codes.end(), card.codes.begin(), card.codes.end());
  }
  return to_json(code_statistics(codes, model.levels(), settings.codebook_size),
                 token_account(settings, all.size()))
      .dump();
}

}  // namespace

void bind_model(nb::module_& module) {
  nb::class_<OpenModel>(module, "Model", "A model in memory.")
      .def(nb::init<const fs::path&>(), "bundle"_a, nb::call_guard<nb::gil_scoped_release>())
      .def_prop_ro("levels", [](const OpenModel& self) { return self->levels(); })
      .def_prop_ro("width", [](const OpenModel& self) { return self->settings().width(); })
      .def_prop_ro("live_items", [](const OpenModel& self) { return self->live_items(); })
      .def_prop_ro("reads_text", [](const OpenModel& self) { return self->reads_text(); })
      .def_prop_ro("config", [](const OpenModel& self) { return dump_json(self->config()); })
      .def_prop_ro("item_ids",
                   [](const OpenModel& self) { return ids_list(*self, self->known_items()); })
      .def_prop_ro("titles",
                   [](const OpenModel& self) {
                     nb::list titles;
                     for (const ItemCard& card : self->cards(self->known_items())) {
                       titles.append(text_of(card.title));
                     }
                     return titles;
                   })
      .def("codebook",
           [](nb::handle self, std::size_t level) {
             const Model& model = *nb::cast<OpenModel&>(self);
             const MatrixView<const float> book = model.codebook(level);
             return nb::ndarray<nb::numpy, const float, nb::ndim<2>>(book.data,
                                                                     {book.rows, book.cols}, self);
           })
      .def("recommend", &recommend, "history"_a, "k"_a, "repeats"_a)
      .def("recommend_many", &recommend_many, "histories"_a, "k"_a, "repeats"_a, "threads"_a)
      .def("states", &states, "histories"_a, "threads"_a)
      .def("tokens", &tokens, "items"_a.none())
      .def("vectors", &vectors, "items"_a.none())
      .def("similar", &similar, "item"_a, "k"_a)
      .def("explain", &explain, "history"_a, "item"_a)
      .def("map", &map)
      .def("statistics", &statistics)
      .def("add_items", &add_items, "ids"_a, "titles"_a, "texts"_a, "embeddings"_a.none())
      .def("remove_items", &remove_items, "ids"_a);
}

}  // namespace tessera::python
