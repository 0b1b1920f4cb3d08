#include <unistd.h>

#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "engine.h"
#include "eval/code_statistics.h"
#include "tessera/model.h"

namespace tessera::python {
namespace {

using Numbers = std::vector<std::int32_t>;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

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

 private:
  std::unique_ptr<Model> model_;
  const pid_t opened_in_ = getpid();
};

std::vector<std::string> ids_of(nb::handle ids, const char* what) {
  std::vector<std::string> all;
  for (const nb::handle id : ids) {
    all.push_back(id_of(id, what + ("[" + std::to_string(all.size()) + "]")));
  }
  return all;
}

Numbers history_of(const Model& model, nb::handle ids, const char* what) {
  Numbers numbers = model.known(ids_of(ids, what));
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
template <class Scored>
nb::tuple pair_of(const Model& model, const std::vector<Scored>& best, std::int32_t Scored::* item,
                  auto Scored::* score) {
  Numbers numbers;
  auto scores = std::make_unique<float[]>(best.size());
  for (std::size_t i = 0; i < best.size(); ++i) {
    numbers.push_back(best[i].*item);
    scores[i] = static_cast<float>(best[i].*score);
  }
  return nb::make_tuple(ids_list(model, numbers), array_of(std::move(scores), best.size()));
}

// What a call asks of its lists: a filter in words or as JSON, rules and a blend as JSON; "" is
// none.
class Wishes {
 public:
  Wishes(const Model& model, std::int64_t k, bool repeats, const std::string& filter,
         const std::string& rules, const std::string& blend = "")
      : options_{.k = checked_k(k), .repeats = repeats} {
    if (!filter.empty()) filter_ = filter_from_text(filter);
    if (!rules.empty()) rules_ = model.read_rules(rules);
    if (blend.empty()) return;
    blend_ = blend_from_json(blend);
    model.check(blend_->from);
  }
  RecommendOptions options() const {
    RecommendOptions options = options_;
    if (filter_) options.filter = &*filter_;
    if (rules_) options.rules = &*rules_;
    if (blend_) options.blend = &*blend_;
    return options;
  }

 private:
  RecommendOptions options_;
  std::optional<Filter> filter_;
  std::optional<Rules> rules_;
  std::optional<Blend> blend_;
};

// The history [n] of a call, without items that the model does not know if such are passed over.
Numbers history_given(const Model& model, nb::handle ids, bool skip_unknown) {
  if (!skip_unknown) return history_of(model, ids, "history");
  const std::vector<std::string> names[] = {ids_of(ids, "history")};
  return std::move(model.histories(names, true).front().items);
}

nb::tuple recommend(OpenModel& self, nb::handle ids, std::int64_t k, bool repeats,
                    bool skip_unknown, const std::string& filter, const std::string& rules,
                    const std::string& blend) {
  const Model& model = *self;
  const Wishes wishes(model, k, repeats, filter, rules, blend);
  const Numbers history = history_given(model, ids, skip_unknown);
  std::vector<ScoredItem> best;
  {
    const nb::gil_scoped_release release;
    best = model.recommend(history, wishes.options());
  }
  return pair_of(model, best, &ScoredItem::item, &ScoredItem::score);
}

// Scores of these items after a history [n].
auto score(OpenModel& self, nb::handle ids, nb::handle items, bool skip_unknown) {
  const Model& model = *self;
  const Numbers wanted = model.known(ids_of(items, "items"));
  const Numbers history = history_given(model, ids, skip_unknown);
  std::vector<float> scores;
  {
    const nb::gil_scoped_release release;
    scores = model.score(history, wanted);
  }
  return array_of(std::move(scores), wanted.size());
}

// Histories as numbers, with what is wrong with those that cannot be asked about: {row: reason}.
struct Histories {
  std::vector<Numbers> items;
  nb::dict refused;

  std::vector<History> views() const { return {items.begin(), items.end()}; }
};

Histories histories_of(const Model& model, nb::handle ids, bool skip_unknown) {
  std::vector<std::vector<std::string>> names;
  for (const nb::handle history : ids) {
    const std::string what = "histories[" + std::to_string(names.size()) + "]";
    names.push_back(ids_of(history, what.c_str()));
  }
  Histories histories;
  std::vector<ReadHistory> read = model.histories(names, skip_unknown);
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (!read[i].why.empty()) histories.refused[nb::int_(i)] = text_of(read[i].why);
    histories.items.push_back(std::move(read[i].items));
  }
  return histories;
}

// (ids, n × k in one list, None where a list is shorter; scores [n, k], NaN there; {row: reason} of
// those without a list).
nb::tuple recommend_many(OpenModel& self, nb::handle ids, std::int64_t k, bool repeats,
                         bool skip_unknown, const std::string& filter, const std::string& rules,
                         const std::string& blend, int threads) {
  const Model& model = *self;
  const std::size_t count = checked_k(k);
  const Wishes wishes(model, k, repeats, filter, rules, blend);
  const Histories histories = histories_of(model, ids, skip_unknown);
  std::vector<std::vector<ScoredItem>> lists;
  {
    const nb::gil_scoped_release release;
    const UsedThreads used(threads);
    lists = model.recommend_many(histories.views(), wishes.options());
  }
  auto scores = std::make_unique<float[]>(lists.size() * count);
  std::fill_n(scores.get(), lists.size() * count, kNaN);
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
  return nb::make_tuple(names, array_of(std::move(scores), lists.size(), count), histories.refused);
}

// (states [n, width], NaN for those without one; {row: reason} of these).
nb::tuple states(OpenModel& self, nb::handle ids, bool skip_unknown, int threads) {
  const Model& model = *self;
  const Histories histories = histories_of(model, ids, skip_unknown);
  std::vector<float> rows;
  {
    const nb::gil_scoped_release release;
    const UsedThreads used(threads);
    rows = model.states(histories.views());
  }
  for (const auto& [row, why] : histories.refused) {
    std::fill_n(rows.begin() + nb::cast<std::ptrdiff_t>(row) * std::ptrdiff_t(model.width()),
                model.width(), kNaN);
  }
  return nb::make_tuple(array_of(std::move(rows), histories.items.size(), model.width()),
                        histories.refused);
}

// (cosines [n] of the states after other histories with that after one, NaN for those without;
// {row: reason} of these).
nb::tuple likeness(OpenModel& self, nb::handle ids, nb::handle others, bool skip_unknown,
                   int threads) {
  const Model& model = *self;
  const Numbers history = history_given(model, ids, skip_unknown);
  const Histories histories = histories_of(model, others, skip_unknown);
  std::vector<double> cosines;
  {
    const nb::gil_scoped_release release;
    const UsedThreads used(threads);
    cosines = model.likeness(history, histories.views());
  }
  for (const auto& [row, why] : histories.refused) cosines[nb::cast<std::size_t>(row)] = kNaN;
  return nb::make_tuple(array_of(std::move(cosines), histories.items.size()), histories.refused);
}

Numbers items_or_all(const Model& model, nb::handle items) {
  return items.is_none() ? model.items() : model.known(ids_of(items, "items"));
}

// The codes [n, codebooks] of one kind.
auto codes_of(const Model& model, const std::vector<ItemCard>& cards, TokenKind kind) {
  const std::size_t codebooks = model.codebooks(kind);
  std::vector<std::int32_t> codes;
  codes.reserve(cards.size() * codebooks);
  for (const ItemCard& card : cards) {
    const auto& own =
        kind == TokenKind::semantic ? card.tokens.semantic : card.tokens.collaborative;
    codes.insert(codes.end(), own.begin(), own.end());
  }
  return array_of(std::move(codes), cards.size(), codebooks);
}

// Codes [n, codebooks], or ID tokens [n, dims].
nb::object tokens(OpenModel& self, nb::handle items, const std::string& kind) {
  const Model& model = *self;
  const TokenKind wanted = token_kind(kind);
  const Numbers numbers = items_or_all(model, items);
  if (wanted != TokenKind::id) return nb::cast(codes_of(model, model.cards(numbers), wanted));
  return nb::cast(array_of(model.id_tokens(numbers), numbers.size(), model.id_dims()));
}

auto vectors(OpenModel& self, nb::handle items) {
  const Model& model = *self;
  const Numbers numbers = items_or_all(model, items);
  return array_of(model.vectors(numbers), numbers.size(), model.width());
}

nb::object python_of(const AttributeValue& value) {
  return std::visit(
      [](const auto& held) -> nb::object {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, std::monostate>) {
          return nb::none();
        } else if constexpr (std::is_same_v<Held, std::vector<std::string>>) {
          return texts_of(held);
        } else {
          return nb::cast(held);
        }
      },
      value);
}

// {name: type}.
nb::dict attributes(OpenModel& self) {
  nb::dict types;
  for (const Attribute& attribute : self->attributes()) {
    types[text_of(attribute.name)] = text_of(name_of(attribute.type));
  }
  return types;
}

// {name: [value of each item]}.
nb::dict attributes_of(OpenModel& self, nb::handle items) {
  const Model& model = *self;
  nb::dict columns;
  for (const Attribute& attribute : model.attributes()) {
    columns[text_of(attribute.name)] = nb::list();
  }
  for (const std::int32_t item : items_or_all(model, items)) {
    for (const auto& [name, value] : model.attributes_of(item)) {
      nb::cast<nb::list>(columns[text_of(name)]).append(python_of(value));
    }
  }
  return columns;
}

// `values`: as JSON.
void set_attributes(OpenModel& self, nb::handle item, const std::string& values) {
  Model& model = *self;
  const std::int32_t number = model.known(std::vector{id_of(item, "item")}).front();
  model.set_attributes(number, attribute_values_from_json(values));
}

// Lists for whoever has no history: (ids, names of sources).
nb::tuple fall_back(OpenModel& self, std::int64_t k, const std::vector<std::string>& order,
                    nb::handle trending, const std::string& filter) {
  const Model& model = *self;
  const Wishes wishes(model, k, false, filter, "");
  const Numbers touched = model.known(ids_of(trending, "trending"));
  Numbers items;
  nb::list sources;
  const Fallback fallback = fallback_from_words(order);
  for (const SourcedItem& found : model.fall_back(fallback, wishes.options(), touched)) {
    items.push_back(found.item);
    sources.append(text_of(name_of(found.from)));
  }
  return nb::make_tuple(ids_list(model, items), sources);
}

nb::tuple similar(OpenModel& self, nb::handle liked, nb::handle disliked, const std::string& text,
                  std::int64_t k, const std::string& filter) {
  const Model& model = *self;
  const Wishes wishes(model, k, false, filter, "");
  const Numbers likes = model.known(ids_of(liked, "liked"));
  const Numbers dislikes = model.known(ids_of(disliked, "disliked"));
  std::vector<Neighbour> best;
  {
    const nb::gil_scoped_release release;
    const RecommendOptions options = wishes.options();
    best = model.similar({likes, dislikes, text}, options.k, options.filter);
  }
  return pair_of(model, best, &Neighbour::number, &Neighbour::cosine);
}

nlohmann::json effects_json(const RuleEffects& effects) {
  using Json = nlohmann::json;
  const auto place = [](const std::optional<std::size_t>& at) { return at ? Json(*at) : Json(); };
  Json parts = Json::object();
  for (const auto& part : effects.parts) parts[part.rule] = part.adds;
  return {{"score", effects.value},        {"parts", parts},
          {"place", place(effects.place)}, {"place_without", place(effects.place_without)},
          {"pinned", effects.pinned},      {"buried", effects.buried},
          {"too_low", effects.too_low},    {"full", effects.full}};
}

std::string explain(OpenModel& self, nb::handle ids, nb::handle item, std::int64_t k,
                    const std::string& filter, const std::string& rules) {
  const Model& model = *self;
  const Numbers history = history_of(model, ids, "history");
  const std::int32_t number = model.known(std::vector{id_of(item, "item")}).front();
  const Wishes wishes(model, k, false, filter, rules);
  const nb::gil_scoped_release release;
  const Explanation why = model.explain(history, number);
  nlohmann::json json = {{"score", why.score},
                         {"tokens", why.semantic},
                         {"collaborative", why.collaborative},
                         {"id_token", why.id_token},
                         {"history", why.history}};
  if (!rules.empty()) {
    json["rules"] = effects_json(model.explain_rules(history, number, wishes.options()));
  }
  return json.dump();
}

// (ids, places [n, 2], codes of the first level [n])
nb::tuple map(OpenModel& self) {
  const std::vector<MapPoint> points = self->map();
  Numbers numbers, codes;
  std::vector<float> places;
  for (const MapPoint& point : points) {
    numbers.push_back(point.item);
    places.insert(places.end(), point.place.begin(), point.place.end());
    codes.push_back(point.code);
  }
  return nb::make_tuple(ids_list(*self, numbers), array_of(std::move(places), points.size(), 2),
                        array_of(std::move(codes), points.size()));
}

// Puts items by their texts, or by their embeddings where these are given. Returns the semantic
// tokens [n, levels] as they were stored.
auto put_items(OpenModel& self, nb::handle ids, const std::vector<std::string>& titles,
               const std::vector<std::string>& texts, const std::optional<Floats>& embeddings) {
  Model& model = *self;
  std::vector<ItemToPut> items;
  for (std::string& id : ids_of(ids, "ids")) {
    const std::size_t i = items.size();
    items.push_back({std::move(id), titles[i], embeddings ? "" : texts[i], {}});
    if (!embeddings) continue;
    const std::size_t dims = embeddings->shape(1);
    items.back().embedding = std::span(embeddings->data() + i * dims, dims);
  }
  std::vector<ItemCard> stored;
  {
    const nb::gil_scoped_release release;
    stored = model.put_many(items);
  }
  return codes_of(model, stored, TokenKind::semantic);
}

void erase_items(OpenModel& self, nb::handle ids) {
  Model& model = *self;
  const std::vector<std::string> names = ids_of(ids, "ids");
  model.known(names);
  for (const std::string& name : names) model.erase(name);
}

std::string statistics(OpenModel& self) { return to_json(self->statistics()).dump(); }

}  // namespace

void bind_model(nb::module_& module) {
  nb::class_<OpenModel>(module, "Model", "A model in memory.")
      .def(nb::init<const fs::path&>(), "bundle"_a, nb::call_guard<nb::gil_scoped_release>())
      .def_prop_ro("levels", [](const OpenModel& self) { return self->levels(); })
      .def_prop_ro("collaborative_tokens",
                   [](const OpenModel& self) { return self->collaborative_tokens(); })
      .def_prop_ro("width", [](const OpenModel& self) { return self->width(); })
      .def_prop_ro("live_items", [](const OpenModel& self) { return self->live_items(); })
      .def_prop_ro("reads_text", [](const OpenModel& self) { return self->reads_text(); })
      .def_prop_ro("config", [](const OpenModel& self) { return self->config(); })
      .def_prop_ro("item_ids", [](const OpenModel& self) { return ids_list(*self, self->items()); })
      .def_prop_ro("titles",
                   [](const OpenModel& self) {
                     nb::list titles;
                     for (const ItemCard& card : self->cards(self->items())) {
                       titles.append(text_of(card.title));
                     }
                     return titles;
                   })
      .def("codebook",
           [](nb::handle self, const std::string& kind, std::size_t number) {
             const Model& model = *nb::cast<OpenModel&>(self);
             const Codebook book = model.codebook(token_kind(kind), number);
             return nb::ndarray<nb::numpy, const float, nb::ndim<2>>(book.values.data(),
                                                                     {book.codes, book.dims}, self);
           })
      .def("score", &score, "history"_a, "items"_a, "skip_unknown"_a)
      .def("recommend", &recommend, "history"_a, "k"_a, "repeats"_a, "skip_unknown"_a, "filter"_a,
           "rules"_a, "blend"_a)
      .def("recommend_many", &recommend_many, "histories"_a, "k"_a, "repeats"_a, "skip_unknown"_a,
           "filter"_a, "rules"_a, "blend"_a, "threads"_a)
      .def("fall_back", &fall_back, "k"_a, "order"_a, "trending"_a, "filter"_a)
      .def("attributes", &attributes)
      .def("attributes_of", &attributes_of, "items"_a.none())
      .def("set_attributes", &set_attributes, "item"_a, "values"_a)
      .def("states", &states, "histories"_a, "skip_unknown"_a, "threads"_a)
      .def("likeness", &likeness, "history"_a, "others"_a, "skip_unknown"_a, "threads"_a)
      .def("tokens", &tokens, "items"_a.none(), "kind"_a)
      .def("vectors", &vectors, "items"_a.none())
      .def("similar", &similar, "liked"_a, "disliked"_a, "text"_a, "k"_a, "filter"_a)
      .def("explain", &explain, "history"_a, "item"_a, "k"_a, "filter"_a, "rules"_a)
      .def("map", &map)
      .def("statistics", &statistics)
      .def("put_items", &put_items, "ids"_a, "titles"_a, "texts"_a, "embeddings"_a.none())
      .def("erase_items", &erase_items, "ids"_a);
}

}  // namespace tessera::python
